"""The OpenAPI page: what it says of each route, and what it is made of."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.api.asking import Started

from api.openapi import described, example_row
from api.truths import MOST_TRUTHS

CONSOLE = Path(__file__).parents[2] / "api" / "console" / "index.html"


@pytest.mark.parametrize(
    ("path", "method", "who"),
    [
        ("/predict", "post", "Wants a key with the scope `predict`."),
        ("/feedback/batch", "post", "Wants a key with the scope `feedback`."),
        ("/admin/reload", "post", "Wants a key with the scope `admin`."),
        ("/version", "get", "Wants any key."),
        ("/ready", "get", "Open to all."),
    ],
)
def test_the_page_says_who_may_ask(client: TestClient, path: str, method: str, who: str) -> None:
    """In the last paragraph of each route, after what it does: the page has no place for scopes of plain keys."""
    description = client.get("/openapi.json").json()["paths"][path][method]["description"]
    about, _, last = description.rpartition("\n\n")
    assert about
    assert last == who


def test_the_page_names_the_refusals_that_a_route_has(client: TestClient) -> None:
    """A body is at fault where one is read, and may be too long anywhere; an open page may be crowded, a probe may not."""
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        for operation in operations.values():
            codes = set(operation["responses"]) - {"200", "404", "409"}
            reads = {"415", "422"} if "requestBody" in operation else set()
            keyed = {"401", "413", "429"} if operation.get("security") else set()
            assert codes - {"403"} == reads | keyed | ({"503"} if path != "/health" else set()), path


def test_the_page_shows_range_unit_and_meaning_of_each_feature(client: TestClient) -> None:
    """As the contract has them; an optional one may be null, one that is ignored says so."""
    row = client.get("/openapi.json").json()["components"]["schemas"]["Row"]
    size = row["properties"]["size"]
    assert (size["minimum"], size["maximum"], size["type"]) == (0, 10, "number")
    assert "[m]" in size["description"]
    assert row["properties"]["colour"]["enum"] == ["red", "green", "blue", None]
    assert row["properties"]["count"]["type"] == ["integer", "null"]
    assert "nobody's business" in row["properties"]["secret"]["description"]
    assert row["required"] == ["size"]


def test_the_page_says_how_many_go_in_one_call(served: Started, client: TestClient) -> None:
    """Rows as the setting has it, truths as the route reads them."""
    page = client.get("/openapi.json").json()
    schemas = described(page, served.service.models.current, 17)["components"]["schemas"]  # type: ignore[index]
    assert schemas["Batch"]["properties"]["instances"]["maxItems"] == 17
    assert schemas["FeedbackBatch"]["properties"]["feedback"]["maxItems"] == MOST_TRUTHS


def test_the_example_is_a_row_as_a_person_writes_it(served: Started) -> None:
    """Labels and truth values instead of their codes, whole numbers without a point."""
    row = example_row(served.service.models.current)
    assert row["colour"] in {"red", "green", "blue"}
    assert isinstance(row["old"], bool)
    assert isinstance(row["count"], int)


def test_the_example_is_answered(client: TestClient) -> None:
    """Trying it out as it stands is a prediction."""
    body = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    answer = client.post("/predict", json=body["example"])
    assert answer.status_code == 200
    assert answer.json()["id"]


def test_pages_load_nothing_from_elsewhere(served: Started) -> None:
    """Every address in them is a path of this service, and answers without a key."""
    for page in ("/", "/docs"):
        text = served.client.get(page).text
        found = re.findall(r"(?:src|href|url)\s*[=:]\s*['\"]([^'\"]+)['\"]", text)
        assert found
        for address in found:
            assert "//" not in address
            assert served.client.get("/" + address.lstrip("/")).status_code == 200


def test_the_console_names_a_command_that_makes_a_key() -> None:
    """With the option that it cannot go without."""
    assert re.search(r"hearth keys new \w+ --scope \w+", CONSOLE.read_text(encoding="utf-8"))
