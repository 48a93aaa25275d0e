"""Answers that are whole before they leave."""

import asyncio

import pytest
from starlette.responses import JSONResponse, Response
from starlette.types import Message

from api.answers import JSON, WHOLE, Json, send_whole


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def sent(response: Response, *marks: str) -> list[Message]:
    """The messages that a response takes, for a scope with these marks."""
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    asyncio.run(send_whole(response, {"type": "http", **dict.fromkeys(marks, True)}, _nothing, send))
    return messages


@pytest.mark.parametrize("told", [{}, {"a": [1.5, None, "\u00fc"]}, []])
@pytest.mark.parametrize("status", [200, 503])
def test_json_has_the_headers_that_starlette_gives_it(told: object, status: int) -> None:
    """In its order, and the bytes too."""
    ours, theirs = Json(told, status), Response(JSONResponse(told).body, status, media_type=JSON)
    assert (ours.status_code, ours.raw_headers, ours.body) == (status, theirs.raw_headers, theirs.body)


def test_a_whole_answer_is_one_message_where_the_server_takes_it() -> None:
    """Elsewhere it is ASGI's two."""
    start = {"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"1")]}
    assert sent(Response("x", 201), WHOLE) == [{**start, "body": b"x"}]
    assert sent(Response("x", 201)) == [start, {"type": "http.response.body", "body": b"x"}]
