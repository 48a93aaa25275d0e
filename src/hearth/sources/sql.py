"""The answer to a query, from any database that SQLAlchemy speaks to."""

import os
from collections import Counter
from pathlib import Path

import sqlalchemy
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from hearth.errors import SourceError
from hearth.params import SqlSource
from hearth.sources.fetched import Fetched
from hearth.sources.written import from_rows

CHUNK = 10_000  # rows that are in memory at once


def query(source: SqlSource, folder: Path) -> Fetched:
    """Ask ``data.sql.query`` at ``data.sql.url`` and write the answer into ``folder``.

    The same rows in another order are another table: a query that should be repeatable has an ORDER BY.

    Raises:
        SourceError: the URL, its driver, the database or the query are at fault; no message holds a password.
    """
    url, path = _url(source.url), folder / "table.csv"
    where = f"{url.render_as_string(hide_password=True)}: {' '.join(source.query.split())}"
    try:
        engine = sqlalchemy.create_engine(url)
    except (NoSuchModuleError, ImportError) as error:
        raise SourceError(f"data.sql.url: {url.drivername} needs its driver, which is not installed: {error}") from error
    try:
        with engine.connect() as connection:
            result = connection.execution_options(yield_per=CHUNK).execute(sqlalchemy.text(source.query))
            names = list(result.keys())
            _check_names(names)
            from_rows(names, result, path)
    except SQLAlchemyError as error:
        told = str(getattr(error, "orig", None) or error).splitlines()[0].replace(url.password or "\0", "***")
        raise SourceError(f"data.sql: {url.render_as_string(hide_password=True)} refuses: {told}") from error
    finally:
        engine.dispose()
    return Fetched(path=path, source="sql", where=where)


def _url(text: str) -> sqlalchemy.URL:
    """The URL, from the environment where it is ``$NAME``."""
    name = text.removeprefix("$")
    if name != text and name not in os.environ:
        raise SourceError(
            f"data.sql.url: the environment has no {name}: export {name}=postgresql://USER:PASSWORD@HOST/DATABASE"
        )
    try:
        url = sqlalchemy.make_url(os.environ[name] if name != text else text)
    except ArgumentError:
        raise SourceError("data.sql.url is no URL of a database, such as sqlite:///data.db") from None  # it may hold a password
    return url.set(drivername="postgresql+psycopg") if url.drivername in {"postgresql", "postgres"} else url


def _check_names(names: list[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise SourceError(f"data.sql.query gives {', '.join(twice)} twice: name each column once, with AS")
