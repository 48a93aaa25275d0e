"""What every request passes: keys, scopes, limits, sizes, time, errors."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient
from tests.api.asking import ALL, KEY, ROW, Started, configured, line, started
from tests.bundles import Tiny

from api.edge import Guard
from api.main import create_app, guards
from hearth.bundle import write

OPEN = {"/", "/favicon.ico", "/health", "/ready", "/metrics", "/docs", "/openapi.json"}
OTHERS = {scope: "hearth_" + scope[0] * 43 for scope in ALL}  # a key for each scope alone


def every_guard() -> dict[str, Guard]:
    """Each path of the service with its guard."""
    app = create_app(configured(Path("nowhere")))
    return guards(app._routers)


GUARDED = sorted(path for path, guard in every_guard().items() if guard.scope is not None)


@pytest.fixture
def folder(regression: Tiny, tmp_path: Path) -> Path:
    """A folder with a bundle."""
    write(regression.bundle, tmp_path / "bundle")
    return tmp_path


def method_of(path: str) -> str:
    """A method that the path takes."""
    return next(iter(every_guard()[path].endpoints))


def test_the_open_routes_are_these_alone() -> None:
    """Whoever opens another route says so here."""
    opened = {path for path, guard in every_guard().items() if guard.scope is None}
    assert {path for path in opened if not path.startswith(("/docs/", "/reports/"))} == OPEN


def test_scopes_are_those_of_the_design() -> None:
    """Each guarded route asks for the scope that its users were told."""
    assert {path: guard.scope for path, guard in every_guard().items() if guard.scope is not None} == {
        "/predict": "predict",
        "/predict/batch": "predict",
        "/explain": "predict",
        "/feedback": "feedback",
        "/feedback/batch": "feedback",
        "/drift": "monitor",
        "/monitoring/stats": "monitor",
        "/admin/reload": "admin",
        "/version": "",
        "/model/info": "",
    }


@pytest.mark.parametrize("path", [*GUARDED, "/nothing"])
def test_every_guarded_route_wants_a_key(path: str, served: Started) -> None:
    """401 without one and with a wrong one, before anything else is looked at."""
    method = method_of(path) if path in GUARDED else "GET"
    for headers in ({}, {"X-API-Key": "hearth_wrong"}, {"Authorization": "Basic abc"}, {"X-API-Key": ""}):
        answer = served.client.request(method, path, headers=headers, content=b"nonsense")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", GUARDED)
def test_every_scope_is_asked_for(path: str, folder: Path) -> None:
    """A key with all other scopes gets 403 and still counts; the right one gets through."""
    scope = every_guard()[path].scope
    keys = "\n".join(line(secret, name, (name,)) for name, secret in OTHERS.items())
    with started(configured(folder, api_keys=keys)) as served:
        answers = {
            name: served.client.request(method_of(path), path, headers={"X-API-Key": secret}) for name, secret in OTHERS.items()
        }
    for name, answer in answers.items():
        assert (answer.status_code == 403) == (scope not in ("", name))
        assert "ratelimit" in answer.headers


@pytest.mark.parametrize("path", [*GUARDED, "/nothing"])
@pytest.mark.parametrize("right", [True, False])
def test_every_route_has_its_429(path: str, right: bool, folder: Path) -> None:
    """The third of three is refused, whatever the two before were answered, with the time to wait."""
    given = configured(folder, api_keys=line(limit="2/minute"), wrong_key_limit="2/minute")
    method = method_of(path) if path in GUARDED else "GET"
    with started(given) as served:
        headers = {"X-API-Key": KEY if right else "hearth_wrong"}
        answers = [served.client.request(method, path, headers=headers, content=b"nonsense") for _ in range(3)]
        counted = served.client.get("/metrics").text
    assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    assert [answer.headers["ratelimit"] for answer in answers][:2] == ['"default";r=1;t=60', '"default";r=0;t=60']
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60
    assert f'hearth_limit_refusals_total{{limit="{"key" if right else "address"}"}} 1.0' in counted


def test_a_right_key_passes_where_wrong_ones_are_refused(folder: Path) -> None:
    """Wrong keys are counted by address; the owner of a right one at the same address is not kept out."""
    with started(configured(folder, wrong_key_limit="1/minute")) as served:
        wrong = [served.client.get("/version", headers={"X-API-Key": "no"}).status_code for _ in range(2)]
        assert wrong == [401, 429]
        assert served.client.get("/version", headers={"X-API-Key": KEY}).status_code == 200


def test_an_expired_key_is_told_so(folder: Path) -> None:
    """Its owner should know why."""
    good, over = line(), line("hearth_" + "o" * 43, "old").replace(":never:", ":2020-01-01:")
    with started(configured(folder, api_keys=f"{good}\n{over}")) as served:
        answer = served.client.get("/version", headers={"X-API-Key": "hearth_" + "o" * 43})
    assert answer.status_code == 401
    assert "expired" in answer.json()["detail"]


def test_bearer_and_header_are_the_same_key(client: TestClient) -> None:
    """Either way of sending it is answered."""
    bare = TestClient(client.app)
    assert bare.get("/version", headers={"Authorization": f"Bearer {KEY}"}).json() == client.get("/version").json()


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/nothing", "GET", 404), ("/predict", "GET", 405), ("/predict/", "POST", 404), ("/health", "DELETE", 405)],
)
def test_the_framework_s_refusals_have_the_same_form(path: str, method: str, status: int, client: TestClient) -> None:
    """404 and 405 are problems too, and 405 says what is allowed."""
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("allow" in answer.headers) == (status == 405)


def test_a_request_id_comes_back_and_a_strange_one_is_replaced(client: TestClient) -> None:
    """So that a client can find its request in the log, and cannot write lines of its own there."""
    assert client.get("/health", headers={"X-Request-ID": "abc.1-2_3"}).headers["x-request-id"] == "abc.1-2_3"
    for strange in ("a" * 65, "a b", 'a"b', ""):
        assert client.get("/health", headers={"X-Request-ID": strange}).headers["x-request-id"] != strange


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
def test_a_body_that_is_too_long_is_413(path: str, folder: Path) -> None:
    """Announced or sent in pieces."""
    with started(configured(folder, max_body_bytes=2000)) as served:
        headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
        announced = served.client.post(path, content=b" " * 2001, headers=headers)
        pieces = served.client.post(path, content=(b" " * 500 for _ in range(5)), headers=headers)
        fits = served.client.post("/predict", content=json.dumps(ROW).encode().ljust(2000), headers=headers)
    assert [announced.status_code, pieces.status_code, fits.status_code] == [413, 413, 200]


def slow(seconds: float) -> Callable[[Request], "asyncio.Future[Response]"]:
    """An endpoint that takes its time."""

    async def endpoint(_: Request) -> Response:
        await asyncio.sleep(seconds)
        return Response()

    return endpoint  # type: ignore[return-value]


def edge_of(served: Started) -> dict[str, Guard]:
    """The guards of a running service."""
    return served.app.edge._guards  # type: ignore[union-attr,no-any-return]


def test_a_request_that_takes_too_long_is_ended_with_503(folder: Path) -> None:
    """Whatever it waits for; the service goes on."""
    with started(configured(folder, timeout=0.2)) as served:
        edge_of(served)["/slow"] = Guard("/slow", None, {"GET": slow(60)})
        begun = time.monotonic()
        answer = served.client.get("/slow")
        assert time.monotonic() - begun < 10
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert served.client.get("/health").status_code == 200


def test_too_many_requests_at_once_are_503(folder: Path) -> None:
    """What is more than may be under way is refused at once, and open routes are answered still."""

    async def crowd(app: object) -> list[int]:
        import httpx2  # noqa: PLC0415

        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://test") as client:  # type: ignore[arg-type]
            asked = [asyncio.create_task(client.get("/slow", headers={"X-API-Key": KEY})) for _ in range(5)]
            await asyncio.sleep(0.05)
            health = await client.get("/health")
            return [health.status_code, *sorted(answer.status_code for answer in await asyncio.gather(*asked))]

    with started(configured(folder, max_concurrency=2)) as served:
        edge_of(served)["/slow"] = Guard("/slow", "", {"GET": slow(0.3)})
        statuses = served.client.portal.call(crowd, served.app)  # type: ignore[union-attr]
    assert statuses == [200, 200, 200, 503, 503, 503]


def test_a_mistake_of_the_service_is_a_500_without_its_reason(served: Started, capfd: pytest.CaptureFixture[str]) -> None:
    """The answer has the request's id; the log has the place under it, and neither has the message."""

    async def broken(_: Request) -> Response:
        raise ZeroDivisionError("secret")

    edge_of(served)["/broken"] = Guard("/broken", None, {"GET": broken})
    answer = served.client.get("/broken")
    logged = [json.loads(each) for each in capfd.readouterr().err.splitlines()]
    assert answer.status_code == 500
    assert "secret" not in answer.text
    (failure,) = [each for each in logged if each["event"] == "failed"]
    assert failure["error"] == "ZeroDivisionError"
    assert failure["request_id"] == answer.json()["request_id"]
    assert "broken" in failure["where"]
    assert "secret" not in str(logged)


def test_scopes_of_keys_are_texts_of_the_type() -> None:
    """The names in routes are names that a key can have."""
    assert {guard.scope for guard in every_guard().values() if guard.scope} <= set[str](ALL)


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize("form", ["{}%0A", "{}%0D", "{}/", "/%2e{}", "{}%00", "{}?", "{};a", "/x/..%2f{}", "{}%20"])
def test_a_path_in_another_form_opens_nothing(path: str, form: str, folder: Path) -> None:
    """The edge alone routes: what it has not guarded under this very path nobody answers. A bare ``?`` is no other form."""
    other = next(name for name in ALL if name != every_guard()[path].scope)
    with started(configured(folder, api_keys=line(scopes=(other,), limit="1000/minute"))) as served:
        answer = served.client.request(method_of(path), form.format(path), headers={"X-API-Key": KEY})
    assert answer.status_code == (404 if form != "{}?" else 403 if every_guard()[path].scope else 200)


def test_a_service_below_a_path_is_guarded_alike(folder: Path) -> None:
    """Under a root path, as a proxy gives it: routes are found, scopes are asked for, the page says where it is."""
    app = create_app(configured(folder, api_keys=line(scopes=("predict",), limit="1000/minute")))
    with TestClient(app, root_path="/api") as client:
        client.headers["X-API-Key"] = KEY
        assert client.get("/api/health").status_code == 200
        assert client.post("/api/predict", json=ROW).status_code == 200
        assert client.post("/api/admin/reload").status_code == 403
        assert client.get("/api/openapi.json").json()["servers"] == [{"url": "/api"}]
        assert client.get("/apihealth").status_code == 404


def test_requests_without_a_key_keep_nobody_out_who_has_one(folder: Path) -> None:
    """Open routes have a bound of their own, and probes are answered in any crowd."""

    async def crowd(app: object) -> list[int]:
        import httpx2  # noqa: PLC0415

        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://test") as client:  # type: ignore[arg-type]
            asked = [asyncio.create_task(client.get("/slow")) for _ in range(5)]
            await asyncio.sleep(0.05)
            keyed = await client.get("/version", headers={"X-API-Key": KEY})
            probe = await client.get("/health")
            answers = await asyncio.gather(*asked)
            return [keyed.status_code, probe.status_code, *sorted(answer.status_code for answer in answers)]

    with started(configured(folder, max_concurrency=2)) as served:
        edge_of(served)["/slow"] = Guard("/slow", None, {"GET": slow(0.3)})
        statuses = served.client.portal.call(crowd, served.app)  # type: ignore[union-attr]
    assert statuses == [200, 200, 200, 200, 503, 503, 503]


@pytest.mark.parametrize("path", ["/health", "/ready", "/", "/metrics", "/version"])
def test_head_is_get_without_its_body(path: str, client: TestClient) -> None:
    """Monitors ask so."""
    assert client.head(path).status_code == 200
    assert "HEAD" in client.delete(path).headers["allow"]


def test_pages_of_named_origins_may_ask_and_others_may_not(folder: Path) -> None:
    """A preflight needs no key; a refusal of one is a problem like all others, and both have an id and are counted."""
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "X-API-Key, Content-Type"}
    with started(configured(folder, cors_origins="https://app.example")) as served:
        may = served.client.options("/predict", headers={"Origin": "https://app.example", **asked})
        not_ = served.client.options("/predict", headers={"Origin": "https://evil.example", **asked})
        answer = served.client.post("/predict", json=ROW, headers={"Origin": "https://app.example", "X-API-Key": KEY})
        refused = served.client.post("/predict", json=ROW, headers={"Origin": "https://app.example"})
        counted = served.client.get("/metrics").text
    assert len({may.headers["x-request-id"], not_.headers["x-request-id"]}) == 2
    assert not_.json()["request_id"] == not_.headers["x-request-id"]
    for status in (200, 400):
        assert f'http_requests_total{{method="OPTIONS",route="(none)",status="{status}"}} 1.0' in counted
    assert may.status_code == 200
    assert may.headers["access-control-allow-origin"] == "https://app.example"
    assert not_.status_code == 400
    assert not_.headers["content-type"] == "application/problem+json"
    assert "access-control-allow-origin" not in not_.headers
    for each in (answer, refused):
        assert each.headers["access-control-allow-origin"] == "https://app.example"
        assert "RateLimit" in each.headers["access-control-expose-headers"]
    assert [answer.status_code, refused.status_code] == [200, 401]


def test_an_app_that_is_not_started_answers_nothing_but_that(folder: Path) -> None:
    """A server that knows no lifespan would otherwise serve without keys."""
    client = TestClient(create_app(configured(folder)))
    assert client.get("/health").status_code == 503
    assert client.post("/predict", json=ROW).json()["status"] == 503
