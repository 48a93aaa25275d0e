"""What the service refuses, as RFC 9457 problems. A status is mapped here and nowhere else."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from hearth.bundle import Fault
from hearth.errors import HearthError

MEDIA = "application/problem+json"
SHOWN = 100  # faults at most in one answer


class ApiError(HearthError):
    """A request that gets a problem instead of an answer. ``detail`` says what to do and never repeats the request."""

    status = 500

    def __init__(
        self,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, object]] = (),
    ) -> None:
        self.detail, self.headers, self.errors = detail, dict(headers or {}), tuple(errors)
        super().__init__(detail)

    @property
    def title(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase


class BadRequest(ApiError):
    """What came is not HTTP."""

    status = 400


class Unauthorized(ApiError):
    """No key, or none that is known."""

    status = 401

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer realm="hearth"'})


class Forbidden(ApiError):
    """The key lacks the scope."""

    status = 403


class NotFound(ApiError):
    """There is no such path, or no such prediction."""

    status = 404


class WrongMethod(ApiError):
    """The path has other methods."""

    status = 405


class TooSlow(ApiError):
    """The head of a request does not come."""

    status = 408


class Conflict(ApiError):
    """Another truth is known already."""

    status = 409


class TooLarge(ApiError):
    """More bytes, or more rows, than are taken in one call."""

    status = 413


class Unsupported(ApiError):
    """A media type that this route does not read."""

    status = 415


class Invalid(ApiError):
    """The body is not what the contract says; ``errors`` has each fault."""

    status = 422


class TooMany(ApiError):
    """A rate limit is reached."""

    status = 429


class EndlessHead(ApiError):
    """The head of a request is longer than any that is meant well."""

    status = 431


class Unavailable(ApiError):
    """Not now: busy, stopping, or a part is down."""

    status = 503

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class Internal(ApiError):
    """A fault of the service."""

    def __init__(self) -> None:
        super().__init__("the service made a mistake; its log has the details under this request id")


def invalid(found: Sequence[Fault], *, single: bool = False) -> Invalid:
    """The 422 for rows at fault, every field at once; the row's index is left out of a ``single`` row's."""
    errors: list[dict[str, object]] = [
        {**({} if single else {"row": fault.row}), "field": fault.field, "message": fault.message} for fault in found[:SHOWN]
    ]
    more = f"; the first {SHOWN} are listed" if len(found) > SHOWN else ""
    count = "1 field is" if len(found) == 1 else f"{len(found)} fields are"
    return Invalid(f"{count} at fault{more}: /docs shows what is allowed", errors=errors)


def problem(error: ApiError, request_id: str) -> Response:
    """The answer that says so."""
    body = {"title": error.title, "status": error.status, "detail": error.detail, "request_id": request_id}
    if error.errors:
        body["errors"] = error.errors
    return Response(msgspec.json.encode(body), error.status, headers=error.headers, media_type=MEDIA)
