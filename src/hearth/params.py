"""``params.yaml`` as frozen, typed settings. Read once; an unknown key or a contradiction is a ``ParamsError``."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, field_validator, model_validator

from hearth.errors import ParamsError
from hearth.schema import MOST, Contract, Feature, FeatureType, Target, Task

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
# What labels of two classes can be chosen for.
Aim = Literal["accuracy", "f1", "balanced_accuracy", "recall"]
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
Number = Annotated[int | float, Field(ge=-MOST, le=MOST)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Frozen(BaseModel):
    """Immutable, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class CsvSource(Frozen):
    """Where ``data.source: csv`` reads: a path, or a URL that fsspec understands."""

    path: str


class ParquetSource(Frozen):
    """Where ``data.source: parquet`` reads: a path, or a URL that fsspec understands."""

    path: str


class OpenmlSource(Frozen):
    """The number of the table of OpenML that ``data.source: openml`` downloads."""

    id: PositiveInt


class SqlSource(Frozen):
    """What ``data.source: sql`` asks; ``url`` is SQLAlchemy's, or ``$NAME`` of the environment."""

    url: str
    query: str

    @field_validator("url")
    @classmethod
    def _no_secret(cls, url: str) -> str:
        if re.match(r"[^/@$]*://[^/@]*:[^/@]+@", url):
            raise ValueError("a password does not belong into a file in git: export DATABASE_URL=..., write url: $DATABASE_URL")
        return url


class KaggleSource(Frozen):
    """What ``data.source: kaggle`` downloads; ``version`` null is the newest."""

    dataset: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+/[A-Za-z0-9_-]+$")]
    file: str
    version: PositiveInt | None = None


class BundledSource(Frozen):
    """The copy in git that ``data.source: bundled`` reads."""

    path: str


class DataParams(Frozen):
    """Where the table comes from and what of it is predicted."""

    source: Literal["bundled", "kaggle", "csv", "parquet", "openml", "sql"]
    bundled: BundledSource | None = None
    kaggle: KaggleSource | None = None
    csv: CsvSource | None = None
    parquet: ParquetSource | None = None
    openml: OpenmlSource | None = None
    sql: SqlSource | None = None
    target: str
    task: Task
    classes: tuple[str, ...] = Field(default=(), strict=False)
    unit: str = ""
    about: str = ""
    min_rows: Annotated[int, Field(ge=10)] = 50
    duplicates: Literal["keep", "drop"] = "keep"
    feedback: Literal["none", "append"] = "none"

    @model_validator(mode="after")
    def _source_is_described(self) -> Self:
        if getattr(self, self.source) is None:
            raise ValueError(f"source is {self.source}, so data.{self.source} must say where to read")
        if self.classes and self.task == "regression":
            raise ValueError("classes belong to a classification: remove them or set task: classification")
        return self


class FeatureParams(Frozen):
    """One feature as ``params.yaml`` writes it, under its name; fields as in ``hearth.schema.Feature``."""

    type: FeatureType
    min: Number | None = None
    max: Number | None = None
    values: tuple[str, ...] = Field(default=(), strict=False)
    ordered: bool = False
    required: bool = True
    unit: str = ""
    about: str = ""
    use: bool = True
    reason: str = ""


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


class EvaluateParams(Frozen):
    """The report: rows that are resampled, folds, bootstrap, intervals."""

    rows: Annotated[int, Field(ge=50)] = 20_000
    folds: Annotated[int, Field(ge=2, le=50)]
    repeats: PositiveInt
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    bootstrap: Annotated[int, Field(ge=100)]
    confidence: Share


class ThresholdParams(Frozen):
    """What the label of two classes is chosen for; for ``recall``, at least this ``precision`` is kept."""

    aim: Aim = "accuracy"
    precision: Share | None = None

    @model_validator(mode="after")
    def _recall_has_a_floor(self) -> Self:
        if (self.aim == "recall") != (self.precision is not None):
            raise ValueError("precision, the least share of right answers, is needed for aim: recall and belongs to no other")
        return self


class ExportParams(Frozen):
    """The bundle: nominal coverage of its intervals, what makes labels of scores, rows it keeps as probe and as reference."""

    coverage: Share
    calibration: Literal["temperature", "none"] = "temperature"
    threshold: ThresholdParams = ThresholdParams()
    probe_rows: PositiveInt
    reference_rows: PositiveInt

    @property
    def decides(self) -> bool:
        """Whether probabilities or labels of a classification may be other than the trees say."""
        return (self.calibration, self.threshold.aim) != ("none", "accuracy")


class MonitoringParams(Frozen):
    """What is watched once the model answers, and what counts as a finding."""

    window: Annotated[int, Field(ge=10)]
    min_rows: Annotated[int, Field(ge=10)]
    alpha: Share
    min_effect: Annotated[Number, Field(ge=0)]
    max_degradation: Annotated[Number, Field(ge=0)]
    min_feedback: Annotated[int, Field(ge=10)]

    @model_validator(mode="after")
    def _window_is_judged(self) -> Self:
        if self.min_rows > self.window:
            raise ValueError(f"min_rows {self.min_rows} is above window {self.window}: no window would ever be judged")
        return self


class ReleaseParams(Frozen):
    """When a candidate takes the champion's place."""

    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    min_rows: Annotated[int, Field(ge=10)]
    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]


class TrackingParams(Frozen):
    """MLflow, a log beside DVC."""

    enabled: bool
    uri: str
    artifacts: str
    experiment: str


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


class Params(Frozen):
    """All of ``params.yaml``, in pipeline order."""

    data: DataParams
    features: dict[str, FeatureParams]
    derived: dict[str, str] = Field(default_factory=dict)
    prepare: PrepareParams
    tuning: TuningParams
    selection: SelectionParams
    evaluate: EvaluateParams
    card: CardParams
    export: ExportParams
    monitoring: MonitoringParams
    release: ReleaseParams
    tracking: TrackingParams

    @field_validator("features")
    @classmethod
    def _features_hold(cls, features: dict[str, FeatureParams]) -> dict[str, FeatureParams]:
        for name, feature in features.items():
            Feature(name=name, **dict(feature))
        return features

    @model_validator(mode="after")
    def _contract_holds(self) -> Self:
        if self.contract.derived or self.card.groups:
            from hearth import expressions  # noqa: PLC0415 - most tables need none

            expressions.formulas(self.contract)
            for group in self.card.groups:
                expressions.over(group.expression, self.contract, "card.groups")
        return self

    @model_validator(mode="after")
    def _target_is_of_its_kind(self) -> Self:
        known = self.data.task == "regression" or self.data.classes
        if known and (fault := self._misfit(self.contract.target)):
            raise ValueError(fault)
        if self.data.task == "regression" and self.tuning.class_weight != "none":
            raise ValueError(
                f"tuning.class_weight: {self.tuning.class_weight} weighs classes, and a regression of {self.data.target} has "
                "none: set none"
            )
        return self

    def check(self, target: Target) -> None:
        """Refuse settings that belong to another kind of target; which classes it has may be known from the table alone.

        Raises:
            ParamsError: naming the setting and what is allowed.
        """
        if fault := self._misfit(target):
            raise ParamsError(f"params.yaml does not fit the table: {fault}")

    def _misfit(self, target: Target) -> str:
        aim = self.export.threshold.aim
        if aim != "accuracy" and target.outputs != 2:
            kind = "a regression" if target.task == "regression" else f"of {target.outputs}"
            return f"export.threshold.aim: {aim} needs a target of two classes, and {target.name} is {kind}: set accuracy"
        return ""

    @property
    def contract(self) -> Contract:
        """The contract that ``features`` and ``data`` state; classes are empty where the table decides them."""
        data = self.data
        return Contract(
            target=Target(name=data.target, task=data.task, classes=data.classes, unit=data.unit, about=data.about),
            features=tuple(Feature(name=name, **dict(feature)) for name, feature in self.features.items()),
            derived=tuple(
                Feature(name=name, type="number", required=False, expression=text) for name, text in self.derived.items()
            ),
        )


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that stands twice, which YAML forbids and PyYAML lets pass."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", node.start_mark)
        return dict(super().construct_mapping(node, deep))


def load(path: Path) -> Params:
    """Read and check ``params.yaml``.

    Raises:
        ParamsError: the file cannot be read, is not YAML, or a key is unknown, missing, of a wrong type or contradictory;
            the message names every such key and says what is allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} cannot be read: {error}") from error
    return parse(text, str(path))


def parse(text: str, name: str) -> Params:
    """Check the text of ``params.yaml``, which messages call ``name``.

    Raises:
        ParamsError: as ``load`` says.
    """
    try:
        raw = yaml.load(text, Loader=_UniqueKeys)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # PyYAML lets pass what int() and date() say
        raise ParamsError(f"{name} is not valid YAML: {error}") from error
    try:
        return Params.model_validate(raw if raw is not None else {})
    except ValidationError as error:
        faults = "\n".join(f"  - {_fault(item['loc'], item['msg'])}" for item in error.errors())
        raise ParamsError(f"{name} has settings that cannot be used:\n{faults}") from error


def _fault(where: tuple[int | str, ...], message: str) -> str:
    name = ".".join(str(part) for part in where if part != "[key]")
    text = message.removeprefix("Value error, ").replace("Extra inputs are not permitted", "unknown key, remove it")
    return f"{name}: {text}" if name else text
