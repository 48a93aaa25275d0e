"""How a person names a version: by its number, an alias, or the beginning of its digest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from string import hexdigits

from hearth.errors import ReleaseError

LEAST = 4  # digits of a digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A registered build. ``commit`` is as git described the checkout that built it, ``made`` is UTC."""

    number: int
    digest: str
    data: str
    commit: str
    run: str
    made: str
    aliases: tuple[str, ...]


def find(name: str, versions: Sequence[Version]) -> Version:
    """The version of a name: as a number, else as an alias, else as a digest.

    Raises:
        ReleaseError: there is none, or the beginning of a digest is that of several.
    """
    numbered = [one for one in versions if name == str(one.number)]
    if found := numbered or [one for one in versions if name in one.aliases]:
        return found[0]
    digest = completed(name, [one.digest for one in versions])
    return next(one for one in versions if one.digest == digest)


def may_begin(name: str) -> bool:
    """Whether a digest may be meant."""
    return len(name) >= LEAST and set(name) <= set(hexdigits)


def may_number(name: str) -> bool:
    """Whether a number may be meant, as MLflow writes it: 1 is the first."""
    return name.isdecimal() and not name.startswith("0")


def require_alias(name: str) -> None:
    """Refuse an alias that reads as another name: it would hide a version, or be hidden by one.

    Raises:
        ReleaseError: it is a number, or may be the beginning of a digest.
    """
    number = name.isdecimal()
    if number or may_begin(name):
        meant = "is a number, as versions have" if number else "may be the beginning of a digest"
        raise ReleaseError(f"{name!r} is no name for an alias: it {meant}; take a word that is neither")


def completed(beginning: str, digests: Iterable[str]) -> str:
    """The one digest that begins so.

    Raises:
        ReleaseError: none does, or several do.
    """
    found = sorted({digest for digest in digests if may_begin(beginning) and digest.startswith(beginning)})
    if len(found) > 1:
        raise ReleaseError(f"{beginning} is the beginning of {', '.join(one[:16] for one in found)}; write more of it")
    if not found:
        raise ReleaseError(
            f"there is no version {beginning}: give a number, an alias, or {LEAST} or more digits of a digest, as `hearth "
            f"registry versions` and `hearth registry history` list them"
        )
    return found[0]
