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


class NoBundleError(ReleaseError):
    """There is no lock, or it names no bundle."""


def read(checkout: Checkout, commit: str | None) -> Outs:
    """The outs that a commit names, or, with ``None``, the file as it is; without those that git tracks.

    Raises:
        NoBundleError: there is no lock, or it names no bundle.
        ReleaseError: the file is no lock, as with the marks of a merge in it.
    """
    file, where = checkout.root / LOCK, f"commit {commit[:12]}" if commit else str(checkout.root)
    content = checkout.file(LOCK, commit) if commit else file.read_bytes() if file.exists() else None
    try:
        stages = yaml.safe_load(content)["stages"] if content else {}
        named = [out for stage in stages.values() for out in stage.get("outs", ()) if "md5" in out]
        sums = {str(out["path"]): str(out["md5"]) for out in named}
        bundle = [str(out["path"]) for out in stages.get(EXPORT, {}).get("outs", ())]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ReleaseError(f"{LOCK} of {where} cannot be read; restore it with git, or run `make repro`. {error}") from error
    if not bundle:
        raise NoBundleError(f"{LOCK} of {where} names no bundle: run `dvc repro` and commit {LOCK}")
    tracked = checkout.tracked(commit)
    return Outs({path: md5 for path, md5 in sums.items() if path not in tracked}, bundle[0])


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
            ReleaseError: the folder itself is, or its list is damaged.
        """
        path = self.path(md5)
        if not path.exists():
            raise _missing(path)
        try:
            return {entry["relpath"]: entry["md5"] for entry in json.loads(path.read_bytes())}
        except (ValueError, TypeError, KeyError) as error:
            raise _damaged(path) from error

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
            ReleaseError: it is not there, or is no bundle.
        """
        files = self._bundle(outs)
        if MANIFEST not in files:
            raise ReleaseError(
                f"{outs.bundle} as {LOCK} names it has no {MANIFEST}: it is no bundle; build it again (dvc repro)"
            )
        manifest = self.path(files[MANIFEST])
        if not manifest.exists():
            raise _missing(manifest)
        return hashlib.sha256(manifest.read_bytes()).hexdigest()

    def require_sound(self, outs: Outs) -> None:
        """Refuse a bundle of which a file was damaged in the cache: it would take the place of one that answers.

        Raises:
            ReleaseError: it names the file.
        """
        for md5 in self._bundle(outs).values():
            if file_md5(self.path(md5)) != md5:
                raise _damaged(self.path(md5))

    def _bundle(self, outs: Outs) -> dict[str, str]:
        if outs.bundle not in outs.sums:
            raise ReleaseError(f"{LOCK} names {outs.bundle}, which git tracks: leave it to DVC (`git rm --cached -r`)")
        return self.files(outs.sums[outs.bundle])

    def put(self, md5: str, folder: Path) -> None:
        """Replace a folder, in one step, with what the sum stands for."""
        with replacing(folder) as temporary:
            for name, one in self.files(md5).items():
                (temporary / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.path(one), temporary / name)


def file_md5(path: Path) -> str:
    """The sum by which DVC knows a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _damaged(path: Path) -> ReleaseError:
    return ReleaseError(f"{path} in DVC's cache is damaged: remove it, and `dvc fetch` brings it again where a remote has it")


def _missing(path: Path) -> ReleaseError:
    return ReleaseError(f"{path} is missing from DVC's cache: `dvc fetch` brings it where a remote has it")
