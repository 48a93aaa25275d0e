"""Whether what the service is asked about still is what its model was made for: windows of the store, each judged once."""

import asyncio
import time
from concurrent.futures import Executor
from functools import partial
from typing import TypedDict

import msgspec
import numpy as np

from api import memory
from api.store import Judged, Standing, Store, Window
from hearth.bundle import Bundle
from hearth.bundle.drift import Report, Sample, Thresholds, compare, reference
from hearth.bundle.rows import code_columns

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, object]).decode


class _Names(msgspec.Struct):
    drifted: list[str]


_names = msgspec.json.Decoder(_Names).decode


class Extent(TypedDict):
    """Which rows were judged, and when: ids of records and unix seconds."""

    rows: int
    first: str
    last: str
    since: float
    until: float
    at: float


async def judged(store: Store, bundle: Bundle, pool: Executor) -> Standing:
    """How the model stands: once a window's rows have come since the last one, they are judged, and that is the last one.

    Raises:
        StoreDown: the store does not answer.
    """
    limits = Thresholds.of(bundle.metadata)
    found = await store.drift(bundle.digest, limits.window, limits.window)
    if found.window is None:
        return found
    loop = asyncio.get_running_loop()
    report = await loop.run_in_executor(pool, partial(judge, bundle, found.window, limits))
    stands = await store.judge(judgement(found, bundle.digest, report))
    return Standing(stands, 0, None)


def judge(bundle: Bundle, window: Window, limits: Thresholds) -> Report:
    """Compare a window of the store with the bundle's reference. Once a window: the 20 MB that it takes are not kept."""
    report = compare(bundle.contract, reference(bundle), sample(bundle, window), limits)
    memory.release()
    return report


def sample(bundle: Bundle, window: Window) -> Sample:
    """A window of the store, coded; it must be of this bundle's model."""
    rows = code_columns(bundle.contract, window.features, window.rows)
    scores = np.array(window.scores, dtype=np.float64).reshape(window.rows, *bundle.reference_scores.shape[1:])
    return Sample(rows, scores, bundle.decision.threshold)


def judgement(found: Standing, model: str, report: Report) -> Judged:
    """What is stored of a window that was judged.

    Raises:
        ValueError: there is no window.
    """
    if found.window is None:
        raise ValueError("there is no window to judge")
    verdict = _encode(report.to_dict()).decode()
    return Judged.of(found.window, found.judged, model=model, at=time.time(), verdict=verdict)


def told(found: Standing, bundle: Bundle) -> dict[str, object]:
    """What ``GET /drift`` answers: the verdict of the window that was judged last, and how many rows have come since."""
    limits = Thresholds.of(bundle.metadata)
    one = found.judged
    if one is None:
        few = f"{found.pending} rows so far: the first window is judged when there are {limits.window}."
        verdict = Report("insufficient_data", 0, len(bundle.reference_rows), 0, limits, (), (few,)).to_dict()
        window = None
    else:
        verdict = _decode(one.verdict)
        window = Extent(rows=one.rows, first=one.first, last=one.last, since=one.since, until=one.until, at=one.at)
    return {"model": bundle.digest, **verdict, "pending": found.pending, "window": window}


def drifted(one: Judged) -> list[str]:
    """Which columns drifted in a window."""
    return _names(one.verdict).drifted
