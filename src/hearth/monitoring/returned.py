"""Which predictions truths came back for: how many, and whether those are rows like any others."""

from dataclasses import dataclass

from hearth.bundle.drift import Sample, Thresholds, compare
from hearth.bundle.sample import spread
from hearth.monitoring.truths import Asked, Truths, coded, scored

MOST = 2_000  # rows on each side of the comparison


@dataclass(frozen=True, slots=True)
class Returned:
    """``rows`` of ``predicted`` have a truth; in the columns ``differing`` they are unlike ``compared`` others of their time.

    Where there are any, the error of all rows may be another than that of those with truths. None compared: too few to tell.
    """

    rows: int
    predicted: int
    compared: int
    differing: tuple[str, ...]

    @property
    def share(self) -> float:
        """Of the rows predicted."""
        return self.rows / self.predicted if self.predicted else 0.0


def returned(truths: Truths, predicted: int, untold: Asked, thresholds: Thresholds) -> Returned:
    """Compare rows with truths with rows without, by the tests of drift."""
    scores, places = scored(truths.contract.target, untold.scores)
    others = Sample(coded(truths.contract, untold)[places], scores)
    shown = spread(len(truths), MOST) if len(truths) else places[:0]
    if min(len(others), len(shown)) < thresholds.min_rows:
        return Returned(len(truths), predicted, 0, ())
    report = compare(truths.contract, others, Sample(truths.x[shown], truths.scores[shown]), thresholds)
    return Returned(len(truths), predicted, len(others), report.drifted)
