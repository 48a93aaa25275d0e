"""Answers to queries, of real databases."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy
from tests.api.databases import SERVER

from hearth.errors import SourceError
from hearth.params import SqlSource
from hearth.sources import sql

QUERY = "SELECT a, kind, y FROM t ORDER BY a"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with a table."""
    with sqlite3.connect(tmp_path / "data.db") as connection:
        connection.execute("CREATE TABLE t (a REAL, kind TEXT, y INTEGER)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", [(0.1 + 0.2, 'q"x,', 2**60), (None, None, 3), (7, "p", None)])
    connection.close()
    return f"sqlite:///{tmp_path}/data.db"


def test_an_answer_is_written_to_the_last_digit(url: str, tmp_path: Path) -> None:
    """What is null is an empty field; the query is told on one line."""
    fetched = sql.query(SqlSource(url=url, query=QUERY.replace(" FROM", "\n  FROM")), tmp_path)
    assert fetched.path.read_text() == f'a,kind,y\n,,3\n{0.1 + 0.2!r},"q""x,",{2**60}\n7.0,p,\n'
    assert (fetched.source, fetched.where) == ("sql", f"{url}: {QUERY}")


def test_a_url_may_stand_in_the_environment(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no password stands in a file; where it is missing the message says how to set it."""
    source = SqlSource(url="$TABLES", query=QUERY)
    with pytest.raises(SourceError, match=r"the environment has no TABLES: export TABLES=postgresql"):
        sql.query(source, tmp_path)
    monkeypatch.setenv("TABLES", url)
    assert len(sql.query(source, tmp_path).path.read_text().splitlines()) == 4


@pytest.mark.parametrize("given", ["postgresql://me:secret@host/db", "mysql+x://u:p@h:1/d?x=1"])
def test_a_password_in_the_settings_is_refused(given: str) -> None:
    """They are in git."""
    with pytest.raises(ValueError, match=r"a password does not belong into a file in git"):
        SqlSource(url=given, query=QUERY)
    assert SqlSource(url="postgresql://me@host/db", query=QUERY).query == QUERY


@pytest.mark.parametrize(
    ("given", "asked", "said"),
    [
        ("nonsense", QUERY, r"data\.sql\.url is no URL"),
        ("nosuch://host/db", QUERY, r"data\.sql\.url: nosuch needs its driver"),
        ("sqlite:////no/such/folder/x.db", QUERY, r"data\.sql: sqlite:////no/such/folder/x.db refuses: unable to open"),
        ("", "SELECT z FROM t", r"refuses: no such column: z"),
        ("", "SELEC a FROM t", r"refuses: near .SELEC."),
        ("", "SELECT a, y AS a FROM t", r"data\.sql\.query gives a twice: name each column once, with AS"),
        ("", "DELETE FROM t", r"refuses: This result object does not return rows"),
    ],
)
def test_what_a_database_refuses_says_what_to_do(url: str, tmp_path: Path, given: str, asked: str, said: str) -> None:
    """The driver's own words, by the key that names them."""
    with pytest.raises(SourceError, match=said):
        sql.query(SqlSource(url=given or url, query=asked), tmp_path)


@pytest.mark.postgres
def test_a_password_is_in_no_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where PostgreSQL answers nor where it refuses."""
    server = sqlalchemy.make_url(SERVER).set(password="hush-hush")  # noqa: S106 - none of anybody's
    monkeypatch.setenv("TABLES", server.render_as_string(hide_password=False))
    engine = sqlalchemy.create_engine(server.set(drivername="postgresql+psycopg"), poolclass=sqlalchemy.NullPool)
    try:
        engine.connect().close()
    except sqlalchemy.exc.OperationalError as error:
        pytest.skip(f"no PostgreSQL server answers; set HEARTH_TEST_POSTGRES: {type(error.orig).__name__}")
    fetched = sql.query(SqlSource(url="$TABLES", query="SELECT 1.50::numeric AS a, NULL AS b, true AS c"), tmp_path)
    assert fetched.path.read_text() == "a,b,c\n1.50,,True\n"
    assert "hush" not in fetched.where
    with pytest.raises(SourceError, match="does not exist") as refusal:
        sql.query(SqlSource(url="$TABLES", query="SELECT hush FROM nowhere"), tmp_path)
    assert "hush-hush" not in str(refusal.value)
