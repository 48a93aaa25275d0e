"""One file to another: opens both, shows the progress, and says what is wrong with which rows."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from hearth.bundle import Predictor
from hearth.errors import DataError
from hearth.scoring.chunk import Format
from hearth.scoring.files import STREAM, format_of, reading, writing
from hearth.scoring.readers import Reader, open_reader
from hearth.scoring.score import Outcome, Scorer


def score_file(predictor: Predictor, source: Path, target: Path, *, given: Format | None, count: int, skip: bool) -> list[str]:
    """Score ``source`` into ``target``, about ``count`` rows at a time; ``-`` is a standard stream, of format ``given``.

    Returns:
        What to tell about rows that were left out, a line each; only with ``skip``.

    Raises:
        DataError: rows do not keep the contract and ``skip`` is not set, or the table as a whole does not. A file
            ``target`` is as it was.
        HearthError: a file cannot be opened, or is of no known format.
    """
    kind, into = format_of(source, given), format_of(target, given)
    with ExitStack() as stack:
        stream, size = stack.enter_context(reading(source, kind))
        reader = open_reader(stream, kind, predictor.contract, size)
        scorer = Scorer(predictor, reader, into, stack.enter_context(writing(target)))
        with _bar(reader) as bar:
            outcome = scorer.run(count, skip=skip, advance=bar.update)
        if outcome.faulty and not skip:
            raise DataError(f"{source}: {_count(outcome)} do not keep the contract; {_left(target)}", told(outcome, reader))
    return [f"{source}: left out {_count(outcome)}", *told(outcome, reader)] if outcome.faulty else []


def told(outcome: Outcome, reader: Reader) -> list[str]:
    """The first faults, and that there are more."""
    unit = "row" if reader.kind == "parquet" else "line"
    lines = [f"{unit} {fault.line}, {fault.field}: {fault.message}" for fault in outcome.faults]
    more = outcome.found - len(lines)
    return [*lines, f"and {more} more"] if more else lines


def _left(target: Path) -> str:
    return "the rows after the last whole chunk were not written" if target == STREAM else f"{target} was not written"


def _count(outcome: Outcome) -> str:
    return f"{outcome.faulty} of {outcome.rows} rows"


def _bar(reader: Reader) -> "tqdm[NoReturn]":
    return tqdm(
        total=reader.total, unit=reader.unit, unit_scale=True, unit_divisor=1000, file=sys.stderr, disable=None, leave=False
    )
