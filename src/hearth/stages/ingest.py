"""``ingest``: fetch the table, check it against the contract, write it down in one form whatever its source."""

import argparse
import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hearth import params
from hearth.artifacts import replacing, write_json
from hearth.params import CsvSource, DataParams, KaggleSource, OpenmlSource, ParquetSource, SqlSource
from hearth.schema import APPENDED, Target
from hearth.sources import feedback, files
from hearth.sources.check import canonical, resolved
from hearth.sources.fetched import Fetched, local


def main(argv: Sequence[str]) -> None:
    """Write ``table.parquet`` and ``contract.json`` to ``--out`` and what was read to ``--report``, or nothing at all."""
    args = _arguments(argv)
    settings = params.load(args.params)
    with tempfile.TemporaryDirectory() as folder:
        fetched = fetch(settings.data, Path(folder))
        table = canonical(fetched.path, settings.contract, settings.data.min_rows)
        origin = provenance(fetched)
    contract = resolved(settings.contract, table)
    if settings.data.feedback == "append":
        table = feedback.appended(table, args.feedback, contract)
        origin |= {"feedback": feedback.provenance(args.feedback, int(table.schema.metadata[APPENDED]))}
    with replacing(args.out) as out:
        pq.write_table(table, out / "table.parquet")
        write_json(out / "contract.json", contract.to_dict(), digits=None)
    write_json(args.report, origin | summary(table, contract.target))


def fetch(data: DataParams, folder: Path) -> Fetched:
    """The table's CSV file from ``data.source``; what is downloaded goes into ``folder``.

    Raises:
        SourceError: it cannot be had; the message says why.
    """
    match getattr(data, data.source):
        case KaggleSource() as chosen:
            from hearth.sources import kaggle  # noqa: PLC0415 - as below: half a second that no other source needs

            return kaggle.download(chosen, folder)
        case OpenmlSource(id=number):
            from hearth.sources import openml  # noqa: PLC0415

            return openml.download(number, folder)
        case SqlSource() as chosen:
            from hearth.sources import sql  # noqa: PLC0415

            return sql.query(chosen, folder)
        case ParquetSource(path=where):
            return files.parquet_file(where, folder)
        case CsvSource(path=where):
            return files.csv_file(where, folder)
        case other:
            return local(data.source, other.path)


def provenance(fetched: Fetched) -> dict[str, object]:
    """Where the file comes from, and the SHA-256 of its bytes."""
    with fetched.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"source": fetched.source, "version": fetched.version, "file": fetched.where, "sha256": digest}


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
