"""Rows that do not keep their contract, as the refusal that names every fault of theirs, in the order of the rows."""

import difflib
from collections.abc import Iterator, Mapping, Sequence

from api.errors import SHOWN, Invalid, invalid
from hearth.bundle import Fault
from hearth.bundle.rows import row_faults
from hearth.schema import Contract

Row = Mapping[str, object]
Read = Row | Fault  # a row, or in its place what is wrong with its shape


def faults(contract: Contract, index: int, row: Read) -> Iterator[Fault]:
    """Every fault of what stands in the place of one row."""
    if isinstance(row, Fault):
        yield row
    else:
        yield from row_faults(contract, index, row)


def refusal(contract: Contract, rows: Sequence[Read], found: Sequence[Fault], *, single: bool) -> Invalid:
    """The 422 with what was found, an unknown field in words of its own."""
    names = {feature.name.upper(): feature.name for feature in contract.features}
    shown = [_hinted(names, fault, rows[fault.row]) for fault in found[:SHOWN]]
    return invalid([*shown, *found[SHOWN:]], single=single)


def _hinted(names: Mapping[str, str], fault: Fault, row: Read) -> Fault:
    """An unknown field is told by its place and the likely name: its own is the client's text, which no answer repeats."""
    if isinstance(row, Fault) or fault.field in names.values():
        return fault
    place = 1 + list(row).index(fault.field)
    near = difflib.get_close_matches(fault.field[:100].upper(), names, 1)
    hint = f", did you mean {names[near[0]]}?" if near else ", remove it"
    return Fault(fault.row, "?", f"field {place} of the object is unknown{hint}")
