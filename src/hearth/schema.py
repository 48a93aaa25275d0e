"""The contract of a table: what its features and its target are. Standard library alone: training and serving share it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal, get_args

Task = Literal["regression", "classification"]
FeatureType = Literal["number", "integer", "category", "boolean"]

_NUMERIC = ("number", "integer")
# XGBoost computes in single precision; beyond its range a number would become infinite.
MOST = (2 - 2**-23) * 2.0**127
# Metadata of a table's Parquet file: how many rows, the last ones, joined it from outside its source.
APPENDED = b"hearth.appended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One column that a row may hold.

    ``min`` and ``max`` are inclusive and belong to numbers, ``values`` to categories: with ``ordered`` they stand in their
    order and a model may tell less from more, without it they are names. A feature that is not ``required``
    may be left out of a row or be null. With ``use=False`` the column is accepted, checked and then ignored, for the
    ``reason`` given; a category then needs no values and is any text. A feature with an ``expression`` is computed from others
    and is not part of a row.
    """

    name: str
    type: FeatureType
    min: float | None = None
    max: float | None = None
    values: tuple[str, ...] = ()
    ordered: bool = False
    required: bool = True
    unit: str = ""
    about: str = ""
    use: bool = True
    reason: str = ""
    expression: str = ""

    def __post_init__(self) -> None:
        """Refuse a feature that contradicts itself.

        Raises:
            ValueError: naming the feature and what is allowed.
        """
        if self.type not in get_args(FeatureType):
            raise ValueError(f"{self.name}: type must be one of {', '.join(get_args(FeatureType))}")
        self._check_bounds()
        if (self.type == "category") != bool(self.values or self.open):
            raise ValueError(f"{self.name}: values are needed for a category, and allowed for nothing else")
        if self.ordered and self.type != "category":
            raise ValueError(f"{self.name}: ordered belongs to a category; type {self.type} has its own order")
        if len(set(self.values)) != len(self.values):
            raise ValueError(f"{self.name}: values holds an entry twice")
        if not self.use and not self.reason:
            raise ValueError(f"{self.name}: use: false needs a reason")

    def _check_bounds(self) -> None:
        bounds = [bound for bound in (self.min, self.max) if bound is not None]
        if bounds and not self.numeric:
            raise ValueError(f"{self.name}: min and max belong to a number or an integer, not to a {self.type}")
        if not all(abs(bound) <= MOST for bound in bounds):
            raise ValueError(f"{self.name}: min and max must be within {MOST:g}, the range of single precision")
        if bounds != sorted(bounds):
            raise ValueError(f"{self.name}: min {self.min:g} is above max {self.max:g}")

    @property
    def open(self) -> bool:
        """Whether it is any text at all: a category that names no values, which can only be ignored."""
        return self.type == "category" and not self.values and not self.use

    @property
    def numeric(self) -> bool:
        """Whether values are numbers with an order and a distance."""
        return self.type in _NUMERIC

    def code(self, value: object) -> float:
        """Code one value as the float that models see: numbers as they are, booleans 0 and 1, categories by position.

        ``None`` is NaN, a missing value. The value must have passed the contract's check.
        """
        if value is None:
            return float("nan")
        if self.type == "category":
            return float(self.values.index(str(value))) if self.values else 0.0
        return float(value)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The column that is predicted. ``classes`` in the order of their codes; empty for a regression."""

    name: str
    task: Task
    classes: tuple[str, ...] = ()
    unit: str = ""
    about: str = ""

    def __post_init__(self) -> None:
        """Refuse a target that contradicts itself.

        Raises:
            ValueError: naming the target and what is allowed.
        """
        if self.task not in get_args(Task):
            raise ValueError(f"{self.name}: task must be one of {', '.join(get_args(Task))}")
        if self.classes and self.task == "regression":
            raise ValueError(f"{self.name}: classes belong to a classification, not to a regression")
        if len(self.classes) == 1 or len(set(self.classes)) != len(self.classes):
            raise ValueError(f"{self.name}: classes must be two or more, each once")

    @property
    def outputs(self) -> int:
        """Columns that a prediction has: 1, or one for each class."""
        return len(self.classes) or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """The features in their canonical order, those ``derived`` from them, and the target."""

    target: Target
    features: tuple[Feature, ...] = field(default=())
    derived: tuple[Feature, ...] = field(default=())

    def __post_init__(self) -> None:
        """Refuse features that cannot make a model.

        Raises:
            ValueError: the target is among the features, a name stands twice, no feature is used, or one is computed by
                nothing.
        """
        names = [feature.name for feature in (*self.features, *self.derived)]
        if self.target.name in names:
            raise ValueError(f"the target {self.target.name} is among the features: take it out of one of them")
        if len(set(names)) != len(names):
            raise ValueError("a feature is named twice")
        if not self.used:
            raise ValueError("no feature is used: leave use: true on at least one")
        if any(not one.expression for one in self.derived) or any(one.expression for one in self.features):
            raise ValueError("an expression belongs to a derived feature, and to each of them")

    @property
    def used(self) -> tuple[Feature, ...]:
        """The features that a model may see, in canonical order."""
        return tuple(feature for feature in self.features if feature.use)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the used features, in canonical order: the columns of a coded matrix."""
        return tuple(feature.name for feature in self.used)

    @property
    def seen(self) -> tuple[Feature, ...]:
        """What a model may see: the used features, then the derived ones."""
        return (*self.used, *self.derived)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what a model may see: the columns of a completed matrix."""
        return tuple(feature.name for feature in self.seen)

    def to_dict(self) -> dict[str, object]:
        """The contract as plain JSON values; ``from_dict`` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, object]) -> "Contract":
        """Read what ``to_dict`` wrote.

        Raises:
            ValueError: a field is unknown, missing or contradictory.
        """
        try:
            target, features, derived = raw["target"], raw["features"], raw.get("derived", ())
            return cls(
                target=Target(**_fields(target)),  # type: ignore[arg-type]
                features=tuple(Feature(**_fields(feature)) for feature in features),  # type: ignore[arg-type,attr-defined]
                derived=tuple(Feature(**_fields(feature)) for feature in derived),  # type: ignore[arg-type,attr-defined]
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a contract: {error}") from error


_KINDS: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("name", "type", "task", "unit", "about", "reason", "expression"), str),
    **dict.fromkeys(("min", "max"), (int, float, type(None))),
    **dict.fromkeys(("ordered", "required", "use"), bool),
    **dict.fromkeys(("values", "classes"), (list, tuple)),
}


def _fields(raw: Mapping[str, object]) -> dict[str, object]:
    """Fields of JSON as those of a dataclass, lists of text as tuples."""
    for key, value in raw.items():
        texts = value if isinstance(value, list | tuple) else ()
        if not isinstance(value, _KINDS.get(key, object)) or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"not a contract: {key} is of a wrong type")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
