"""The registry of MLflow: versions, their aliases, what their bundles say."""

import sqlite3
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from tests.release.projects import Project
from tests.tiny import settings

from hearth.artifacts import write_text
from hearth.errors import ReleaseError, TrackingError
from hearth.release.names import find
from hearth.release.registry import METADATA, Registry

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # of MLflow's own


@pytest.fixture
def registry(registered: Project) -> Registry:
    """Three versions, the first of them champion, the third challenger."""
    return Registry.of(registered.root, settings(tracking={"uri": "sqlite:///mlflow.db"}))


def aliases(registry: Registry) -> dict[str, int]:
    """Where every alias points."""
    return registry.models()["hearth"]


def test_versions_are_listed_with_what_names_them(registry: Registry, project: Project) -> None:
    """The oldest first: number, digest, data, commit, aliases, and when they were made."""
    found = registry.versions()
    assert [(one.number, one.digest, one.data, one.commit) for one in found] == [
        (i + 1, project.digests[i], ("dd", "dd", "ee")[i], f"{project.commits[i]}-dirty") for i in range(3)
    ]
    assert [one.aliases for one in found] == [("champion",), (), ("challenger",)]
    assert all(one.made.startswith("20") and one.made.endswith("Z") for one in found)
    assert find(project.digests[0][:4], found) == find("champion", found) == find("1", found)


def test_a_version_tells_what_its_bundle_says(registry: Registry) -> None:
    """Its metadata, from the artifacts."""
    assert registry.metadata(registry.versions()[2])["recipe"] == {"rounds": 30, "percentile": None, "params": {"max_depth": 3}}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "No such artifact.*If version 1 has lost"),
        ("[1]", "is no JSON object"),
        ('{"task": "x"}', "say its winner, metrics"),
    ],
)
def test_a_version_that_tells_nothing_is_named(registry: Registry, tmp_path: Path, text: str | None, why: str) -> None:
    """As when its artifacts were cleared away, or an older version of Hearth wrote them."""
    if text is not None:
        write_text(tmp_path / "elsewhere" / METADATA, text)
    with closing(sqlite3.connect(registry.tracking.uri.removeprefix("sqlite:///"))) as database, database:
        database.execute("UPDATE model_versions SET storage_location = ?, source = ?", [str(tmp_path / "elsewhere")] * 2)
    with pytest.raises(TrackingError, match=why):
        registry.metadata(registry.versions()[0])


def test_a_crown_moves_and_takes_the_challengers_alias_away(registry: Registry, project: Project) -> None:
    """The commit that builds it is noted; a second time changes nothing."""
    _, second, third = project.digests
    assert registry.crown(third, "abc") == "champion is now version 3"
    assert aliases(registry) == {"champion": 3}
    assert registry.versions()[2].commit == "abc"
    assert registry.crown(third) == "champion is version 3"
    assert aliases(registry) == {"champion": 3}
    assert registry.crown(second) == "champion is now version 2"
    assert aliases(registry) == {"champion": 2}


def test_a_digest_without_a_version_leaves_the_alias(registry: Registry) -> None:
    """The message says how to register it."""
    with pytest.raises(ReleaseError, match=r"has no version of the champion 444444444444.*stays.*registry sync"):
        registry.crown("4" * 64)
    assert aliases(registry) == {"champion": 1, "challenger": 3}


def test_other_aliases_are_free(registry: Registry) -> None:
    """To be set and removed; the champion's is not, and a name that MLflow keeps to itself is refused."""
    first = registry.versions()[0]
    registry.set_alias("shadow", first)
    assert aliases(registry)["shadow"] == 1
    registry.set_alias("shadow", None)
    assert "shadow" not in aliases(registry)
    with pytest.raises(ReleaseError, match="follows git"):
        registry.set_alias("champion", first)
    with pytest.raises(ReleaseError, match="'v7' is no name for an alias"):
        registry.set_alias("v7", first)


def test_an_alias_that_reads_as_another_name_is_not_set(registry: Registry) -> None:
    """One that another tool has set can be removed; one that is not there cannot."""
    first = registry.versions()[0]
    for name in ("2", "cafe"):
        with pytest.raises(ReleaseError, match=f"'{name}' is no name for an alias"):
            registry.set_alias(name, first)
    mlflow.MlflowClient(registry.tracking.uri).set_registered_model_alias("hearth", "2", "1")
    registry.set_alias("2", None)
    assert aliases(registry) == {"champion": 1, "challenger": 3}
    with pytest.raises(ReleaseError, match=r"^hearth has no alias 2; `hearth registry list` shows"):
        registry.set_alias("2", None)


def test_where_nothing_was_registered_nothing_is_made(tmp_path: Path) -> None:
    """No empty database appears; the message says what makes one."""
    registry = Registry.of(tmp_path, settings(tracking={"uri": "sqlite:///none.db"}))
    with pytest.raises(TrackingError, match=r"none.db does not exist.*A build with tracking on"):
        registry.versions()
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_nobody_registered_has_no_versions(registry: Registry) -> None:
    """Others do not count."""
    assert Registry(registry.tracking, "another").versions() == []


def test_mlflow_that_is_away_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its address."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    before = mlflow.get_tracking_uri()
    registry = Registry.of(tmp_path, settings(tracking={"uri": "http://127.0.0.1:9"}))
    for ask in (registry.versions, lambda: registry.set_alias("shadow", None)):
        with pytest.raises(TrackingError, match=r"MLflow at http://127.0.0.1:9 failed.*tracking.uri"):
            ask()
    mlflow.set_tracking_uri(before)
