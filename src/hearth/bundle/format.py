"""The folder ``models/production``: written whole, checked before a byte of it is parsed."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hearth.artifacts import replacing, to_json
from hearth.bundle.intervals import Conformal
from hearth.bundle.transform import Matrix, Transform
from hearth.errors import BundleError
from hearth.schema import Contract

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
FILES = ("model.ubj", "transform.json", "metadata.json", "probe.json", "reference.npz", "intervals.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """All that serving needs.

    ``model`` is an XGBoost booster as UBJSON; ``metadata`` holds at least ``contract``. ``probe_rows`` (m, p) are coded rows
    and ``probe_scores`` what the model said of them; ``reference_rows`` and ``reference_scores`` are what drift is measured
    against. Matrices have the columns of ``contract.names``; scores are (n,) or, for a classification, (n, k).
    """

    contract: Contract
    model: bytes
    transform: Transform
    conformal: Conformal
    metadata: Mapping[str, object]
    probe_rows: Matrix
    probe_scores: Matrix
    reference_rows: Matrix
    reference_scores: Matrix
    digest: str = ""


def write(bundle: Bundle, folder: Path) -> str:
    """Write the bundle in place of whatever is in ``folder``, in one step; the same bundle is the same bytes.

    Returns:
        The digest: SHA-256 of the manifest, in hex.
    """
    contents = _contents(bundle)
    manifest = to_json(
        {
            "format": FORMAT_VERSION,
            "files": {name: {"bytes": len(data), "sha256": sha256(data)} for name, data in contents.items()},
        }
    ).encode()
    with replacing(folder) as temporary:
        for name, data in {**contents, MANIFEST: manifest}.items():
            (temporary / name).write_bytes(data)
    return sha256(manifest)


def verify(folder: Path) -> str:
    """Check every sum of a bundle; returns its digest.

    Raises:
        BundleError: naming the file that is missing, truncated, altered, or of another format.
    """
    return _checked(folder)[0]


def read(folder: Path) -> Bundle:
    """Read a bundle, its sums first.

    Raises:
        BundleError: as ``verify``, or a file does not hold what its name says.
    """
    digest, contents = _checked(folder)
    try:
        return _parsed(digest, contents)
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{folder} keeps its sums but cannot be parsed: {error}. Build it again.") from error


def sha256(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def _contents(bundle: Bundle) -> dict[str, bytes]:
    texts = {
        "transform.json": bundle.transform.to_dict(),
        "metadata.json": {**bundle.metadata, "contract": bundle.contract.to_dict()},
        "probe.json": {"rows": _nullable(bundle.probe_rows), "scores": bundle.probe_scores.tolist()},
        "intervals.json": bundle.conformal.to_dict(),
    }
    files = {name: to_json(value).encode() for name, value in texts.items()}
    files["model.ubj"] = bundle.model
    files["reference.npz"] = _npz(rows=bundle.reference_rows, scores=bundle.reference_scores)
    return {name: files[name] for name in FILES}


def _npz(**arrays: NDArray[np.float64]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)  # numpy stamps its members with 1980: the same arrays, the same bytes
    return buffer.getvalue()


def _nullable(matrix: Matrix) -> list[list[float | None]]:
    return [[None if np.isnan(value) else value for value in row] for row in matrix.tolist()]


def _checked(folder: Path) -> tuple[str, dict[str, bytes]]:
    manifest = _bytes(folder, MANIFEST)
    sums = _sums(folder, manifest)
    contents = {}
    for name in FILES:
        if name not in sums:
            raise BundleError(f"{folder / MANIFEST} does not list {name}. Build the bundle again: make repro.")
        contents[name] = _bytes(folder, name)
        if sha256(contents[name]) != sums[name]:
            raise BundleError(
                f"{folder / name} is not the file that was written: its SHA-256 differs from the manifest's. "
                "Restore it (dvc checkout) or build the bundle again (make repro)."
            )
    return sha256(manifest), contents


def _sums(folder: Path, manifest: bytes) -> dict[str, str]:
    try:
        raw = json.loads(manifest)
        version, files = raw["format"], raw["files"]
        sums = {str(name): str(entry["sha256"]) for name, entry in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{folder / MANIFEST} is not a manifest. Build the bundle again: make repro.") from error
    if version != FORMAT_VERSION:
        raise BundleError(
            f"{folder / MANIFEST} has format {version!r}; this hearth reads format {FORMAT_VERSION}. "
            "Use the hearth that wrote the bundle, or build the bundle again."
        )
    return sums


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        hint = "Build it first: make repro." if name == MANIFEST else "Restore it (dvc checkout) or build the bundle again."
        raise BundleError(f"{folder / name} cannot be read: {error.strerror}. {hint}") from error


def _parsed(digest: str, contents: Mapping[str, bytes]) -> Bundle:
    metadata = json.loads(contents["metadata.json"])
    probe = json.loads(contents["probe.json"])
    with np.load(io.BytesIO(contents["reference.npz"]), allow_pickle=False) as reference:
        rows, scores = reference["rows"], reference["scores"]
    return Bundle(
        contract=Contract.from_dict(metadata["contract"]),
        model=contents["model.ubj"],
        transform=Transform.from_dict(json.loads(contents["transform.json"])),
        conformal=Conformal.from_dict(json.loads(contents["intervals.json"])),
        metadata=metadata,
        probe_rows=np.array(probe["rows"], dtype=np.float64),
        probe_scores=np.array(probe["scores"], dtype=np.float64),
        reference_rows=rows,
        reference_scores=scores,
        digest=digest,
    )
