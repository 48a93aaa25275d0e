"""Who may use a route, as FastAPI documents it and as the edge enforces it."""

from typing import Annotated

from fastapi import Security
from fastapi.params import Depends as Dependency
from fastapi.security import APIKeyHeader, HTTPBearer

_header = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="key", description="A key of this service.")
_bearer = HTTPBearer(auto_error=False, scheme_name="bearer", description="The same key as a bearer token.")


def _presented(header: Annotated[str | None, Security(_header)], bearer: Annotated[object, Security(_bearer)]) -> None:
    """Nothing: the edge has looked at the key already. This is what the OpenAPI page knows of it."""


def needs(scope: str = "") -> Dependency:
    """The guard of a route: a key with ``scope``, or any key."""
    made: Dependency = Security(_presented, scopes=[scope] if scope else [])
    return made


def scope_of(dependencies: list[Dependency]) -> str | None:
    """The scope that a route's guard asks for: a name, empty for any key, ``None`` where there is no guard."""
    for dependency in dependencies:
        if dependency.dependency is _presented:
            return next(iter(getattr(dependency, "scopes", None) or []), "")
    return None
