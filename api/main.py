"""The doors of the service: ``create_app`` with settings of one's own, ``app`` with those of the environment."""

import asyncio
import logging
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from inspect import signature

import msgspec
from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api import errors, memory, openapi, settings
from api.deps import scope_of
from api.edge import Call, Edge, Guard
from api.logs import Log, Relay
from api.metrics import Metrics
from api.model import Model, Models
from api.ratelimit import Limiter
from api.routes import admin, console, feedback, monitoring, predict, system
from api.security import Ring
from api.service import STAMP, STOPPING, Service
from api.settings import Settings, SettingsError
from api.store import Store
from api.watch import Watch
from hearth import __version__
from hearth.bundle.format import FILES, MANIFEST
from hearth.errors import BundleError, HearthError

ABOUT = """Every route that takes a key takes it as `X-API-Key: KEY` or as `Authorization: Bearer KEY`: see *Authorize*.

Every refusal is `application/problem+json` (RFC 9457) and names the request by its id."""


class Hearth(FastAPI):
    """The application. HTTP requests pass the edge first; the rest is FastAPI's."""

    edge: ASGIApp | None = None
    service: Service | None = None
    fault: HearthError | None = None

    def __init__(self, given: Settings) -> None:
        self._settings = given
        self._routers = (
            predict.router,
            feedback.router,
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
            exception_handlers={HTTPException: _refused},
        )
        for router in self._routers:
            self.include_router(router)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or start and stop."""
        if scope["type"] == "http" and self.edge is not None:
            scope["app"] = self
            await self.edge(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await super().__call__(scope, receive, send)

    def described(self, model: Model) -> Response:
        """The OpenAPI description of what ``model`` answers."""
        routes = [route for router in self._routers for route in router.routes]
        base = get_openapi(title=self.title, version=self.version, description=ABOUT, routes=routes)
        return Response(msgspec.json.encode(openapi.described(base, model)), media_type="application/json")

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
        log = Log(given.log_level)
        with _relayed(log):
            self.service = service = await _started(given, log)
            edge = Edge(super().__call__, service, guards(self._routers))
            self.edge = _outside(given, edge)
            beside = [asyncio.create_task(edge.reap()), asyncio.create_task(_kept_house(service))]
            with _on_hangup(service):
                yield
            self.edge = None
            for task in beside:
                task.cancel()
            await _stopped(service)


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


async def tried(given: Settings) -> Model:
    """Open every part and let go of it, so that what is at fault is known before several workers start; the model is left.

    Raises:
        HearthError: as starting does.
    """
    service = await _started(given, Log("error"))
    await _stopped(service)
    return service.models.current


async def _started(given: Settings, log: Log) -> Service:
    """Every part, opened and checked.

    Raises:
        HearthError: what is missing or at fault, and what to do.
    """
    if multiprocessing.parent_process() is not None and given.run_dir is None:
        raise SettingsError("this is one of several workers that share no limits and no metrics: hearth serve --workers N")
    memory.one_arena()
    for strange in settings.unknown(os.environ):
        log("warning", strange)
    ring = Ring.configured(given.api_keys.get_secret_value(), given.api_keys_file)
    metrics = Metrics()
    models = Models(given.bundle, lambda model, before: _serving(metrics, log, model, before))
    await models.load()
    redis = given.redis_url.get_secret_value() if given.redis_url else None
    limiter = Limiter(given.rate_limit, redis)
    store = await asyncio.to_thread(
        Store.open,
        given.database_url.get_secret_value(),
        wait=given.store_wait,
        keep_days=given.keep_days,
        keep_rows=given.keep_rows,
    )
    await limiter.start()  # last: it never fails, and would have to be closed where something else does
    service = Service(given, log, metrics, ring, limiter, models, store)
    metrics.started.set(service.started)
    memory.settle()
    return service


async def _stopped(service: Service) -> None:
    """Flush the store, let go of the rest."""
    service.stopping = True
    await service.store.close()
    await service.limiter.close()
    service.pool.shutdown(wait=False, cancel_futures=True)
    service.metrics.close()
    service.log("info", "stopped")


def _serving(metrics: Metrics, log: Log, model: Model, before: Model | None) -> None:
    metrics.serving(model.digest, before.digest if before else None)
    log("info", "serving", model=model.digest, before=before.digest if before else None)


def _outside(given: Settings, edge: Edge) -> ASGIApp:
    """The edge, behind the headers that browsers of other origins want."""
    if not given.cors_origins:
        return edge
    return CORSMiddleware(
        edge,
        allow_origins=given.cors_origins,
        allow_methods=("GET", "POST"),
        allow_headers=("Authorization", "Content-Type", "X-API-Key", "X-Request-ID"),
        expose_headers=("RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID"),
    )


async def _kept_house(service: Service) -> None:
    """Twice a second: the metrics, and a reload where another worker did or a new bundle lies there and is watched for.

    All files are watched: where they are copied one by one, the bundle is refused until the last of them is there. A worker
    whose parent is gone, so that nobody would stop it any more, stops itself.
    """
    given = service.settings
    paths = [given.bundle / name for name in (MANIFEST, *FILES)] if given.watch else []
    paths += [given.run_dir / STAMP] if given.run_dir else []
    watch = Watch(paths)
    while True:
        await asyncio.sleep(0.5)
        service.measure()
        if watch.changed():
            await _reloaded(service)
        if given.run_dir and (given.run_dir / STOPPING).exists():
            service.stopping = True
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():
            signal.raise_signal(signal.SIGTERM)


async def _reloaded(service: Service) -> None:
    try:
        await service.models.load()
    except BundleError as error:
        service.metrics.reloads.labels("refused").inc()
        service.log("error", "the bundle was refused, the one before goes on", why=str(error))
    else:
        service.metrics.reloads.labels("ok").inc()


@contextmanager
def _on_hangup(service: Service) -> Iterator[None]:
    """SIGHUP reloads, where signals can be had."""
    loop, tasks = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    def hangup() -> None:
        task = loop.create_task(_reloaded(service))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    try:
        loop.add_signal_handler(signal.SIGHUP, hangup)
    except (NotImplementedError, ValueError, RuntimeError):  # another thread than the main one, or no such signal
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


@contextmanager
def _relayed(log: Log) -> Iterator[None]:
    """What libraries log becomes lines of this log."""
    root, relay = logging.getLogger(), Relay(log)
    root.addHandler(relay)
    try:
        yield
    finally:
        root.removeHandler(relay)


async def _refused(request: Request, error: Exception) -> Response:
    """The framework's refusals in this service's form."""
    if not isinstance(error, HTTPException):
        raise TypeError(error)
    return errors.problem(errors.from_http(error), Call.of(request).id)
