"""What is kept in order beside the requests: nothing is missed, done twice, or ended by a fault."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.api.asking import KEY, Started, configured, started
from tests.api.servers import until
from tests.bundles import Tiny, make

from api.running import running
from api.service import STAMP, Service
from api.settings import Settings
from api.store import Store, StoreError
from hearth.bundle import write

TURNS = 1.5  # seconds in which the house is kept twice at least


@pytest.fixture
def watching(regression: Tiny, tmp_path: Path) -> Settings:
    """A worker's settings: it watches the bundle and the folder that workers share."""
    write(regression.bundle, tmp_path / "bundle")
    (tmp_path / "run").mkdir()
    return configured(tmp_path, watch=True, run_dir=tmp_path / "run", log_level="info")


@pytest.fixture(scope="module")
def another() -> Tiny:
    """Another model of the same contract."""
    return make("regression", "ordinal", imputed=True)


def loads(served: Started) -> float:
    """How many reloads were counted."""
    found: float = served.service.metrics.reloads.labels("ok")._value.get()
    return found


def events(said: str, event: str) -> list[dict[str, object]]:
    """The lines of a log that tell this event."""
    return [line for line in map(json.loads, said.splitlines()) if line["event"] == event]


def test_the_log_says_which_engine_answers(watching: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    """So that one sees where the slower one had to be taken."""
    with started(watching) as served:
        engine = served.service.models.current.predictor.engine
    (line,) = events(capfd.readouterr().err, "serving")
    assert (line["engine"], line["before"]) == (engine, None)


def test_a_start_that_fails_does_not_say_that_it_serves(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    """It does when every part is open, and the store is one of the last."""
    blocked = settings.bundle.parent / "blocked"
    blocked.write_text("no folder", encoding="utf-8")
    url = SecretStr(f"sqlite:///{blocked}/store.db")
    with pytest.raises(StoreError):
        asyncio.run(running(settings.model_copy(update={"database_url": url, "log_level": "info"})).__aenter__())
    assert events(capfd.readouterr().err, "serving") == []


def test_a_bundle_that_lands_during_the_start_is_noticed(
    watching: Settings, another: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the one before was read and before the rest is opened."""
    landed: list[str] = []
    opened = Store.open

    def late(*args: object, **options: object) -> Store:
        landed.append(write(another.bundle, watching.bundle))
        return opened(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "open", late)
    with started(watching) as served:
        until(lambda: served.service.models.current.digest == landed[0], 10)


def test_a_reload_is_done_and_counted_once(watching: Settings, another: Tiny) -> None:
    """By the worker that was asked, though it watches the files and the stamp that it touches for the others."""
    with started(watching) as served:
        served.client.headers["X-API-Key"] = KEY
        digest = write(another.bundle, watching.bundle)
        assert served.client.post("/admin/reload").json()["model"] == digest
        time.sleep(TURNS)
        assert loads(served) == 1
        assert watching.run_dir is not None
        (watching.run_dir / STAMP).touch()  # as another worker does
        until(lambda: loads(served) == 2, 10)


def test_a_fault_does_not_end_the_housekeeping(
    watching: Settings, another: Tiny, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is told once for as long as it lasts, and afterwards bundles are watched as before."""

    def broken(_: Service) -> None:
        raise OSError("no room")

    with started(watching) as served:
        with monkeypatch.context() as patch:
            patch.setattr(Service, "measure", broken)
            time.sleep(TURNS)
        digest = write(another.bundle, watching.bundle)
        until(lambda: served.service.models.current.digest == digest, 10)
    (line,) = events(capfd.readouterr().err, "housekeeping failed, it goes on")
    assert (line["level"], line["error"]) == ("error", "OSError")
