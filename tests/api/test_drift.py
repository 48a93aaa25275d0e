"""``GET /drift``: a window judged once, its verdict told for as long as it is the last one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.api.asking import KEY, Started, configured, line, started
from tests.bundles import Tiny, coded, rows_of

from api import memory
from api.settings import Settings
from api.store import StoreDown
from hearth.bundle import write
from hearth.bundle.drift import Thresholds

WINDOW = 60


@pytest.fixture
def settings(tiny: Tiny, tmp_path: Path) -> Settings:
    """Settings over a bundle of each kind that wants small windows, with a larger reference than the tiny ones keep."""
    rows = coded(11, 200)
    bundle = replace(
        tiny.bundle,
        metadata={**tiny.bundle.metadata, "monitoring": {"window": WINDOW, "min_rows": 30, "alpha": 0.01}},
        reference_rows=rows,
        reference_scores=tiny.predictor.scores(rows),
    )
    write(bundle, tmp_path / "bundle")
    return configured(tmp_path)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A client with the key for everything."""
    with started(settings) as made:
        made.client.headers["X-API-Key"] = KEY
        yield made.client


def send(client: TestClient, seed: int, rows: int, depth: float = 0.0) -> None:
    """Rows of the tiny world, their depth moved."""
    x = coded(seed, rows)
    x[:, 4] += depth
    assert client.post("/predict/batch", json={"instances": rows_of(x)}).status_code == 200


def asked(client: TestClient) -> dict[str, object]:
    """What ``/drift`` says."""
    answer = client.get("/drift")
    assert answer.status_code == 200
    told: dict[str, object] = answer.json()
    return told


def test_before_the_first_window_there_is_too_little_to_tell(client: TestClient) -> None:
    """Never ok: the rows so far and how many are needed."""
    told = asked(client)
    assert (told["status"], told["pending"], told["window"], told["drifted"]) == ("insufficient_data", 0, None, [])
    send(client, 1, WINDOW - 1)
    told = asked(client)
    assert (told["status"], told["pending"]) == ("insufficient_data", WINDOW - 1)
    assert str(WINDOW) in str(told["recommendations"])


def test_a_window_is_judged_when_its_rows_have_come(client: TestClient) -> None:
    """Each feature and the predictions, with the rows that it was of."""
    send(client, 1, WINDOW)
    told = asked(client)
    assert (told["status"], told["pending"], told["rows"], told["drifted"]) == ("ok", 0, WINDOW, [])
    assert isinstance(told["columns"], list)
    assert [one["name"] for one in told["columns"]][:5] == ["size", "count", "old", "colour", "depth"]
    assert isinstance(told["window"], dict)
    assert told["window"]["rows"] == WINDOW
    assert told["window"]["since"] <= told["window"]["until"] <= told["window"]["at"]


def test_what_moved_is_named_and_advised_on(client: TestClient) -> None:
    """By column, in words."""
    send(client, 1, WINDOW, depth=400)
    told = asked(client)
    assert told["status"] == "drift"
    assert "depth" in told["drifted"]  # type: ignore[operator]
    assert "depth: the mean went from" in str(told["recommendations"])


def test_asking_often_judges_no_second_time(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict stands, byte for byte but for what is pending, until another window's rows have come."""
    send(client, 1, WINDOW)
    first = asked(client)
    send(client, 2, WINDOW - 1, depth=400)
    monkeypatch.setattr("api.judging.compare", None)
    for _ in range(3):
        assert asked(client) == {**first, "pending": WINDOW - 1}
    monkeypatch.undo()
    send(client, 3, 1, depth=400)
    second = asked(client)
    assert (second["status"], second["pending"]) == ("drift", 0)
    assert asked(client) == second


def test_a_restart_knows_the_verdict(settings: Settings, client: TestClient) -> None:
    """It is in the store."""
    send(client, 1, WINDOW)
    first = asked(client)
    with started(settings) as again:
        again.client.headers["X-API-Key"] = KEY
        assert asked(again.client) == first


def test_another_model_begins_anew(client: TestClient, settings: Settings, tiny: Tiny) -> None:
    """Its rows are its own, and so are its windows."""
    send(client, 1, WINDOW)
    assert asked(client)["status"] == "ok"
    write(replace(tiny.bundle, metadata={**tiny.bundle.metadata, "note": 1}), settings.bundle)
    assert client.post("/admin/reload").status_code == 200
    told = asked(client)
    assert (told["status"], told["pending"]) == ("insufficient_data", 0)
    assert str(Thresholds().window) in str(told["recommendations"])


def test_metrics_tell_the_last_verdict(client: TestClient) -> None:
    """How many columns drifted, and when the window ended."""
    assert "hearth_drifted_columns{" not in client.get("/metrics").text
    send(client, 1, WINDOW, depth=400)
    told = asked(client)
    page = client.get("/metrics").text
    assert isinstance(told["drifted"], list)
    assert isinstance(told["window"], dict)
    assert f'hearth_drifted_columns{{model="{told["model"]}"}} {float(len(told["drifted"]))}' in page
    (end,) = [one for one in page.splitlines() if one.startswith("hearth_drift_window_end_time_seconds{")]
    assert float(end.rpartition(" ")[2]) == pytest.approx(told["window"]["until"])


def test_the_page_describes_the_answer(client: TestClient) -> None:
    """Every key that is answered, and what is always there."""
    send(client, 1, WINDOW)
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    told = asked(client)
    assert set(schemas["Drift"]["required"]) <= set(told)
    assert isinstance(told["columns"], list)
    assert set(schemas["Drift"]["properties"]["columns"]["items"]["required"]) == set(told["columns"][0])
    assert isinstance(told["window"], dict)
    assert set(schemas["Drift"]["properties"]["window"]["required"]) == set(told["window"])


@pytest.mark.parametrize("asked_for", ["drift", "judge"])
def test_without_the_store_it_is_503(
    served: Started, client: TestClient, monkeypatch: pytest.MonkeyPatch, asked_for: str
) -> None:
    """Before the window is read and after it was judged, with the time after which to try again."""
    send(client, 1, WINDOW)

    async def down(*_: object, **__: object) -> None:
        raise StoreDown("away")

    monkeypatch.setattr(type(served.service.store), asked_for, down)
    answer = client.get("/drift")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.headers["content-type"] == "application/problem+json"


def test_it_wants_the_scope_monitor(settings: Settings) -> None:
    """A key that may predict may not look."""
    key = line(name="app", scopes=("predict",), limit="1000/minute")
    with started(settings.model_copy(update={"api_keys": type(settings.api_keys)(key)})) as made:
        assert made.client.get("/drift").status_code == 401
        made.client.headers["X-API-Key"] = KEY
        assert made.client.get("/drift").status_code == 403


def test_what_judging_took_of_memory_is_given_back(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for each window that is judged, not for each question about it."""
    released: list[int] = []
    monkeypatch.setattr(memory, "release", lambda: released.append(1))
    send(client, 1, WINDOW - 1)
    asked(client)
    assert not released
    send(client, 2, 1)
    asked(client)
    asked(client)
    assert len(released) == 1
