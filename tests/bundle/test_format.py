import dataclasses
import hashlib
import io
import json
import multiprocessing
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.bundles import Tiny, make
from tests.laws import drawn

from hearth.bundle import FORMAT_VERSION, Bundle, read, verify, write
from hearth.bundle import format as fmt
from hearth.errors import BundleError

NAMES = [*fmt.FILES, fmt.MANIFEST]
SLOW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=drawn(60), deadline=None)


def resum(folder: Path) -> None:
    """Make the manifest agree with whatever lies in the folder."""
    data = {name: (folder / name).read_bytes() for name in fmt.FILES}
    files = {name: {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()} for name, text in data.items()}
    (folder / fmt.MANIFEST).write_text(json.dumps({"format": FORMAT_VERSION, "files": files}, indent=1) + "\n")


def refusal(folder: Path, call: Callable[[Path], object] = read) -> str:
    """What a call says as it refuses the folder."""
    with pytest.raises(BundleError) as error:
        call(folder)
    return str(error.value)


def test_a_bundle_survives_the_disk(tiny: Tiny, tmp_path: Path) -> None:
    """What is written is what is read, to the last bit, and its digest is the manifest's sum."""
    digest = write(tiny.bundle, tmp_path / "b")
    again = read(tmp_path / "b")
    assert digest == verify(tmp_path / "b") == again.digest
    assert digest == hashlib.sha256((tmp_path / "b" / "manifest.json").read_bytes()).hexdigest()
    assert (again.contract, again.model, again.conformal) == (tiny.bundle.contract, tiny.bundle.model, tiny.bundle.conformal)
    assert again.transform.to_dict() == tiny.bundle.transform.to_dict()
    assert again.metadata == {**tiny.bundle.metadata, "contract": json.loads(json.dumps(tiny.bundle.contract.to_dict()))}
    for name in ("probe_rows", "probe_scores", "reference_rows", "reference_scores"):
        np.testing.assert_array_equal(getattr(again, name), getattr(tiny.bundle, name))


def test_the_same_bundle_is_the_same_bytes(tiny: Tiny, tmp_path: Path) -> None:
    """Written twice, or read and written again."""
    digests = {
        write(tiny.bundle, tmp_path / "a"),
        write(tiny.bundle, tmp_path / "b"),
        write(read(tmp_path / "a"), tmp_path / "c"),
    }
    assert len(digests) == 1
    for name in NAMES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "c" / name).read_bytes()


def test_a_folder_holds_the_files_of_the_format_and_nothing_else(folder: Path) -> None:
    """Each is JSON, UBJSON or arrays; none is a pickle."""
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)
    with zipfile.ZipFile(folder / "reference.npz") as archive:
        assert {item.date_time for item in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_order_of_a_dictionary_changes_no_digest(regression: Tiny, tmp_path: Path) -> None:
    """Who filled the metadata first does not matter; what is in it does."""
    entries = {"b": {"y": 1, "x": [{"q": 1, "p": 2}]}, "a": 2}
    turned = {"a": 2, "b": {"x": [{"p": 2, "q": 1}], "y": 1}}
    digests = [
        write(dataclasses.replace(regression.bundle, metadata=metadata), tmp_path / str(i))
        for i, metadata in enumerate([entries, turned, {**entries, "a": 3}])
    ]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.usefixtures("unmeasured")
def test_the_digest_does_not_depend_on_the_process(regression: Tiny, tmp_path: Path) -> None:
    """Another process with another hash seed, time zone and folder writes the same bytes."""
    code = "import sys; from pathlib import Path; from hearth.bundle import write; from tests.bundles import make; "
    code += "print(write(make('regression').bundle, Path(sys.argv[1])))"
    said = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "elsewhere"],
        env={**os.environ, "PYTHONHASHSEED": "12345", "TZ": "Asia/Tokyo"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == write(regression.bundle, tmp_path / "here")


@SLOW
@given(st.sampled_from(NAMES), st.data())
def test_a_flipped_bit_is_found_and_the_file_named(folder: Path, name: str, data: st.DataObject) -> None:
    """Any bit of any file; where it hit the manifest, that one is named, or a file whose sum it holds."""
    path, whole = folder / name, (folder / name).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    broken = bytearray(whole)
    broken[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(broken)
    try:
        named = [path] if name != fmt.MANIFEST else [folder / each for each in NAMES]
        for call in (verify, read):
            said = refusal(folder, call)
            assert any(str(each) in said for each in named)
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("share", [0, 0.5, 0.999])
def test_a_truncated_file_is_named(folder: Path, name: str, share: float) -> None:
    """A copy that broke off is not served."""
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: int(len(whole) * share)])
    assert str(folder / name) in refusal(folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    """With what to do about it."""
    (folder / name).unlink()
    said = refusal(folder)
    assert f"{folder / name} cannot be read: No such file or directory" in said
    assert "make repro" in said or "dvc checkout" in said


def test_a_folder_in_a_files_place_is_named(folder: Path) -> None:
    """It cannot be read as one."""
    (folder / "model.ubj").unlink()
    (folder / "model.ubj").mkdir()
    assert "model.ubj cannot be read: Is a directory" in refusal(folder)


@pytest.mark.parametrize("version", [FORMAT_VERSION + 1, 0, "1", None])
def test_another_format_is_refused(folder: Path, version: object) -> None:
    """Newer and older ones alike: the message says which is read here."""
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": version}))
    assert f"manifest.json has format {version!r}; this hearth reads format {FORMAT_VERSION}" in refusal(folder)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '{"format": 1, "files": []}', '{"format": 1, "files": {"a": 1}}', "[" * 10**5]
)
def test_what_is_no_manifest_is_refused(folder: Path, text: str) -> None:
    """Valid JSON or not."""
    (folder / "manifest.json").write_text(text)
    assert "manifest.json is not a manifest" in refusal(folder)


def test_a_manifest_that_says_more_than_it_did_is_refused(folder: Path) -> None:
    """Its bytes are the bundle's identity: another spelling would be another digest of the same bundle."""
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert "manifest.json is not the file that was written" in refusal(folder)


def test_a_manifest_must_list_every_file(folder: Path) -> None:
    """What is not listed has no sum, and is not trusted."""
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"]["probe.json"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert "does not list probe.json" in refusal(folder)


def npz(**arrays: object) -> bytes:
    """Arrays as the bytes of a file."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


ROWS, SCORES = np.zeros((4, 5)), np.zeros(4)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((name, content) for name in fmt.FILES[1:] for content in (b"", b"\xff\xff", b"[]", b"null", b"{}", b"[" * 10**5)),
        ("metadata.json", b'{"contract": {"target": {"name": "y", "task": "regression"}, "features": []}}'),
        ("metadata.json", b'{"contract": {"target": {"name": "y", "task": "ranking"}, "features": []}}'),
        ("transform.json", b'{"features": ["size"], "fill": [0], "shift": [0], "scale": [0], "levels": [0]}'),
        ("transform.json", b'{"features": ["smell"], "fill": [0], "shift": [0], "scale": [1], "levels": [0]}'),
        ("transform.json", b'{"features": ["size"], "fill": [0], "shift": [NaN], "scale": [1], "levels": [0]}'),
        ("transform.json", b'{"features": ["size"], "fill": ["a"], "shift": [0], "scale": [1], "levels": [0]}'),
        ("transform.json", b'{"features": ["size"], "fill": [0], "shift": [0], "scale": [1], "levels": [1e999]}'),
        ("probe.json", b'{"rows": [], "scores": []}'),
        ("probe.json", b'{"rows": [[1, 2, 3, 4, 5], [1]], "scores": [1, 2]}'),
        ("probe.json", b'{"rows": [[1, 2, 3, 4, 5]], "scores": [[1, 2]]}'),
        ("probe.json", b'{"rows": [[1, 2, 3, 4, 5]], "scores": [null]}'),
        ("probe.json", b'{"rows": [[1, 2, 3, 4]], "scores": [1]}'),
        ("probe.json", b'{"rows": 5, "scores": 5}'),
        ("intervals.json", b'{"coverage": 2, "quantile": 1, "rows": 1}'),
        ("intervals.json", b'{"coverage": 0.9, "quantile": -1, "rows": 1}'),
        ("intervals.json", b'{"coverage": 0.9, "quantile": "wide", "rows": 1}'),
        ("reference.npz", npz(rows=ROWS)),
        ("reference.npz", npz(rows=ROWS[:, 1:], scores=SCORES)),
        ("reference.npz", npz(rows=ROWS, scores=SCORES[1:])),
        ("reference.npz", npz(rows=ROWS.astype(int), scores=SCORES)),
        ("reference.npz", npz(rows=ROWS + np.inf, scores=SCORES)),
        ("reference.npz", npz(rows=np.array([[{}] * 5], dtype=object), scores=SCORES[:1])),
        ("reference.npz", npz(rows=ROWS, scores=SCORES)[:-30]),
        ("model.ubj", b""),
    ],
)
def test_wrong_content_with_right_sums_names_the_file(folder: Path, name: str, content: bytes) -> None:
    """Sums say that a file is what was written, not that what was written makes sense."""
    (folder / name).write_bytes(content)
    resum(folder)
    verify(folder)
    said = refusal(folder)
    assert name in said
    assert str(folder) in said


def test_pickled_arrays_are_never_loaded(folder: Path) -> None:
    """An object array could run code: it is refused, not unpickled."""
    (folder / "reference.npz").write_bytes(npz(rows=np.array([[Trap()] * 5], dtype=object), scores=SCORES[:1]))
    resum(folder)
    assert "reference.npz" in refusal(folder)


class Trap:
    """Raises when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[int, ...]]:
        return divmod, (1, 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": b""}, "model.ubj: is empty"),
        ({"probe_rows": np.zeros((0, 5)), "probe_scores": np.zeros(0)}, "probe.json: there are no rows"),
        ({"reference_scores": np.zeros((50, 2))}, "reference.npz: scores are not one for each row"),
    ],
)
def test_a_bundle_whose_parts_do_not_fit_is_not_made(regression: Tiny, change: dict[str, bytes], said: str) -> None:
    """The training side learns of it before anything is written."""
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(regression.bundle, **change)  # type: ignore[arg-type]


def test_a_classification_needs_classes(multiclass: Tiny) -> None:
    """A contract straight from the settings may leave them to the table; a bundle may not."""
    target = dataclasses.replace(multiclass.bundle.contract.target, classes=())
    contract = dataclasses.replace(multiclass.bundle.contract, target=target)
    with pytest.raises(ValueError, match=r"metadata\.json: has no classes"):
        dataclasses.replace(multiclass.bundle, contract=contract)


def test_metadata_that_json_cannot_hold_is_refused_before_anything_is_written(regression: Tiny, tmp_path: Path) -> None:
    """No folder is left behind."""
    with pytest.raises(ValueError, match="JSON compliant"):
        write(dataclasses.replace(regression.bundle, metadata={"rmse": float("nan")}), tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def keep_writing(bundles: list[Bundle], folder: Path, times: int) -> None:
    """Write two bundles in turn."""
    for turn in range(times):
        write(bundles[turn % 2], folder)


@pytest.mark.parametrize("times", [pytest.param(150, marks=pytest.mark.journey), 30])
def test_a_reader_sees_a_whole_bundle_while_it_is_replaced(regression: Tiny, tmp_path: Path, times: int) -> None:
    """Each reading is one of the two bundles, never parts of both, and never an error."""
    bundles = [regression.bundle, dataclasses.replace(regression.bundle, metadata={"second": True})]
    digests = {write(bundle, tmp_path / "b") for bundle in bundles}
    writer = multiprocessing.get_context("spawn").Process(target=keep_writing, args=(bundles, tmp_path / "b", times))
    writer.start()
    seen = []
    while writer.is_alive():
        seen.append(read(tmp_path / "b").digest)
    writer.join()
    assert writer.exitcode == 0
    assert set(seen) == digests


def test_a_bundle_that_changes_all_the_time_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a word, and not for ever."""
    turns = iter(range(1000))

    def restless(place: Path, name: str) -> bytes:
        return f"{next(turns)}".encode() if name == fmt.MANIFEST else (place / name).read_bytes()

    monkeypatch.setattr(fmt, "_bytes", restless)
    assert "replaced again and again" in refusal(folder)


def test_tiny_bundles_are_the_same_every_time(regression: Tiny) -> None:
    """Else the tests above would compare noise."""
    assert make("regression").bundle.model == regression.bundle.model


def test_nothing_of_the_machine_is_in_the_arrays_file(folder: Path) -> None:
    """No time, no platform, and not the form that another release of Python would choose: the digest would be another."""
    with zipfile.ZipFile(folder / "reference.npz") as archive:
        members = archive.infolist()
    assert [member.filename for member in members] == ["rows.npy", "scores.npy"]
    said = {(m.date_time, m.create_system, m.extract_version, m.external_attr, m.compress_type, m.extra) for m in members}
    assert said == {((1980, 1, 1, 0, 0, 0), 3, 20, 0o600 << 16, zipfile.ZIP_STORED, b"")}
