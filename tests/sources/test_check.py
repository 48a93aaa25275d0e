"""Tables against their contract."""

from pathlib import Path

import pytest

from hearth.errors import DataError
from hearth.schema import Contract, Feature, Target, Task
from hearth.sources.check import canonical, resolved

FEATURES = (
    Feature(name="size", type="number", min=0, max=10, required=False),
    Feature(name="rooms", type="integer", min=1, max=9),
    Feature(name="kind", type="category", values=("flat", "house", "NA")),
    Feature(name="sold", type="boolean", use=False, reason="known too late"),
)
HEADER = "size,rooms,kind,sold,y"
GOOD = ["1.5,2,flat,true,10", ",3,house,no,11", "10,9,NA,,12"]


def contract(task: Task = "regression", classes: tuple[str, ...] = ()) -> Contract:
    """A contract of every type of feature."""
    return Contract(features=FEATURES, target=Target(name="y", task=task, classes=classes))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A place for the file."""
    return tmp_path / "table.csv"


def faults(file: Path, text: str, contract: Contract, min_rows: int = 0) -> list[str]:
    """What is told of a file of this text."""
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as refusal:
        canonical(file, contract, min_rows)
    return list(refusal.value.faults)


def test_a_table_that_keeps_its_contract_passes(file: Path) -> None:
    """Values at their bounds pass, missing values pass also where a row of a request would need one, order is restored."""
    names = HEADER.split(",")
    turned = [",".join(reversed(line.split(","))) for line in [HEADER, *GOOD]]
    file.write_text("\n".join(turned), encoding="utf-8")

    table = canonical(file, contract(), 3)

    assert table.column_names == names
    assert table.to_pylist()[1:] == [
        {"size": None, "rooms": 3, "kind": "house", "sold": False, "y": 11.0},
        {"size": 10.0, "rooms": 9, "kind": "NA", "sold": None, "y": 12.0},
    ]


def test_every_fault_is_told_at_once(file: Path) -> None:
    """Faults of the header, of types, ranges, categories and the target come in one list, in the contract's order."""
    text = "id,size,kind,sold,y,id\n1,-1,barn,true,10,1\n2,big,flat,2,,2\n\n3,11,flat,no,inf,3\n4,1\n"

    assert faults(file, text, contract(), min_rows=50) == [
        "'id': the header holds this column twice",
        "'id': not in the contract: add it to features (use: false ignores it) or take it out of the file",
        "the file: more or fewer fields than the header's 6 in 1 row (line 6)",
        "the file: 3 rows are too few: data.min_rows asks for 50",
        "size: not a number in 1 row (line 3), such as 'big'",
        "size: below min 0 in 1 row (line 2), such as -1.0",
        "size: above max 10 in 1 row (line 5), such as 11.0",
        "rooms: the column is missing",
        "kind: not one of flat, house, NA in 1 row (line 2), such as 'barn'",
        "sold: neither true nor false in 1 row (line 3), such as '2'",
        "y: no value of the target in 1 row (line 3)",
        "y: infinite in 1 row (line 5), such as 'inf'",
        "y: every row holds the same value: there is nothing to predict",
    ]


def test_a_fault_of_many_rows_is_one_fault(file: Path) -> None:
    """A thousand rows at fault give one line with their number and the first lines."""
    text = "\n".join([HEADER, *GOOD, *["1,2.5,flat,no,1"] * 1000])

    assert faults(file, text, contract()) == [
        "rooms: not a whole number below 2^53 in 1000 rows (lines 5, 6, 7, 8, 9, ...), such as '2.5'"
    ]


def test_missing_values_are_below_nothing(file: Path) -> None:
    """A gap next to a value out of range is not counted with it."""
    text = "\n".join([HEADER, ",,,,1", "-1,,,,2", ",,,,3"])

    assert faults(file, text, contract()) == ["size: below min 0 in 1 row (line 3), such as -1.0"]


@pytest.mark.parametrize("text", [HEADER, HEADER + "\n\n", HEADER + "\r\n"])
def test_no_rows_are_told(file: Path, text: str) -> None:
    """A header alone is told as that, not as too few or constant rows."""
    assert faults(file, text, contract(), min_rows=10) == ["the file: it holds a header and no rows"]


def test_only_ragged_rows_are_told(file: Path) -> None:
    """A file in which no row fits its header is refused for that."""
    found = faults(file, HEADER + "\n1,2\n" * 7, contract(), min_rows=10)

    assert found[0] == "the file: more or fewer fields than the header's 5 in 7 rows (lines 2, 4, 6, 8, 10, ...)"


def test_a_file_of_another_dialect_is_refused(file: Path) -> None:
    """With semicolons the header is one unknown column, and every wanted one is missing."""
    found = faults(file, HEADER.replace(",", ";") + "\n1;2;flat;no;3\n", contract())

    assert found[0].startswith("'size;rooms;kind;sold;y': not in the contract")
    assert [fault for fault in found if fault.endswith("the column is missing")] == [
        f"{name}: the column is missing" for name in HEADER.split(",")
    ]


def test_a_hostile_value_is_shown_short_and_escaped(file: Path) -> None:
    """A message holds neither control characters nor a long value out of the file."""
    text = f"{HEADER}\n\x1b[2J{'x' * 9999},1,flat,no,1\n1,1,flat,no,2\n"

    [fault] = faults(file, text, contract())

    assert len(fault) < 100
    assert fault.isprintable()


def test_labels_may_be_numbers_or_text(file: Path) -> None:
    """Without classes in the contract they are the distinct labels as text, sorted."""
    file.write_text("\n".join([HEADER, *GOOD, "1,1,flat,no,9"]), encoding="utf-8")

    table = canonical(file, contract("classification"), 1)

    assert resolved(contract("classification"), table).target.classes == ("10", "11", "12", "9")
    assert table["y"].to_pylist() == ["10", "11", "12", "9"]


def test_given_classes_keep_their_order(file: Path) -> None:
    """Classes of the contract stay as they are, also one that no row has."""
    given = contract("classification", ("12", "11", "10", "none"))
    file.write_text("\n".join([HEADER, *GOOD]), encoding="utf-8")

    assert resolved(given, canonical(file, given, 1)) == given


def test_a_regression_has_no_classes(file: Path) -> None:
    """A regression's contract stays as it is."""
    file.write_text("\n".join([HEADER, *GOOD]), encoding="utf-8")

    assert resolved(contract(), canonical(file, contract(), 1)) == contract()


def test_a_label_outside_the_classes_is_a_fault(file: Path) -> None:
    """A label that the contract does not name is told with its line."""
    found = faults(file, "\n".join([HEADER, *GOOD]), contract("classification", ("10", "11")))

    assert found == ["y: not one of 10, 11 in 1 row (line 4), such as '12'"]


def test_many_classes_are_not_all_listed(file: Path) -> None:
    """A message lists the first ten values of a long list."""
    classes = tuple(f"c{number}" for number in range(12))
    found = faults(file, f"{HEADER}\n1,1,flat,no,c0\n1,1,flat,no,x\n", contract("classification", classes))

    assert found == ["y: not one of c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, ... in 1 row (line 3), such as 'x'"]


@pytest.mark.parametrize("classes", [(), ("10", "11")])
def test_one_class_only_is_a_fault(file: Path, classes: tuple[str, ...]) -> None:
    """A classification needs rows of two classes, given or not."""
    found = faults(file, f"{HEADER}\n{GOOD[0]}\n{GOOD[0]}\n", contract("classification", classes))

    assert found == ["y: every row is of one class: there is nothing to tell apart"]


def test_a_table_without_any_target_value_is_refused(file: Path) -> None:
    """A target column of gaps is told as gaps, not as constant."""
    text = f"{HEADER}\n1,1,flat,no,\n1,1,flat,no,NA\n"

    expected = ["y: no value of the target in 2 rows (lines 2, 3)"]
    assert faults(file, text, contract()) == expected
    assert faults(file, text, contract("classification")) == expected


def test_a_quote_that_is_not_closed_makes_no_class(file: Path) -> None:
    """Rows swallowed by an open quote do not become a label."""
    text = "\n".join([HEADER, *GOOD, '1,1,flat,no,"10', *GOOD])

    [fault] = faults(file, text, contract("classification"))

    assert fault.startswith("y: not a label on one line: look for a quote that is not closed in 1 row (line 5)")
