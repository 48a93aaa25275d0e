"""A tiny project in git and DVC, real but for its model: its pipeline copies one of three small bundles."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml
from tests import bundles
from tests.tiny import raw_params

from hearth.artifacts import write_text
from hearth.bundle import verify, write
from hearth.release import champion
from hearth.release.checkout import Checkout
from hearth.release.commands import git, run
from hearth.release.promotions import LOG, parse
from hearth.release.verdict import Decision, Rule, Side, Verdict

PIPELINE = """
stages:
  ingest:
    cmd: mkdir -p data/raw reports && echo ${prepare.seed} > data/raw/table.csv && echo ${prepare.seed} > reports/data.json
    params: [prepare.seed]
    outs:
      - data/raw: {persist: true}
      - reports/data.json: {cache: false, persist: true}
  export:
    cmd:
      - mkdir -p models && rm -rf models/production && cp -r kept/${tuning.seed} models/production
      - echo ${tuning.seed} > reports/metrics.json
    deps: [data/raw, kept]
    params: [tuning.seed]
    outs:
      - models/production: {persist: true}
    metrics:
      - reports/metrics.json: {cache: false, persist: true}
"""
ROOT = Path(__file__).parents[2]
CONFIG = "[core]\n    analytics = false\n    check_update = false\n"
KEPT = (("onehot", False), ("onehot", True), ("codes", False))
BRANCHES = {"second": (2, 42), "third": (3, 42), "other": (3, 43)}  # the bundle of each, and the seed of its data


@dataclass(frozen=True)
class Project:
    """Where it is; the commits that build its bundles, the first of them on ``main``; the digests of those."""

    root: Path
    commits: tuple[str, ...]
    digests: tuple[str, ...]

    @property
    def checkout(self) -> Checkout:
        """Its checkout."""
        return Checkout.at(self.root)

    @property
    def served(self) -> str:
        """The digest of the bundle that lies there, whose sums must hold."""
        return verify(self.root / "models/production")

    def copy(self, root: Path) -> "Project":
        """The same elsewhere, to be changed."""
        shutil.copytree(self.root, root, symlinks=True)
        return Project(root, self.commits, self.digests)


def make(root: Path) -> None:
    """Make a project whose branches ``second`` and ``third`` each build another bundle, one commit after ``main`` each.

    ``other`` builds the third with other data.
    """
    root.mkdir()
    for number, (encoding, imputed) in enumerate(KEPT, 1):
        write(bundles.make("regression", encoding, imputed).bundle, root / f"kept/{number}")
    write_text(root / "dvc.yaml", PIPELINE)
    write_text(root / "README", "A tiny project.\n")
    shutil.copy(ROOT / ".gitignore", root)  # it knows what an interrupted one may leave beside its outs
    begun(root)
    built(root, 1)
    for branch, (number, seed) in BRANCHES.items():
        git(root, "switch", "--quiet", "--create", branch, "main")
        built(root, number, prepare={"seed": seed})
    git(root, "switch", "--quiet", "main")
    run(["dvc", "checkout", "--quiet"], root)


def found(root: Path) -> Project:
    """The project that was made here."""
    commits = tuple(git(root, "rev-parse", branch) for branch in ("main", *BRANCHES))
    return Project(root, commits, tuple(verify(root / f"kept/{number}") for number in (1, 2, 3)))


def begun(root: Path) -> None:
    """Make a folder a repository of git and of DVC, with a name to commit under."""
    write_text(root / ".dvc/config", CONFIG)
    write_text(root / ".dvc/.gitignore", "/config.local\n/tmp\n/cache\n")
    git(root, "init", "--quiet", "-b", "main")
    git(root, "config", "user.name", "Ada")
    git(root, "config", "user.email", "ada@example.org")


def built(root: Path, number: int, **sections: dict[str, object]) -> str:
    """Build bundle ``number`` and commit all."""
    configured(root, number, **sections)
    run(["dvc", "repro", "--quiet"], root)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", f"Bundle {number}")
    return git(root, "rev-parse", "HEAD")


def configured(root: Path, number: int, **sections: dict[str, object]) -> None:
    """Write settings under which the pipeline makes bundle ``number``."""
    raw = raw_params()
    changed = {**sections, "tuning": {"seed": number, **sections.get("tuning", {})}}
    text = yaml.safe_dump({name: {**part, **changed.get(name, {})} for name, part in raw.items()}, sort_keys=False)
    write_text(root / "params.yaml", text)


def status(root: Path) -> str:
    """What git says has changed, untracked files too."""
    return subprocess.run(["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=True).stdout


def judgement(path: Path, candidate: str, champion: str | None, decision: Decision = "promote") -> Path:
    """A verdict on two digests."""
    one, other = (Side(digest=digest, sha256={}, rows={}) for digest in (candidate, champion or ""))
    rule = Rule(alpha=0.05, min_rows=200, folds=5, repeats=5, seed=0)
    Verdict(
        decision=decision,
        method="rows" if champion else "first",
        reasons=("It is better.", "By much."),
        candidate=one,
        champion=other if champion else None,
        outcome=None,
        rule=rule,
        rule_in_words=rule.words,
        by="test",
        versions={},
    ).write(path)
    return path


def agrees(project: Project) -> bool:
    """Whether git's champion, the bundle that lies there and the end of an unbroken log are one, and nothing else changed."""
    main = project.checkout
    entries = champion.log(main)
    assert status(project.root) == ""
    assert (not entries and not (project.root / LOG).exists()) or parse((project.root / LOG).read_bytes()) == entries
    last = entries[-1].digest if entries else project.digests[0]
    return champion.named(main) == project.served == last
