"""Truths that come back."""

import asyncio
from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import truths
from api.answers import Json
from api.deps import needs
from api.edge import Call
from api.errors import Conflict, NotFound, Unavailable, invalid
from api.routes.predict import json_of
from api.rows import UNREADABLE
from api.store import Outcome, StoreDown, Truth

router = APIRouter(tags=["feedback"], dependencies=[needs("feedback")])


@router.post("/feedback")
async def feedback(request: Request) -> Response:
    """Say what a predicted row turned out to be. The same truth again is fine; another one is a conflict."""
    call = Call.of(request)
    body = await json_of(call, request)
    try:
        items = [truths.decode_one(body)]
    except UNREADABLE:
        items = truths.one(body, call.service.models.current.contract.target)
    (outcome,) = await _kept(call, items, single=True)
    if outcome == "unknown":
        raise NotFound("no prediction with this id is stored: it never was, or it is older than the store keeps")
    if outcome == "conflict":
        raise Conflict("another truth is stored for this id, and stays")
    return Json({"id": items[0].id, "status": outcome})


@router.post("/feedback/batch")
async def feedback_batch(request: Request) -> Response:
    """Say what many rows turned out to be. Each has its own outcome: stored, same, conflict or unknown."""
    call = Call.of(request)
    body = await json_of(call, request)
    try:
        items = truths.decode_many(body).feedback
    except UNREADABLE:
        target = call.service.models.current.contract.target
        items = await asyncio.get_running_loop().run_in_executor(call.service.pool, truths.many, body, target)
    outcomes = await _kept(call, items)
    results = [{"id": item.id, "status": outcome} for item, outcome in zip(items, outcomes, strict=True)]
    return Json({"results": results})


async def _kept(call: Call, items: Sequence[truths.Item], *, single: bool = False) -> list[Outcome]:
    faults = truths.misfits(call.service.models.current.contract.target, items)
    if faults:
        raise invalid(faults, single=single)
    try:
        return await call.service.store.feedback(call.key_name, [Truth(item.id, item.actual) for item in items])
    except StoreDown:
        raise Unavailable("the store is down: nothing was stored, send the feedback again", retry_after=5) from None
