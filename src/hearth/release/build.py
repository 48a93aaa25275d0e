"""A build as the gate sees it: a bundle, and the data that it was made from."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from hearth.bundle import Bundle
from hearth.release.verdict import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """``table`` is the whole of ``ingest``'s table, ``train`` and ``test`` what ``prepare`` made of it."""

    bundle: Bundle
    table: pa.Table
    train: pa.Table
    test: pa.Table
    side: Side

    @classmethod
    def read(cls, bundle: Path, prepared: Path, raw: Path) -> "Build":
        """Read a bundle, the folder of its split and the folder of its table.

        Raises:
            BundleError: the bundle is missing or damaged.
            DataError: a file of the data is missing or no Parquet.
            GateError: the training rows are not those that the bundle was made from.
        """
        raise NotImplementedError
