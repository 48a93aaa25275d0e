"""What metrics and columns are called where a person reads them."""

from hearth.schema import Contract, Feature, Target

METRICS = {
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
    "mape": "MAPE",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "auc": "AUC",
    "log_loss": "log loss",
}
# Metrics in the unit of the target, and metrics that are shares, written as per cent.
IN_TARGET_UNIT = frozenset({"rmse", "mae"})
SHARES = frozenset({"mape", "accuracy", "balanced_accuracy"})


def metric_name(metric: str) -> str:
    """The name of a metric; one that is not known keeps its own."""
    return METRICS.get(metric, metric)


def metric_label(metric: str, target: Target) -> str:
    """The name of a metric with its unit, for an axis or the head of a column."""
    unit = {"log_loss": "nats"}.get(metric, "%" if metric in SHARES else "")
    return with_unit(metric_name(metric), target.unit if metric in IN_TARGET_UNIT else unit)


def with_unit(name: str, unit: str) -> str:
    """A name, and in brackets its unit where it has one."""
    return f"{name} ({unit})" if unit else name


def class_names(target: Target, count: int) -> tuple[str, ...]:
    """The names of ``count`` classes; their codes where the contract has no names."""
    return target.classes if len(target.classes) == count else tuple(str(code) for code in range(count))


def features_of(contract: Contract) -> dict[str, Feature]:
    """The contract's features by name."""
    return {feature.name: feature for feature in (*contract.features, *contract.derived)}
