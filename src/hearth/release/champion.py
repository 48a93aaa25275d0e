"""The champion is what ``dvc.lock`` of the branch names. To change it is a commit, in which the log gets its line.

The functions that change it are called with the lock held.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hearth.errors import CommandError, ReleaseError
from hearth.release import outs, promotions, verdict
from hearth.release.checkout import Checkout
from hearth.release.commands import git
from hearth.release.commits import Blobs, commit, committed, stored, uncommitted
from hearth.release.moving import advance, fetched
from hearth.release.outs import Cache
from hearth.release.promotions import LOG, Entry, Judged, champions, following, judged

RELEASED = ("dvc.lock", "params.yaml", "reports", "data")  # what a build writes, and what it was built from, code aside
VERDICT = "reports/verdict.json"


def named(main: Checkout, at: str | None = "HEAD") -> str | None:
    """The digest of the bundle that the lock of a commit names, or, with ``None``, the lock that lies there.

    ``None``: it names none, or DVC's cache does not have the bundle.

    Raises:
        ReleaseError: the file is no lock, or the cache is damaged.
    """
    try:
        listed = outs.read(main, at)
    except outs.NoBundleError:
        return None
    cache = Cache.of(main)
    return None if cache.missing([listed.sums[listed.bundle]]) else cache.digest(listed)


def log(main: Checkout) -> list[Entry]:
    """The log as it is committed.

    Raises:
        ReleaseError: it is broken, or there is no commit yet.
    """
    main.require_commit()
    return promotions.parse(main.file(LOG) or b"")


def promote(main: Checkout, build: str | None, judgement: Path | None, why: str = "") -> Entry:
    """Make the bundle of a commit champion, or, with ``None``, that of the build which lies there and is not committed.

    The branch moves forward to the commit and on to one that adds the line to the log, and the verdict where it is not yet
    in. A commit of another line of development may differ in what a build writes alone; it is made again on the branch.
    Returns the line; what is champion already stays it, without another one. Without a verdict it is forced, and ``why`` says
    for what reason.

    Raises:
        ReleaseError: the verdict is of other bundles or does not promote; changes are in the way; an out can be had nowhere.
    """
    entry, released = prepared(main, build, judgement, why)
    if released:
        advance(main, released)
    return entry


def prepared(main: Checkout, build: str | None, judgement: Path | None, why: str = "") -> tuple[Entry, str | None]:
    """The line that ``promote`` adds and the commit that it moves the branch to, none for what is champion already.

    Raises:
        ReleaseError: as ``promote``.
    """
    base = _uncommitted(main) if build is None else _onto(main, build)
    new = _fetched_digest(main, base)
    entries = _caught_up(main, new)
    if entries and entries[-1].digest == new:
        return entries[-1], None
    found, reasons = (None, "") if judgement is None else _accepted(judgement, new, entries[-1].digest if entries else None)
    blobs = {} if judgement is None else {VERDICT: stored(main, judgement.read_bytes())}
    built = commit(main, base, blobs, f"Build {new[:12]}")
    entry = following(entries, "promote", new, commit=built, verdict=found, by=_me(main), why=why or reasons)
    return entry, _logged(main, built, {}, [*entries, entry])


def rollback(main: Checkout, to: str | None = None, why: str = "") -> Entry:
    """Put back the champion before this one, or the one of the digest ``to``: its settings, reports, data and bundle.

    The code stays as it is. Returns the line; to what is champion already it adds none.

    Raises:
        ReleaseError: there was none before, or none of this digest; changes are in the way; an out can be had nowhere.
    """
    entries = _caught_up(main, to)
    if entries and (entries[-1].digest == to or (to is None and main.mended and entries[-1].action == "rollback")):
        return entries[-1]  # the second: what was asked for before the death that has just been mended
    target = to or _before(entries)
    origin = commit_of(main, target, entries)
    if (found := _fetched_digest(main, origin)) != target:
        raise ReleaseError(f"{outs.LOCK} of {origin[:12]} names {found[:12]}, the log says {target[:12]}: nothing was changed")
    entry = following(entries, "rollback", target, commit=origin, by=_me(main), why=why)
    advance(main, _logged(main, main.commit, _restoring(main, origin), [*entries, entry]))
    return entry


def commit_of(main: Checkout, digest: str, entries: Sequence[Entry]) -> str:
    """The commit that a bundle was built by: the one in the log, or else the newest that names it.

    Raises:
        ReleaseError: there is none here.
    """
    for entry in reversed(entries):
        if entry.digest == digest and _exists(main, entry.commit):
            return entry.commit
    if digest in (found := builds(main)):
        return found[digest]
    raise ReleaseError(
        f"no commit here names the bundle {digest[:12]}; `git fetch --all` and `dvc fetch --all-commits` may help"
    )


def builds(main: Checkout) -> dict[str, str]:
    """The newest commit of every bundle that one names, on any branch, as far as DVC's cache has them whole."""
    found = {}
    for one in git(main.root, "rev-list", "--reverse", "--all", "--", outs.LOCK).split():
        with suppress(ReleaseError):  # a commit that somebody broke hides no other
            found[named(main, one)] = one
    return {digest: one for digest, one in found.items() if digest is not None}


def _exists(main: Checkout, commit: str) -> bool:
    try:
        git(main.root, "cat-file", "-e", f"{commit}^{{commit}}")
    except CommandError:
        return False
    return True


def _caught_up(main: Checkout, new: str | None) -> list[Entry]:
    """The log with a line for the present champion where it has none, as when it was committed by hand."""
    entries, champion = log(main), _present(main)
    if champion is None or champion in (new, entries[-1].digest if entries else None):
        return entries
    at = git(main.root, "log", "-1", "--format=%H", "--", outs.LOCK)
    by = git(main.root, "log", "-1", "--format=%an <%ae>", at)
    why = "committed without a promotion" if entries else "champion when this log began"
    return [*entries, following(entries, "promote", champion, commit=at, by=by, why=why)]


def _present(main: Checkout) -> str | None:
    """The champion; none where nothing was built yet."""
    if main.file(outs.LOCK) is None:
        return None
    return named(main) or _fetched_digest(main, main.commit)


def _before(entries: Sequence[Entry]) -> str:
    standing = champions(entries)
    if len(standing) < 2:
        raise ReleaseError("there is no champion before this one to go back to; `hearth registry history` lists them")
    return standing[-2].digest


def _accepted(path: Path, new: str, champion: str | None) -> tuple[Judged, str]:
    """What the log says of a verdict that promotes this bundle over this champion, and its reasons."""
    said = verdict.read(path)
    against = said.champion.digest if said.champion else None
    if said.candidate.digest != new:
        raise ReleaseError(f"{path} judges {said.candidate.digest[:12]}, not {new[:12]}; run `hearth gate` for this one")
    if not said.promoted:
        raise ReleaseError(f"{path} decides to {said.decision} the champion: {'; '.join(said.reasons)}")
    if against != champion:
        other, present = ((one or "none")[:12] for one in (against, champion))
        raise ReleaseError(f"{path} compares with {other}, but the champion is {present}; run `hearth gate` again")
    return judged(path.read_bytes(), said.decision), "; ".join(said.reasons)


def _uncommitted(main: Checkout) -> str:
    """A commit of the build that lies in the working tree."""
    blobs = uncommitted(main, RELEASED, {*outs.read(main, None).sums, VERDICT, LOG})
    others = sorted(set(main.changed()) - set(blobs)) + [LOG] * (LOG in blobs)
    if others:
        raise ReleaseError(
            f"{main.root} has uncommitted changes in {', '.join(others)}; commit them before the build, or stash them"
        )
    return commit(main, main.commit, blobs, "Build")


def _onto(main: Checkout, build: str) -> str:
    """The build's own commit where the branch leads to it; else one on the branch that has what the build wrote."""
    build = git(main.root, "rev-parse", "--verify", f"{build}^{{commit}}")
    base = git(main.root, "merge-base", "HEAD", build)
    if base == main.commit:
        return build
    outside = [f":(exclude){path}" for path in RELEASED]
    if others := git(main.root, "diff", "--name-only", base, build, "--", ".", *outside).split("\n")[0]:
        raise ReleaseError(f"{build[:12]} also changes {others}; merge or rebase it first, so that its code comes with it")
    return commit(main, main.commit, _restoring(main, build), f"Take over the build of {build[:12]}")


def _restoring(main: Checkout, origin: str) -> dict[str, str | None]:
    """What brings back on the branch all that a build at another commit wrote and was made from."""
    present, then = (committed(main, at, RELEASED) for at in ("HEAD", origin))
    kept = {path for path in {*present, *then} if path == LOG or path.endswith(".gitignore")}
    return {path: then.get(path) for path in {*present, *then} - kept if present.get(path) != then.get(path)}


def _logged(main: Checkout, base: str, blobs: Blobs, entries: Sequence[Entry]) -> str:
    entry = entries[-1]
    message = f"{entry.action.capitalize()} the bundle {entry.digest[:12]}\n\n{entry.why}".rstrip()
    return commit(main, base, {**blobs, LOG: stored(main, promotions.text(entries).encode())}, message)


def _fetched_digest(main: Checkout, at: str) -> str:
    cache, listed = fetched(main, at), outs.read(main, at)
    cache.require_sound(listed)
    return cache.digest(listed)


def _me(main: Checkout) -> str:
    return git(main.root, "var", "GIT_AUTHOR_IDENT").rsplit(" ", 2)[0]
