"""Projects of tables that are known."""

import re
from pathlib import Path

import pytest
import yaml

from hearth import params
from hearth.errors import DataError, HearthError
from hearth.project import preset
from hearth.reporting.card import escape

ROOT = Path(__file__).parents[2]


def test_one_template_makes_the_settings_of_this_repository_too() -> None:
    """To the byte, and the preset's table is the one in git: who changes the one changes the other."""
    made = preset.preset("housing")
    assert made.project.params == (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert made.table is not None
    assert made.table.read_bytes() == (ROOT / "data/bundled/boston.csv").read_bytes()
    assert (made.project.table, made.project.guessed) == ("data/bundled/boston.csv", False)


def test_the_settings_of_an_example_are_those_that_its_preset_writes() -> None:
    """Else: ``hearth init --preset NAME build/NAME``, and copy what that writes over them."""
    examples = {path.parent.name: path for path in (ROOT / "examples").glob("*/params.yaml")}
    assert examples
    for name, path in examples.items():
        assert path.read_text(encoding="utf-8") == preset.settings(name)


@pytest.mark.parametrize("name", preset.names())
def test_a_preset_is_settings_and_says_what_no_computation_can(name: str) -> None:
    """Each feature has a description, each number a unit or one that the description gives; the card is written."""
    settings = params.parse(preset.settings(name), name)
    assert all(feature.about for feature in settings.features.values())
    assert settings.card.misuse
    assert "to be written" not in settings.card.intended + settings.card.provenance
    yaml.safe_load((preset.FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", preset.names())
def test_a_table_of_ones_own_is_read_as_a_file(name: str) -> None:
    """The source is its place in the project, everything else stays."""
    given, own = params.parse(preset.settings(name, given=True), name), params.parse(preset.settings(name), name)
    assert given.data.csv is not None
    assert (given.data.source, given.data.csv.path) == ("csv", "data/table.csv")
    assert given.contract == own.contract
    kept = {"source", "csv"}
    assert given.data.model_dump(exclude=kept) == own.data.model_dump(exclude=kept)


def test_a_table_that_is_downloaded_is_not_in_the_project() -> None:
    """``ingest`` then depends on no file of it, and the README says from where it comes."""
    made = preset.preset("obesity")
    assert (made.table, made.project.table) == (None, None)
    assert made.project.data.startswith("https://")


def test_what_cannot_be_used_is_refused_with_what_to_change(tmp_path: Path) -> None:
    """An unknown name, no file, and a file of another table."""
    with pytest.raises(HearthError, match="no preset 'mine': --preset names one of housing, obesity"):
        preset.preset("mine")
    with pytest.raises(HearthError, match="is no file that can be read: --data names"):
        preset.preset("obesity", tmp_path)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="does not keep its contract") as refused:
        preset.preset("obesity", tmp_path / "other.csv")
    assert "Weight: the column is missing" in refused.value.faults


def test_the_card_of_an_example_is_of_its_settings() -> None:
    """What the settings say of purpose, misuse and rows stands in it: else ``make repro`` in such a project, and copy it."""
    card = params.parse(preset.settings("obesity"), "obesity").card
    text = (ROOT / "examples/obesity/model_card.md").read_text(encoding="utf-8")
    said = [card.title, card.intended, card.provenance, *card.misuse, *card.notes, card.groups[0].above, card.groups[0].rest]
    assert [one for one in said if escape(one) not in text] == []


def test_the_figures_that_a_card_quotes_stand_on_the_page_of_its_example() -> None:
    """Which says what prints them."""
    page = (ROOT / "examples/obesity/README.md").read_text(encoding="utf-8")
    notes = " ".join(params.parse(preset.settings("obesity"), "obesity").card.notes)
    figures = set(re.findall(r"\d\d\.\d\d(?= %)", notes))
    assert len(figures) == 11
    assert {one for one in figures if one not in page} == set()
    assert "benchmarks/obesity.py" in page


def test_the_card_of_this_repository_says_how_little_one_split_says() -> None:
    """With the figure that the benchmark holds itself to, and those that it prints."""
    (note,) = params.parse(preset.settings("housing"), "housing").card.notes
    for figures in ("from 2.2 to 4.8 (mean 3.5)", "2.464 (R2 0.917)", "the second luckiest", "from 2.2 to 5.0 (mean 3.0)"):
        assert figures in note
    benchmark = (ROOT / "benchmarks/headline.py").read_text(encoding="utf-8")
    assert "REPORTED, SEED, SEEDS = (2.463976, 0.917212), 42, 100" in benchmark
    assert escape(note) in (ROOT / "reports/model_card.md").read_text(encoding="utf-8")
