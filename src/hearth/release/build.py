"""A build as the gate sees it: a bundle, and the data that it was made from."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from hearth import bundle as bundles
from hearth.bundle import Bundle
from hearth.bundle.sample import spread
from hearth.errors import GateError
from hearth.release.coding import code
from hearth.release.verdict import Side
from hearth.training.table import read_arrow


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """``table`` is all that ``ingest`` wrote, ``train`` and ``test`` what ``prepare`` made of it.

    Raises:
        GateError: the training rows are not those that the bundle was made from.
    """

    bundle: Bundle
    table: pa.Table
    train: pa.Table
    test: pa.Table
    side: Side

    def __post_init__(self) -> None:
        """Refuse a bundle and data of two builds: the bundle's reference is a sample of its training rows."""
        reference, train = self.bundle.reference_rows, code(self.train, self.bundle.contract).x
        at = spread(len(train), len(reference))
        if len(at) != len(reference) or not np.array_equal(train[at], reference, equal_nan=True):
            raise GateError(
                f"the training rows are not those of the bundle {self.bundle.digest[:12]}: bundle and data are of two builds. "
                "Bring both from one commit (dvc checkout)."
            )

    @classmethod
    def read(cls, bundle: Path, prepared: Path, raw: Path) -> "Build":
        """Read a bundle, the folder of its split and the folder of its table.

        Raises:
            BundleError: the bundle is missing or damaged.
            DataError: a file of the data is missing or no Parquet.
            GateError: bundle and data are of two builds.
        """
        read = bundles.read(bundle)
        paths = {"table": raw / "table.parquet", "train": prepared / "train.parquet", "test": prepared / "test.parquet"}
        tables = {name: read_arrow(path) for name, path in paths.items()}
        side = Side(
            digest=read.digest,
            sha256={name: _sha256(path) for name, path in paths.items()},
            rows={name: table.num_rows for name, table in tables.items()},
        )
        return cls(bundle=read, **tables, side=side)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
