"""A table against its contract, every fault at once: the header here, the values by pandera."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from hearth.errors import DataError
from hearth.schema import Contract, Feature, Target
from hearth.sources import cells, csvfile
from hearth.sources.faults import FIRST, Fault, marked, places, shown

LISTED = 10  # values of a category that a message lists


def canonical(path: Path, contract: Contract, min_rows: int | None, name: str = "the table") -> pa.Table:
    """Read a CSV file as the contract's table: its columns, typed, in its order, the target last.

    Without ``min_rows`` it is part of a table: any number of rows, none too, and a target that need not vary.

    Raises:
        DataError: of ``name``, listing all that is wrong, by column and line of the file.
    """
    text = csvfile.read(path)
    names = text.table.column_names
    table, faults = cells.parse(text.table, contract)
    faults = [*of_header(names, contract), *_of_width(path, text), *faults, *of_values(table, contract, min_rows)]
    if faults:
        lines = csvfile.line_numbers(path, len(names), {row for fault in faults for row in fault.rows})
        told = [fault.told(lines) for fault in _ordered(faults, contract)]
        raise DataError(f"{name} does not keep its contract: mend the file, or data and features in params.yaml", told)
    return table.combine_chunks()


def resolved(contract: Contract, table: pa.Table) -> Contract:
    """The contract with a classification's classes: those given, or else the distinct labels of ``table``, sorted."""
    target = contract.target
    if target.task == "regression" or target.classes:
        return contract
    return replace(contract, target=replace(target, classes=tuple(sorted(pc.unique(table[target.name]).to_pylist()))))


def of_header(names: Sequence[str], contract: Contract) -> list[Fault]:
    """What is wrong with the names of the columns: missing, twice, or not in the contract."""
    wanted = [*(feature.name for feature in contract.features), contract.target.name]
    missing = [Fault(name, "the column is missing") for name in wanted if name not in names]
    twice = [Fault(shown(name), "the header holds this column twice") for name, n in Counter(names).items() if n > 1]
    extra = [
        Fault(shown(name), "not in the contract: add it to features (use: false ignores it) or take it out of the file")
        for name in dict.fromkeys(names)
        if name not in wanted
    ]
    return [*missing, *twice, *extra]


def of_values(table: pa.Table, contract: Contract, min_rows: int | None) -> list[Fault]:
    """What is wrong with the values of a table of the contract's types, some of its columns perhaps left out."""
    if not table.num_rows:
        return [] if min_rows is None else [Fault("the file", "it holds a header and no rows")]
    checks = _checks(contract, whole=min_rows is not None)
    columns = {name: some for name, some in checks.items() if some and name in table.column_names}
    schema = pandera.DataFrameSchema(
        {name: pandera.Column(checks=some, nullable=True) for name, some in columns.items()},
        checks=pandera.Check(
            lambda frame: len(frame) >= (min_rows or 0),
            error=f"{table.num_rows} rows are too few: data.min_rows asks for {min_rows}",
        ),
    )
    try:
        schema.validate(table.select(list(columns)).to_pandas(strings_to_categorical=True), lazy=True, inplace=True)
    except pandera.errors.SchemaErrors as error:
        return [fault for item in error.schema_errors for fault in _faults(item, table)]
    return []


def _checks(contract: Contract, whole: bool) -> dict[str, list[pandera.Check]]:
    """The checks of each column's present values. One failure case each: the faults are counted in the whole output."""
    features = {feature.name: _feature_checks(feature) for feature in contract.features}
    varied = _variety_checks(contract.target) if whole else []
    return features | {contract.target.name: [*_target_checks(contract.target), *varied]}


def _feature_checks(feature: Feature) -> list[pandera.Check]:
    checks = []
    if feature.min is not None:
        checks.append(pandera.Check.ge(feature.min, error=f"below min {feature.min:.17g}", n_failure_cases=1))
    if feature.max is not None:
        checks.append(pandera.Check.le(feature.max, error=f"above max {feature.max:.17g}", n_failure_cases=1))
    return [*checks, *_member_checks(feature.values)]


def _target_checks(target: Target) -> list[pandera.Check]:
    if target.task == "regression":
        return []
    return _member_checks(target.classes) or [
        pandera.Check(_printable, error="not a label on one line: look for a quote that is not closed", n_failure_cases=1)
    ]


def _variety_checks(target: Target) -> list[pandera.Check]:
    if target.task == "regression":
        return [pandera.Check(_varies, error="every row holds the same value: there is nothing to predict")]
    return [pandera.Check(_varies, error="every row is of one class: there is nothing to tell apart")]


def _member_checks(values: Sequence[str]) -> list[pandera.Check]:
    if not values:
        return []
    listed = ", ".join(values[:LISTED]) + (", ..." if len(values) > LISTED else "")
    return [pandera.Check.isin(values, error=f"not one of {listed}", n_failure_cases=1)]


def _varies(values: pd.Series) -> bool:
    return values.empty or bool((values != values.iloc[0]).any())


def _printable(values: pd.Series) -> pd.Series:
    return values.map(str.isprintable).astype(bool)


def _faults(error: pandera.errors.SchemaError, table: pa.Table) -> list[Fault]:
    name, text, passed = error.column_name, error.check.error, error.check_output
    if isinstance(passed, pd.Series):
        bad = np.zeros(table.num_rows, dtype=bool)
        bad[passed.index[~passed.astype(bool)]] = True  # missing values are not in the output
        return marked(name, text, pa.chunked_array([bad]), table[name])
    return [Fault(name or "the file", text)]


def _of_width(path: Path, text: csvfile.Text) -> list[Fault]:
    if not text.ragged:
        return []
    width = text.table.num_columns
    lines = list(islice(csvfile.ragged_lines(path, width), FIRST))
    return [Fault("the file", f"more or fewer fields than the header's {width} {places(text.ragged, lines)}")]


def _ordered(faults: Sequence[Fault], contract: Contract) -> list[Fault]:
    """Faults of the file and of foreign columns first, then by column in the contract's order."""
    names = [*(feature.name for feature in contract.features), contract.target.name]
    order = {name: position for position, name in enumerate(names)}
    return sorted(faults, key=lambda fault: order.get(fault.column, -1))
