"""XGBoost's library asked without its Python: the same bits, the same JSON, its refusals."""

import subprocess
import sys
from importlib.machinery import ModuleSpec

import numpy as np
import pytest
import xgboost as xgb
from tests.bundles import KINDS, Tiny, make

from hearth.bundle import native
from hearth.bundle.native import Booster, NativeError


@pytest.fixture(scope="module", params=KINDS)
def made(request: pytest.FixtureRequest) -> Tiny:
    """Each kind of task."""
    return make(request.param)


def read(made: Tiny) -> Booster:
    """Its booster, read from the bundle."""
    return Booster(made.bundle.model, 1)


@pytest.mark.parametrize("rounds", [0, 3])
@pytest.mark.parametrize("margin", [False, True])
def test_answers_are_those_of_xgboosts_python(made: Tiny, margin: bool, rounds: int) -> None:
    """To the bit and in the same shape, of many rows, of one, and of rows that do not lie one after the other in memory."""
    kind = "margin" if margin else "value"
    for columns in (made.columns, made.columns[:1], np.asfortranarray(made.columns), made.columns[::2]):
        wanted = made.booster.inplace_predict(columns, iteration_range=(0, rounds), predict_type=kind)
        for booster in (read(made), made.booster):
            said = native.predict(booster, columns, margin=margin, rounds=rounds)
            assert (said.dtype, said.shape) == (wanted.dtype, wanted.shape)
            np.testing.assert_array_equal(said, wanted)


def test_contributions_are_those_of_xgboosts_python(made: Tiny) -> None:
    """To the bit, with an axis for the groups also where there is one."""
    data = xgb.DMatrix(made.columns, nthread=1)
    wanted = made.booster.predict(data, pred_contribs=True, strict_shape=True, validate_features=False)
    said = native.contributions(read(made), made.columns)
    assert said.ndim == 3
    np.testing.assert_array_equal(said, wanted)


def test_a_booster_says_what_it_is(made: Tiny) -> None:
    """Its columns, itself as JSON, and the version of the library."""
    booster = read(made)
    assert native.width(booster) == made.booster.num_features() == made.columns.shape[1]
    assert native.as_json(booster) == bytes(xgb.Booster(model_file=bytearray(made.bundle.model)).save_raw("json"))
    assert native.version() == xgb.__version__


def test_no_rows_are_no_answers(made: Tiny) -> None:
    """And no look at memory that is not there."""
    assert native.predict(read(made), made.columns[:0], margin=True).size == 0


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"\xff" * 100])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    """In words of XGBoost's."""
    with pytest.raises(NativeError, match=r"\w"):
        Booster(content)


def test_rows_of_another_width_are_refused(made: Tiny) -> None:
    """The library itself would look beyond them."""
    with pytest.raises(NativeError, match=rf"takes {made.columns.shape[1]} columns, not {made.columns.shape[1] - 1}"):
        native.predict(read(made), made.columns[:, 1:], margin=False)


def test_an_infinite_value_has_no_contributions(made: Tiny) -> None:
    """XGBoost refuses it, and says so."""
    with pytest.raises(NativeError, match="inf"):
        native.contributions(read(made), np.full_like(made.columns, np.inf))


@pytest.mark.parametrize("found", [None, ModuleSpec("xgboost", None)])
def test_without_xgboost_its_name_is_told(found: ModuleSpec | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an import of it would."""
    monkeypatch.setattr(native, "find_spec", lambda _: found)
    with pytest.raises(ModuleNotFoundError, match="xgboost"):
        native._library.__wrapped__()


def test_a_predictor_does_without_xgboosts_python() -> None:
    """What answers and explains imports neither it nor scipy, and has the library."""
    code = "import sys, hearth.bundle.explained as _; from hearth.bundle import native; native.version(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"xgboost", "scipy", "pandas", "sklearn"} & set(done.stdout.split())
