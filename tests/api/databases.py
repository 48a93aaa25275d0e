"""The databases of the tests' own, asked directly."""

import os
from typing import Any

from sqlalchemy import URL, create_engine, make_url

SERVER = os.environ.get("HEARTH_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")


def sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    """What the database at ``url`` answers, outside a transaction."""
    engine = create_engine(_driven(url), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            result = connection.exec_driver_sql(statement)
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        engine.dispose()


def _driven(url: str) -> URL:
    parsed = make_url(url)
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed
