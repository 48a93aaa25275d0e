"""What a ``dvc.lock`` names, read straight from DVC's cache: a file lies there under its MD5, a folder is a list of files."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from hearth.artifacts import replacing
from hearth.bundle.format import MANIFEST
from hearth.errors import ReleaseError
from hearth.release.checkout import Checkout

LOCK = "dvc.lock"
EXPORT = "export"  # the stage whose out is the bundle


@dataclass(frozen=True, slots=True)
class Outs:
    """What a lock names: the MD5 of every out by its path, that of a folder with ``.dir`` behind; the path of the bundle."""

    sums: Mapping[str, str]
    bundle: str

    def other(self, before: "Outs | None") -> dict[str, str]:
        """The outs that an earlier lock does not name alike."""
        return {path: md5 for path, md5 in self.sums.items() if before is None or before.sums.get(path) != md5}


def read(checkout: Checkout, commit: str | None) -> Outs:
    """The outs that a commit names, or, with ``None``, the file as it is; without those that git tracks.

    Raises:
        ReleaseError: there is no lock, or it names no bundle.
    """
    file, where = checkout.root / LOCK, f"commit {commit[:12]}" if commit else str(checkout.root)
    content = checkout.file(LOCK, commit) if commit else file.read_bytes() if file.exists() else None
    stages = yaml.safe_load(content)["stages"] if content else {}
    if not stages.get(EXPORT, {}).get("outs"):
        raise ReleaseError(f"{LOCK} of {where} names no bundle: run `dvc repro` and commit {LOCK}")
    tracked = checkout.tracked(commit)
    named = [out for stage in stages.values() for out in stage.get("outs", ()) if "md5" in out]
    sums = {out["path"]: out["md5"] for out in named if out["path"] not in tracked}
    return Outs(sums, stages[EXPORT]["outs"][0]["path"])


@cache
def _cache_folder(checkout: Checkout) -> Path:
    return Path(checkout.run("dvc", "cache", "dir"))  # takes a second


@dataclass(frozen=True, slots=True)
class Cache:
    """The folder in which DVC keeps what outs held."""

    folder: Path

    @classmethod
    def of(cls, checkout: Checkout) -> "Cache":
        """That of a checkout, wherever it is set to be."""
        return cls(_cache_folder(checkout))

    def path(self, md5: str) -> Path:
        """Where the content of a sum lies, if it is there."""
        return self.folder / "files" / "md5" / md5[:2] / md5[2:]

    def files(self, md5: str) -> dict[str, str]:
        """The files of a folder with their sums; they may be missing.

        Raises:
            ReleaseError: the folder itself is.
        """
        path = self.path(md5)
        if not path.exists():
            raise _missing(path)
        return {entry["relpath"]: entry["md5"] for entry in json.loads(path.read_bytes())}

    def missing(self, sums: Iterable[str]) -> list[str]:
        """The sums of which something is not there."""
        return [md5 for md5 in sums if not self._holds(md5)]

    def _holds(self, md5: str) -> bool:
        if not self.path(md5).exists():
            return False
        return not md5.endswith(".dir") or all(self.path(one).exists() for one in self.files(md5).values())

    def digest(self, outs: Outs) -> str:
        """The digest of the bundle that a lock names.

        Raises:
            ReleaseError: it is not there.
        """
        manifest = self.path(self.files(outs.sums[outs.bundle])[MANIFEST])
        if not manifest.exists():
            raise _missing(manifest)
        return hashlib.sha256(manifest.read_bytes()).hexdigest()

    def put(self, md5: str, folder: Path) -> None:
        """Replace a folder, in one step, with what the sum stands for."""
        with replacing(folder) as temporary:
            for name, one in self.files(md5).items():
                (temporary / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.path(one), temporary / name)


def _missing(path: Path) -> ReleaseError:
    return ReleaseError(f"{path} is missing from DVC's cache: `dvc fetch` brings it where a remote has it")
