"""What the sentences and the tables of the reports share: figures taken from an evaluation, named once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hearth.reporting.numbers import Scale, count
from hearth.training.evaluation import Comparison, Contender, Evaluation
from hearth.training.labels import IN_TARGET_UNIT, metric_label, metric_name


def fold_values(contender: Contender, metric: str) -> list[float]:
    """A contender's metric on every fold."""
    return [fold[metric] for fold in contender.folds]


def mean_sd(values: list[float]) -> tuple[float, float]:
    """Mean and standard deviation (n - 1)."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


@dataclass(frozen=True)
class Facts:
    """An evaluation, and what was read as data (``reports/data.json``)."""

    evaluation: Evaluation
    data: Mapping[str, object]

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """The metrics measured, the objective first."""
        objective = self.evaluation.objective
        return (objective, *(metric for metric in self.evaluation.best.folds[0] if metric != objective))

    @cached_property
    def objective_values(self) -> list[float]:
        """The winner's objective on every fold."""
        return fold_values(self.evaluation.best, self.evaluation.objective)

    @property
    def rows(self) -> str:
        """The rows that were cross-validated: all, or how many of how many."""
        sample = self.evaluation.sample
        if sample is None:
            return f"all {count(len(self.evaluation.actual))} rows"
        return f"a sample of {count(sample.rows)} of the {count(sample.of)} rows"

    @property
    def regression(self) -> bool:
        """Whether a number is predicted."""
        return self.evaluation.contract.target.task == "regression"

    @property
    def objective(self) -> str:
        """The objective's name."""
        return metric_name(self.evaluation.objective)

    @property
    def unit(self) -> str:
        """The unit of the objective, as "in unit, "; nothing where it has none."""
        unit = self.evaluation.contract.target.unit
        return f"in {unit}, " if unit and self.evaluation.objective in IN_TARGET_UNIT else ""

    @cached_property
    def scale(self) -> Scale:
        """How values of the objective are written."""
        return self.scale_of(self.evaluation.objective)

    def scale_of(self, metric: str) -> Scale:
        """How values of a metric are written: by the size of the winner's."""
        return Scale(metric, mean_sd(fold_values(self.evaluation.best, metric))[0])

    def label(self, metric: str) -> str:
        """A metric with its unit."""
        return metric_label(metric, self.evaluation.contract.target)

    @cached_property
    def best_baseline(self) -> tuple[Contender, Comparison] | None:
        """The baseline of the lowest mean objective, and how the winner compares with it."""
        objective = self.evaluation.objective
        names = {comparison.other: comparison for comparison in self.evaluation.comparisons}
        baselines = [one for one in self.evaluation.contenders if one.kind == "baseline" and one.name in names]
        if not baselines:
            return None
        best = min(baselines, key=lambda one: mean_sd(fold_values(one, objective))[0])
        return best, names[best.name]
