"""Small parts: logs, latency out of a histogram, files that are watched, the guard of routes."""

import io
import json
import logging
import os
from pathlib import Path

import pytest
from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry, Histogram
from starlette.responses import Response
from tests.api.asking import ALL, configured

from api import stats
from api.deps import needs, scope_of
from api.logs import Log, Relay
from api.main import create_app, guards
from api.metrics import Metrics
from api.watch import Watch


def lines(level: str, *told: tuple[str, str]) -> list[dict[str, object]]:
    """What a log of ``level`` writes when it is told these events."""
    out = io.BytesIO()
    log = Log(level, out.write)
    for each, event in told:
        log(each, event, rows=3)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_log_line_is_json_with_time_level_and_event() -> None:
    """And with the fields that it was given."""
    (line,) = lines("info", ("info", "stopped"))
    assert line.keys() == {"time", "level", "event", "rows"}
    assert (line["level"], line["event"], line["rows"]) == ("info", "stopped", 3)
    assert str(line["time"]).endswith("+00:00")


@pytest.mark.parametrize(("level", "written"), [("info", 3), ("warning", 2), ("error", 1)])
def test_a_log_leaves_out_what_is_below_its_level(level: str, written: int) -> None:
    """Requests are at info: a log above it does not ask for them."""
    told = [(each, "x") for each in ("info", "warning", "error")]
    assert len(lines(level, *told)) == written
    assert Log(level).requests == (level == "info")


def test_a_log_writes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    """Standard output is for what was asked for."""
    Log("info")("info", "here")
    assert json.loads(capfd.readouterr().err)["event"] == "here"


def test_what_libraries_log_becomes_a_line() -> None:
    """With the logger's name, and the kind of an error without its text."""
    out = io.BytesIO()
    logger = logging.Logger("library")
    logger.addHandler(Relay(Log("info", out.write)))
    logger.warning("mind %s", "this")
    try:
        int("secret")
    except ValueError:
        logger.exception("failed")
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert (first["level"], first["event"], first["logger"]) == ("warning", "mind this", "library")
    assert (second["level"], second["error"]) == ("error", "ValueError")
    assert b"secret" not in out.getvalue()


def test_a_quantile_is_interpolated_in_its_bucket() -> None:
    """As histogram_quantile does: ten values up to 1, ten up to 2; nothing is known beyond the last bound."""
    buckets = [(1.0, 10.0), (2.0, 20.0), (float("inf"), 20.0)]
    assert stats.quantile(buckets, 0.25) == 0.5
    assert stats.quantile(buckets, 0.5) == 1.0
    assert stats.quantile(buckets, 0.75) == 1.5
    assert stats.quantile([(1.0, 0.0), (float("inf"), 4.0)], 0.5) == 1.0
    assert stats.quantile([(1.0, 0.0), (float("inf"), 0.0)], 0.5) is None


def test_latency_is_summed_over_what_shares_a_route() -> None:
    """Milliseconds, a mean and three quantiles for each route."""
    registry = CollectorRegistry()
    histogram = Histogram(stats.LATENCY, "d", ("route",), buckets=(0.001, 0.002), registry=registry)
    for seconds in (0.0005, 0.0015):
        histogram.labels("/predict").observe(seconds)
    assert stats.latency(registry) == {"/predict": {"count": 2, "mean": 1.0, "p50": 1.0, "p95": 1.9, "p99": 1.98}}


def test_a_watched_file_changes_when_it_is_another(tmp_path: Path) -> None:
    """Replaced, rewritten or new; that it vanished is no change, that it came back is."""
    file, other = tmp_path / "a", tmp_path / "b"
    watch = Watch([file, other])
    assert not watch.changed()
    file.write_text("1", encoding="utf-8")
    assert watch.changed()
    assert not watch.changed()
    (tmp_path / "new").write_text("1", encoding="utf-8")
    (tmp_path / "new").replace(file)
    assert watch.changed()
    file.unlink()
    assert not watch.changed()
    file.write_text("22", encoding="utf-8")
    assert watch.changed()
    os.utime(file, ns=(1, 1))
    assert watch.changed()


def test_a_guard_says_its_scope() -> None:
    """A name, an empty text for any key, None for an open route; each scope is one that keys can have."""
    router = APIRouter()
    for path, dependencies in (("/a", [needs("predict")]), ("/b", [needs()]), ("/c", [])):
        router.add_api_route(path, lambda request: Response(request.url.path), dependencies=dependencies)
    found = {route.path: scope_of(route.dependencies) for route in router.routes if isinstance(route, APIRoute)}
    assert found == {"/a": "predict", "/b": "", "/c": None}
    assert "predict" in ALL


def test_an_endpoint_that_wants_more_than_its_request_is_refused() -> None:
    """The edge calls endpoints: FastAPI would not fill in anything else."""
    router = APIRouter()

    @router.get("/x")
    async def endpoint(request: Request, page: int) -> Response:
        return Response(f"{request.url} {page}")

    with pytest.raises(TypeError, match="nothing else"):
        guards([router])


def test_an_unknown_method_is_no_label_of_its_own() -> None:
    """Who invents methods does not invent series."""
    metrics = Metrics()
    for method in ("GET", "BREW", "BREW", "STEEP"):
        metrics.answered("/x", method, 200, 0.1)
    page = metrics.page().decode()
    assert 'http_requests_total{method="other",route="/x",status="200"} 3.0' in page
    assert "BREW" not in page


def test_making_an_app_opens_nothing(tmp_path: Path) -> None:
    """No bundle, no store, no file: that is for its start."""
    create_app(configured(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_what_alerts_look_at_begins_at_zero() -> None:
    """An increase is seen from the first refusal on."""
    page = Metrics().page().decode()
    assert 'hearth_reloads_total{result="refused"} 0.0' in page
    assert 'hearth_limit_refusals_total{limit="address"} 0.0' in page
