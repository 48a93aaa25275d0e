"""A service from its start to its stop: its parts opened and checked, kept in order beside the requests, closed."""

import asyncio
import logging
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from api import memory, settings
from api.logs import Log, Relay
from api.metrics import Metrics
from api.model import Model, Models
from api.ratelimit import Limiter
from api.security import Ring
from api.service import STAMP, STOPPING, Service
from api.settings import Settings, SettingsError
from api.store import Store
from api.watch import Watch
from hearth.bundle.format import FILES, MANIFEST
from hearth.errors import BundleError


@asynccontextmanager
async def running(given: Settings) -> AsyncIterator[Service]:
    """A service that is started and, at the end, stopped; signals and files are followed meanwhile.

    Raises:
        HearthError: what is missing or at fault, and what to do.
    """
    log = Log(given.log_level)
    with _relayed(log):
        service = await _started(given, log)
        house = asyncio.create_task(_kept_house(service))
        with _on_hangup(service):
            yield service
        house.cancel()
        await _stopped(service)


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
