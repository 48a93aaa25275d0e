"""Rows whose truth came back, set behind the table of a source: checked as that was, and none that is known already."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa

from hearth.schema import APPENDED, Contract
from hearth.sources import cells
from hearth.sources.check import canonical


def appended(table: pa.Table, path: Path, contract: Contract) -> pa.Table:
    """``table`` with the new rows of a CSV file behind it, their number in its metadata.

    ``contract`` is that of ``table``, its classes known.

    Raises:
        DataError: listing all that is wrong with the file.
    """
    more = unknown(read(path, contract), table, contract)
    whole = pa.concat_tables([table, more]).combine_chunks()
    return whole.replace_schema_metadata({APPENDED: str(more.num_rows)})


def read(path: Path, contract: Contract) -> pa.Table:
    """The rows of the file, as ``canonical``; a missing or empty file holds none.

    Raises:
        DataError: listing all that is wrong with the file.
    """
    if path.is_file() and path.stat().st_size:
        return canonical(path, contract, None, name=str(path))
    names = [*(feature.name for feature in contract.features), contract.target.name]
    return cells.parse(pa.table({name: pa.array([], pa.string()) for name in names}), contract)[0]


def unknown(rows: pa.Table, known: pa.Table, contract: Contract) -> pa.Table:
    """The ``rows`` that differ from all of ``known`` and from those before them in what a model sees, target included."""
    seen = [*contract.names, contract.target.name]
    both = pa.concat_tables([known.select(seen), rows.select(seen)])
    keys = [str(position) for position in range(len(seen))]
    numbered = both.rename_columns(keys).append_column("row", pa.array(np.arange(both.num_rows)))
    first = numbered.group_by(keys).aggregate([("row", "min")])["row_min"].to_numpy()
    return rows.take(pa.array(np.sort(first[first >= known.num_rows]) - known.num_rows))


def provenance(path: Path, joined: int) -> dict[str, object]:
    """The file, the SHA-256 of its bytes, and how many of its rows are in the table."""
    content = path.read_bytes() if path.is_file() else b""
    return {"file": str(path), "sha256": hashlib.sha256(content).hexdigest(), "rows": joined}
