"""The doors of the service: ``create_app`` with settings of one's own, ``app`` with those of the environment."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from inspect import signature

import msgspec
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api import errors, openapi, settings
from api.deps import scope_of
from api.edge import Edge, Guard
from api.model import Model
from api.routes import admin, console, drift, feedback, monitoring, predict, system
from api.running import running
from api.service import Service
from api.settings import Settings
from hearth import __version__
from hearth.errors import HearthError

ABOUT = """Every route that takes a key takes it as `X-API-Key: KEY` or as `Authorization: Bearer KEY`: see *Authorize*.

Every refusal is `application/problem+json` (RFC 9457) and names the request by its id."""


class Hearth(FastAPI):
    """The application. HTTP requests pass the edge first; the rest is FastAPI's."""

    edge: ASGIApp | None = None
    service: Service | None = None
    fault: HearthError | None = None

    def __init__(self, given: Settings) -> None:
        self._settings = given
        self._described: dict[tuple[str, str], bytes] = {}
        self._routers = (
            predict.router,
            feedback.router,
            drift.router,
            system.router,
            system.known,
            system.exposed(given.metrics_open),
            monitoring.router,
            admin.router,
            console.router,
            console.files(),
        )
        super().__init__(
            title="Hearth",
            version=__version__,
            description=ABOUT,
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
        )
        for router in self._routers:
            self.include_router(router)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or start and stop."""
        if scope["type"] == "http" and self.edge is not None:
            scope["app"] = self
            await self.edge(scope, receive, send)
        elif scope["type"] == "http":
            await errors.problem(errors.Unavailable("the service is not started, or stops"), "-")(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await super().__call__(scope, receive, send)

    def described(self, model: Model, root: str) -> bytes:
        """The OpenAPI description, as JSON, of what ``model`` answers below the path ``root``."""
        made = self._described.get((model.digest, root))
        if made is None:
            routes = [route for router in self._routers for route in router.routes]
            servers = [{"url": root}] if root else None
            base = get_openapi(title=self.title, version=self.version, description=ABOUT, routes=routes, servers=servers)
            made = msgspec.json.encode(openapi.described(base, model, self._settings.max_rows))
            self._described = {(model.digest, root): made}
        return made

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        """Start and stop. What keeps it from starting is told in one sentence, not by a stack trace."""
        await receive()
        try:
            async with self._running(self._settings):
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except HearthError as error:
            self.fault = error
            await send({"type": "lifespan.startup.failed", "message": str(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})

    @asynccontextmanager
    async def _running(self, given: Settings) -> AsyncIterator[None]:
        async with running(given) as service:
            self.service = service
            edge = Edge(service, guards(self._routers))
            self.edge = Origins(service, edge) if given.cors_origins else edge
            reaper = asyncio.create_task(edge.reap())
            yield
            self.edge = None
            reaper.cancel()


class Origins(CORSMiddleware):
    """What browsers of other origins want to know, whose refusals are problems like all others.

    What they ask before they send never reaches the edge: it gets its id and is counted here.
    """

    def __init__(self, service: Service, edge: Edge) -> None:
        self._service = service
        super().__init__(
            edge,
            allow_origins=service.settings.cors_origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type", "X-API-Key", "X-Request-ID"),
            expose_headers=("RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID"),
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer whether a page may ask."""
        response, identity = super().preflight_response(request_headers), secrets.token_hex(8)
        if response.status_code >= 400:
            response = errors.problem(
                errors.BadRequest("pages of this origin, with this method and headers, may not ask"), identity
            )
        response.headers["X-Request-ID"] = identity
        self._service.unrouted(identity, "OPTIONS", response.status_code)
        return response


def guards(routers: Sequence[APIRouter]) -> dict[str, Guard]:
    """Who may use each path, as its routes say."""
    made: dict[str, Guard] = {}
    for router in routers:
        for route in router.routes:
            if not isinstance(route, APIRoute) or list(signature(route.endpoint).parameters) != ["request"]:
                raise TypeError(f"{route}: an endpoint takes its request and nothing else, the edge calls it")
            guard = made.setdefault(route.path, Guard(route.path, scope_of(route.dependencies), {}))
            guard.endpoints.update(dict.fromkeys(route.methods or (), route.endpoint))
    return made


def create_app(given: Settings | None = None) -> Hearth:
    """The application for these settings, those of the environment by default. Nothing is opened until it is started."""
    return Hearth(given or settings.load())


def __getattr__(name: str) -> Hearth:
    """``api.main:app``, made when it is asked for: importing does nothing."""
    if name == "app":
        return create_app()
    raise AttributeError(name)
