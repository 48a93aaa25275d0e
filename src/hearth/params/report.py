"""``evaluate`` and ``card``: what the reports measure and say."""

from typing import Annotated

from pydantic import Field, PositiveInt

from hearth.params.frozen import Frozen, Share


class EvaluateParams(Frozen):
    """The report: rows that are resampled, folds, bootstrap, intervals."""

    rows: Annotated[int, Field(ge=50)] = 20_000
    folds: Annotated[int, Field(ge=2, le=50)]
    repeats: PositiveInt
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    bootstrap: Annotated[int, Field(ge=100)]
    confidence: Share


class GroupParams(Frozen):
    """Two groups of rows that are measured apart: those where the expression is ``above`` 0, and the ``rest``."""

    expression: str
    above: str
    rest: str


class CardParams(Frozen):
    """What the model card says that no computation can: purpose, limits, source, groups of rows that are not alike."""

    title: str
    intended: str
    misuse: tuple[str, ...] = Field(strict=False)
    provenance: str
    notes: tuple[str, ...] = Field(default=(), strict=False)
    groups: tuple[GroupParams, ...] = Field(default=(), strict=False)
