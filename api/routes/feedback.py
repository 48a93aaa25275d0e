"""Truths that come back."""

import math
from typing import Annotated

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import Json
from api.deps import needs
from api.edge import Call
from api.errors import Conflict, Invalid, NotFound, Unavailable, invalid
from api.routes.predict import json_of
from api.rows import ROW_BYTES, UNREADABLE, parsed
from api.store import Outcome, StoreDown, Truth
from hearth.bundle import Fault
from hearth.schema import MOST, Target

router = APIRouter(tags=["feedback"], dependencies=[needs("feedback")])
MOST_TRUTHS = 10_000


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
    (outcome,) = await _kept(call, [item], single=True)
    if outcome == "unknown":
        raise NotFound("no prediction with this id is stored: it never was, or it is older than the store keeps")
    if outcome == "conflict":
        raise Conflict("another truth is stored for this id, and stays")
    return Json({"id": item.id, "status": outcome})


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
    return Json({"results": results})


def _unread(body: bytes, form: str) -> Invalid:
    """The refusal of what is of another form. Whether it is JSON at all is asked where that holds up no other request."""
    if len(body) <= ROW_BYTES:
        parsed(body)
    return Invalid(form)


async def _kept(call: Call, items: list[Item], *, single: bool = False) -> list[Outcome]:
    target = call.service.models.current.contract.target
    allowed = _allowed(target)
    faults = [Fault(i, "actual", allowed) for i, item in enumerate(items) if not _fits(target, item.actual)]
    if faults:
        raise invalid(faults, single=single)
    try:
        return await call.service.store.feedback(call.key_name, [Truth(item.id, item.actual) for item in items])
    except StoreDown:
        raise Unavailable("the store is down: nothing was stored, send the feedback again", retry_after=5) from None


def _fits(target: Target, actual: float | str | bool) -> bool:
    if target.task == "classification":
        return actual in target.classes
    return isinstance(actual, float) and math.isfinite(actual) and abs(actual) <= MOST


def _allowed(target: Target) -> str:
    return f"must be one of {', '.join(target.classes)}" if target.classes else f"must be a number from {-MOST:g} to {MOST:g}"
