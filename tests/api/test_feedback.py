"""Truths that are refused: how many are named, and how; and the few that are taken at the second look."""

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.api.asking import KEY, configured, started
from tests.bundles import Tiny

from api.errors import SHOWN, Invalid
from api.truths import LONGEST_ID, MOST_TRUTHS, Item, many, one
from hearth.bundle import write
from hearth.schema import Target

PRICE = Target(name="actual", task="regression")  # a target may be called as the field is
MARK = "SPITE7f3a"
JSON = {"Content-Type": "application/json"}
UNKNOWN = {"field": "?", "message": "field 3 of the object is unknown, remove it"}
MISSING = "required, but missing"


def faults(body: str, client: TestClient, path: str = "/feedback") -> object:
    """What is said of the fields of a body that is refused, none of which is repeated."""
    answer = client.post(path, content=body.encode(), headers=JSON)
    assert answer.status_code == 422
    assert MARK not in answer.text
    return answer.json().get("errors")


def test_of_many_truths_at_fault_the_first_are_listed(client: TestClient) -> None:
    """The answer says how many there are, and that it does not list them all."""
    told = [{"id": "a", "actual": 1}, *({"id": "a", "actual": "x"} for _ in range(SHOWN + 20))]
    answer = client.post("/feedback/batch", json={"feedback": told})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"{SHOWN + 20} fields are at fault; the first {SHOWN} are listed:")
    assert [one["row"] for one in answer.json()["errors"]] == list(range(1, SHOWN + 1))
    assert {one["field"] for one in answer.json()["errors"]} == {"actual"}


def test_of_many_truths_of_another_form_the_first_are_listed(client: TestClient) -> None:
    """As many as of those of another value."""
    answer = client.post("/feedback/batch", json={"feedback": [{"id": "a", MARK: 1}] * MOST_TRUTHS})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"{2 * MOST_TRUTHS} fields are at fault; the first {SHOWN} are listed:")
    assert len(answer.json()["errors"]) == SHOWN
    assert MARK not in answer.text


@pytest.mark.parametrize("spelt", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_number_that_is_none_is_told_as_a_row_s_is(spelt: str, client: TestClient) -> None:
    """It has the form that the body must have, so that is not what is wrong with it."""
    body = f'{{"id": "a", "actual": {spelt}}}'
    assert faults(body, client) == [{"field": "actual", "message": "must be finite"}]
    assert faults(f'{{"feedback": [{body}]}}', client, "/feedback/batch") == [
        {"row": 0, "field": "actual", "message": "must be finite"}
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{}", {"id": MISSING, "actual": MISSING}),
        ('{"id": "a"}', {"actual": MISSING}),
        ('{"id": null, "actual": null}', {"id": MISSING, "actual": MISSING}),
        ('{"id": 1, "actual": [1]}', {"id": "must be text", "actual": "must be a number"}),
        (f'{{"id": {{}}, "actual": "{MARK}"}}', {"id": "must be text", "actual": "must be a number"}),
        (f'{{"id": "{"a" * 65}", "actual": 1}}', {"id": f"must be at most {LONGEST_ID} characters long"}),
        (f'{{"id": "\\ud800{MARK}", "actual": 1}}', {"id": "must be whole characters"}),
        (f'{{"id": "a", "actual": {"9" * 400}}}', {"actual": "must be at most 3.40282e+38 in size"}),
        (f'{{"id": "a", "actual": 1, "{MARK}": 2}}', {"?": UNKNOWN["message"]}),
        ('{"id": "a", "actual": 1, "\\udfff": 2}', {"?": UNKNOWN["message"]}),
        ('{"ID": "a", "actual": 1}', {"id": MISSING, "?": "field 1 of the object is unknown, did you mean id?"}),
        (
            f'{{"id": 1, "actual": NaN, "{MARK}": 2}}',
            {"id": "must be text", "actual": "must be finite", "?": UNKNOWN["message"]},
        ),
    ],
)
def test_every_field_at_fault_is_told_at_once(body: str, said: dict[str, str], client: TestClient) -> None:
    """In the words that are said of a row; an unknown field by its place, last."""
    assert faults(body, client) == [{"field": field, "message": message} for field, message in said.items()]


def test_every_row_at_fault_is_told_at_once(client: TestClient) -> None:
    """In their order, whatever is wrong with each: value, field or shape."""
    body = f'{{"feedback": [{{"id": "a", "actual": 1}}, {{"id": 2, "actual": true}}, "{MARK}", {{"id": "a", "actual": NaN}}]}}'
    assert faults(body, client, "/feedback/batch") == [
        {"row": 1, "field": "id", "message": "must be text"},
        {"row": 1, "field": "actual", "message": "must be a number"},
        {"row": 2, "field": "", "message": 'must be a JSON object: {"id": ..., "actual": ...}'},
        {"row": 3, "field": "actual", "message": "must be finite"},
    ]


@pytest.mark.parametrize("actual", ["NaN", "[1]", '"enormous"', "true", "3"])
def test_a_truth_of_a_classification_is_told_its_labels(multiclass: Tiny, tmp_path: Path, actual: str) -> None:
    """Of whatever kind it is."""
    write(multiclass.bundle, tmp_path / "bundle")
    with started(configured(tmp_path)) as served:
        served.client.headers["X-API-Key"] = KEY
        said = faults(f'{{"id": 5, "actual": {actual}}}', served.client)
    assert said == [
        {"field": "id", "message": "must be text"},
        {"field": "actual", "message": "must be one of low, mid, high"},
    ]


@pytest.mark.parametrize("body", ["null", "[]", "1", f'"{MARK}"', '{"id": "a", "actual": 1, "b": "' + "b" * 2**16 + '"}'])
def test_a_body_that_is_no_truth_is_told_what_it_must_be(body: str, client: TestClient) -> None:
    """No field of it can be named; a very long one is not looked at again, for other requests wait meanwhile."""
    assert faults(body, client) is None
    detail = client.post("/feedback", content=body.encode(), headers=JSON).json()["detail"]
    assert detail == 'the body must be {"id": ..., "actual": ...}: the id of a prediction and what it turned out to be'


@pytest.mark.parametrize(
    "body",
    [
        "null",
        "{}",
        '{"feedback": {}}',
        '{"feedback": []}',
        f'{{"feedback": [{{"id": "a", "actual": 1}}], "{MARK}": 1}}',
        json.dumps({"feedback": [{"id": "a", "actual": 1}] * (MOST_TRUTHS + 1)}),
        '{"feedback": [' + "[]," * 3 * MOST_TRUTHS + "[]]}",
        '{"feedback": [' + "{}," * 3 * MOST_TRUTHS + "{}]}",
    ],
    ids=range(8),
)
def test_a_body_that_is_no_batch_of_truths_is_told_what_it_must_be(body: str, client: TestClient) -> None:
    """Also one of too many."""
    assert faults(body, client, "/feedback/batch") is None
    detail = client.post("/feedback/batch", content=body.encode(), headers=JSON).json()["detail"]
    assert detail == f'the body must be {{"feedback": [{{"id": ..., "actual": ...}}]}}, 1 to {MOST_TRUTHS} of them'


@pytest.mark.parametrize(("body", "said"), [("", "is empty"), ("{", "is not JSON"), ("[" * 9999, "nested too deeply")])
def test_a_body_that_is_no_json_is_told_so(body: str, said: str) -> None:
    """Of both kinds."""
    for read in (one, many):
        with pytest.raises(Invalid, match=said):
            read(body.encode(), PRICE)


@pytest.mark.parametrize(("spelt", "actual"), [("1.5", 1.5), (str(2**70), 2.0**70)])
def test_of_a_field_that_stands_twice_the_last_counts(spelt: str, actual: float) -> None:
    """As in a row, also where the decoder stumbles over the first."""
    body = f'{{"id": 5, "actual": [], "id": "a", "actual": {spelt}}}'
    assert one(body.encode(), PRICE) == many(f'{{"feedback": [{body}]}}'.encode(), PRICE) == [Item("a", actual)]
