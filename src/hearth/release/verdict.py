"""What the gate decided, and on what grounds: a file without time, path or machine, so that it can be computed again."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from hearth.artifacts import rounded, to_json, write_text
from hearth.errors import GateError
from hearth.params import Params

Method = Literal["first", "identical", "rows", "recipes"]
Decision = Literal["promote", "keep"]


# Kept to 6 significant digits, as it is written: another processor's last bit changes no verdict.
Figure = Annotated[float, AfterValidator(partial(rounded, digits=6))]


class Part(BaseModel):
    """Immutable, typed strictly, closed to fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Rule(Part):
    """How two builds are compared.

    ``alpha`` is the chance that a candidate no better than the champion is promoted. From ``min_rows`` distinct rows that
    neither was trained on they are compared on those; with fewer by cross-validation, of ``folds`` folds, ``repeats`` times,
    drawn from ``seed``.
    """

    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    min_rows: Annotated[int, Field(ge=10)]
    folds: Annotated[int, Field(ge=2)]
    repeats: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)]

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
            f"Promote where a one-sided test at {self.alpha:g} finds the candidate's error below the champion's: of the two "
            f"models on rows that neither was trained on, where there are {self.min_rows} or more; else of the two recipes by "
            f"{self.folds}-fold cross-validation, repeated {self.repeats} times. The first is promoted unasked."
        )


class Side(Part):
    """One of the two: the digest of its bundle; of its data the SHA-256 of each file, and how many rows it has."""

    digest: str
    sha256: dict[str, str]
    rows: dict[str, int]


class Outcome(Part):
    """What was measured. ``difference`` is the candidate's score minus the champion's: below 0 the candidate is better.

    ``rows`` counts the distinct rows that the scores are of. ``low`` and ``high`` bound the interval of ``confidence``, which
    is 1 - 2 alpha: its upper end is below 0 exactly where the one-sided ``p_value`` is below alpha.
    """

    metric: str
    rows: int
    candidate: Figure
    champion: Figure
    difference: Figure
    low: Figure
    high: Figure
    confidence: Figure
    p_value: Figure


class Verdict(Part):
    """A decision and all that it rests on. ``outcome`` is missing where nothing was measured."""

    format: Literal[1] = 1
    decision: Decision
    method: Method
    reasons: tuple[str, ...]
    candidate: Side
    champion: Side | None
    outcome: Outcome | None
    rule: Rule
    rule_in_words: str
    by: str
    versions: dict[str, str]

    @property
    def promoted(self) -> bool:
        """Whether the candidate takes the champion's place."""
        return self.decision == "promote"

    def text(self) -> str:
        """The file's text: JSON with stable bytes."""
        return to_json(self.model_dump(mode="json"))

    def write(self, path: Path) -> None:
        """Write the file in place of an older one, whole or not at all."""
        write_text(path, self.text())


def read(path: Path) -> Verdict:
    """Read what ``Verdict.write`` wrote.

    Raises:
        GateError: the file is missing or holds no verdict of this format.
    """
    try:
        return Verdict.model_validate_json(path.read_bytes())
    except OSError as error:
        raise GateError(f"{path} cannot be read: {error.strerror}. hearth gate writes it.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise GateError(f"{path} is not a verdict: {where or 'the file'}: {first['msg']}. hearth gate writes it.") from error


def differences(recorded: Verdict, again: Verdict) -> list[str]:
    """What of a verdict came out otherwise, a line a value; none where the two are the same to the byte."""
    old, new = (dict(_leaves("", json.loads(one.text()))) for one in (recorded, again))
    return [f"{key}: {old.get(key)} in the file, {new.get(key)} now" for key in old | new if old.get(key) != new.get(key)]


def _leaves(name: str, value: object) -> Iterator[tuple[str, object]]:
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    if not items:
        yield name, value
    for key, item in items:
        yield from _leaves(f"{name}.{key}" if name else str(key), item)
