"""Feedback, monitoring, what the service says of itself, reload, and what a person opens."""

import json
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.api.asking import KEY, ROW, Started, configured, started
from tests.bundles import Tiny

from api.store import StoreDown
from hearth import __version__
from hearth.bundle import write

HEADERS = {"X-API-Key": KEY}


def predicted(client: TestClient) -> str:
    """The id of a fresh prediction."""
    return str(client.post("/predict", json=ROW).json()["id"])


def test_a_truth_is_stored_once(client: TestClient) -> None:
    """The same again is fine, another one is a conflict."""
    row = predicted(client)
    statuses = [client.post("/feedback", json={"id": row, "actual": actual}) for actual in (21.5, 21.5, 22)]
    assert [answer.status_code for answer in statuses] == [200, 200, 409]
    assert [answer.json()["status"] for answer in statuses[:2]] == ["stored", "same"]


@pytest.mark.parametrize("row", ["a" * 43, "", "x", "A" * 64, "../../etc", "\x00"])
def test_an_id_that_nobody_has_is_404(row: str, client: TestClient) -> None:
    """Of the right form or not."""
    assert client.post("/feedback", json={"id": row, "actual": 1}).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"id": "a"}',
        b'{"id": 1, "actual": 2}',
        b'{"id": "a", "actual": [1]}',
        b'{"id": "a", "actual": 1, "b": 2}',
        b"{",
        b"\xff",
    ],
)
def test_feedback_that_is_none_is_422(body: bytes, client: TestClient) -> None:
    """The answer says what it should be."""
    answer = client.post("/feedback", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("actual", "said"),
    [("21", "must be a number"), (True, "must be a number"), (1e39, "must be at most 3.40282e+38 in size")],
)
def test_a_truth_must_be_one_of_the_target(actual: object, said: str, client: TestClient) -> None:
    """A regression's is a number of single precision; one truth has no row to be named by."""
    answer = client.post("/feedback", json={"id": predicted(client), "actual": actual})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "actual", "message": said}]


def test_a_classification_takes_its_labels_alone(multiclass: Tiny, tmp_path: Path) -> None:
    """And says which they are."""
    write(multiclass.bundle, tmp_path / "bundle")
    with started(configured(tmp_path)) as served:
        served.client.headers.update(HEADERS)
        row = predicted(served.client)
        wrong = served.client.post("/feedback", json={"id": row, "actual": "enormous"})
        right = served.client.post("/feedback", json={"id": row, "actual": "mid"})
    assert wrong.json()["errors"][0]["message"] == "must be one of low, mid, high"
    assert right.json()["status"] == "stored"


def test_many_truths_each_have_their_outcome(client: TestClient) -> None:
    """Rows of a batch are told apart, and the unknown ones from the known."""
    rows = [one["id"] for one in client.post("/predict/batch", json={"instances": [ROW] * 3}).json()["predictions"]]
    first = client.post("/feedback/batch", json={"feedback": [{"id": rows[0], "actual": 1}]})
    told = [{"id": rows[0], "actual": 2}, {"id": rows[1], "actual": 2}, {"id": rows[2] + "9", "actual": 2}]
    second = client.post("/feedback/batch", json={"feedback": told})
    assert first.json() == {"results": [{"id": rows[0], "status": "stored"}]}
    assert [one["status"] for one in second.json()["results"]] == ["conflict", "stored", "unknown"]


@pytest.mark.parametrize("body", [{"feedback": []}, {}, [], {"feedback": [{"id": "a"}]}])
def test_many_truths_that_are_none_are_422(body: object, client: TestClient) -> None:
    """An empty list too."""
    assert client.post("/feedback/batch", json=body).status_code == 422


@pytest.mark.parametrize(("method", "path"), [("POST", "/feedback"), ("GET", "/monitoring/stats")])
def test_what_needs_the_store_is_503_without_it(
    method: str, path: str, served: Started, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the time after which to try again."""

    async def down(*_: object, **__: object) -> None:
        raise StoreDown("away")

    monkeypatch.setattr(type(served.service.store), "feedback", down)
    monkeypatch.setattr(type(served.service.store), "counts", down)
    answer = client.request(method, path, json={"id": "a", "actual": 1} if method == "POST" else None)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


def test_health_and_readiness_are_open(served: Started) -> None:
    """Alive; able, with the state of each part."""
    assert served.client.get("/health").json() == {"status": "ok"}
    assert served.client.get("/ready").json() == {
        "status": "ok",
        "bundle": "ok",
        "keys": "ok",
        "store": "ok",
        "limits": "memory",
    }


def test_a_service_that_stops_is_not_ready(served: Started) -> None:
    """503, while it still answers."""
    served.service.stopping = True
    answer = served.client.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["status"] == "stopping"
    assert served.client.post("/predict", json=ROW, headers=HEADERS).status_code == 200


def test_a_store_that_is_down_makes_it_degraded(served: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    """It still answers, so it stays in the rotation, and says so."""
    monkeypatch.setattr(type(served.service.store), "reachable", False)
    answer = served.client.get("/ready")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["store"] == "down"
    assert "hearth_store_up 0.0" in served.client.get("/metrics").text


def test_version_and_model_info_are_the_bundle_s(served: Started, client: TestClient, regression: Tiny) -> None:
    """Digest, task, contract, and what else the metadata hold."""
    digest = served.service.models.current.digest
    assert client.get("/version").json() == {"hearth": __version__, "model": digest}
    info = client.get("/model/info").json()
    assert info["model"] == digest
    assert info["task"] == "regression"
    assert info["contract"] == json.loads(json.dumps(regression.bundle.contract.to_dict()))


def test_stats_count_what_was_done(client: TestClient) -> None:
    """Requests by status, latency by route, rows of the last hour by key, truths, uptime."""
    row = predicted(client)
    client.post("/predict/batch", json={"instances": [ROW] * 5})
    client.post("/feedback", json={"id": row, "actual": 1})
    client.post("/predict", json={})
    stats = client.get("/monitoring/stats").json()
    assert stats["requests"] == {"200": 3, "422": 1}
    assert stats["latency_ms"]["/predict"]["count"] == 2
    assert 0 < stats["latency_ms"]["/predict"]["p50"] <= stats["latency_ms"]["/predict"]["p99"]
    assert stats["stored"] == {"last_hour": 6, "last_day": 6, "keys": {"everything": 6}, "feedback": 1}
    assert stats["uptime_seconds"] >= 0


def test_metrics_have_the_customary_names(served: Started, client: TestClient) -> None:
    """Requests by route, method and status, a latency histogram in seconds, rows and predictions by model."""
    digest = served.service.models.current.digest
    client.post("/predict/batch", json={"instances": [ROW] * 4})
    client.get("/nothing/that/anyone/knows")
    page = client.get("/metrics").text
    assert 'http_requests_total{method="POST",route="/predict/batch",status="200"} 1.0' in page
    assert 'http_requests_total{method="GET",route="(none)",status="404"} 1.0' in page
    assert 'http_request_duration_seconds_bucket{le="+Inf",route="/predict/batch"} 1.0' in page
    assert f'hearth_predicted_rows_total{{model="{digest}"}} 4.0' in page
    assert f'hearth_predictions_total{{model="{digest}",route="/predict/batch"}} 1.0' in page
    assert f'hearth_model_info{{model="{digest}"}} 1.0' in page
    assert "process_cpu_seconds_total" in page
    assert "everything" not in page


def test_metrics_can_ask_for_a_key(regression: Tiny, tmp_path: Path) -> None:
    """By setting, with the scope monitor."""
    write(regression.bundle, tmp_path / "bundle")
    with started(configured(tmp_path, metrics_open=False)) as served:
        assert served.client.get("/metrics").status_code == 401
        assert served.client.get("/metrics", headers=HEADERS).status_code == 200


def test_a_reload_takes_the_bundle_that_lies_there(served: Started, client: TestClient, multiclass: Tiny) -> None:
    """The same again changes nothing; another one answers from then on, with its own contract and page."""
    folder = served.service.settings.bundle
    before = served.service.models.current.digest
    assert client.post("/admin/reload").json() == {"model": before, "before": before, "changed": False}
    digest = write(multiclass.bundle, folder)
    assert client.post("/admin/reload").json() == {"model": digest, "before": before, "changed": True}
    assert client.post("/predict", json=ROW).json()["model"] == digest
    assert "high" in client.get("/openapi.json").text
    page = client.get("/metrics").text
    assert f'hearth_model_info{{model="{before}"}} 0.0' in page
    assert f'hearth_model_info{{model="{digest}"}} 1.0' in page


def test_a_bad_bundle_leaves_the_old_in_place(served: Started, client: TestClient) -> None:
    """409 says why, /ready that one was refused, and the next good one mends it."""
    folder = served.service.settings.bundle
    before, good = client.post("/predict", json=ROW).json(), (folder / "model.ubj").read_bytes()
    (folder / "model.ubj").write_bytes(good[:-1] + b"?")
    answer = client.post("/admin/reload")
    assert answer.status_code == 409
    assert "model.ubj" in answer.json()["detail"]
    assert client.get("/ready").json()["bundle"] == "refused"
    assert client.get("/ready").json()["status"] == "degraded"
    after = client.post("/predict", json=ROW).json()
    assert (after["prediction"], after["model"]) == (before["prediction"], before["model"])
    (folder / "model.ubj").write_bytes(good)
    assert client.post("/admin/reload").status_code == 200
    assert client.get("/ready").json()["status"] == "ok"


def test_watch_loads_a_new_bundle_by_itself(regression: Tiny, multiclass: Tiny, tmp_path: Path) -> None:
    """Within a second or so of its appearance."""
    write(regression.bundle, tmp_path / "bundle")
    with started(configured(tmp_path, watch=True)) as served:
        digest = write(multiclass.bundle, tmp_path / "bundle")
        end = time.monotonic() + 10
        while served.service.models.current.digest != digest and time.monotonic() < end:
            time.sleep(0.05)
        assert served.client.post("/predict", json=ROW, headers=HEADERS).json()["model"] == digest


def test_the_first_page_links_to_what_is_there(regression: Tiny, tmp_path: Path) -> None:
    """The API page always, reports where they lie; what does not lie there is 404."""
    write(regression.bundle, tmp_path / "bundle")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "model_card.md").write_text("# Card\n", encoding="utf-8")
    with started(configured(tmp_path)) as served:
        page = served.client.get("/")
        card = served.client.get("/reports/model_card.md")
        gone = served.client.get("/reports/eda.html")
    assert page.headers["content-type"].startswith("text/html")
    assert 'href="docs"' in page.text
    assert 'href="reports/model_card.md"' in page.text
    assert "eda.html" not in page.text
    assert "{{" not in page.text
    assert card.text == "# Card\n"
    assert gone.status_code == 404


def test_the_first_page_says_what_comes_with_an_answer(regression: Tiny, multiclass: Tiny, tmp_path: Path) -> None:
    """A class has no interval."""
    for tiny, said, unsaid in ((regression, "intervals", "label sets"), (multiclass, "label sets", "intervals")):
        write(tiny.bundle, tmp_path / "bundle")
        with started(configured(tmp_path)) as served:
            page = served.client.get("/").text
        assert said in page
        assert unsaid not in page


def test_the_api_page_needs_nothing_from_elsewhere(served: Started) -> None:
    """Its scripts and styles are served here."""
    page = served.client.get("/docs").text
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"):
        assert f"/docs/{name}" in page
        assert served.client.get(f"/docs/{name}").status_code == 200


@pytest.mark.parametrize("wanted", ["bytes=99999999-", "bytes=x", "bytes=0-1"])
def test_a_report_is_served_whole_or_not_at_all(wanted: str, served: Started) -> None:
    """Whatever part of it is asked for."""
    served.service.settings.reports.mkdir()
    (served.service.settings.reports / "eda.html").write_text("<p>whole</p>", encoding="utf-8")
    answer = served.client.get("/reports/eda.html", headers={"Range": wanted})
    assert (answer.status_code, answer.text) == (200, "<p>whole</p>")
