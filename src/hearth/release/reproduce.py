"""A released bundle built again from its commit: nothing that an earlier run left is taken for a result of this one."""

from dataclasses import dataclass

import yaml

from hearth.artifacts import write_text
from hearth.bundle.format import verify
from hearth.errors import ReleaseError
from hearth.release import outs
from hearth.release.checkout import SOURCE, Checkout
from hearth.release.commands import shown
from hearth.release.outs import LOCK, Cache, Outs, file_md5

INGEST = "ingest"  # the stage that reads the source
IN_GIT = "bundled"  # the source whose table is in git
PARAMS, PIPELINE = "params.yaml", "dvc.yaml"
OURS = (PARAMS, PIPELINE, LOCK)  # what a rebuild changes itself


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came out: the digest; the outs and the files of the bundle that are other than before; whether all was run."""

    digest: str
    outs: tuple[str, ...]
    files: tuple[str, ...]
    whole: bool


def rebuild(main: Checkout, commit: str, source: bool = False) -> Rebuilt:
    """Run every stage of a commit in a worktree, with the code of that commit and the libraries of this environment.

    It is not logged to MLflow, where it would be one more build; no digest depends on that.

    Where the source is not in git, it may hold other rows by now: the table that DVC recorded is then the beginning, unless
    ``source`` asks to read it again.

    Raises:
        ReleaseError: the recorded table can be had nowhere.
        CommandError: a stage fails.
        BundleError: what comes out is no bundle.
    """
    expected = outs.read(main, commit)
    with main.worktree(commit) as tree:
        settings = (tree.root / PARAMS).read_bytes()
        (tree.root / PARAMS).write_bytes(unlogged(settings))
        whole = source or yaml.safe_load(settings)["data"]["source"] == IN_GIT
        inputs = sorted(path for path in tree.tracked() if path.endswith(".dvc"))
        if not whole:
            inputs += _frozen(tree, expected)
        if inputs:
            tree.run("dvc", "pull", *inputs)
        shown(["dvc", "repro", "--force", "--no-run-cache"], tree.root, {"PYTHONPATH": str(tree.root / SOURCE)})
        found = outs.read(tree, None)
        changed = (*found.other(expected), *(path for path in tree.changed() if path not in OURS))
        return Rebuilt(verify(tree.root / found.bundle), changed, _files(tree, Cache.of(main), expected), whole)


def unlogged(settings: bytes) -> bytes:
    """Settings with tracking off. All else stays, and its order: a bundle holds its features as the settings list them."""
    raw = yaml.safe_load(settings)
    if not raw["tracking"]["enabled"]:
        return settings
    raw["tracking"]["enabled"] = False
    return yaml.safe_dump(raw, sort_keys=False, allow_unicode=True).encode()


def _frozen(tree: Checkout, expected: Outs) -> list[str]:
    """Keep DVC from running the stage that reads the source; its outs that are not in git."""
    raw = yaml.safe_load((tree.root / PIPELINE).read_bytes())
    if INGEST not in raw["stages"]:
        raise ReleaseError(f"dvc.yaml of {tree.commit[:12]} has no stage {INGEST}; rebuild it with --source")
    raw["stages"][INGEST]["frozen"] = True
    write_text(tree.root / PIPELINE, yaml.safe_dump(raw, sort_keys=False))
    listed = yaml.safe_load((tree.root / LOCK).read_bytes())["stages"][INGEST]["outs"]
    return [out["path"] for out in listed if out["path"] in expected.sums]


def _files(tree: Checkout, cache: Cache, expected: Outs) -> tuple[str, ...]:
    """The files of the bundle that came out otherwise; none where the old one is not in the cache."""
    named = expected.sums[expected.bundle]
    if cache.missing([named]):
        return ()
    before, bundle = cache.files(named), tree.root / expected.bundle
    sums = {str(path.relative_to(bundle)): file_md5(path) for path in bundle.rglob("*") if path.is_file()}
    return tuple(sorted(name for name in {**before, **sums} if before.get(name) != sums.get(name)))
