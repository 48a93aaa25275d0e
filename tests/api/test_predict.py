"""``/predict``, ``/predict/batch`` and ``/explain``."""

import csv
import io
import json
import math
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.api.asking import KEY, ROW, Started, configured, started
from tests.bundles import Tiny, coded, rows_of

from hearth.bundle import write

HEADERS = {"X-API-Key": KEY}


def test_one_row_is_answered_with_its_interval(client: TestClient, regression: Tiny) -> None:
    """The prediction, its bounds, the model's digest and the features that it used are those of the bundle."""
    answer = client.post("/predict", json=ROW).json()
    said = regression.predictor.predict_rows([ROW])
    assert said.lower is not None
    assert said.upper is not None
    assert answer.keys() == {"id", "prediction", "interval", "model", "features_used"}
    assert answer["prediction"] == said.value[0]
    assert answer["interval"] == {
        "lower": said.lower[0],
        "upper": said.upper[0],
        "coverage": regression.bundle.conformal.coverage,
    }
    assert answer["features_used"] == list(regression.bundle.transform.features)


def test_the_answer_names_the_digest_of_the_bundle(served: Started, client: TestClient) -> None:
    """Every answer says which model made it."""
    digest = served.service.models.current.digest
    batch = {"instances": [ROW]}
    assert client.post("/predict", json=ROW).json()["model"] == digest
    assert client.post("/explain", json=ROW).json()["model"] == digest
    assert client.post("/predict/batch", json=batch).json()["model"] == digest


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_a_classification_adds_probabilities_and_a_label_set(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The label is the most probable one, the probabilities are the bundle's, the label set holds the label."""
    tiny: Tiny = request.getfixturevalue(kind)
    write(tiny.bundle, tmp_path / "bundle")
    rows = rows_of(coded(3, 20))
    with started(configured(tmp_path)) as served:
        answers = [served.client.post("/predict", json=row, headers=HEADERS).json() for row in rows]
        batch = served.client.post("/predict/batch", json={"instances": rows}, headers=HEADERS).json()
    said = tiny.predictor.predict_rows(rows)
    assert said.probabilities is not None
    assert said.label_sets is not None
    classes = tiny.bundle.contract.target.classes
    for i, answer in enumerate(answers):
        assert answer["probabilities"] == dict(zip(classes, said.probabilities[i].tolist(), strict=True))
        assert answer["prediction"] == max(answer["probabilities"], key=answer["probabilities"].__getitem__)
        members = [name for name, inside in zip(classes, said.label_sets[i], strict=True) if inside]
        assert answer["label_set"] == {"labels": members, "coverage": tiny.bundle.conformal.coverage}
        assert batch["predictions"][i]["probabilities"] == answer["probabilities"]


def test_every_fault_of_a_row_is_named_at_once(client: TestClient) -> None:
    """A 422 lists each field with what is allowed, the unknown one by its place and the likely name."""
    answer = client.post(
        "/predict",
        content=b'{"size": NaN, "count": 2.5, "colour": "mauve", "depht": 3}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"] == [
        {"field": "size", "message": "must be finite"},
        {"field": "count", "message": "must be an integer"},
        {"field": "colour", "message": "must be one of red, green, blue"},
        {"field": "?", "message": "field 4 of the object is unknown, did you mean depth?"},
    ]


def test_a_value_that_no_training_row_came_near_is_answered_with_a_warning(client: TestClient) -> None:
    """It is inside the contract, so it is answered; the list names the feature and the range that is known."""
    usual, unusual = client.post("/predict", json=ROW).json(), client.post("/predict", json={**ROW, "depth": 1e6}).json()
    assert "warnings" not in usual
    (warning,) = unusual["warnings"]
    assert warning.startswith("depth: outside what the model was trained on, which is -")
    batch = client.post("/predict/batch", json={"instances": [ROW, {**ROW, "depth": 1e6}]}).json()
    assert batch["warnings"] == [{"row": 1, "warnings": [warning]}]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_another_media_type_is_refused(kind: str, client: TestClient) -> None:
    """415 says what to send."""
    answer = client.post("/predict", content=json.dumps(ROW), headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert "application/json" in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "application/vnd.api+json", None])
def test_json_is_read_under_its_names(kind: str | None, client: TestClient) -> None:
    """With parameters, as a +json type, or without a type at all."""
    headers = {} if kind is None else {"Content-Type": kind}
    assert client.post("/predict", content=json.dumps(ROW), headers=headers).status_code == 200


def test_a_batch_is_answered_in_its_order_with_an_id_for_each_row(client: TestClient, regression: Tiny) -> None:
    """The ids are the record's with the row's index, the predictions those of the bundle."""
    rows = rows_of(coded(5, 30))
    answer = client.post("/predict/batch", json={"instances": rows}).json()
    said = regression.predictor.predict_rows(rows).value.tolist()
    assert [one["prediction"] for one in answer["predictions"]] == said
    record = answer["predictions"][0]["id"].partition(".")[0]
    assert [one["id"] for one in answer["predictions"]] == [f"{record}.{i}" for i in range(30)]


def test_csv_is_answered_as_csv(client: TestClient, regression: Tiny) -> None:
    """Header and rows; an empty cell is a missing value, true and false are booleans."""
    text = "colour,size,old,count,depth\nred,4.5,true,,\n,1,FALSE,3,-2.5\n"
    answer = client.post("/predict/batch", content=text, headers={"Content-Type": "text/csv"})
    rows: list[dict[str, object]] = [
        {"colour": "red", "size": 4.5, "old": True},
        {"size": 1, "old": False, "count": 3, "depth": -2.5},
    ]
    said = regression.predictor.predict_rows(rows)
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-type"].startswith("text/csv")
    assert list(table[0]) == ["id", "prediction", "lower", "upper", "warnings"]
    assert [float(line["prediction"]) for line in table] == said.value.tolist()


def test_a_faulty_row_of_a_batch_is_named_by_its_index(client: TestClient) -> None:
    """JSON and CSV alike; nothing of the batch is answered."""
    as_json = client.post("/predict/batch", json={"instances": [ROW, {**ROW, "size": 11}]})
    as_csv = client.post("/predict/batch", content="size\n4\n11\n", headers={"Content-Type": "text/csv"})
    for answer in (as_json, as_csv):
        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"row": 1, "field": "size", "message": "must be at most 10"}]


def test_more_rows_than_a_call_takes_are_413(tmp_path: Path, regression: Tiny) -> None:
    """The cap is a setting; exactly as many are answered."""
    write(regression.bundle, tmp_path / "bundle")
    with started(configured(tmp_path, max_rows=3)) as served:
        answers = [served.client.post("/predict/batch", json={"instances": [ROW] * n}, headers=HEADERS) for n in (3, 4, 100)]
        lines = served.client.post(
            "/predict/batch", content="size\n" + "4\n" * 4, headers={**HEADERS, "Content-Type": "text/csv"}
        )
    assert [answer.status_code for answer in answers] == [200, 413, 413]
    assert lines.status_code == 413


def test_an_explanation_adds_up_to_the_prediction(client: TestClient) -> None:
    """Base and contributions give the prediction of a regression, to single precision."""
    answer = client.post("/explain", json=ROW).json()
    assert answer["prediction"] == client.post("/predict", json=ROW).json()["prediction"]
    assert math.isclose(answer["base"] + sum(answer["contributions"].values()), answer["prediction"], rel_tol=1e-5)


def test_what_is_answered_with_an_id_is_stored(served: Started, client: TestClient) -> None:
    """Features, scores, the key's name and the model can be read back."""
    answer = client.post("/predict", json=ROW).json()
    window = client.portal.call(served.service.store.newest, 10, None)  # type: ignore[union-attr]
    assert window.last == answer["id"]
    assert window.features == {name: [value] for name, value in ROW.items()}
    assert window.scores == [answer["prediction"]]


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
def test_a_store_that_is_down_costs_the_id_alone(
    path: str, served: Started, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prediction is answered with a null id, and a metric counts."""

    async def refused(*_: object, **__: object) -> bool:
        return False

    monkeypatch.setattr(type(served.service.store), "keep", refused)
    answer = client.post(path, json=ROW if path == "/predict" else {"instances": [ROW]}).json()
    assert (answer if path == "/predict" else answer["predictions"][0])["id"] is None
    assert b"hearth_store_failures_total 1.0" in client.get("/metrics").content
