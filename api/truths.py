"""Truths as they are sent: what a compiled decoder takes, and a second look at what it refuses, which names every fault."""

import math
from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec

from api.errors import Invalid
from api.faults import Read, Row, faults, refusal
from api.rows import ROW_BYTES, parsed
from hearth.bundle import Fault
from hearth.bundle.rows import value_fault
from hearth.schema import MOST, Contract, Feature, Target

MOST_TRUTHS = 10_000
LONGEST_ID = 64
_ONE = '{"id": ..., "actual": ...}'
_ID = Feature(name="id", type="category", use=False, reason="it names a prediction")  # any text
_NOTHING = Target(name="", task="regression")  # a contract has one, and the field is what counts here


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """A truth as it is sent."""

    id: Annotated[str, msgspec.Meta(max_length=LONGEST_ID)]
    actual: float | str | bool


class Items(msgspec.Struct, forbid_unknown_fields=True):
    """Truths as they are sent together."""

    feedback: Annotated[list[Item], msgspec.Meta(min_length=1, max_length=MOST_TRUTHS)]


decode_one = msgspec.json.Decoder(Item).decode
decode_many = msgspec.json.Decoder(Items).decode


def one(body: bytes, target: Target) -> list[Item]:
    """A truth that the decoder refused, looked at again; a longer body than any row's is not, for it holds up other requests.

    Raises:
        Invalid: with every fault, or what the body must be.
    """
    truth = parsed(body) if len(body) <= ROW_BYTES else None
    if not isinstance(truth, dict):
        raise Invalid(f"the body must be {_ONE}: the id of a prediction and what it turned out to be")
    return _looked_at([truth], target, single=True)


def many(body: bytes, target: Target) -> list[Item]:
    """Truths that the decoder refused, looked at again.

    Raises:
        Invalid: with every fault, by row and field, or what the body must be.
    """
    form = Invalid(f'the body must be {{"feedback": [{_ONE}]}}, 1 to {MOST_TRUTHS} of them')
    if max(map(body.count, (b"{", b"["))) > 2 * (MOST_TRUTHS + 1):  # before memory is spent on them; a text may hold some
        raise form
    value = parsed(body)
    truths = value.get("feedback") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(truths, list) or not 1 <= len(truths) <= MOST_TRUTHS:
        raise form
    wrong = f"must be a JSON object: {_ONE}"
    return _looked_at([one if isinstance(one, dict) else Fault(i, "", wrong) for i, one in enumerate(truths)], target)


def misfits(target: Target, items: Sequence[Item]) -> list[Fault]:
    """What is wrong with truths that the decoder took: they are none of the target."""
    wrong = [i for i, item in enumerate(items) if not _fits(target, item)]
    if not wrong:
        return []
    actual = _actual(target)
    return [Fault(i, "actual", value_fault(actual, items[i].actual)) for i in wrong]


def _fits(target: Target, item: Item) -> bool:
    actual = item.actual
    if target.task == "classification":
        return actual in target.classes
    return isinstance(actual, float) and math.isfinite(actual) and abs(actual) <= MOST


def _actual(target: Target) -> Feature:
    """The truth as a field that is required."""
    if target.task == "classification":
        return Feature(name="actual", type="category", values=target.classes)
    return Feature(name="actual", type="number")


def _looked_at(truths: Sequence[Read], target: Target, *, single: bool = False) -> list[Item]:
    contract = Contract(target=_NOTHING, features=(_ID, _actual(target)))
    found = [fault for index, truth in enumerate(truths) for fault in _faults(contract, index, truth)]
    if found:
        raise refusal(contract, truths, found, single=single)
    return [_item(truth) for truth in truths if not isinstance(truth, Fault)]


def _item(truth: Row) -> Item:
    """A truth without a fault, which the decoder refused for a field that stands twice: the last counts, as in a row."""
    actual = truth["actual"]
    return Item(str(truth["id"]), actual if isinstance(actual, str) else float(actual))  # type: ignore[arg-type]


def _faults(contract: Contract, index: int, truth: Read) -> Iterator[Fault]:
    """Every fault of one truth; first that of an id which is text, for a field of a row may be any text."""
    message = "" if isinstance(truth, Fault) else _id_fault(truth.get("id"))
    if message:
        yield Fault(index, "id", message)
    yield from faults(contract, index, truth)


def _id_fault(given: object) -> str:
    if not isinstance(given, str):
        return ""
    if len(given) > LONGEST_ID:
        return f"must be at most {LONGEST_ID} characters long"
    return "must be whole characters" if any("\ud800" <= one <= "\udfff" for one in given) else ""
