"""Feedback that lies: keys whose truths are not like those of the others, and single truths that cannot be.

What is compared is how far truths lie from the model's answers, among rows of the same time and about the same answer. All
tests hold exactly where truths are exchangeable between keys, whatever the model is worth: when it gets worse, all keys' errors
grow alike and nobody is accused. Where the errors of a key are of another kind for an honest reason, say because it alone asks
about rows that are hard, it may be accused too: a person looks, and nothing here deletes anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from hearth.bundle.intervals import Conformal
from hearth.monitoring.truths import Joined, Truths, Vector, read
from hearth.schema import Contract

ALPHA = 0.05  # chance that any of the honest keys is accused
FEWEST = 5  # truths of a key, and of the others, below which nothing can be said
TAILS = (0.1, 0.01)  # the worst of all rows
RATIO = 2.0  # of a key's share in a tail over that of all; a smaller one is no lie worth an alarm
SUPERIOR = 0.58  # chance that a truth of the key is farther off than one of the others; a smaller one likewise
ECHO, ECHOED = 0.01, 0.5  # within this share of an interval's half-width a truth is the answer itself, for half of the rows
FAR = 10.0  # half-widths of an interval, beyond which a truth is a mistake of whoever sent it
STRATUM, MOST_BINS = 15, 4  # rows in a stratum, and bins of the time and of the answers

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A key that gives truths unlike those of the other keys; ``p_value`` is corrected over the keys and the tests."""

    key: str
    rows: int
    p_value: float
    why: str


@dataclass(frozen=True, slots=True)
class _Evidence:
    p_value: float
    why: str


def doubts(contract: Contract, conformal: Conformal, rows: Joined) -> list[str]:
    """Why each of the rows of a store is not to be learnt from, in words; empty where nothing speaks against its truth.

    Nor where it is no truth of this contract: whoever learns from it checks that.
    """
    truths = read(contract, rows)
    found = [""] * len(rows.actual)
    for one in suspects(truths, conformal):
        for place in truths.places[truths.tellers == one.key].tolist():
            found[place] = f"from key {one.key}, whose truths are unlike those of the others: {one.why}"
    for place in truths.places[impossible(truths, conformal)].tolist():
        found[place] = found[place] or "impossible: it lies far beyond any error of the model"
    return found


def trusted(truths: Truths, conformal: Conformal, accused: tuple[Suspect, ...] | None = None) -> Mask:
    """Which truths (n,) may be learnt from: possible ones, of keys that are not suspect."""
    found = suspects(truths, conformal) if accused is None else accused
    return ~(np.isin(truths.tellers, [one.key for one in found]) | impossible(truths, conformal))


def impossible(truths: Truths, conformal: Conformal) -> Mask:
    """Which truths (n,) of a regression lie so far from the answer that a mistake of the sender's is likelier than any error.

    That is ``FAR`` half-widths of the interval, or of what would be one for the errors that there are if those have grown. A
    label that the contract has is always possible.
    """
    if truths.scores.ndim > 1 or not len(truths):
        return np.zeros(len(truths), dtype=np.bool_)
    usual = float(np.quantile(truths.errors, conformal.coverage))
    return truths.errors > FAR * max(usual, conformal.quantile)


def suspects(truths: Truths, conformal: Conformal, alpha: float = ALPHA) -> tuple[Suspect, ...]:
    """The keys whose truths are unlike those of the others, surest first; each is set aside before the next is looked for."""
    found: list[Suspect] = []
    rest = truths
    while (worst := _worst(rest, conformal, alpha)) is not None:
        found.append(worst)
        rest = rest.take(rest.tellers != worst.key)
    return tuple(found)


def _worst(truths: Truths, conformal: Conformal, alpha: float) -> Suspect | None:
    """The key with the strongest evidence, where it is strong enough among so many keys and tests (Bonferroni)."""
    keys, counts = np.unique(truths.tellers, return_counts=True)
    judged = [str(key) for key, count in zip(keys, counts, strict=True) if FEWEST <= count <= len(truths) - FEWEST]
    signed = truths.actual - truths.scores if truths.scores.ndim == 1 else None
    strata = _strata(truths)
    ranks = _ranked(truths.errors, strata)
    found: list[Suspect] = []
    for key in judged:
        mine = truths.tellers == key
        evidence = [*_farther(truths.errors, ranks, mine), *_in_tails(ranks, mine)]
        if signed is not None:
            evidence += [*_to_one_side(signed, _ranked(signed, strata), mine), *_echoes(truths.errors, mine, conformal)]
        strongest = min(evidence, key=lambda one: one.p_value, default=None)
        if strongest is not None:
            tests = len(judged) * (len(TAILS) + 1 + 2 * (signed is not None))
            found.append(Suspect(key, int(mine.sum()), min(1.0, tests * strongest.p_value), strongest.why))
    return min((one for one in found if one.p_value < alpha), key=lambda one: one.p_value, default=None)


def _farther(errors: Vector, ranks: Vector, mine: Mask) -> Iterator[_Evidence]:
    """Its truths are farther from the answers than those of others (Mann and Whitney, 1947)."""
    superior, p_value = _rank_test(ranks, mine, "greater")
    if superior >= SUPERIOR and np.median(errors[mine]) > np.median(errors[~mine]):
        yield _Evidence(
            p_value, f"{superior:.0%} likely to be farther from the answer than a truth of another key (50 % if alike)"
        )


def _to_one_side(signed: Vector, ranks: Vector, mine: Mask) -> Iterator[_Evidence]:
    """They lie to one side of the answers; of two keys that differ the one whose median error is the larger."""
    superior, p_value = _rank_test(ranks, mine, "two-sided")
    if max(superior, 1 - superior) >= SUPERIOR and abs(np.median(signed[mine])) > abs(np.median(signed[~mine])):
        side = "above" if superior > 0.5 else "below"
        yield _Evidence(
            p_value, f"{max(superior, 1 - superior):.0%} likely to lie {side} a truth of another key (50 % if alike)"
        )


def _in_tails(ranks: Vector, mine: Mask) -> Iterator[_Evidence]:
    """More of them than of others are among the worst of all rows (hypergeometric, exact)."""
    for tail in TAILS:
        worst = ranks > 1 - tail
        hits, count = int((worst & mine).sum()), int(mine.sum())
        share, usual = hits / count, worst.mean()
        if hits > 1 and share >= RATIO * usual:
            p_value = float(stats.hypergeom.sf(hits - 1, len(ranks), int(worst.sum()), count))
            yield _Evidence(p_value, f"{share:.0%} of them are among the worst {tail:.0%} of all truths")


def _echoes(errors: Vector, mine: Mask, conformal: Conformal) -> Iterator[_Evidence]:
    """They are the answers themselves, as no truths are: sent back by a program that had none."""
    same = errors <= ECHO * conformal.quantile
    share = float(same[mine].mean())
    if share >= ECHOED > 2 * same[~mine].mean():
        hits = int(same[mine].sum())
        p_value = float(stats.hypergeom.sf(hits - 1, len(same), int(same.sum()), int(mine.sum())))
        yield _Evidence(p_value, f"{share:.0%} of them are the model's own answers")


def _rank_test(ranks: Vector, mine: Mask, side: str) -> tuple[float, float]:
    """The chance that a rank of the key is above one of the others', and the p-value."""
    test = stats.mannwhitneyu(ranks[mine], ranks[~mine], alternative=side, method="asymptotic")
    return float(test.statistic) / (int(mine.sum()) * int((~mine).sum())), float(test.pvalue)


def _strata(truths: Truths) -> NDArray[np.intp]:
    """A number for each row: those of one stratum are of the same time and have about the same answer."""
    times = min(MOST_BINS, len(truths) // STRATUM) or 1  # first, since errors change with time more than with the answer
    answers = min(MOST_BINS, len(truths) // STRATUM // times) or 1
    answer = truths.scores if truths.scores.ndim == 1 else truths.scores.max(axis=1)
    time = _bin(truths.at, times)
    strata = np.zeros(len(truths), dtype=np.intp)
    for one in range(times):
        strata[time == one] = one * answers + _bin(answer[time == one], answers)
    return strata


def _bin(values: Vector, bins: int) -> NDArray[np.intp]:
    """Which of ``bins`` groups of about as many rows each value belongs to; equal values are in the same."""
    if not len(values):
        return np.zeros(0, dtype=np.intp)
    edges = np.quantile(values, np.arange(1, bins) / bins)
    return np.searchsorted(edges, values, side="left")


def _ranked(values: Vector, strata: NDArray[np.intp]) -> Vector:
    """The rank of each value in its stratum, as a share above 0 and at most 1."""
    ranks = np.empty(len(values))
    for one in np.unique(strata):
        rows = strata == one
        ranks[rows] = stats.rankdata(values[rows]) / rows.sum()
    return ranks
