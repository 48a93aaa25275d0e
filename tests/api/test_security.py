"""Keys: how they are configured, found, and read again from their file."""

import hashlib
import logging
import os
import string
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.keys import Key, KeysError, expiry, hashed, parse
from api.security import REFUSED, SCOPES, Ring, presented, sealed

ONE, TWO = "hearth_" + "1" * 43, "hearth_" + "2" * 43  # the same in every process: they are in the names of tests


def line(key: str = ONE, name: str = "one", scopes: str = "predict", until: str = "never", limit: str = "") -> str:
    """A key as it is configured."""
    return f"{name}:{scopes}:{until}:{hashed(key)}" + (f":{limit}" if limit else "")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A key file with one key."""
    path = tmp_path / "keys"
    path.write_text(line() + "\n", encoding="utf-8")
    return path


def test_a_key_is_256_random_bits_behind_a_prefix() -> None:
    """Another each time, and one that any header carries."""
    assert ONE != TWO
    assert ONE.startswith("hearth_")
    assert len(ONE) == len("hearth_") + 43
    assert set(ONE) <= set(string.ascii_letters + string.digits + "-_")


def test_a_line_is_read_with_all_its_fields() -> None:
    """Name, scopes, last day, hash and limit."""
    (key,) = parse(line(scopes="feedback+predict", until="2027-01-01", limit="1000/minute"), "here")
    assert key == Key(
        name="one",
        scopes=frozenset({"predict", "feedback"}),
        expires=date(2027, 1, 1),
        sha256=hashed(ONE),
        limit="1000/minute",
    )
    assert key.line == line(scopes="predict+feedback", until="2027-01-01", limit="1000/minute")


@given(
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}", fullmatch=True),
    scopes=st.sets(st.sampled_from(SCOPES), min_size=1),
    until=st.none() | st.dates(),
    secret=st.text(min_size=1).filter(lambda text: text.isascii()),
    limit=st.none() | st.sampled_from(["1/second", "100/minute", "20/10hours", "999999999/day"]),
)
def test_what_is_written_is_read_back(name: str, scopes: set[str], until: date | None, secret: str, limit: str | None) -> None:
    """Whatever a key holds."""
    key = Key(name=name, scopes=frozenset(scopes), expires=until, sha256=hashed(secret), limit=limit)  # type: ignore[arg-type]
    assert parse(key.line, "here") == (key,)


def test_keys_are_separated_by_any_white_space_and_comments_are_lines() -> None:
    """As environment variables, files of any system and compose carry them."""
    two = line(TWO, "two")
    for text in (f"{line()} {two}", f"{line()}\n{two}", f"\r\n# ours\r\n{line()}\r\n\r\n  # theirs\r\n\t{two}  \r\n"):
        assert [key.name for key in parse(text, "here")] == ["one", "two"]


def test_a_hash_in_capitals_is_the_same_hash() -> None:
    """Some tools print it so."""
    assert parse(f"one:predict:never:{hashed(ONE).upper()}", "here")[0].sha256 == hashed(ONE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one", "NAME:SCOPES:EXPIRY:SHA256[:LIMIT]"),
        (line() + ":1/second:more", "NAME:SCOPES:EXPIRY:SHA256[:LIMIT]"),
        (line(name=""), "name must be 1 to 64"),
        (line(name="-x"), "name must be 1 to 64"),
        (line(name="n" * 65), "name must be 1 to 64"),
        (line(name="o\x00ne"), "name must be 1 to 64"),
        (line(name="o\x1bne"), "name must be 1 to 64"),
        (line(name="o\u2028ne"), "name must be 1 to 64"),
        (line(name="\u00e4"), "name must be 1 to 64"),
        (line(name="a/b"), "name must be 1 to 64"),
        (line(scopes="predictor"), "one or more of predict, feedback, monitor, admin"),
        (line(scopes=""), "one or more of predict, feedback, monitor, admin"),
        (line(scopes="predict,feedback"), "joined by +"),
        (line(scopes="predict+"), "one or more of"),
        (line(until="2027-13-01"), "a day such as 2027-01-01, or never"),
        (line(until="2027-W01-1"), "a day such as 2027-01-01, or never"),
        (line(until="20270101"), "a day such as 2027-01-01, or never"),
        (line(until="0000-01-01"), "a day such as 2027-01-01, or never"),
        (line(until=""), "a day such as 2027-01-01, or never"),
        (line()[:-1], "64 hexadecimal digits"),
        (line() + "0", "64 hexadecimal digits"),
        (line()[:-1] + "g", "64 hexadecimal digits"),
        (f"one:predict:never:{hashlib.sha256(b'').hexdigest()}", "empty key"),
        (line(limit="fast"), "written like 100/minute"),
        (line(limit="0/minute"), "written like 100/minute"),
        (line() + ":", "written like 100/minute"),
    ],
)
def test_a_line_at_fault_is_named_and_what_is_allowed_is_said(text: str, said: str) -> None:
    """By its number; nothing of it is repeated."""
    with pytest.raises(KeysError) as error:
        parse(f"# keys\n{line(TWO, 'two')}\n{text}\n", "keys.txt")
    assert str(error.value).startswith("keys.txt, line 3: ")
    assert said in str(error.value)
    assert hashed(ONE)[:8] not in str(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize("text", [ONE, f"one:predict:never:{ONE}", f"{ONE}:predict:never:{hashed(ONE)}", f"key={ONE}"])
def test_a_key_itself_in_the_configuration_is_told_and_not_repeated(text: str) -> None:
    """It was written down where only its hash belongs: another is needed."""
    with pytest.raises(KeysError, match=r"looks like a key itself.*make another") as error:
        parse(text, "here")
    assert ONE[10:20] not in str(error.value)


def test_keys_on_one_line_are_told_by_their_position() -> None:
    """An environment variable often is one line."""
    with pytest.raises(KeysError, match=r"^HEARTH_API_KEYS, line 1, key 2: "):
        parse(f"{line()} nonsense", "HEARTH_API_KEYS")


@pytest.mark.parametrize(
    ("second", "said"),
    [(line(TWO), "the name is that of line 1 already"), (line(name="two"), "the SHA-256 is that of line 1 already")],
)
def test_a_name_or_a_hash_stands_once(second: str, said: str) -> None:
    """Else nobody could tell who asked."""
    with pytest.raises(KeysError, match=f"line 2: {said}"):
        parse(f"{line()}\n{second}", "here")


@pytest.mark.parametrize("text", ["", " \n\t\r\n", "# one:predict:never:...\n"])
def test_no_key_at_all_is_refused_with_a_way_out(text: str) -> None:
    """A service without keys would be open or useless."""
    with pytest.raises(KeysError, match=r"HEARTH_API_KEYS holds no key\. Make one: hearth keys new"):
        Ring.configured(text, None)


def test_an_expiry_is_a_day_or_never() -> None:
    """Never is no day."""
    assert expiry("never") is None
    assert expiry("9999-12-31") == date(9999, 12, 31)


def test_a_ring_finds_the_key_that_was_presented() -> None:
    """As bytes or text, each its own, and nothing else."""
    ring = Ring(parse(f"{line()} {line(TWO, 'two')}", "here"))
    assert [ring.find(each) for each in (ONE, TWO.encode())] == list(ring.keys)
    assert [ring.find(sealed(each) or "") for each in (ONE, TWO.encode())] == list(ring.keys)
    for wrong in (
        b"",
        "",
        ONE[:-1],
        ONE + "x",
        ONE.upper(),
        hashed(ONE),
        "one",
        "\u00e4",
        "\ud800",
        b"\xff\x00",
        b"x" * 100_000,
    ):
        assert ring.find(wrong) is None
        assert not ring.expired(wrong)


def test_every_one_of_many_keys_is_found() -> None:
    """A thousand of them share the index."""
    secrets = [f"{ONE}{number}" for number in range(1000)]
    ring = Ring(parse("\n".join(line(secret, f"k{number}") for number, secret in enumerate(secrets)), "here"))
    assert [found.name for secret in secrets if (found := ring.find(secret))] == [f"k{number}" for number in range(1000)]


def test_a_key_is_good_through_its_last_day() -> None:
    """To the last moment of it in UTC; afterwards its owner can be told."""
    ring = Ring(parse(line(until="2026-05-31"), "here"))
    midnight = datetime(2026, 6, 1, tzinfo=UTC).timestamp()
    assert ring.find(ONE, midnight - 0.001)
    assert not ring.expired(ONE, midnight - 0.001)
    assert ring.find(ONE, midnight) is None
    assert ring.expired(ONE, midnight)
    assert not ring.expired(TWO, midnight)


def test_a_key_that_never_expires_does_not() -> None:
    """At any time."""
    assert Ring(parse(line(), "here")).find(ONE, 1e12)


def test_nothing_prints_a_key_or_its_hash(file: Path) -> None:
    """A ring says names."""
    ring = Ring.configured("", file)
    said = f"{ring!r} {ring} {ring.keys!r} {ring.find(ONE)!r}"
    assert "one" in said
    assert ONE[7:] not in said
    assert hashed(ONE) not in said


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], None),
        ([(b"host", b"x"), (b"x-api-key", b"K")], b"K"),
        ([(b"x-api-key", b" K\t")], b"K"),
        ([(b"authorization", b"Bearer K")], b"K"),
        ([(b"authorization", b"bEARER   K ")], b"K"),
        ([(b"authorization", b"Basic K")], None),
        ([(b"authorization", b"Bearer")], None),
        ([(b"authorization", b"BearerK")], None),
        ([(b"authorization", b"Bearer ")], b""),
        ([(b"x-api-key", b"")], b""),
        ([(b"x-api-key", b"K"), (b"authorization", b"Bearer K")], b"K"),
        ([(b"x-api-key", b"K"), (b"authorization", b"Basic other")], b"K"),
        ([(b"x-api-key", b"K"), (b"authorization", b"Bearer L")], REFUSED),
        ([(b"x-api-key", b"K"), (b"x-api-key", b"L")], REFUSED),
        ([(b"x-api-key", b""), (b"x-api-key", b"L")], REFUSED),
        ([(b"x-api-key", b"\xff\x00\xfe")], b"\xff\x00\xfe"),
        ([(b"cookie", b"x-api-key=K"), (b"x-api-keys", b"K")], None),
    ],
)
def test_a_key_is_read_from_either_header(headers: list[tuple[bytes, bytes]], found: bytes | None) -> None:
    """Two that differ are none that is right."""
    assert presented(headers) == found


@given(st.lists(st.tuples(st.sampled_from([b"x-api-key", b"authorization"]), st.binary(max_size=40))))
def test_no_header_opens_a_ring_that_does_not_hold_its_key(headers: list[tuple[bytes, bytes]]) -> None:
    """Whatever bytes it holds."""
    assert Ring(parse(line(), "here")).find(presented(headers) or b"") is None


def test_two_sources_of_keys_are_refused(file: Path) -> None:
    """Nobody would know which one counts."""
    with pytest.raises(KeysError, match="HEARTH_API_KEYS or HEARTH_API_KEYS_FILE, not both"):
        Ring.configured(line(), file)
    assert Ring.configured(" \n", file).find(ONE)


def test_a_key_file_may_start_with_a_byte_order_mark(file: Path) -> None:
    """Some editors write one."""
    file.write_text(line(), encoding="utf-8-sig")
    assert Ring.configured("", file).find(ONE)


def test_a_key_file_that_cannot_be_used_stops_the_start(tmp_path: Path, file: Path) -> None:
    """Each for its reason."""
    for data, said in [(b"\xff\xfe", "not text in UTF-8"), (b"#" * (2**20 + 1), "larger than"), (b"", "holds no key")]:
        file.write_bytes(data)
        with pytest.raises(KeysError, match=said):
            Ring.configured("", file)
    with pytest.raises(KeysError, match="is not a file"):
        Ring.configured("", tmp_path)
    with pytest.raises(KeysError, match=r"gone cannot be read: No such file or directory"):
        Ring.configured("", tmp_path / "gone")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(KeysError, match="is not a file"):
        Ring.configured("", tmp_path / "pipe")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_key_file_that_may_not_be_read_is_told(file: Path) -> None:
    """With the system's reason."""
    file.chmod(0)
    with pytest.raises(KeysError, match="cannot be read: Permission denied"):
        Ring.configured("", file)


def replaced(file: Path, text: str) -> None:
    """Put another file in its place."""
    (file.parent / "next").write_text(text, encoding="utf-8")
    (file.parent / "next").replace(file)


def edited(file: Path, text: str) -> None:
    """Write over it."""
    file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("change", [replaced, edited])
def test_a_changed_file_is_read_within_a_second(file: Path, change: Callable[[Path, str], None]) -> None:
    """New keys open, removed ones no longer do; sooner than that the file is not looked at."""
    ring = Ring.configured("", file)
    now = time.time()
    assert ring.find(ONE, now)
    change(file, line(TWO, "two"))
    assert ring.find(ONE, now + 0.5)
    assert ring.find(TWO, now + 1.5)
    assert ring.find(ONE, now + 1.6) is None
    assert not ring.expired(ONE, now + 1.6)
    assert ring.fault is None


def test_a_change_within_one_tick_of_the_clock_is_seen(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Same size, same file, same times: two edits in a row."""
    found = file.stat()
    fields = {name: getattr(found, name) for name in dir(found) if name.startswith("st_")}
    monkeypatch.setattr(Path, "stat", lambda *_, **__: SimpleNamespace(**fields))
    ring = Ring.configured("", file)
    file.write_text(line(TWO) + "\n", encoding="utf-8")
    assert ring.find(TWO, time.time() + 1.5)


def test_a_file_at_rest_is_not_read_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is only looked at."""
    monkeypatch.setattr("api.security.SETTLED", -1.0)
    ring = Ring.configured("", file)
    monkeypatch.setattr(Path, "open", lambda *_, **__: pytest.fail("read again"))
    assert all(ring.find(ONE, time.time() + later) for later in range(2, 9))


def test_a_clock_that_is_set_back_does_not_stop_the_looking(file: Path) -> None:
    """Else a removed key would live on until the old time is reached."""
    ring = Ring.configured("", file)
    assert ring.find(ONE, time.time() + 10**6)
    replaced(file, line(TWO, "two"))
    assert ring.find(ONE, time.time()) is None


def vanished(file: Path) -> None:
    """Take it away."""
    file.unlink()


def malformed(file: Path) -> None:
    """Paste a key where its hash belongs."""
    replaced(file, f"{line()}\ntwo:predict:never:{TWO}")


def emptied(file: Path) -> None:
    """As it is for a moment while an editor writes."""
    edited(file, "")


def binary(file: Path) -> None:
    """No text."""
    file.write_bytes(b"\xff\xff")


@pytest.mark.parametrize("damage", [vanished, malformed, emptied, binary])
def test_a_file_at_fault_keeps_the_old_keys_and_says_so_once(
    file: Path,
    damage: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In the log and as ``fault``, without a key; the next good one takes over."""
    caplog.set_level(logging.WARNING)
    ring = Ring.configured("", file)
    now = time.time()
    damage(file)
    for later in (2, 4, 6):
        assert ring.find(ONE, now + later)
        assert ring.find(TWO, now + later) is None
    assert ring.fault is not None
    assert str(file) in ring.fault
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert ONE[7:20] not in caplog.text + ring.fault
    assert TWO[7:20] not in caplog.text + ring.fault

    replaced(file, line(TWO, "two"))
    assert ring.find(TWO, now + 8)
    assert ring.find(ONE, now + 8) is None
    assert ring.fault is None
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_a_file_that_can_be_read_again_is_good_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when nothing of it changed meanwhile."""
    monkeypatch.setattr("api.security.SETTLED", -1.0)
    ring = Ring.configured("", file)
    now = time.time()
    with monkeypatch.context() as away:
        away.setattr(Path, "stat", lambda path, **_: (path.parent / "gone").read_bytes())
        assert ring.find(ONE, now + 2)
    assert ring.fault is not None
    assert ring.find(ONE, now + 4)
    assert ring.fault is None
