"""The example of a classification, on a small table of its shape made here, and on the real one where it is."""

import csv
import json
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from benchmarks import obesity
from starlette.testclient import TestClient
from tests.api.asking import KEY, configured, started

from hearth import cli, params
from hearth.project import preset
from hearth.project.layout import STAGES, graph
from hearth.schema import Contract
from hearth.sources.check import canonical
from hearth.stages import __main__ as stages
from hearth.training import table

pytestmark = pytest.mark.journey

ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("HEARTH_TEST_OBESITY", ROOT.parent / "shared/data/ObesityDataSet_raw_and_data_sinthetic.csv"))
CONTRACT = params.parse(preset.settings("obesity"), "obesity").contract
SCALES = ("FCVC", "NCP", "CH2O", "FAF", "TUE")
ROWS, EACH = 140, 4  # one row in so many has answers in whole numbers
Row = dict[str, object]


def made(contract: Contract, seed: int = 5) -> list[Row]:
    """Rows that keep the contract, as many of each class; the last repeats the first."""
    rng = np.random.default_rng(seed)
    edges = [14.0, *obesity.CUTS, 50.0]
    found = []
    for i in range(ROWS - 1):
        at = i % len(contract.target.classes)
        row: Row = {one.name: str(rng.choice(one.values)) for one in contract.features if one.type == "category"}
        for one in contract.features:
            if one.name in (*SCALES, "Age"):
                assert one.min is not None
                assert one.max is not None
                value = rng.uniform(one.min, min(one.max, 60))
                row[one.name] = float(round(value)) if i % EACH == 0 else round(value, 6)
        height = round(float(rng.normal(1.7, 0.08)), 3)
        weight = round(float(rng.uniform(edges[at] + 0.1, edges[at + 1] - 0.1)) * height**2, 2)
        found.append({**row, "Height": height, "Weight": weight, contract.target.name: contract.target.classes[at]})
    return [*found, found[0]]


def written(path: Path, rows: list[Row]) -> None:
    """A CSV file of the rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def short(text: str) -> str:
    """The settings of the preset, made to take a moment."""
    raw = yaml.safe_load(text)
    raw["tuning"] |= {"candidates": 2, "rounds_per_draw": 1, "folds": 2, "repeats": 1}
    raw["tuning"]["space"] = {
        "rounds": {"low": 20, "high": 30, "integer": True},
        "max_depth": {"low": 2, "high": 3, "integer": True},
    }
    raw["evaluate"] |= {"folds": 2, "repeats": 1, "bootstrap": 100}
    raw["tracking"]["enabled"] = False
    return yaml.safe_dump(raw, sort_keys=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The example's pipeline, run in its folder as its graph says, the profile aside."""
    folder = tmp_path_factory.mktemp("obesity")
    (folder / "data").mkdir()
    (folder / "reports").mkdir()
    written(folder / "data/table.csv", made(CONTRACT))
    made_of = preset.preset("obesity", folder / "data/table.csv").project
    (folder / "params.yaml").write_text(short(made_of.params), encoding="utf-8")
    commands = yaml.safe_load(graph("log_loss", ["data/table.csv"], dict.fromkeys(STAGES, ())))["stages"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in STAGES:
            _, _, module, *arguments = shlex.split(commands[name]["cmd"])
            assert module == "hearth.stages"
            assert name == "profile" or stages.main(arguments) == 0
        yield folder


@pytest.fixture(scope="module")
def client(project: Path) -> Iterator[TestClient]:
    """The service over its bundle."""
    with started(configured(project, bundle=project / "models/production")) as service:
        service.client.headers["X-API-Key"] = KEY
        yield service.client


def asked(rows: list[Row]) -> list[Row]:
    """Rows as they are asked about: without their label."""
    return [{name: value for name, value in row.items() if name != CONTRACT.target.name} for row in rows]


def test_a_row_that_repeats_another_goes_before_the_split(project: Path) -> None:
    """And the report says how many went."""
    told = json.loads((project / "reports/data.json").read_text(encoding="utf-8"))
    assert (told["rows"], told["dropped"], told["duplicates"]) == (ROWS - 1, 1, 0)


def test_the_reports_measure_rows_with_whole_answers_apart(project: Path) -> None:
    """In the figures, the card and the page; the two groups are all rows."""
    groups = json.loads((project / "reports/metrics.json").read_text(encoding="utf-8"))["groups"]
    assert [one["rows"] for one in groups.values()] == [104, 35]
    assert all(0 <= one["accuracy"] <= 1 < one["log_loss"] + 1 for one in groups.values())
    for name in ("model_card.md", "index.html"):
        text = (project / "reports" / name).read_text(encoding="utf-8")
        assert all(group in text for group in groups)
    assert "Groups of rows" in (project / "reports/model_card.md").read_text(encoding="utf-8")


def test_sixteen_answers_are_given_a_label_probabilities_and_a_set(client: TestClient) -> None:
    """The label is the likeliest, the set holds it."""
    (row,) = asked(made(CONTRACT)[:1])
    assert len(row) == 16
    answer = client.post("/predict", json=row).json()
    shares = answer["probabilities"]
    assert tuple(shares) == CONTRACT.target.classes
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
    assert answer["prediction"] == max(shares, key=shares.__getitem__)
    assert answer["label_set"]["coverage"] == 0.9
    assert answer["prediction"] in answer["label_set"]["labels"]


def test_an_unknown_category_is_refused_with_those_that_are_known(client: TestClient) -> None:
    """As a field that is at fault."""
    (row,) = asked(made(CONTRACT)[:1])
    answer = client.post("/predict", json=row | {"MTRANS": "Boat"})
    assert answer.status_code == 422
    assert all(value in answer.text for value in CONTRACT.features[-1].values)
    assert "MTRANS" in answer.text


@pytest.mark.parametrize(("heavier", "code"), [(0, 0), (40, 2)])
def test_its_rows_do_not_drift_and_heavier_ones_do(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], heavier: float, code: int
) -> None:
    """By the command, on a file."""
    new = asked(made(CONTRACT, seed=6))
    written(project / "new.csv", [row | {"Weight": float(str(row["Weight"])) + heavier} for row in new])
    monkeypatch.setattr(sys, "argv", ["hearth", "drift", "new.csv"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    out, err = capsys.readouterr()
    assert end.value.code == code, err
    assert "Weight" in out or not heavier


@pytest.mark.skipif(not REAL.exists(), reason="the real table is not here: HEARTH_TEST_OBESITY names it")
def test_the_real_table_keeps_the_contract_and_is_what_the_card_says() -> None:
    """2111 rows, 24 of them repeated; cuts of the body mass index alone are right in 91.95 % of them."""
    whole = canonical(REAL, CONTRACT, 2111)
    rows = table.code(whole, CONTRACT)
    assert len(rows) == 2111
    assert whole.group_by(whole.column_names).aggregate([]).num_rows == 2111 - 24
    assert round(obesity.accuracy(rows), 2) == 91.95
