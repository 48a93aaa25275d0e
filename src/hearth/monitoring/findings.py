"""All that an evaluation finds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from hearth.artifacts import rounded
from hearth.bundle.drift import Thresholds
from hearth.bundle.format import Bundle
from hearth.monitoring.performance import Performance, Rule, Verdict, measure
from hearth.monitoring.returned import Returned, returned
from hearth.monitoring.trust import Suspect, impossible, suspects, trusted
from hearth.monitoring.truths import Asked, Joined, read


@dataclass(frozen=True, slots=True)
class Findings:
    """What truths say, measured by the scores of the bundle ``bundle``.

    ``unread`` truths are none of this contract, ``impossible`` ones cannot be. ``performance`` is of all that are read, None
    where there are none; ``trusted`` of those without the suspects' and the impossible ones, where there are such.
    """

    bundle: str
    rule: Rule
    returned: Returned
    unread: int
    impossible: int
    suspects: tuple[Suspect, ...]
    performance: Performance | None
    trusted: Performance | None

    @property
    def verdict(self) -> Verdict:
        """Of all truths, the suspects' too: a person sees beside it what it would be without them."""
        return "insufficient_data" if self.performance is None else self.performance.verdict

    @property
    def believed(self) -> Verdict:
        """Of the truths that nothing speaks against: what a retraining goes by, so that a key that lies can start none."""
        measured = self.trusted or self.performance
        return "insufficient_data" if measured is None else measured.verdict

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, floats to 6 digits, the verdict first."""
        plain = rounded({"verdict": self.verdict, **asdict(self)})
        if not isinstance(plain, dict):
            raise TypeError("findings are an object")
        return plain


def examine(bundle: Bundle, joined: Joined, predicted: int, untold: Asked, important: Sequence[str] = ()) -> Findings:
    """Judge the truths of a store: ``predicted`` rows in all, of which ``joined`` have one and ``untold`` are some without.

    ``important`` are the features by whose ranges the error is told, in that order.

    Raises:
        BundleError: the bundle does not say what its model scored.
    """
    truths, metadata, conformal = read(bundle.contract, joined), bundle.metadata, bundle.conformal
    accused = suspects(truths, conformal)
    sound = trusted(truths, conformal, accused)
    return Findings(
        bundle=bundle.digest,
        rule=Rule.of(metadata),
        returned=returned(truths, predicted, untold, Thresholds.of(metadata)),
        unread=len(joined.actual) - len(truths),
        impossible=int(impossible(truths, conformal).sum()),
        suspects=accused,
        performance=measure(truths, conformal, metadata, important) if len(truths) else None,
        trusted=measure(truths.take(sound), conformal, metadata) if 0 < sound.sum() < len(truths) else None,
    )
