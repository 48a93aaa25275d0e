"""Retraining: a better build takes the champion's place whole, and nothing else changes anything."""

from pathlib import Path

import pytest
from tests.release.learning import Learning, later, made, returned
from tests.release.projects import status

from hearth import params
from hearth.release import champion
from hearth.release.layout import Layout
from hearth.release.locking import lock
from hearth.release.news import News, news
from hearth.release.retrain import Outcome, Wishes, retrain
from hearth.release.truths import Returned


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Learning:
    """A project with its first build; not to be changed."""
    place = tmp_path_factory.mktemp("learning")
    return made(place / "original", place / "scratch")


@pytest.fixture
def project(original: Learning, tmp_path: Path) -> Learning:
    """A copy of its own."""
    return original.copy(tmp_path / "project")


def new_of(project: Learning, truths: Returned) -> News:
    """What is new to the project."""
    layout = Layout.read(project.root)
    return news(project.checkout, layout, params.load(project.root / layout.params), truths)


def retrained(project: Learning, truths: Returned, **wishes: bool) -> Outcome:
    """Retrain on these truths."""
    layout = Layout.read(project.root)
    with lock(project.root) as main:
        return retrain(main, layout, new_of(project, truths), Wishes(verdict=project.root / "var/verdict.json", **wishes))


def test_a_better_build_is_promoted_whole(project: Learning) -> None:
    """Branch, files, bundle, log and verdict are those of the new champion; nothing is left to commit."""
    before = project.checkout.commit

    outcome = retrained(project, returned(later(300, 12.0)))

    assert (outcome.branch, outcome.verdict.promoted) == ("main", True)
    assert project.served == project.better == champion.named(project.checkout)
    assert status(project.root) == ""
    entries = champion.log(project.checkout)
    assert [entry.digest for entry in entries] == [project.first, project.better]
    assert project.checkout.file("reports/verdict.json") == (project.root / "var/verdict.json").read_bytes()
    assert len((project.root / "data/feedback.csv").read_text(encoding="utf-8").splitlines()) == 301
    assert not new_of(project, returned(later(300, 12.0)))
    assert before != project.checkout.commit
