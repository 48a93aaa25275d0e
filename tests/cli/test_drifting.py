"""``hearth drift``: on a store, on a file, on rows with a fault; what it prints, writes and ends with."""

import asyncio
import json
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from tests.api.store.made import opened, record
from tests.bundles import Matrix, Tiny, coded, rows_of
from tests.cli.conftest import Call

from api.store import Record
from api.store.offline import reading
from hearth.bundle import Bundle, Predictor, write
from hearth.bundle.distance import Level, Levels
from hearth.bundle.drift import Sample, Thresholds
from hearth.monitoring import figures
from hearth.monitoring.domain import tell_apart
from hearth.monitoring.look import Simulated, look, residuals_of

LIMITS = {"window": 80, "min_rows": 40, "alpha": 0.01, "min_effect": 0.1}


@pytest.fixture
def drift(hearth: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Calls ``hearth drift`` in this process, in a folder of its own: its exit code and what it wrote."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEARTH_DATABASE_URL", raising=False)
    monkeypatch.setattr("hearth.monitoring.look.tell_apart", partial(tell_apart, draws=9))
    return partial(hearth, "drift")


def bundle_of(tiny: Tiny) -> Bundle:
    """A tiny bundle with a reference that is large enough, and thresholds."""
    x = coded(11, 250)
    metadata = {**tiny.bundle.metadata, "monitoring": LIMITS}
    return replace(tiny.bundle, metadata=metadata, reference_rows=x, reference_scores=tiny.predictor.scores(x))


@pytest.fixture(params=["regression", pytest.param("binary", marks=pytest.mark.journey), "multiclass"])
def tiny(request: pytest.FixtureRequest) -> Tiny:
    """Each kind in turn."""
    made: Tiny = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def bundle(tiny: Tiny, tmp_path: Path) -> Path:
    """The folder of a bundle of each kind."""
    write(bundle_of(tiny), tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def number(regression: Tiny, tmp_path: Path) -> Path:
    """The folder of a regression's bundle, for what the kind of bundle has no part in."""
    write(bundle_of(regression), tmp_path / "bundle")
    return tmp_path / "bundle"


def moved(seed: int, rows: int, depth: float = 0.0) -> Matrix:
    """Rows of the tiny world, their depth moved."""
    x = coded(seed, rows)
    x[:, 4] += depth
    return x


def table(path: Path, x: Matrix, **more: list[object]) -> Path:
    """Rows as JSON lines."""
    rows = [{**row, **{name: values[at] for name, values in more.items()}} for at, row in enumerate(rows_of(x))]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def stored(url: str, folder: Path, x: Matrix, since: float = 1.0) -> None:
    """Rows as the service stores them, a second apart."""
    predictor = Predictor.load(folder)
    scores = predictor.scores(x).tolist()
    records: list[Record] = []
    for at, (row, score) in enumerate(zip(rows_of(x), scores, strict=True)):
        features = {name: [row.get(name)] for name in predictor.contract.names}
        records.append(record(at=since + at, model=predictor.digest, features=json.dumps(features), scores=json.dumps([score])))

    async def run() -> None:
        store = opened(url)
        assert all([await store.keep(one) for one in records])
        await store.close()

    asyncio.run(run())


def test_a_file_of_the_same_world_is_fine(drift: Call, bundle: Path, tmp_path: Path) -> None:
    """Exit code 0; each column and the predictions have a line."""
    code, out, err = drift(table(tmp_path / "rows.jsonl", moved(1, 90)), "--bundle", bundle)
    assert (code, err) == (0, "")
    assert "ok: 90 rows against 250 of the reference" in out
    assert all(f"\n{name} " in out for name in ("size", "count", "old", "colour", "depth"))
    assert "(predicted)" in out
    assert "domain classifier" in out
    assert "expected " in out


def test_a_file_that_drifted_is_reported(drift: Call, bundle: Path, tmp_path: Path) -> None:
    """Exit code 2; what moved comes first, with what to do, and all of it in a JSON and a picture."""
    rows = table(tmp_path / "rows.jsonl", moved(1, 90, depth=500))
    code, out, err = drift(rows, "--bundle", bundle, "--json", tmp_path / "d.json", "--png", tmp_path / "d.png")
    assert (code, err) == (2, "")
    lines = out.splitlines()
    assert lines[lines.index("") + 2].startswith("depth ")
    assert lines[lines.index("") + 2].endswith("DRIFT")
    assert "- depth: the mean went from" in out
    found = json.loads((tmp_path / "d.json").read_text())
    assert (found["status"], found["drifted"][0], found["model"]) == ("drift", "depth", Predictor.load(bundle).digest)
    assert found["domain"]["p_value"] < 1
    assert found["expected"][0]["assumes"]
    assert (tmp_path / "d.png").read_bytes().startswith(b"\x89PNG")


def test_a_file_with_too_few_rows_is_no_verdict(drift: Call, number: Path, tmp_path: Path) -> None:
    """Exit code 3, and no picture of nothing, which is said where one was asked for."""
    rows = table(tmp_path / "rows.jsonl", moved(1, 39, depth=500))
    code, out, _ = drift(rows, "--bundle", number, "--png", tmp_path / "d.png", "--json", tmp_path / "d.json")
    assert code == 3
    assert "39 rows are too few to tell: at least 40" in out
    assert out.endswith("\nno picture is written: too few rows\n")
    assert not (tmp_path / "d.png").exists()
    assert "no picture" not in drift(rows, "--bundle", number)[1]
    assert json.loads((tmp_path / "d.json").read_text())["status"] == "insufficient_data"


def test_rows_that_do_not_keep_the_contract_are_named(drift: Call, number: Path, tmp_path: Path) -> None:
    """Exit code 1: no service would have taken them."""
    (tmp_path / "rows.csv").write_text("size,count\n1,2\n99,3\n4,x\n")
    code, out, err = drift(tmp_path / "rows.csv", "--bundle", number)
    assert (code, out) == (1, "")
    assert "2 of 3 rows do not keep the contract" in err
    assert "line 3, size: must be at most 10" in err


def test_what_cannot_be_is_refused(drift: Call, number: Path, tmp_path: Path) -> None:
    """A file beside a simulation, no store, no bundle: exit code 1."""
    rows = table(tmp_path / "rows.jsonl", moved(1, 90))
    assert "leave FILE out" in drift(rows, "--bundle", number, "--simulate", "noise")[2]
    code, _, err = drift("--bundle", number, "--database-url", f"sqlite:///{tmp_path}/none.db")
    assert code == 1
    assert "there is no store at" in err
    assert not (tmp_path / "none.db").exists()
    assert drift(rows, "--bundle", tmp_path / "none")[0] == 1


def test_the_store_is_judged_a_window_at_a_time(drift: Call, bundle: Path, tmp_path: Path) -> None:
    """What was judged is not judged again: a second look has too little to tell, until more has come."""
    url = f"sqlite:///{tmp_path}/store.db"
    stored(url, bundle, moved(1, 100))
    code, out, err = drift("--bundle", bundle, "--database-url", url)
    assert (code, err) == (0, "")
    assert "rows of 1970-01-01 00:00:21 to 1970-01-01 00:01:40 UTC:\nok: 80 rows" in out
    code, out, _ = drift("--bundle", bundle, "--database-url", url)
    assert code == 3
    assert "0 rows of model" in out
    assert "the window before, rows of 1970-01-01 00:00:21 to 1970-01-01 00:01:40 UTC: ok" in out
    stored(url, bundle, moved(2, 39, depth=500), since=500)
    assert drift("--bundle", bundle, "--database-url", url)[0] == 3
    stored(url, bundle, moved(3, 2, depth=500), since=600)
    code, out, _ = drift("--bundle", bundle, "--database-url", url)
    assert code == 2
    assert "drift: 41 rows" in out
    assert "drift in depth" in drift("--bundle", bundle, "--database-url", url)[1]


def test_a_report_that_cannot_be_written_is_told_before_a_window_is_judged(drift: Call, number: Path, tmp_path: Path) -> None:
    """Its only verdict would be lost."""
    url = f"sqlite:///{tmp_path}/store.db"
    stored(url, number, moved(1, 50))
    for name, words in (("--json", "it is a folder"), ("--png", "/dev/null is no folder")):
        place = tmp_path if name == "--json" else Path("/dev/null/d.png")
        code, out, err = drift("--bundle", number, "--database-url", url, name, place)
        assert (code, out, words in err) == (1, "", True)
    assert drift("--bundle", number, "--database-url", url, "--json", tmp_path / "new" / "d.json")[0] == 0


def test_the_default_store_is_that_of_the_service(
    drift: Call, number: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By HEARTH_DATABASE_URL; before the first window, how many rows there are."""
    url = f"sqlite:///{tmp_path}/store.db"
    stored(url, number, moved(1, 5))
    monkeypatch.setenv("HEARTH_DATABASE_URL", url)
    code, out, _ = drift("--bundle", number)
    assert code == 3
    assert "5 rows of model" in out
    assert "no window of it is judged yet" in out


def test_who_may_only_read_gets_a_verdict_that_is_not_kept(
    drift: Call, number: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is told that the rows may be judged again."""
    url = f"sqlite:///{tmp_path}/store.db"
    stored(url, number, moved(1, 60, depth=500))
    monkeypatch.setattr("api.store.offline.writing", reading)
    for _ in range(2):
        code, out, err = drift("--bundle", number, "--database-url", url)
        assert (code, err) == (2, "")
        assert "UTC, not stored, for this user may only read; they may be judged again:\ndrift: 60 rows" in out


def test_a_window_that_somebody_else_judged_is_theirs(
    drift: Call, number: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the service was faster, with other rows, this command's verdict is void and says so."""
    url = f"sqlite:///{tmp_path}/store.db"
    stored(url, number, moved(1, 100))
    monkeypatch.setattr("api.store.windows.keep", lambda _, judged: replace(judged, verdict="{}"))
    code, _, err = drift("--bundle", number, "--database-url", url)
    assert code == 1
    assert "somebody else judged" in err


def test_a_fault_is_put_into_a_table_with_truths(drift: Call, bundle: Path, tiny: Tiny, tmp_path: Path) -> None:
    """What has it, what was named, what it does to the metrics, and that the rows were fine without."""
    target = tiny.bundle.contract.target
    x = moved(1, 120)
    scores = tiny.predictor.scores(x)
    truths: list[object] = [
        *(scores.tolist() if scores.ndim == 1 else [target.classes[at] for at in scores.argmax(axis=1).tolist()])
    ]
    good = table(tmp_path / "good.jsonl", x, **{target.name: truths})
    arguments = ("--bundle", bundle, "--simulate", "feature_shift", "--intensity", "2", "--data", good)
    code, out, err = drift(*arguments, "--json", tmp_path / "d.json", "--png", tmp_path / "d.png")
    assert (code, err) == (2, "")
    story = json.loads((tmp_path / "d.json").read_text())["simulated"]
    assert (story["fault"], story["intensity"], story["seed"], story["clean"]) == ("feature_shift", 2.0, 0, "ok")
    assert story["detected"] == story["columns"]
    assert set(story["before"]) == set(story["after"]) != set()
    worse = "rmse" if scores.ndim == 1 else "log_loss"
    assert story["after"][worse] >= story["before"][worse]
    assert "simulated feature_shift, intensity 2, seed 0:" in out
    assert " before, " in out
    other = drift("--seed", "1", *arguments, "--json", tmp_path / "e.json")
    assert other[0] == 2


def test_a_fault_is_put_into_the_reference_where_there_is_nothing_else(drift: Call, number: Path) -> None:
    """Then there are no truths, and that is said."""
    code, out, _ = drift("--bundle", number, "--simulate", "combined", "--intensity", "1")
    assert code == 2
    assert "the rows of the reference, with a fault:" in out
    assert "no truths" in out
    assert " moved up by 1 standard deviations; " in out


def test_the_prepared_test_rows_are_good_rows(drift: Call, number: Path, tmp_path: Path) -> None:
    """Where they lie where `prepare` puts them."""
    folder = tmp_path / "data" / "prepared"
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows_of(moved(1, 90))), folder / "test.parquet")
    code, out, _ = drift("--bundle", number, "--simulate", "missing", "--intensity", "0.01")
    assert code in (0, 2)
    assert "data/prepared/test.parquet, with a fault:" in out


def test_residuals_are_those_of_the_rows_that_the_reference_is_of(regression: Tiny, tmp_path: Path) -> None:
    """From the training rows; of other rows, of none, and of a classification there are none."""
    bundle = bundle_of(regression)
    x, y = bundle.reference_rows, bundle.reference_scores + 2
    assert residuals_of(bundle, tmp_path) is None
    rows = [{**row, "price": float(truth)} for row, truth in zip(rows_of(x), y, strict=True)]
    columns = {name: [row.get(name) for row in rows] for name in (*bundle.contract.names, "price")}
    pq.write_table(pa.table(columns), tmp_path / "train.parquet")
    found = residuals_of(bundle, tmp_path)
    assert found is not None
    assert found == pytest.approx(np.full(len(x), 2.0))
    assert residuals_of(replace(bundle, reference_rows=x + 1), tmp_path) is None


def test_with_residuals_the_error_is_expected_of_the_window(regression: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """By importance weights; the picture is the same twice, also of columns without a value."""
    monkeypatch.setattr("hearth.monitoring.look.tell_apart", partial(tell_apart, draws=9))
    bundle = bundle_of(regression)
    x = moved(1, 60)
    x[:, 1] = np.nan
    x[:, 0] = 5
    window = Sample(x, regression.predictor.scores(x))
    assert look(bundle, window, None, Thresholds(min_rows=99)).expected == ()
    found = look(bundle, window, np.ones(250), Thresholds(min_rows=40))
    assert [one.metric for one in found.expected] == ["rmse", "mae"]
    reference = Sample(bundle.reference_rows, bundle.reference_scores)
    one, other = (figures.png(bundle.contract, found, reference, window) for _ in range(2))
    assert one == other
    panels = figures.drawn(bundle.contract, found, reference, window).axes
    assert len(panels) == len(found.report.columns)
    assert panels[0].get_title(loc="left") == found.report.drifted[0]


def test_names_in_the_picture_can_be_read(multiclass: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many levels and long: they lie beside one another, and inside the picture."""
    monkeypatch.setattr("hearth.monitoring.look.tell_apart", partial(tell_apart, draws=9))
    bundle = bundle_of(multiclass)
    window = Sample(moved(1, 60), multiclass.predictor.scores(moved(1, 60)))
    found = look(bundle, window, None, Thresholds(min_rows=40))
    levels = Levels(tuple(Level(f"Overweight_Level_{i}", 0.1, 0.1) for i in range(8)), (), 0.1, 0.1, 0.1)
    columns = tuple(replace(one, apart=levels) for one in found.report.columns)
    metrics = {"balanced_accuracy": 0.9, "weighted_f1": 0.8, "log_loss": 0.2}
    story = Simulated("noise", 1.0, 0, "", (), (), "ok", 0.0, metrics, metrics)
    found = replace(found, report=replace(found.report, columns=columns), simulated=story)
    figure = figures.drawn(bundle.contract, found, Sample(bundle.reference_rows, bundle.reference_scores), window)
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    for axes in figure.axes:
        labels = [label for label in axes.get_xticklabels() + axes.get_yticklabels() + axes.texts if label.get_text()]
        boxes = [label.get_window_extent() for label in labels]
        assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 for box in boxes)
        across = [label for label in axes.get_xticklabels() if "Level" in label.get_text() or "…" in label.get_text()]
        ends = [label.get_window_extent() for label in across]
        turned = {label.get_rotation() for label in across}
        assert turned != {0.0} or all(one.x1 < other.x0 for one, other in pairwise(ends))


def test_help_names_the_exit_codes(drift: Call) -> None:
    """And what the command does with the store."""
    code, out, _ = drift("--help")
    assert code == 0
    for text in ("0 no drift", "2 drift", "3 fewer rows", "not judged again", "Example: hearth drift"):
        assert text in " ".join(out.split())
