"""A whole table, guessed."""

from pathlib import Path

import pytest
from tests.tiny import KINDS, Kind, csv_text, settings

from hearth.errors import DataError
from hearth.project.table import guess


def written(tmp_path: Path, text: str) -> Path:
    """A file of this text."""
    (tmp_path / "t.csv").write_text(text, encoding="utf-8", newline="")
    return tmp_path / "t.csv"


def rows(*columns: str, count: int = 40, head: str = "a,b,y") -> str:
    """CSV of as many rows; a column says its value of the row ``i``."""
    lines = [",".join(column.format(i=i, half=i % 2, third=i % 3, part=i / 7) for column in columns) for i in range(count)]
    return "\n".join([head, *lines, ""])


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_is_guessed_as_a_person_would_write_it(tmp_path: Path, kind: Kind) -> None:
    """Types, what may be missing, the task; ranges leave room."""
    found = guess(written(tmp_path, csv_text(kind)), "y").contract
    wanted = settings(kind).contract
    assert found.target.task == wanted.target.task
    assert [(one.name, one.type, one.required) for one in found.features] == [
        (one.name, one.type, one.name in {"w", "c"}) for one in wanted.features
    ]
    assert {one.name: one.values for one in found.features if one.values} == {"k": ("p", "q", "r")}


def test_the_task_may_be_said(tmp_path: Path) -> None:
    """A few whole numbers are classes unless somebody says that they are amounts."""
    path = written(tmp_path, rows("{part}", "{i}", "{third}"))
    found = guess(path, "y")
    assert (found.contract.target.task, found.rows, found.folds) == ("classification", 40, 5)
    assert "--task regression takes them for amounts" in found.why
    assert guess(path, "y", "regression").contract.target.task == "regression"
    assert [one.feature.use for one in found.guesses] == [True, False]


def test_rows_that_stay_together_count_once(tmp_path: Path) -> None:
    """A class whose rows have the features of earlier rows of another one is in no fold of its own."""
    lines = [f"{i / 7},often" for i in range(40)] + [f"{i / 7},copied" for i in range(10)]
    said = "class 'copied' has 10 different rows, but 10 of them equal rows of another class in all features, which leaves 0,"
    with pytest.raises(DataError, match=said):
        guess(written(tmp_path, "\n".join(["a,y", *lines, ""])), "y")
    with pytest.raises(DataError, match="3 rows differ in what is used to predict, and 5 are the least"):
        guess(written(tmp_path, rows("{third}", "1", "{part}")), "y")


def test_every_class_with_too_few_rows_is_told(tmp_path: Path) -> None:
    """One whose rows are those of another does not hide one that has few of its own; few that are also another's are few."""
    lines = [f"{i / 7},{label}" for label in ("often", "same") for i in range(60)] + ["90,rare", "91,rare", "0,gone"]
    with pytest.raises(DataError) as refusal:
        guess(written(tmp_path, "\n".join(["a,y", *lines, ""])), "y")
    assert [fault.partition(",")[0] for fault in refusal.value.faults] == [
        "class 'gone' has 1 different rows",
        "class 'rare' has 2 different rows",
        "class 'same' has 60 different rows",
    ]


def test_classes_with_few_rows_have_fewer_folds(tmp_path: Path) -> None:
    """Each of them is in every fold of the training rows."""
    lines = [f"{i / 7},{i % 4},{'rare' if i < 5 else 'often'}" for i in range(60)]
    assert guess(written(tmp_path, "\n".join(["a,b,y", *lines, ""])), "y").folds == 4


@pytest.mark.parametrize(
    ("text", "target", "said"),
    [
        ("", "y", "the file is empty"),
        ("a,y\n", "y", "0 rows are too few"),
        (rows("{part}", "1", "{i}", count=29), "y", "29 rows are too few to learn from and to test on: 30 are the least"),
        (rows("{part}", "1", "{i}"), "z", "there is no column 'z'; --target names one of: 'a', 'b', 'y'"),
        (rows("{part}", "1", "{i}", head="a,a,y"), "y", "the header holds 'a' twice"),
        (rows("{part}", "1", "{i}", head="a,,y"), "y", "a column has no name"),
        (
            rows("{part}", "1", "{i}", head='a,"b\nc",y'),
            "y",
            "the header holds 'b\\nc': rename it to a word or two on one line",
        ),
        (rows("{part}", "1", "{i}", head="a," + 501 * "b" + ",y"), "y", "or look for an open quote"),
        (rows("{part};1;{i}", head="a;b;y"), "y", "the columns are separated by semicolons: separate them by commas"),
        (rows("{part}\t1\t{i}", head="a\tb\ty"), "y", "the columns are separated by tabs"),
        (rows("{part}", head="y"), "y", "is the only column: there is nothing to predict it from. Are columns"),
        (
            rows("{part}", "1", "{i}%"),
            "y",
            "the target 'y': 40 numbers with signs or commas, such as '0%': write plain numbers",
        ),
        (rows("1", "{part}", '"{i},5"'), "y", "the target 'y': decimal commas, such as '0,5'"),
        (rows("1", "{part}", "{i}") + "1,2,?\n", "y", "mend them, or take their rows out where the number is not known"),
        (rows("1", "{part}", "{i}e300"), "y", "where models see infinity in 39 rows: use another unit, or take these rows out"),
        (rows("1", "{part}", "n{i}"), "y", "the target has 40 classes in 40 different rows: is this the right one?"),
        (rows("{part}", "1", "{i}") + "1,2\n", "y", "1 rows have more or fewer fields than the header, the first on line 42"),
        (rows("{part}", "1", "{i}") + "1,2,\n", "y", "1 rows have no value of the target 'y'"),
        (rows("{part}", "1", "7"), "y", "every row has the same value of the target 'y'"),
        (rows("1", "2", "{part}"), "y", "no column is left to predict from\n  - a: left out: every row has the same value"),
        (
            rows("{part}", "1", "n{half}") + "1,2,rare\n3,4,rare\n",
            "y",
            "class 'rare' has 2 different rows, and 5 are",
        ),
    ],
)
def test_a_table_that_cannot_be_used_says_what_to_change(tmp_path: Path, text: str, target: str, said: str) -> None:
    """And no traceback."""
    with pytest.raises(DataError) as refusal:
        guess(written(tmp_path, text), target)
    assert said in str(refusal.value)


def test_every_column_that_must_be_mended_is_named_at_once(tmp_path: Path) -> None:
    """So that a person opens the file once."""
    text = rows('"1,{i}"', "1e30{half}", "{part}", head="a,b,y")
    with pytest.raises(DataError) as refusal:
        guess(written(tmp_path, text), "y")
    assert [fault.partition(":")[0] for fault in refusal.value.faults] == ["a", "b"]


def test_a_number_is_wanted_of_text(tmp_path: Path) -> None:
    """What was said of the task does not fit the file."""
    with pytest.raises(DataError, match="the target 'y' is to be a number, but 40 values are not a number"):
        guess(written(tmp_path, rows("{part}", "1", "n{half}")), "y", "regression")
