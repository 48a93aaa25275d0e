"""``export``, ``monitoring``, ``release`` and ``tracking``: the bundle, and what becomes of it."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from hearth.params.frozen import Frozen, Number, Share

# What labels of two classes can be chosen for.
Aim = Literal["accuracy", "f1", "balanced_accuracy", "recall"]


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
