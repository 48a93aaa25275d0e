"""Faults: what they change and what they leave alone."""

import numpy as np
import pytest
from tests.bundles import TARGETS, Tiny, coded

from hearth.errors import HearthError
from hearth.monitoring.simulate import FAULTS, Fault, Injected, Rows, inject, refused
from hearth.schema import Contract, Feature


def rows_of(tiny: Tiny, count: int = 200) -> Rows:
    """Good rows with truths."""
    x = coded(3, count)
    scores = tiny.predictor.scores(x)
    return Rows(x, scores, scores if scores.ndim == 1 else scores.argmax(axis=1).astype(np.float64))


def faulty(tiny: Tiny, fault: Fault, intensity: float, seed: int = 0) -> tuple[Rows, Injected]:
    """Good rows, and the same with a fault."""
    rows = rows_of(tiny)
    return rows, inject(tiny.bundle.contract, rows, fault, intensity, seed)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_same_seed_is_the_same_fault(tiny: Tiny, fault: Fault) -> None:
    """Another seed is another, and the rows given are as they were."""
    rows, one = faulty(tiny, fault, 0.6, 1)
    before = coded(3, 200)
    again, others = faulty(tiny, fault, 0.6, 1)[1], [faulty(tiny, fault, 0.6, seed)[1] for seed in (2, 3, 4)]
    assert np.array_equal(rows.x, before, equal_nan=True)
    assert np.array_equal(one.x, again.x, equal_nan=True)
    assert not np.array_equal(one.x, before, equal_nan=True)
    assert any(not np.array_equal(one.x, other.x, equal_nan=True) for other in others) or fault in ("scale", "feature_shift")
    assert one.columns
    assert one.what


def test_a_shift_is_so_many_standard_deviations(regression: Tiny) -> None:
    """In a third of the columns of numbers, integers by whole steps; gaps stay gaps."""
    for seed in range(6):
        rows, made = faulty(regression, "feature_shift", 1.5, seed)
        (name,) = made.columns
        at = regression.bundle.contract.names.index(name)
        moved = (made.x - rows.x)[:, at]
        sd = np.nanstd(rows.x[:, at])
        whole = regression.bundle.contract.used[at].type == "integer"
        assert np.nanmin(moved) == pytest.approx(np.ceil(1.5 * sd) if whole else 1.5 * sd)
        assert np.array_equal(np.isnan(made.x), np.isnan(rows.x))
        others = [i for i in range(rows.x.shape[1]) if i != at]
        assert np.array_equal(made.x[:, others], rows.x[:, others], equal_nan=True)
        assert made.y is rows.y


def test_noise_widens_and_scale_multiplies(regression: Tiny) -> None:
    """Noise of one standard deviation makes 1.4 of one; a scale of 1.5 is times 2.5."""
    rows, noisy = faulty(regression, "noise", 1.0)
    at = regression.bundle.contract.names.index(noisy.columns[0])
    assert np.nanstd(noisy.x[:, at]) / np.nanstd(rows.x[:, at]) == pytest.approx(2**0.5, rel=0.2)
    rows, scaled = faulty(regression, "scale", 1.5, 5)
    at = regression.bundle.contract.names.index(scaled.columns[0])
    assert np.nanmean(scaled.x[:, at]) / np.nanmean(rows.x[:, at]) == pytest.approx(2.5, rel=0.05)


def test_missing_is_a_share(tiny: Tiny) -> None:
    """Of the rows, in each column at fault; all of them at 1."""
    _, some = faulty(tiny, "missing", 0.4)
    _, whole = faulty(tiny, "missing", 1.0)
    at = tiny.bundle.contract.names.index(some.columns[0])
    assert 0.35 < np.isnan(some.x[:, at]).mean() < 0.6
    assert np.isnan(whole.x[:, at]).all()


def test_a_swap_exchanges_the_commonest_levels(regression: Tiny) -> None:
    """At 1 in every row; other levels and gaps stay."""
    rows, made = faulty(regression, "category_swap", 1.0)
    assert made.columns == ("old", "colour")
    old = made.x[:, 2]
    assert np.array_equal(old, 1 - rows.x[:, 2], equal_nan=True)
    levels, counts = np.unique(rows.x[:, 3][~np.isnan(rows.x[:, 3])], return_counts=True)
    rarest = levels[np.argsort(-counts, kind="stable")[-1]]
    assert np.array_equal(made.x[:, 3] == rarest, rows.x[:, 3] == rarest)
    assert not np.array_equal(made.x[:, 3], rows.x[:, 3], equal_nan=True)


def test_an_imbalance_draws_rows_by_their_truth(tiny: Tiny) -> None:
    """High ones, or the rarest label, come more often; each row keeps its truth."""
    rows, made = faulty(tiny, "label_imbalance", 1.5)
    assert rows.y is not None
    assert made.y is not None
    if tiny.bundle.contract.target.task == "regression":
        assert made.y.mean() > rows.y.mean() + rows.y.std() / 2
    else:
        rarest = np.bincount(rows.y.astype(int)).argmin()
        assert np.mean(made.y == rarest) > 1.5 * np.mean(rows.y == rarest)
    truths = {row.tobytes(): truth for row, truth in zip(rows.x, rows.y, strict=True)}
    assert all(truths[row.tobytes()] == truth for row, truth in zip(made.x, made.y, strict=True))


def test_without_truths_what_the_model_says_stands_for_them(tiny: Tiny) -> None:
    """And there are none afterwards."""
    rows = rows_of(tiny)
    made = inject(tiny.bundle.contract, Rows(rows.x, rows.scores), "label_imbalance", 2, 0)
    assert made.y is None
    assert len(made.x) == len(rows.x)


def test_combined_is_all_three(regression: Tiny) -> None:
    """It says where each is."""
    rows, made = faulty(regression, "combined", 1.0)
    assert np.isnan(made.x).mean() > np.isnan(rows.x).mean()
    assert made.what.count(";") == 2
    assert regression.bundle.contract.target.name in made.columns


@pytest.mark.parametrize(("fault", "intensity"), [("missing", 1.5), ("category_swap", 2), ("noise", 0), ("scale", -1)])
def test_an_intensity_that_cannot_be_is_refused(regression: Tiny, fault: Fault, intensity: float) -> None:
    """A share is at most 1, and none is below 0."""
    with pytest.raises(HearthError, match="intensity"):
        faulty(regression, fault, intensity)


def test_a_contract_without_such_a_column_is_refused() -> None:
    """With what may be simulated instead."""
    numbers = Contract(target=TARGETS["regression"], features=(Feature(name="x", type="number"),))
    words = Contract(target=TARGETS["regression"], features=(Feature(name="x", type="category", values=("a", "b")),))
    rows = Rows(np.zeros((5, 1)), np.zeros(5))
    with pytest.raises(HearthError, match="no category or boolean has two values"):
        inject(numbers, rows, "category_swap", 0.5, 0)
    with pytest.raises(HearthError, match="no column of numbers"):
        inject(words, rows, "noise", 0.5, 0)


@pytest.mark.parametrize("fault", FAULTS)
def test_no_rows_have_no_fault(tiny: Tiny, fault: Fault) -> None:
    """As of a table with its header alone."""
    nothing = Rows(coded(3, 1)[:0], tiny.predictor.scores(coded(3, 1))[:0], np.empty(0))
    with pytest.raises(HearthError, match="no rows"):
        inject(tiny.bundle.contract, nothing, fault, 0.5, 0)


@pytest.mark.parametrize("fault", ["feature_shift", "noise", "scale"])
@pytest.mark.parametrize("intensity", [1e39, 1e308])
def test_values_that_no_model_can_hold_are_refused(regression: Tiny, fault: Fault, intensity: float) -> None:
    """Whether they are too large for single precision, or for any number."""
    with pytest.raises(HearthError, match="give a smaller number"):
        faulty(regression, fault, intensity)


def test_a_column_of_one_value_has_nothing_to_exchange(regression: Tiny) -> None:
    """Nor has one without any; the others are exchanged."""
    x = coded(3, 50)
    x[:, 2], x[:, 3] = np.nan, np.where(coded(3, 50)[:, 3] > 0, 1.0, 0.0)
    rows = Rows(x, regression.predictor.scores(x))
    assert inject(regression.bundle.contract, rows, "category_swap", 1.0, 0).columns == ("colour",)
    x[:, 3] = 1.0
    with pytest.raises(HearthError, match="no category or boolean has two values to exchange"):
        inject(regression.bundle.contract, rows, "category_swap", 1.0, 0)


def test_rows_that_a_service_would_refuse_are_counted(regression: Tiny) -> None:
    """Out of range, or without what is required."""
    x = coded(3, 10)
    assert refused(regression.bundle.contract, x) == 0
    x[0, 0], x[1, 0], x[2, 1] = 11, np.nan, -1
    assert refused(regression.bundle.contract, x) == pytest.approx(0.3)
