"""A whole table, guessed: its target, its task, its features."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from hearth.errors import DataError
from hearth.project.guess import Guess, amounts, column
from hearth.schema import Contract, Target, Task
from hearth.separators import ADVICE, other_than_commas
from hearth.sources import cells, csvfile
from hearth.sources.check import canonical
from hearth.sources.faults import shown

LEAST_ROWS = 30
FOLDS = 5
TEST_SIZE = 0.2
LONGEST_NAME = 500  # characters; a longer one is a quote that is not closed
MOST_CLASSES = 10  # different whole numbers up to which a target may be classes


@dataclass(frozen=True, slots=True)
class Guessed:
    """The contract of a table, why each feature is what it is, its rows, and the folds that it has rows for."""

    contract: Contract
    guesses: tuple[Guess, ...]
    rows: int
    folds: int
    why: str


def guess(path: Path, target: str, task: Task | None = None) -> Guessed:
    """Guess the contract of a CSV file and hold the file against it.

    Raises:
        DataError: the file or the target cannot be used; the message says what to change.
    """
    text = csvfile.read(path)
    _check_header(text.table.column_names, target)
    _check_shape(path, text)
    goal, why = _target(target, text.table[target], task)
    guesses = _guesses(text.table, target)
    contract = _contract(goal, guesses)
    table = canonical(path, contract, LEAST_ROWS)
    return Guessed(contract, guesses, table.num_rows, _folds(table, contract), why)


def _check_header(names: Sequence[str], target: str) -> None:
    if word := other_than_commas(names):
        raise DataError(f"the columns are separated by {word}: {ADVICE}")
    twice = [shown(name) for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"the header holds {', '.join(twice)} twice: give each column a name of its own")
    if not all(name.strip() for name in names):
        raise DataError("a column has no name: name it in the header, or take it out")
    odd = [shown(name) for name in names if not name.isprintable() or len(name) > LONGEST_NAME]
    if odd:
        raise DataError(f"the header holds {', '.join(odd)}: rename it to a word or two on one line, or look for an open quote")
    if target not in names:
        raise DataError(f"there is no column {shown(target)}; --target names one of: {', '.join(map(shown, names))}")
    if len(names) == 1:
        raise DataError(
            f"{shown(target)} is the only column: there is nothing to predict it from. Are columns separated by commas?"
        )


def _check_shape(path: Path, text: csvfile.Text) -> None:
    if text.ragged:
        line = next(csvfile.ragged_lines(path, text.table.num_columns))
        raise DataError(f"{text.ragged} rows have more or fewer fields than the header, the first on line {line}: mend them")
    if text.table.num_rows < LEAST_ROWS:
        raise DataError(f"{text.table.num_rows} rows are too few to learn from and to test on: {LEAST_ROWS} are the least")


def _guesses(table: pa.Table, target: str) -> tuple[Guess, ...]:
    found: list[Guess] = []
    faults: list[str] = []
    for name in table.column_names:
        if name == target:
            continue
        try:
            found.append(column(name, table[name]))
        except DataError as error:
            faults += error.faults or (str(error),)
    if faults:
        raise DataError("some columns cannot be used as they are: mend the file, or take them out", faults)
    return tuple(found)


def _contract(target: Target, guesses: Sequence[Guess]) -> Contract:
    if not any(one.feature.use for one in guesses):
        told = [f"{one.feature.name}: {one.why}" for one in guesses]
        raise DataError("no column is left to predict from", told)
    return Contract(target=target, features=tuple(one.feature for one in guesses))


def _target(name: str, text: pa.ChunkedArray, task: Task | None) -> tuple[Target, str]:
    known = cells.known(text, ())
    missing = known.null_count
    if missing:
        raise DataError(f"{missing} rows have no value of the target {shown(name)}: take them out of the file")
    labels = sorted(pc.unique(known).to_pylist())
    if len(labels) < 2:
        raise DataError(f"every row has the same value of the target {shown(name)}: there is nothing to predict")
    numbers = cells.typed(name, known, "number") if task else amounts(f"the target {shown(name)}", known, target=True)
    chosen, why = _task(numbers, len(labels), task)
    if chosen == "regression" and numbers.faults:
        raise DataError(
            f"the target {shown(name)} is to be a number, but {numbers.faults[0].count} values are {numbers.faults[0].text}"
        )
    return Target(name=name, task=chosen), why


def _task(numbers: cells.Column, different: int, given: Task | None) -> tuple[Task, str]:
    if given is not None:
        return given, "as given"
    if numbers.faults:
        return "classification", f"the target is text, {different} different ones"
    whole = pc.all(pc.equal(pc.floor(numbers.values), numbers.values)).as_py()
    if whole and different <= MOST_CLASSES:
        return "classification", f"the target has {different} different whole numbers; --task regression takes them for amounts"
    return "regression", f"the target is a number with {different} different values"


def _folds(table: pa.Table, contract: Contract) -> int:
    """Folds for which each class has rows, in what is left of them for training.

    Rows with the same features count once, as one of the class of the first: they stay together in every split.

    Raises:
        DataError: a class has too few.
    """
    target = contract.target.name
    distinct = table.group_by(list(contract.names), use_threads=False).aggregate([(target, "first")])
    if contract.target.task == "regression":
        least = distinct.num_rows
        if least < FOLDS:
            raise DataError(f"{least} rows differ in what is used to predict, and {FOLDS} are the least: add rows or columns")
    else:
        own = _counted(table.group_by([*contract.names, target], use_threads=False).aggregate([])[target])
        counts = dict.fromkeys(own, 0) | _counted(distinct[f"{target}_first"])
        if len(counts) > distinct.num_rows // 2:
            raise DataError(
                f"the target has {len(counts)} classes in {distinct.num_rows} different rows: is this the right one? "
                "Amounts must be written as plain numbers"
            )
        if few := [_too_few(label, own[label], count) for label, count in sorted(counts.items()) if count < FOLDS]:
            raise DataError("some classes have too few rows", few)
        least = min(counts.values())
    return min(FOLDS, int((1 - TEST_SIZE) * least))


def _counted(values: pa.ChunkedArray) -> dict[str, int]:
    return {item["values"]: item["counts"] for item in pc.value_counts(values).to_pylist()}


def _too_few(label: str, own: int, left: int) -> str:
    """What is wrong with a class of ``own`` different rows, of which ``left`` are not those of another class too."""
    if own < FOLDS:
        return (
            f"class {shown(label)} has {own} different rows, and {FOLDS} are the least: take its rows out, or join it with "
            "another class"
        )
    return (
        f"class {shown(label)} has {own} different rows, but {own - left} of them equal rows of another class in all features, "
        f"which leaves {left}, and {FOLDS} are the least: add a column that tells them apart, or join the classes"
    )
