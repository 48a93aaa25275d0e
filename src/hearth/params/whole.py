"""All of ``params.yaml`` as one model: what its sections owe each other, and the contract that they state."""

from typing import Self

from pydantic import Field, field_validator, model_validator

from hearth.errors import ParamsError
from hearth.params.data import DataParams, FeatureParams
from hearth.params.frozen import Frozen
from hearth.params.report import CardParams, EvaluateParams
from hearth.params.service import ExportParams, MonitoringParams, ReleaseParams, TrackingParams
from hearth.params.training import PrepareParams, SelectionParams, TuningParams
from hearth.schema import Contract, Feature, Target


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
