"""Answers that are whole before they leave: made in one step, and sent in one message where the server takes that."""

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

JSON = "application/json"
WHOLE = "hearth.whole"  # in a scope whose server takes the start of an answer with its ``body``: it is the whole answer then
_MEDIA = (b"content-type", JSON.encode())
_encode = msgspec.json.Encoder().encode


class Json(Response):
    """What is told as JSON. Its headers are always these two, so it does not look, as others do, which of them are given."""

    media_type = JSON

    def __init__(self, told: object, status: int = 200) -> None:
        self.status_code, self.background, self.body = status, None, _encode(told)
        self.raw_headers = [(b"content-length", b"%d" % len(self.body)), _MEDIA]


async def send_whole(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a response that has its body. One that the server takes in a message leaves in a packet."""
    if WHOLE in scope:
        start = {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}
        start["body"] = response.body
        await send(start)
    else:
        await response(scope, receive, send)
