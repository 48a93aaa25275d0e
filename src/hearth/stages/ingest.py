"""``ingest``: fetch the table, check it against the contract, write it down in one form whatever its source."""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hearth import params
from hearth.artifacts import replacing, write_json
from hearth.schema import APPENDED, Target
from hearth.sources import feedback
from hearth.sources.check import canonical, resolved
from hearth.sources.chosen import fetch, sha256
from hearth.sources.fetched import Fetched


def main(argv: Sequence[str]) -> None:
    """Write ``table.parquet`` and ``contract.json`` to ``--out`` and what was read to ``--report``, or nothing at all."""
    args = _arguments(argv)
    settings = params.load(args.params)
    with tempfile.TemporaryDirectory() as folder:
        fetched = fetch(settings.data, Path(folder))
        table = canonical(fetched.path, settings.contract, settings.data.min_rows)
        origin = provenance(fetched)
    contract = resolved(settings.contract, table)
    if settings.data.duplicates == "drop":
        kept = feedback.unknown(table, table.slice(0, 0), contract)
        origin |= {"dropped": table.num_rows - kept.num_rows}
        table = kept.combine_chunks()
    if settings.data.feedback == "append":
        table = feedback.appended(table, args.feedback, contract)
        origin |= {"feedback": feedback.provenance(args.feedback, int(table.schema.metadata[APPENDED]))}
    with replacing(args.out) as out:
        pq.write_table(table, out / "table.parquet")
        write_json(out / "contract.json", contract.to_dict(), digits=None)
    write_json(args.report, origin | summary(table, contract.target))


def provenance(fetched: Fetched) -> dict[str, object]:
    """Where the file comes from, and the SHA-256 of its bytes."""
    told = {"source": fetched.source, "version": fetched.version, "file": fetched.where}
    return {**told, "sha256": sha256(fetched.path)}


def summary(table: pa.Table, target: Target) -> dict[str, object]:
    """Rows, columns, missing values of each column, rows that repeat an earlier one, and the target's distribution."""
    distinct = table.group_by(table.column_names).aggregate([]).num_rows
    return {
        "rows": table.num_rows,
        "columns": table.num_columns,
        "missing": {name: table[name].null_count for name in table.column_names},
        "duplicates": table.num_rows - distinct,
        "target": {"name": target.name} | _distribution(table[target.name], target),
    }


def _distribution(values: pa.ChunkedArray, target: Target) -> dict[str, object]:
    if target.task == "classification":
        counts = {item["values"]: item["counts"] for item in pc.value_counts(values).to_pylist()}
        return {"classes": {label: counts.get(label, 0) for label in target.classes}}
    least, greatest = pc.min_max(values).as_py().values()
    return {"min": least, "mean": pc.mean(values).as_py(), "sd": pc.stddev(values, ddof=1).as_py(), "max": greatest}


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ingest", description=__doc__)
    parser.add_argument("--params", type=Path, required=True)
    parser.add_argument("--feedback", type=Path, required=True, help="CSV file of rows whose truth came back; may be blank")
    parser.add_argument("--out", type=Path, required=True, help="folder of the table and its contract")
    parser.add_argument("--report", type=Path, required=True, help="JSON file that says what was read")
    return parser.parse_args(argv)
