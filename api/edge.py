"""What every request passes, before and after its route: identity, limits, size, time, errors, metrics, log.

Plain ASGI in front of FastAPI, so that all of it holds for every answer, also for those that no route gives.
"""

import asyncio
import itertools
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api import errors
from api.answers import send_whole
from api.errors import ApiError
from api.heads import BODY, Head
from api.ratelimit import Headers, address_bucket, client_address, headers, key_bucket, read_limit
from api.security import Key
from api.service import Service

Endpoint = Callable[[Request], Awaitable[Response]]  # of a response made for this request, with its body
CALL, TASK = "hearth.call", "hearth.task"  # where a request's scope holds its Call, and the task that answers it, if one does
EXPIRED = "the key has expired: ask for another"
CLIENT_GONE = 499  # as nginx counts a client that did not wait; nobody is sent it
_PROCESS, _NUMBERS = secrets.token_hex(6), itertools.count(1)  # request ids: of this process, in turn


class Guard:
    """One path of the service: its template, who may use it, and the endpoints that need nothing of FastAPI but its page.

    ``scope`` is a key's scope, an empty text for any key, ``None`` for an open route.
    """

    __slots__ = ("endpoints", "scope", "template")

    def __init__(self, template: str, scope: str | None, endpoints: dict[str, Endpoint]) -> None:
        self.template, self.scope, self.endpoints = template, scope, endpoints


class Call:
    """One request under way: its id, its guard, and whose key it came with."""

    __slots__ = ("guard", "head", "headers", "id", "key", "late", "service", "started", "status")

    def __init__(self, service: Service, guard: Guard, head: Head) -> None:
        self.service, self.guard, self.head = service, guard, head
        self.started = time.perf_counter()
        self.id = head.id or f"{_PROCESS}-{next(_NUMBERS):x}"
        self.key: Key | None = None
        self.headers: Headers = [(b"x-request-id", self.id.encode())]
        self.status, self.late = 0, False

    @classmethod
    def of(cls, request: Request) -> "Call":
        """The call that a request belongs to."""
        call: Call = request.scope[CALL]
        return call

    @property
    def key_name(self) -> str:
        """Name of the key; empty on an open route."""
        return self.key.name if self.key else ""


UNKNOWN = Guard("(none)", "", {})
PROBES = ("/health", "/ready")  # answered however busy the service is


class Edge:
    """The outermost layer, and the only router: what is not among ``guards``, by path, is not found, and wants a key for it."""

    def __init__(self, service: Service, guards: Mapping[str, Guard]) -> None:
        self._service, self._guards = service, guards
        self._most = service.settings.max_body_bytes
        self._at_once = service.settings.max_concurrency
        self._wrong = read_limit(service.settings.wrong_key_limit)
        self._under_way: dict[Call, Scope] = service.under_way
        self._open = self._guarded = 0  # of those under way, so that who has no key keeps nobody out who has one

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        guard = self._guards.get(route_of(scope), UNKNOWN)
        call = Call(self._service, guard, Head.of(scope))
        scope[CALL] = call
        scope[TASK] = asyncio.current_task()
        self._under_way[call] = scope
        if guard.scope is None:
            self._open += 1
        else:
            self._guarded += 1
        try:
            await self._admitted(call, scope)
            await self._answered(call, scope, receive, send)
        except ApiError as error:
            await self._refused(error, scope, receive, send)
        except ClientDisconnect:
            call.status = CLIENT_GONE
        except asyncio.CancelledError:
            if not call.late:
                raise
            late = errors.Unavailable("the request took too long: send less, or try again")
            await self._refused(late, scope, receive, send)
        except Exception as error:  # noqa: BLE001 - the top handler
            self._service.log.failure("failed", error, request_id=call.id, route=call.guard.template)
            await self._refused(errors.Internal(), scope, receive, send)
        finally:
            del self._under_way[call]
            if guard.scope is None:
                self._open -= 1
            else:
                self._guarded -= 1
            self._told(call, scope["method"])

    async def reap(self) -> None:
        """End requests that take longer than they may. One timer for all costs less than one for each."""
        limit = self._service.settings.timeout
        while True:
            await asyncio.sleep(min(limit / 4, 1))
            now = time.perf_counter()
            for call, scope in list(self._under_way.items()):
                if now - call.started > limit and not call.late:
                    call.late = True
                    scope[TASK].cancel()

    async def _admitted(self, call: Call, scope: Scope) -> None:
        """Let the call in, or raise what it is refused with. Limits come first: what is refused later counts too."""
        if call.guard.scope is None:
            if self._open > self._at_once and call.guard.template not in PROBES:
                raise crowded()
            return
        await self._identified(call, scope)
        if self._guarded > self._at_once:
            raise crowded()
        if call.guard.scope and call.key and call.guard.scope not in call.key.scopes:
            raise errors.Forbidden(f"this route wants a key with the scope {call.guard.scope}")
        length = call.head.seen.get(b"content-length")
        if length and int(length) > self._most:
            raise too_large(self._most)

    async def _identified(self, call: Call, scope: Scope) -> None:
        limiter = self._service.limiter
        secret = call.head.secret
        call.key = key = self._service.ring.find(secret) if secret else None
        if key is None:
            address = client_address(scope, self._service.settings.trusted_proxies)
            verdict = await limiter.hit(address_bucket(address), self._wrong)
            kind, detail = "address", "too many requests without a right key"
        else:
            verdict = await limiter.hit(key_bucket(key.name), read_limit(key.limit) if key.limit else limiter.default)
            kind, detail = "key", "the limit of this key is reached"
        call.headers += headers(verdict)
        if not verdict.allowed:
            self._service.metrics.refusals.labels(kind).inc()
            raise errors.TooMany(f"{detail}: wait as long as Retry-After says")
        if key is None:
            raise errors.Unauthorized(
                EXPIRED
                if secret and self._service.ring.expired(secret)
                else "send a key that is known: X-API-Key: KEY, or Authorization: Bearer KEY"
            )

    async def _answered(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        endpoints = call.guard.endpoints
        endpoint = endpoints.get("GET" if scope["method"] == "HEAD" else scope["method"])
        if not endpoints:
            raise errors.NotFound("there is nothing at this path: / lists what there is")
        if endpoint is None:
            allowed = [*endpoints, *(["HEAD"] if "GET" in endpoints else [])]
            raise errors.WrongMethod("this path takes other methods: see Allow", headers={"Allow": ", ".join(allowed)})
        response = await endpoint(Request(scope, receive))
        await self._send(response, scope, receive, send)

    async def _refused(self, error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
        call: Call = scope[CALL]
        if not call.status:  # else an answer was begun
            await self._send(errors.problem(error, call.id), scope, receive, send)

    async def _send(self, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a response, which is this call's alone, with the headers of the call."""
        call: Call = scope[CALL]
        call.status = response.status_code
        response.raw_headers += call.headers
        await send_whole(response, scope, receive, send)

    def _told(self, call: Call, method: str) -> None:
        seconds = time.perf_counter() - call.started
        self._service.metrics.answered(call.guard.template, method, call.status, seconds)
        if self._service.log.requests:
            self._service.log(
                "info",
                "request",
                request_id=call.id,
                method=method,
                route=call.guard.template,
                status=call.status,
                ms=round(seconds * 1000, 3),
                key=call.key_name,
            )


def route_of(scope: Scope) -> str:
    """The path below the one that the service is mounted at."""
    path: str = scope["path"]
    root: str = scope.get("root_path") or ""
    return path.removeprefix(root) if root and path.startswith(f"{root}/") else path


def crowded() -> errors.Unavailable:
    """The refusal of one request too many at once."""
    return errors.Unavailable("too many requests at once: try again in a second")


def too_large(most: int) -> errors.TooLarge:
    """The refusal of a body with too many bytes."""
    return errors.TooLarge(f"a body may have at most {most} bytes: send several")


async def body_of(request: Request) -> bytes:
    """The whole body of a request.

    Raises:
        ClientDisconnect: the client went before it was whole.
        TooLarge: it is longer than the service takes.
        Unsupported: it is compressed: what a few bytes unfold to is known only when they have.
    """
    call = Call.of(request)
    if not call.head.plain:
        raise errors.Unsupported("send the body as it is, without a Content-Encoding", headers={"Accept-Encoding": "identity"})
    most = call.service.settings.max_body_bytes
    whole: bytes | None = request.scope.get(BODY)
    if whole is None:
        return await _received(request, most)
    if len(whole) > most:
        raise too_large(most)
    return whole


async def _received(request: Request, most: int) -> bytes:
    parts, got = [], 0
    message = await request.receive()
    while message["type"] == "http.request":
        parts.append(message.get("body", b""))
        got += len(parts[-1])
        if got > most:
            raise too_large(most)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await request.receive()
    raise ClientDisconnect
