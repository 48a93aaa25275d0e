"""Truths that come back."""

import math
from typing import Annotated

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.deps import needs
from api.edge import Call
from api.errors import Conflict, Invalid, NotFound, Unavailable
from api.routes.predict import JSON, json_of
from api.rows import ROW_BYTES, UNREADABLE, parsed
from api.store import Outcome, StoreDown, Truth
from hearth.schema import MOST, Target

router = APIRouter(tags=["feedback"], dependencies=[needs("feedback")])
MOST_TRUTHS = 10_000
_encode = msgspec.json.Encoder().encode


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """A truth as it is sent."""

    id: Annotated[str, msgspec.Meta(max_length=64)]
    actual: float | str | bool


class Items(msgspec.Struct, forbid_unknown_fields=True):
    """Truths as they are sent together."""

    feedback: Annotated[list[Item], msgspec.Meta(min_length=1, max_length=MOST_TRUTHS)]


_one = msgspec.json.Decoder(Item).decode
_many = msgspec.json.Decoder(Items).decode


@router.post("/feedback")
async def feedback(request: Request) -> Response:
    """Say what a predicted row turned out to be. The same truth again is fine; another one is a conflict."""
    call = Call.of(request)
    body = await json_of(call, request)
    try:
        item = _one(body)
    except UNREADABLE:
        raise _unread(
            body, 'the body must be {"id": ..., "actual": ...}: the id of a prediction and what it turned out to be'
        ) from None
    (outcome,) = await _kept(call, [item])
    if outcome == "unknown":
        raise NotFound("no prediction with this id is stored: it never was, or it is older than the store keeps")
    if outcome == "conflict":
        raise Conflict("another truth is stored for this id, and stays")
    return Response(_encode({"id": item.id, "status": outcome}), media_type=JSON)


@router.post("/feedback/batch")
async def feedback_batch(request: Request) -> Response:
    """Say what many rows turned out to be. Each has its own outcome: stored, same, conflict or unknown."""
    call = Call.of(request)
    body = await json_of(call, request)
    try:
        items = _many(body).feedback
    except UNREADABLE:
        form = f'the body must be {{"feedback": [{{"id": ..., "actual": ...}}]}}, 1 to {MOST_TRUTHS} of them'
        raise _unread(body, form) from None
    outcomes = await _kept(call, items)
    results = [{"id": item.id, "status": outcome} for item, outcome in zip(items, outcomes, strict=True)]
    return Response(_encode({"results": results}), media_type=JSON)


def _unread(body: bytes, form: str) -> Invalid:
    """The refusal of what is of another form. Whether it is JSON at all is asked where that holds up no other request."""
    if len(body) <= ROW_BYTES:
        parsed(body)
    return Invalid(form)


async def _kept(call: Call, items: list[Item]) -> list[Outcome]:
    target = call.service.models.current.contract.target
    faults = [
        {"row": i, "field": "actual", "message": fault}
        for i, item in enumerate(items)
        if (fault := _fault(target, item.actual))
    ]
    if faults:
        raise Invalid("a truth is not one of the target", errors=faults[:100])
    try:
        return await call.service.store.feedback(call.key_name, [Truth(item.id, item.actual) for item in items])
    except StoreDown:
        raise Unavailable("the store is down: nothing was stored, send the feedback again", retry_after=5) from None


def _fault(target: Target, actual: float | str | bool) -> str:
    if target.task == "classification":
        return "" if actual in target.classes else f"must be one of {', '.join(target.classes)}"
    number = isinstance(actual, float) and math.isfinite(actual) and abs(actual) <= MOST
    return "" if number else "must be a finite number"
