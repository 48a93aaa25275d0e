"""Describe the raw table: a page for people, figures in JSON for programs. Both are the same bytes for the same table."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hearth import params
from hearth.artifacts import write_json, write_text
from hearth.reporting import eda
from hearth.schema import Contract, FeatureType
from hearth.training import table


def summary(frame: pd.DataFrame, contract: Contract) -> dict[str, object]:
    """Every column in figures: of a number its distribution, of anything else its counts.

    ``spearman`` is the rank correlation with the target over the rows that hold both; null without an order or a spread.
    """
    classes = contract.target.classes
    target = _ranked(frame[contract.target.name], classes, ordered=len(classes) == 2)
    open_ = {feature.name for feature in contract.features if feature.open}
    described = {name: _figures(frame[name], kind, name not in open_) for name, kind in eda.kinds(contract).items()}
    for feature in contract.features:
        ordered = feature.ordered or len(feature.values) == 2
        ranked = None if feature.open else _ranked(frame[feature.name], feature.values, ordered=ordered)
        described[feature.name]["spearman"] = _spearman(ranked, target)
    return {"rows": len(frame), "duplicates": int(frame.duplicated().sum()), "columns": described}


def main(argv: Sequence[str]) -> None:
    """Read ``--raw`` and the title in ``--params``, write the page to ``--html`` and the figures to ``--json``."""
    parser = argparse.ArgumentParser(prog="profile")
    for name in ("--params", "--raw", "--html", "--json"):
        parser.add_argument(name, type=Path, required=True)
    args = parser.parse_args(argv)
    settings = params.load(args.params)
    contract = table.read_contract(args.raw)
    frame = table.read_arrow(args.raw / "table.parquet").to_pandas()
    page = eda.page(frame, contract, settings.card.title)
    write_text(args.html, page.html)
    write_json(args.json, {**summary(frame, contract), "alerts": page.alerts})


def _figures(column: pd.Series, kind: FeatureType, listed: bool) -> dict[str, object]:
    known: dict[str, object] = {"type": kind, "missing": int(column.isna().sum()), "distinct": int(column.nunique())}
    if not listed:
        return known
    return known | (_distribution(column.astype("float64")) if kind in ("number", "integer") else _counts(column))


def _distribution(column: pd.Series) -> dict[str, object]:
    q1, median, q3 = column.quantile([0.25, 0.5, 0.75])
    return {
        "mean": column.mean(),
        "sd": column.std(),
        "min": column.min(),
        "q1": q1,
        "median": median,
        "q3": q3,
        "max": column.max(),
        "skew": column.skew(),
    }


def _counts(column: pd.Series) -> dict[str, object]:
    """How often each value occurs, in the order of the values."""
    return {"counts": {str(value): int(count) for value, count in column.value_counts().sort_index().items()}}


def _ranked(column: pd.Series, values: Sequence[str], *, ordered: bool) -> pd.Series | None:
    """The column as floats; those of a category are its codes, if its values have an order: of two the second is more."""
    if not values:
        return column.astype("float64")
    return column.map({value: float(code) for code, value in enumerate(values)}) if ordered else None


def _spearman(one: pd.Series | None, other: pd.Series | None) -> float | None:
    if one is None or other is None:
        return None
    both = pd.DataFrame({"one": one, "other": other}).dropna().rank()
    return float(both["one"].corr(both["other"])) if both.nunique().gt(1).all() else None
