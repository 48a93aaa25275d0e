"""What the service wants to know of a request's head."""

import pytest

from api.heads import HEAD, Head
from api.security import sealed


@pytest.mark.parametrize(
    ("headers", "json", "plain"),
    [
        ([], True, True),
        ([(b"content-type", b"application/json; charset=utf-8")], True, True),
        ([(b"content-type", b" Application/Problem+JSON ")], True, True),
        ([(b"content-type", b"")], False, True),
        ([(b"content-type", b"text/csv"), (b"content-encoding", b" Identity ")], False, True),
        ([(b"content-encoding", b"gzip")], True, False),
        ([(b"content-encoding", b"")], True, False),
    ],
)
def test_a_head_says_what_its_body_may_be(headers: list[tuple[bytes, bytes]], json: bool, plain: bool) -> None:
    """JSON, unless it says that it is something else; and as it is, unless it says that it is compressed."""
    head = Head(headers)
    assert (head.json, head.plain) == (json, plain)


@pytest.mark.parametrize(("given", "kept"), [(b"a.b-1", "a.b-1"), (b"", ""), (b"a b", ""), (b"a" * 65, ""), (b"\xff", "")])
def test_a_head_has_the_client_s_id_if_it_may_be_repeated(given: bytes, kept: str) -> None:
    """Of 1 to 64 plain characters."""
    assert Head([(b"x-request-id", given)]).id == kept


def test_a_head_holds_a_digest_and_no_key() -> None:
    """None where there is no key, or where there are two."""
    assert Head([(b"authorization", b"Bearer K")]).secret == sealed("K")
    assert Head([(b"x-api-key", b"K"), (b"authorization", b"Bearer L")]).secret is None
    assert Head([(b"x-api-key", b"")]).secret is None
    assert Head([]).secret is None


def test_the_head_of_a_request_is_the_one_that_it_came_with() -> None:
    """If it did; else it is read."""
    known = Head([])
    headers = [(b"x-request-id", b"a")]
    assert Head.of({"headers": headers, HEAD: known}) is known
    assert Head.of({"headers": headers}).id == "a"
