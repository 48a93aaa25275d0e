"""What the gate decided, and on what grounds: a file without time, path or machine, so that it can be computed again."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from hearth.artifacts import rounded, to_json, write_text
from hearth.errors import GateError
from hearth.params import Params

FORMAT_VERSION = 1
Method = Literal["first", "identical", "rows", "recipes"]
Decision = Literal["promote", "keep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How two builds are compared.

    ``alpha`` is the chance that a candidate no better than the champion is promoted. From ``min_rows`` distinct rows that
    neither was trained on they are compared on those; with fewer by cross-validation, of ``folds`` folds, ``repeats`` times,
    drawn from ``seed``.
    """

    alpha: float
    min_rows: int
    folds: int
    repeats: int
    seed: int

    @classmethod
    def of(cls, settings: Params) -> "Rule":
        """The rule that ``params.yaml`` states."""
        release, report = settings.release, settings.evaluate
        return cls(
            alpha=release.alpha,
            min_rows=release.min_rows,
            folds=report.folds,
            repeats=report.repeats,
            seed=report.seed,
        )

    @property
    def words(self) -> str:
        """The rule for a person."""
        return (
            f"Promote where a one-sided test at {self.alpha:g} finds the candidate's error below the champion's: on rows that "
            f"neither was trained on where there are {self.min_rows} or more, else recipe against recipe by {self.repeats} "
            f"times {self.folds}-fold cross-validation (Nadeau and Bengio's corrected test). The first is promoted unasked."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two: the digest of its bundle, the SHA-256 of each file of its data, and its rows by file."""

    digest: str
    sha256: Mapping[str, str]
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was measured. ``difference`` is the candidate's score minus the champion's: below 0 the candidate is better.

    ``rows`` counts the distinct rows that scores are of. ``low`` and ``high`` bound the interval of confidence 1 - 2 alpha,
    whose upper end is below 0 exactly where the one-sided ``p_value`` is below alpha.
    """

    metric: str
    rows: int
    candidate: float
    champion: float
    difference: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A decision and all that it rests on. ``outcome`` is missing where nothing was measured."""

    method: Method
    decision: Decision
    reasons: tuple[str, ...]
    candidate: Side
    champion: Side | None
    outcome: Outcome | None
    rule: Rule
    by: str
    versions: Mapping[str, str]

    @property
    def promoted(self) -> bool:
        """Whether the candidate takes the champion's place."""
        return self.decision == "promote"

    def text(self) -> str:
        """The file's text: JSON with stable bytes, figures to 6 digits."""
        raw = {"format": FORMAT_VERSION, **asdict(self)}
        return to_json(rounded({**raw, "rule": {**asdict(self.rule), "words": self.rule.words}}))

    def write(self, path: Path) -> None:
        """Write the file in place of an older one, whole or not at all."""
        write_text(path, self.text())


def read(path: Path) -> Verdict:
    """Read what ``Verdict.write`` wrote.

    Raises:
        GateError: the file is missing or holds no verdict of this format.
    """
    raise NotImplementedError


def differences(recorded: Verdict, again: Verdict) -> list[str]:
    """What of a verdict came out otherwise, a line a value; none where the two are the same to the byte."""
    raise NotImplementedError
