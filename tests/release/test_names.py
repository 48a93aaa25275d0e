"""Versions go by number, alias and the beginning of their digest."""

import pytest

from hearth.errors import ReleaseError
from hearth.release.names import Version, completed, find, may_begin, require_alias


def version(number: int, digest: str, *aliases: str) -> Version:
    """A version."""
    return Version(number=number, digest=digest, data="", commit="", run="", made="", aliases=aliases)


VERSIONS = [version(1, "abcd1111"), version(2, "abcd2222", "champion"), version(3, "ffff0000", "challenger", "shadow")]


@pytest.mark.parametrize(
    ("name", "number"), [("1", 1), ("champion", 2), ("shadow", 3), ("abcd2", 2), ("ffff", 3), ("abcd1111", 1)]
)
def test_a_version_has_many_names(name: str, number: int) -> None:
    """Each of them finds it."""
    assert find(name, VERSIONS).number == number


def test_a_number_comes_before_an_alias_and_an_alias_before_a_digest() -> None:
    """Whatever the order of the versions: aliases like these may be there from other tools."""
    versions = [version(1, "abcd1111", "2", "ffff"), version(2, "abcd2222"), version(3, "ffff0000")]
    assert [find(name, versions).number for name in ("2", "ffff", "ffff0")] == [2, 1, 3]


@pytest.mark.parametrize(
    ("alias", "why"),
    [
        ("2", "'2' is no name for an alias: it is a number, as versions have"),
        ("0815", "'0815' is no name for an alias: it is a number, as versions have"),
        ("cafe", "'cafe' is no name for an alias: it may be the beginning of a digest"),
        ("12ab34", "'12ab34' is no name for an alias: it may be the beginning of a digest"),
    ],
)
def test_an_alias_that_reads_as_another_name_is_refused(alias: str, why: str) -> None:
    """It would hide a version, or be hidden by one."""
    with pytest.raises(ReleaseError) as refused:
        require_alias(alias)
    assert str(refused.value) == f"{why}; take a word that is neither"


@pytest.mark.parametrize("alias", ["shadow", "abc", "cafes", "a-1", "2026-11"])
def test_an_alias_is_a_word(alias: str) -> None:
    """One that no number and no digest begins with."""
    require_alias(alias)


def test_a_beginning_of_several_is_refused() -> None:
    """The message names them."""
    with pytest.raises(ReleaseError, match="abcd is the beginning of abcd1111, abcd2222"):
        find("abcd", VERSIONS)


@pytest.mark.parametrize("name", ["4", "fff", "nobody", "", "abcd3"])
def test_an_unknown_name_is_refused(name: str) -> None:
    """Also too short a beginning; the message says how to name one."""
    with pytest.raises(ReleaseError, match=r"there is no version.*a number, an alias, or 4"):
        find(name, VERSIONS)


def test_the_same_digest_twice_is_one() -> None:
    """As a bundle has that was champion twice."""
    assert completed("abcd", ["abcd1", "abcd1"]) == "abcd1"
    assert may_begin("0123")
    assert not may_begin("012x")
