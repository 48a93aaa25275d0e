"""``prepare``, ``tuning`` and ``selection``: how rows become models."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from hearth.params.frozen import Frozen, Number, Share
from hearth.schema import MOST

# The settings of XGBoost that a search may vary, by their names there; ``rounds`` is the number of boosting rounds.
Tunable = Literal[
    "rounds",
    "learning_rate",
    "max_depth",
    "max_leaves",
    "min_child_weight",
    "max_delta_step",
    "gamma",
    "subsample",
    "colsample_bytree",
    "colsample_bylevel",
    "colsample_bynode",
    "reg_alpha",
    "reg_lambda",
    "scale_pos_weight",
]
COUNTS: frozenset[Tunable] = frozenset({"rounds", "max_depth", "max_leaves"})
# How much the rows of a class weigh in a fit: alike, or so that every class weighs as much as the others.
ClassWeight = Literal["none", "balanced"]
# What XGBoost takes for each, inclusive; nothing but its sign bounds the rest.
ALLOWED: Mapping[Tunable, tuple[float, float]] = {
    "rounds": (1, 1_000_000),
    "learning_rate": (1e-6, 1),
    "max_depth": (0, 64),
    "max_leaves": (0, 1 << 20),
    "subsample": (1e-6, 1),
    "colsample_bytree": (1e-6, 1),
    "colsample_bylevel": (1e-6, 1),
    "colsample_bynode": (1e-6, 1),
}


class PrepareParams(Frozen):
    """Split, imputation, scaling, encoding."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    test_size: Share
    imputation: Literal["native", "median", "drop"]
    scaling: Literal["standard", "none"]
    encoding: Literal["onehot", "ordinal", "native"]


class Range(Frozen):
    """The values that a search may try: from ``low`` to ``high``, both inclusive, on a linear or a log scale."""

    low: Number
    high: Number
    log: bool = False
    integer: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError("a log scale needs low above 0")
        if self.integer and not (float(self.low).is_integer() and float(self.high).is_integer()):
            raise ValueError("integer: true needs whole numbers for low and high")
        return self


class FixedParams(Frozen):
    """Settings of XGBoost that every candidate of a search shares."""

    max_bin: Annotated[int, Field(ge=2, le=4096)] = 256
    num_parallel_tree: PositiveInt = 1


class TuningParams(Frozen):
    """The search: how candidates are drawn, how many, how they are scored, and from where."""

    method: Literal["random", "tpe"]
    candidates: PositiveInt
    rounds_per_draw: PositiveInt
    folds: Annotated[int, Field(ge=2, le=50)]
    repeats: PositiveInt
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    class_weight: ClassWeight = "none"
    fixed: FixedParams
    space: dict[Tunable, Range]

    @model_validator(mode="after")
    def _has_rounds(self) -> Self:
        if "rounds" not in self.space:
            raise ValueError("space.rounds is missing: give the least and the greatest number of boosting rounds")
        for name, values in self.space.items():
            low, high = ALLOWED.get(name, (0, MOST))
            if name in COUNTS and not values.integer:
                raise ValueError(f"space.{name} counts something: set integer: true")
            if values.low < low or values.high > high:
                raise ValueError(f"space.{name} must lie between {low:g} and {high:g}")
        return self

    @model_validator(mode="after")
    def _rounds_differ(self) -> Self:
        counts = int(self.space["rounds"].high - self.space["rounds"].low) + 1
        if self.rounds_per_draw > counts:
            raise ValueError(f"rounds_per_draw must be at most {counts}: space.rounds has no more values")
        return self


class SelectionParams(Frozen):
    """Features below this percentile of mean absolute SHAP value go."""

    percentile: Annotated[Number, Field(ge=0, lt=100)]
