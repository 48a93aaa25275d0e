"""Keys, settings and a started service for the tests of the API."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.testclient import TestClient

from api.keys import SCOPES, Key, Scope, hashed
from api.main import Hearth, create_app
from api.service import Service
from api.settings import Settings, load

KEY = "hearth_" + "a" * 43
ALL: tuple[Scope, ...] = SCOPES
ROW = {"size": 4.5, "count": 3, "old": True, "colour": "red", "depth": 12.5}


def line(secret: str = KEY, name: str = "everything", scopes: tuple[Scope, ...] = ALL, limit: str | None = None) -> str:
    """A key as it is configured."""
    return Key(name=name, scopes=frozenset(scopes), expires=None, sha256=hashed(secret), limit=limit).line


def configured(folder: Path, **given: object) -> Settings:
    """Settings over ``folder / "bundle"`` and a SQLite store beside it."""
    defaults: dict[str, object] = {
        "bundle": folder / "bundle",
        "reports": folder / "reports",
        "api_keys": line(limit="1000000/minute"),
        "database_url": f"sqlite:///{folder}/store.db",
        "log_level": "error",
    }
    return load(**{**defaults, **given})


@dataclass(frozen=True, slots=True)
class Started:
    """A running service and a client of it, without a key."""

    app: Hearth
    client: TestClient

    @property
    def service(self) -> Service:
        """Its parts."""
        assert self.app.service is not None
        return self.app.service


@contextmanager
def started(settings: Settings) -> Iterator[Started]:
    """Start the service in this process; an error that it does not handle fails the test."""
    app = create_app(settings)
    with TestClient(app, client=("192.0.2.1", 50000)) as client:
        yield Started(app, client)
