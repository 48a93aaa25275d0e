"""The service in this process, over a tiny bundle."""

import os
import re
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient
from tests.api.asking import KEY, Started, configured, started
from tests.api.databases import SERVER, sql
from tests.bundles import Tiny

from api.settings import Settings
from hearth.bundle import write

SERVICES = re.compile("postgres|redis|schemathesis", re.IGNORECASE)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With HEARTH_TEST_SERVICES=required a test that a service is missing for fails, instead of being left out."""
    report = yield
    if report.skipped and os.environ.get("HEARTH_TEST_SERVICES") == "required" and SERVICES.search(str(report.longrepr)):
        report.outcome = "failed"
    return report


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine's reaches a test."""
    for name in [name for name in os.environ if name.startswith("HEARTH_") and not name.startswith("HEARTH_TEST_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def settings(regression: Tiny, tmp_path: Path) -> Settings:
    """Settings over a regression's bundle and a store of their own, with one key for everything."""
    write(regression.bundle, tmp_path / "bundle")
    return configured(tmp_path)


@pytest.fixture
def served(settings: Settings) -> Iterator[Started]:
    """The service, started."""
    with started(settings) as made:
        yield made


@pytest.fixture
def client(served: Started) -> TestClient:
    """A client with the key for everything."""
    served.client.headers["X-API-Key"] = KEY
    return served.client


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    """A file that is not there yet, in a folder that is not there yet."""
    return f"sqlite:///{tmp_path}/var/store.db"


@pytest.fixture
def postgres() -> Iterator[str]:
    """An empty database on the server that HEARTH_TEST_POSTGRES names, dropped afterwards."""
    pytest.importorskip("psycopg", reason="PostgreSQL's driver is not installed: pip install 'hearth[cluster]'")
    name = f"hearth_test_{uuid.uuid4().hex}"
    try:
        sql(SERVER, f"CREATE DATABASE {name}")
    except OperationalError as error:
        pytest.skip(f"no PostgreSQL server answers; set HEARTH_TEST_POSTGRES: {type(error.orig).__name__}")
    yield make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    sql(SERVER, f"DROP DATABASE {name} WITH (FORCE)")
