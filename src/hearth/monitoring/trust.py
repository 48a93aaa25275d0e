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


@dataclass(frozen=True, slots=True)
class _Ranking:
    """Values, the rank of each in its stratum as a share (above 0, at most 1), and the ranks of those shares, 1 to n.

    ``ties`` is the sum of t^3 - t over the groups of t equal shares.
    """

    values: Vector
    shares: Vector
    ranks: Vector
    ties: float


def doubts(contract: Contract, conformal: Conformal, rows: Joined) -> list[str]:
    """Why each of the rows of a store is not to be learned from, in words; empty where nothing speaks against its truth.

    Of a suspect nothing is believed, what cannot be judged by this contract included. Whether a row is one of the contract is
    for whoever learns from it to check.
    """
    truths = read(contract, rows)
    accused = {one.key: f"told by {one.key}: {one.why}" for one in suspects(truths, conformal)}
    found = [accused.get(teller, "") for teller in rows.tellers]
    for place in truths.places[impossible(truths, conformal)].tolist():
        found[place] = found[place] or "farther from the answer than any error: a mistake of whoever told them"
    return found


def trusted(truths: Truths, conformal: Conformal, accused: tuple[Suspect, ...] | None = None) -> Mask:
    """Which truths (n,) may be learned from: possible ones, of keys that are not suspect."""
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
    strata = _strata(truths)
    errors = _ranking(truths.errors, strata)
    signed = _ranking(truths.actual - truths.scores, strata) if truths.scores.ndim == 1 else None
    tests = len(judged) * (len(TAILS) + 1 + 2 * (signed is not None))
    found: list[Suspect] = []
    for key in judged:
        mine = truths.tellers == key
        evidence = [*_farther(errors, mine), *_in_tails(errors, mine)]
        if signed is not None:
            evidence += [*_to_one_side(signed, mine), *_echoes(errors, mine, conformal)]
        strongest = min(evidence, key=lambda one: one.p_value, default=None)
        if strongest is not None:
            found.append(Suspect(key, int(mine.sum()), min(1.0, tests * strongest.p_value), strongest.why))
    return min((one for one in found if one.p_value < alpha), key=lambda one: one.p_value, default=None)


def _farther(errors: _Ranking, mine: Mask) -> Iterator[_Evidence]:
    """Its truths are farther from the answers than those of others (Mann and Whitney, 1947)."""
    chance, off = _compared(errors, mine)
    if chance >= SUPERIOR:
        why = f"{chance:.0%} likely to be farther from the answer than a truth of another key (50 % if alike)"
        yield _Evidence(float(stats.norm.sf(off)), why)


def _to_one_side(signed: _Ranking, mine: Mask) -> Iterator[_Evidence]:
    """They lie to one side of the answers; of two keys that differ the one whose median error is the larger."""
    chance, off = _compared(signed, mine)
    likely = max(chance, 1 - chance)
    if likely >= SUPERIOR and abs(np.median(signed.values[mine])) > abs(np.median(signed.values[~mine])):
        why = f"{likely:.0%} likely to lie {'above' if off > 0 else 'below'} a truth of another key (50 % if alike)"
        yield _Evidence(2 * float(stats.norm.sf(abs(off))), why)


def _in_tails(errors: _Ranking, mine: Mask) -> Iterator[_Evidence]:
    """More of them than of others are among the worst of all rows (hypergeometric, exact)."""
    for tail in TAILS:
        worst = errors.shares > 1 - tail
        hits, count = int((worst & mine).sum()), int(mine.sum())
        share, usual = hits / count, worst.mean()
        if hits > 1 and share >= RATIO * usual:
            p_value = float(stats.hypergeom.sf(hits - 1, len(worst), int(worst.sum()), count))
            yield _Evidence(p_value, f"{share:.0%} of them are among the worst {tail:.0%} of all truths")


def _echoes(errors: _Ranking, mine: Mask, conformal: Conformal) -> Iterator[_Evidence]:
    """They are the answers themselves, as no truths are: sent back by a program that had none."""
    same = errors.values <= ECHO * conformal.quantile
    share = float(same[mine].mean())
    if share >= ECHOED > 2 * same[~mine].mean():
        hits = int(same[mine].sum())
        p_value = float(stats.hypergeom.sf(hits - 1, len(same), int(same.sum()), int(mine.sum())))
        yield _Evidence(p_value, f"{share:.0%} of them are the model's own answers")


def _compared(of: _Ranking, mine: Mask) -> tuple[float, float]:
    """The chance that a value of the key ranks above another's, ties half, and how many standard errors that is off 1/2.

    The normal law of Mann and Whitney's U with the correction for ties (Lehmann, 1975, Nonparametrics, chapter 1).
    """
    rows, count = len(of.ranks), int(mine.sum())
    pairs = count * (rows - count)
    chance = (float(of.ranks[mine].sum()) - count * (count + 1) / 2) / pairs
    variance = pairs / 12 * (rows + 1 - of.ties / (rows * (rows - 1)))
    return chance, (chance - 0.5) * pairs / variance**0.5 if variance > 0 else 0.0


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


def _ranking(values: Vector, strata: NDArray[np.intp]) -> _Ranking:
    shares = np.empty(len(values))
    for one in np.unique(strata):
        rows = strata == one
        shares[rows] = stats.rankdata(values[rows]) / rows.sum()
    _, tied = np.unique(shares, return_counts=True)
    return _Ranking(values, shares, stats.rankdata(shares), float(np.sum(tied.astype(np.float64) ** 3 - tied)))
