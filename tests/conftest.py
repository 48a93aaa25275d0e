"""Tiny bundles, made once a session; and signals as a terminal would have them."""

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.bundles import KINDS, Tiny, make
from tests.laws import drawn
from tests.once import MEASURED

from hearth.bundle import write

# A busy machine is no fault of the code.
settings.register_profile("unhurried", max_examples=drawn(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """A shell has what it starts in the background ignore Ctrl-C, and so would all that is started here."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """What of Hearth the processes run that a test starts, others run in this one: measuring costs half as much again."""
    monkeypatch.delenv(MEASURED, raising=False)


@pytest.fixture(scope="session")
def regression() -> Tiny:
    """A number to predict; categories become one column each."""
    return make("regression")


@pytest.fixture(scope="session")
def binary() -> Tiny:
    """Two classes; categories stay codes, missing numbers are filled."""
    return make("binary", "ordinal", imputed=True)


@pytest.fixture(scope="session")
def multiclass() -> Tiny:
    """Three classes."""
    return make("multiclass")


@pytest.fixture(scope="session", params=KINDS)
def tiny(request: pytest.FixtureRequest) -> Tiny:
    """Each of the three in turn."""
    made: Tiny = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def folder(regression: Tiny, tmp_path: Path) -> Path:
    """A regression's bundle on disk, to be damaged at will."""
    write(regression.bundle, tmp_path / "bundle")
    return tmp_path / "bundle"
