"""Predictions: one row, many rows, and the reasons for one."""

import asyncio
import time

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from api import batch
from api.answers import Json
from api.deps import needs
from api.edge import Call, body_of
from api.errors import Unsupported
from api.model import Model
from api.rows import Values
from api.store import Record, new_id
from hearth.bundle.explained import explained

router = APIRouter(tags=["prediction"], dependencies=[needs("predict")])
_encode = msgspec.json.Encoder().encode


@router.post("/predict")
async def predict(request: Request) -> Response:
    """Predict one row."""
    call = Call.of(request)
    model = call.service.models.current
    values = model.reader.one(await json_of(call, request))
    coded = model.reader.coded(values)
    score = model.predictor.score_one(coded)
    record = _record(call, model, values, score)
    kept = await _kept(call, record)
    return Json(model.answer(record.id if kept else None, score, coded))


@router.post("/predict/batch")
async def predict_batch(request: Request) -> Response:
    """Predict many rows in one call of the model: JSON, CSV or an Arrow stream, answered in the same kind."""
    call = Call.of(request)
    form = batch.form_of(call.head.seen.get(b"content-type", b"application/json"))
    service, model = call.service, call.service.models.current
    body = await body_of(request)
    loop = asyncio.get_running_loop()
    rows = await loop.run_in_executor(service.pool, batch.predicted, form, model, body, service.settings.max_rows)
    record = Record(
        id=new_id(),
        at=time.time(),
        key=call.key_name,
        model=model.digest,
        rows=rows.count,
        features=rows.features,
        scores=rows.scores,
    )
    kept = await _kept(call, record)
    written = await loop.run_in_executor(service.pool, form.write, model, rows, record.id if kept else None)
    return Response(written, media_type=form.media)


@router.post("/explain")
async def explain(request: Request) -> Response:
    """Predict one row and say how much each feature adds to the base value: exact SHAP values, largest first.

    They add up to the prediction of a regression; of a classification to the log-odds of the class named by `explains`.
    """
    call = Call.of(request)
    model = call.service.models.current
    values = model.reader.one(await json_of(call, request))
    row = dict(zip(model.names, values, strict=True))
    reasons = await asyncio.get_running_loop().run_in_executor(call.service.pool, explained, model.predictor, row)
    return Json({**reasons, "model": model.digest})


async def json_of(call: Call, request: Request) -> bytes:
    """The body of a request that must be JSON.

    Raises:
        Unsupported: it says that it is something else.
    """
    if not call.head.json:
        raise Unsupported("send JSON: Content-Type: application/json")
    return await body_of(request)


async def _kept(call: Call, record: Record) -> bool:
    """Store what will be answered; where the store cannot, the answer has no id and a metric says so."""
    metrics = call.service.metrics
    metrics.predicted(record.model, call.guard.template, record.rows)
    kept = await call.service.store.keep(record)
    if not kept:
        metrics.store_failures.inc()
    return kept


def _record(call: Call, model: Model, values: Values, score: object) -> Record:
    return Record(
        id=new_id(),
        at=time.time(),
        key=call.key_name,
        model=model.digest,
        rows=1,
        features=_encode(model.reader.columns(*zip(values, strict=True))).decode(),
        scores=_encode([score]).decode(),
    )
