"""Truths that are refused: how many are named, and how."""

from starlette.testclient import TestClient

from api.errors import SHOWN


def test_of_many_truths_at_fault_the_first_are_listed(client: TestClient) -> None:
    """The answer says how many there are, and that it does not list them all."""
    told = [{"id": "a", "actual": 1}, *({"id": "a", "actual": "x"} for _ in range(SHOWN + 20))]
    answer = client.post("/feedback/batch", json={"feedback": told})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"{SHOWN + 20} fields are at fault; the first {SHOWN} are listed:")
    assert [one["row"] for one in answer.json()["errors"]] == list(range(1, SHOWN + 1))
    assert {one["field"] for one in answer.json()["errors"]} == {"actual"}
