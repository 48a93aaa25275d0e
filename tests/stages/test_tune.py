"""Both searches, from prepared files to an experiment's."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests.tiny import KINDS, Kind, checkout

from hearth.errors import DataError
from hearth.params import Params
from hearth.stages import tune_full, tune_selected
from hearth.training import experiment, folds, table

Place = tuple[Path, Params]


@pytest.fixture(scope="module", params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A checkout where all up to the searches has run."""
    kind: Kind = request.param
    folder = tmp_path_factory.mktemp(kind)
    return folder, checkout(folder, kind, prepare={"imputation": "median"})


def arguments(folder: Path, out: Path, prepared: Path | None = None) -> list[str]:
    """The arguments that both stages share."""
    return [
        "--params",
        str(folder / "params.yaml"),
        "--prepared",
        str(prepared or folder / "data/prepared"),
        "--out",
        str(out),
    ]


def content(folder: Path) -> dict[str, bytes]:
    """Every file of an experiment."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize(("name", "percentile"), [("tune_full", None), ("tune_selected", 20)])
def test_a_stage_writes_the_search_of_its_settings(place: Place, name: str, percentile: float | None) -> None:
    """The files are those of the search over the training rows, with or without a choice of features."""
    folder, chosen = place
    data = table.read(folder / "data/prepared/train.parquet", chosen.contract)
    assigned = folds.load(folder / "data/prepared/folds.npy")
    expected = experiment.run_search(name, data, assigned, chosen.prepare, chosen.tuning, percentile, progress=False)
    found = experiment.read(folder / "models/experiments" / name)
    assert (found.name, found.recipe, found.features) == (name, expected.recipe, expected.features)
    experiment.write(expected, folder / "expected", experiment.objective_of(data))
    assert content(folder / "expected") == content(folder / "models/experiments" / name)


def test_a_second_run_writes_the_same_bytes(place: Place, tmp_path: Path) -> None:
    """The same inputs give the same experiment."""
    folder, _ = place
    tune_full.main(arguments(folder, tmp_path / "again"))
    assert content(tmp_path / "again") == content(folder / "models/experiments/tune_full")


def test_test_rows_do_not_choose_the_winner(place: Place, tmp_path: Path) -> None:
    """With the test rows gone or turned upside down both searches, and so the winner, are the same."""
    folder, chosen = place
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    for path in (folder / "data/prepared").iterdir():
        (prepared / path.name).write_bytes(path.read_bytes())
    rows = pq.read_table(prepared / "test.parquet")
    pq.write_table(rows.take(pc.sort_indices(rows["y"])).slice(0, 3), prepared / "test.parquet")
    select = folder / "models/experiments/select"
    tune_full.main(arguments(folder, tmp_path / "tune_full", prepared))
    (prepared / "test.parquet").unlink()
    tune_selected.main([*arguments(folder, tmp_path / "tune_selected", prepared), "--select", str(select)])
    places, names = [folder / "models/experiments", tmp_path], ("tune_full", "tune_selected")
    for name in names:
        assert content(places[0] / name) == content(places[1] / name)
    objective = experiment.objective_of(table.read(prepared / "train.parquet", chosen.contract))
    won = [experiment.winner([experiment.read(each / name) for name in names], objective) for each in places]
    assert won[0] == won[1]


def test_training_rows_do_change_the_experiment(place: Place, tmp_path: Path) -> None:
    """With other training targets the search finds another score: the test above can fail."""
    folder, _ = place
    for path in (folder / "data/prepared").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    rows = pq.read_table(tmp_path / "train.parquet")
    mixed = rows.set_column(rows.column_names.index("y"), "y", pa.chunked_array([rows["y"].combine_chunks()[::-1]]))
    pq.write_table(mixed, tmp_path / "train.parquet")
    tune_full.main(arguments(folder, tmp_path / "out", tmp_path))
    assert content(tmp_path / "out") != content(folder / "models/experiments/tune_full")


def test_the_percentile_is_that_of_the_selection(place: Place, tmp_path: Path) -> None:
    """What ``select`` wrote decides how many features go."""
    folder, _ = place
    chosen = experiment.read(folder / "models/experiments/select")
    experiment.write(replace(chosen, recipe=replace(chosen.recipe, percentile=60)), tmp_path / "select", "any")
    tune_selected.main([*arguments(folder, tmp_path / "out"), "--select", str(tmp_path / "select")])
    assert json.loads((tmp_path / "out/result.json").read_text())["recipe"]["percentile"] == 60
    assert len(experiment.read(tmp_path / "out").features) == 2


def test_missing_inputs_are_named_and_nothing_is_written(place: Place, tmp_path: Path) -> None:
    """Without prepared rows, or without a selection, the message names the file."""
    folder, _ = place
    with pytest.raises(DataError, match=r"contract\.json cannot be read"):
        tune_full.main(arguments(folder, tmp_path / "out", tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"result\.json cannot be read"):
        tune_selected.main([*arguments(folder, tmp_path / "out"), "--select", str(tmp_path / "nowhere")])
    assert not (tmp_path / "out").exists()
