"""A service from its start to its stop: its parts opened and checked, kept in order beside the requests, closed."""

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from types import FrameType

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
    with _relayed(log), _on_hangup(signal.SIG_IGN):  # a reload that is asked for too early or too late ends nothing
        service = await _started(given, log)
        house = asyncio.create_task(_kept_house(service))
        with _hangups(service):
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
    watch = _watched(given)  # before the bundle is read: what lands from now on is noticed
    models = Models(given.bundle, lambda model, before: _taken_over(metrics, log, model, before))
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
    service = Service(given, log, metrics, ring, limiter, models, store, watch)
    metrics.started.set(service.started)
    _say_serving(log, models.current, None)
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


def _taken_over(metrics: Metrics, log: Log, model: Model, before: Model | None) -> None:
    """Measure which model answers, and log it; the first one's turn to be logged comes when everything else is open too."""
    metrics.serving(model.digest, before.digest if before else None)
    if before is not None:
        _say_serving(log, model, before.digest)


def _say_serving(log: Log, model: Model, before: str | None) -> None:
    log("info", "serving", model=model.digest, before=before, engine=model.predictor.engine)


def _watched(given: Settings) -> Watch:
    """All files of the bundle: where they are copied one by one, it is refused until the last of them is there."""
    paths = [given.bundle / name for name in (MANIFEST, *FILES)] if given.watch else []
    return Watch([*paths, given.run_dir / STAMP] if given.run_dir else paths)


async def _kept_house(service: Service) -> None:
    """Twice a second for as long as the service runs, whatever it meets; a fault that stays is told once."""
    faulty = False
    while True:
        await asyncio.sleep(0.5)
        try:
            await _tended(service)
            faulty = False
        except Exception as error:  # noqa: BLE001 - nobody waits for this task: without it nothing is measured or watched any more
            if not faulty:
                service.log.failure("housekeeping failed, it goes on", error)
            faulty = True


async def _tended(service: Service) -> None:
    """The metrics, and a reload where another worker did or a new bundle lies there and is watched for.

    A worker whose parent is gone, so that nobody would stop it any more, stops itself.
    """
    run_dir, parent = service.settings.run_dir, multiprocessing.parent_process()
    if run_dir and (run_dir / STOPPING).exists():
        service.stopping = True
    if parent is not None and not parent.is_alive():
        signal.raise_signal(signal.SIGTERM)
    service.measure()
    if service.watch.changed():
        await _reloaded(service)


async def _reloaded(service: Service) -> None:
    with suppress(BundleError):  # it is in the log and counted, and nobody waits for it
        await service.load()


@contextmanager
def _hangups(service: Service) -> Iterator[None]:
    """SIGHUP reloads, where signals can be had.

    The handler is the system's and not the loop's, which would leave behind the default: to end the process.
    """
    loop, tasks = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    def hangup() -> None:
        task = loop.create_task(_reloaded(service))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    with _on_hangup(lambda *_: loop.call_soon_threadsafe(hangup)):
        yield


@contextmanager
def _on_hangup(handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> Iterator[None]:
    """What SIGHUP does meanwhile; nothing changes in another thread than the main one, which cannot say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGHUP, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@contextmanager
def _relayed(log: Log) -> Iterator[None]:
    """What libraries log becomes lines of this log."""
    root, relay = logging.getLogger(), Relay(log)
    root.addHandler(relay)
    try:
        yield
    finally:
        root.removeHandler(relay)
