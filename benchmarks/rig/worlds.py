"""Worlds whose truth is known: predictions, truths from several keys, and the ways in which one of them lies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearth.monitoring.truths import Truths
from hearth.schema import Contract, Feature, Target

Vector = NDArray[np.float64]
Lie = Callable[[np.random.Generator, "World", NDArray[np.intp]], Vector]

CONTRACT = Contract(target=Target(name="y", task="regression"), features=(Feature(name="x", type="number"),))
LABELLED = Contract(
    target=Target(name="y", task="classification", classes=("a", "b", "c")), features=(Feature(name="x", type="number"),)
)
KEYS, LIAR = 10, "liar"
HALF_WIDTH = 4.1  # of the interval that holds 90 % of the truths before anything drifts


@dataclass(frozen=True, slots=True)
class World:
    """n rows in the order of their time: what was asked, answered and true, and which honest key asked."""

    x: Vector
    answers: Vector
    actual: Vector
    at: Vector
    keys: NDArray[np.intp]


def world(rng: np.random.Generator, rows: int, kind: str = "quiet") -> World:
    """Errors with heavy tails that grow with the answer.

    In ``drift`` they have doubled and moved by the end; in ``regions`` each key asks about rows of its own kind; in ``shifts``
    keys come and go while the errors drift.
    """
    keys = rng.integers(0, KEYS, rows)
    at = np.sort(rng.random(rows))
    if kind == "shifts":
        keys = np.clip((at * KEYS + rng.normal(0, 1.5, rows)).astype(np.intp), 0, KEYS - 1)
    x = rng.normal(size=rows)
    if kind == "regions":
        x = 0.7 * x + (keys - (KEYS - 1) / 2) / 4
    answers = 22 + 8 * x + 3 * rng.gamma(1, 1, rows)
    drift = at if kind in {"drift", "shifts"} else np.zeros(rows)
    spread = 1.8 * np.exp(0.3 * np.clip((answers - 22) / 8, -2, 2)) * (1 + drift)
    return World(x, answers, answers + 3 * drift + spread * rng.standard_t(5, rows), at, keys)


LIES: Mapping[str, Lie] = {
    "random": lambda rng, of, rows: rng.uniform(of.actual.min(), of.actual.max(), len(rows)),
    "constant": lambda _, of, rows: np.full(len(rows), np.median(of.actual)),
    "ten times": lambda _, of, rows: 10 * of.actual[rows],
    "sign": lambda _, of, rows: -of.actual[rows],
    "shuffled": lambda rng, of, rows: rng.permutation(of.actual[rows]),
    "region": lambda _, of, rows: of.actual[rows] + 12,  # only where x is high
    "bias": lambda _, of, rows: of.actual[rows] + 4,  # half a standard deviation of the truths
    "echo": lambda _, of, rows: of.answers[rows],  # the model's own answers
}


def poisoned(rng: np.random.Generator, of: World, lie: str, share: float, own: float = 0.0) -> Truths:
    """The truths of a world in which one more key lies in a ``share`` of all rows and is honest in ``own`` of them."""
    count, rows = round(share * len(of.x)), np.arange(len(of.x))
    lied = rng.permutation(np.flatnonzero(of.x > 0.8) if lie == "region" else rows)[:count]
    honest = rng.permutation(np.setdiff1d(rows, lied))[: round(own * len(of.x))]
    actual, names = of.actual.copy(), np.array([f"key {key}" for key in of.keys])
    actual[lied] = LIES[lie](rng, of, lied)
    names[np.concatenate([lied, honest])] = LIAR
    return truths(of, actual, names)


def truths(of: World, actual: Vector, names: NDArray[np.str_]) -> Truths:
    """A world as the store's rows, with these truths from these keys."""
    models = np.full(len(actual), "m")
    return Truths(CONTRACT, of.x[:, None], of.answers, actual, of.at, models, names, names, np.arange(len(actual)))


def labelled(rng: np.random.Generator, rows: int, share: float, own: float = 0.0) -> Truths:
    """Three classes, ten honest keys, and one that draws labels at random in a ``share`` of the rows."""
    scores = rng.dirichlet((0.4, 0.4, 0.4), rows)
    actual = (scores.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1).clip(0, 2).astype(np.float64)
    names = np.array([f"key {key}" for key in rng.integers(0, KEYS, rows)])
    order, lies = rng.permutation(rows), round(share * rows)
    actual[order[:lies]] = rng.integers(0, 3, lies)
    names[order[: lies + round(own * rows)]] = LIAR
    at = np.sort(rng.random(rows))
    return Truths(LABELLED, rng.normal(size=(rows, 1)), scores, actual, at, np.full(rows, "m"), names, names, np.arange(rows))
