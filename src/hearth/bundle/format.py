"""The folder ``models/production``: written whole, checked before a byte of it is parsed."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hearth.artifacts import replacing, to_json
from hearth.bundle.decision import Decision
from hearth.bundle.intervals import Conformal
from hearth.bundle.transform import Matrix, Transform
from hearth.errors import BundleError
from hearth.schema import Contract

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
SWAPS = 10  # times at most that a bundle may be replaced while it is being read
FILES = ("model.ubj", "transform.json", "metadata.json", "probe.json", "reference.npz", "intervals.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """All that serving needs.

    ``model`` is an XGBoost booster as UBJSON; ``metadata`` holds at least ``contract``. ``probe_rows`` (m, p) are coded rows
    and ``probe_scores`` what the model said of them; ``reference_rows`` and ``reference_scores`` are what drift is measured
    against. Matrices have the columns of ``contract.names``; scores are (n,) or, for a classification, (n, k).

    Raises:
        ValueError: the parts do not fit together.
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

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together; what the booster says is the predictor's to check."""
        _require(bool(self.model), "model.ubj: is empty")
        _require(self.contract.target.task == "regression" or self.contract.target.outputs > 1, "metadata.json: has no classes")
        self.transform.check(self.contract)
        self._check_rows("probe.json", self.probe_rows, self.probe_scores)
        self._check_rows("reference.npz", self.reference_rows, self.reference_scores)

    @property
    def decision(self) -> Decision:
        """What makes probabilities and labels of a classification's margins; of a regression nothing.

        Raises:
            TypeError: the metadata hold something else there.
            ValueError: a number in them is out of its range.
        """
        return Decision.of(self.metadata) if self.contract.target.outputs > 1 else Decision()

    def _check_rows(self, name: str, rows: Matrix, scores: Matrix) -> None:
        outputs = self.contract.target.outputs
        _require(rows.ndim == 2 and rows.size > 0, f"{name}: there are no rows")
        _require(rows.shape[1] == len(self.contract.names), f"{name}: rows are not the contract's")
        _require(
            scores.shape == ((len(rows), outputs) if outputs > 1 else (len(rows),)),
            f"{name}: scores are not one for each row and class",
        )
        _require(rows.dtype == scores.dtype == np.float64, f"{name}: holds other than floats")
        _require(not np.isinf(rows).any() and bool(np.isfinite(scores).all()), f"{name}: values are not finite")


def write(bundle: Bundle, folder: Path) -> str:
    """Write the bundle in place of whatever is in ``folder``, in one step; the same bundle is the same bytes.

    Returns:
        The digest: SHA-256 of the manifest, in hex.
    """
    contents = _contents(bundle)
    manifest = _manifest(contents)
    with replacing(folder) as temporary:
        for name, data in {**contents, MANIFEST: manifest}.items():  # the manifest last
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
    except ValueError as error:
        raise BundleError(f"{folder} keeps its sums, but {error}. Build the bundle again: make repro.") from error


def sha256(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def _manifest(contents: Mapping[str, bytes]) -> bytes:
    files = {name: {"bytes": len(data), "sha256": sha256(data)} for name, data in contents.items()}
    return to_json({"format": FORMAT_VERSION, "files": files}).encode()


def _contents(bundle: Bundle) -> dict[str, bytes]:
    texts = {
        "transform.json": bundle.transform.to_dict(),
        "metadata.json": _sorted({**bundle.metadata, "contract": bundle.contract.to_dict()}),
        "probe.json": {"rows": _nullable(bundle.probe_rows), "scores": bundle.probe_scores.tolist()},
        "intervals.json": bundle.conformal.to_dict(),
    }
    files = {name: to_json(value).encode() for name, value in texts.items()}
    files["model.ubj"] = bundle.model
    files["reference.npz"] = _npz(rows=bundle.reference_rows, scores=bundle.reference_scores)
    return {name: files[name] for name in FILES}


def _npz(**arrays: NDArray[np.float64]) -> bytes:
    """What ``np.savez`` writes, with nothing of the machine or of Python's release in it: the same arrays, the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")  # of 1980
            member.create_system = 3  # as Unix writes it
            member.external_attr = 0o600 << 16
            data = io.BytesIO()
            np.lib.format.write_array(data, array, allow_pickle=False)
            archive.writestr(member, data.getvalue())
    return buffer.getvalue()


def _sorted(value: object) -> object:
    """The same JSON value with the keys of every object in order: who filled a dictionary first changes no digest."""
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list | tuple) else value


def _nullable(matrix: Matrix) -> list[list[float | None]]:
    return [[None if np.isnan(value) else value for value in row] for row in matrix.tolist()]


def _checked(folder: Path) -> tuple[str, dict[str, bytes]]:
    """The digest and the files, of one bundle also while another takes its place."""
    for _ in range(SWAPS):
        manifest = _bytes(folder, MANIFEST)
        try:
            return sha256(manifest), _matching(folder, manifest)
        except BundleError:
            if _bytes(folder, MANIFEST) == manifest:
                raise
    raise BundleError(f"{folder} is being replaced again and again. Try again when it is at rest.")


def _matching(folder: Path, manifest: bytes) -> dict[str, bytes]:
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
    if _manifest(contents) != manifest:
        raise BundleError(f"{folder / MANIFEST} is not the file that was written. Restore it (dvc checkout) or build again.")
    return contents


def _sums(folder: Path, manifest: bytes) -> dict[str, str]:
    try:
        raw = _json(manifest)
        version, files = raw["format"], raw["files"]
        sums = {str(name): str(entry["sha256"]) for name, entry in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
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
    with _naming("metadata.json"):
        metadata = _json(contents["metadata.json"])
        contract = Contract.from_dict(metadata["contract"])
    with _naming("transform.json"):
        transform = Transform.from_dict(_json(contents["transform.json"]))
    with _naming("intervals.json"):
        conformal = Conformal.from_dict(_json(contents["intervals.json"]))
    with _naming("probe.json"):
        probe = _json(contents["probe.json"])
        probe_rows, probe_scores = (np.array(probe[key], dtype=np.float64) for key in ("rows", "scores"))
    with _naming("reference.npz"), np.load(io.BytesIO(contents["reference.npz"]), allow_pickle=False) as reference:
        reference_rows, reference_scores = reference["rows"], reference["scores"]
    return Bundle(
        contract=contract,
        model=contents["model.ubj"],
        transform=transform,
        conformal=conformal,
        metadata=metadata,
        probe_rows=probe_rows,
        probe_scores=probe_scores,
        reference_rows=reference_rows,
        reference_scores=reference_scores,
        digest=digest,
    )


# What parsers say of bytes that are not what they should be.
_UNREADABLE = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    OSError,
    OverflowError,
    RecursionError,
    zipfile.BadZipFile,
)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise ValueError(f"{name} does not hold what it should ({type(error).__name__}: {error})") from error


def _json(data: bytes) -> dict[str, Any]:
    value = json.loads(data, parse_constant=_refused)
    if not isinstance(value, dict):
        raise TypeError("not a JSON object")
    return value


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is not a JSON value")


def _require(holds: bool, fault: str) -> None:
    if not holds:
        raise ValueError(fault)
