"""Feedback that lies is seen by key, and honest keys are left in peace."""

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.rig.worlds import HALF_WIDTH, LIAR, LIES, labelled, poisoned, truths, world
from scipy import stats
from tests.bundles import Tiny
from tests.monitoring.made import joined

from hearth.bundle.intervals import Conformal
from hearth.monitoring.trust import _compared, _ranking, doubts, impossible, suspects, trusted
from hearth.monitoring.truths import Truths, read

CONFORMAL = Conformal(0.9, HALF_WIDTH, 1_000)


def honest(rng: np.random.Generator, rows: int, kind: str) -> Truths:
    """A world in which nobody lies."""
    of = world(rng, rows, kind)
    return truths(of, of.actual, np.array([f"key {key}" for key in of.keys]))


def named(found: Truths) -> list[str]:
    """Who is accused."""
    return [one.key for one in suspects(found, CONFORMAL)]


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("share", [0.01, 0.1])
def test_a_key_that_lies_is_found_while_all_errors_grow(lie: str, share: float) -> None:
    """In 1 % and in 10 % of 2000 rows, however it lies, in at least 4 of 5 worlds that drift; nobody else is accused."""
    found = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        found.append(named(poisoned(rng, world(rng, 2_000, "drift"), lie, share)))
    assert sum(one == [LIAR] for one in found) >= 4
    assert not any(key != LIAR for one in found for key in one)


@pytest.mark.parametrize("lie", ["random", "ten times", "sign", "shuffled", "region", "echo"])
def test_a_key_that_lies_half_the_time_is_found(lie: str) -> None:
    """Honest truths beside the lies do not hide them: 10 % of the rows are lies, as many are not."""
    rng = np.random.default_rng(0)
    assert named(poisoned(rng, world(rng, 2_000, "drift"), lie, 0.1, 0.1)) == [LIAR]


def test_a_burst_of_lies_is_found() -> None:
    """All at once, so that few others tell truths at the same time."""
    rng = np.random.default_rng(8)
    of = world(rng, 1_000)
    actual, names = of.actual.copy(), np.array([f"key {key}" for key in of.keys])
    actual[600:700], names[600:700] = rng.permutation(actual[600:700]), LIAR
    assert named(truths(of, actual, names)) == [LIAR]


def test_random_labels_are_found() -> None:
    """Of a classification, by how improbable the model thought them."""
    (found,) = suspects(labelled(np.random.default_rng(0), 2_000, 0.1), CONFORMAL)
    assert found.key == LIAR
    assert found.rows == 200


@pytest.mark.parametrize("kind", ["quiet", "drift", "regions", "shifts"])
@pytest.mark.parametrize("rows", [200, 1_000])
def test_honest_keys_are_rarely_accused(kind: str, rows: int) -> None:
    """In at most 1 of 20 worlds: all alike, errors that grow for all, keys with rows of their own, keys that come and go."""
    accused = [named(honest(np.random.default_rng(seed), rows, kind)) for seed in range(20)]
    assert sum(map(bool, accused)) <= 1


def test_of_two_keys_the_one_that_lies_is_accused() -> None:
    """The one whose truths are farther from the answers; and of two that echo the answers and do not, the one that does."""
    for lie in ("random", "bias", "echo"):
        rng = np.random.default_rng(1)
        of = replace(world(rng, 600), keys=np.zeros(600, dtype=np.intp))
        assert named(poisoned(rng, of, lie, 0.4)) == [LIAR]


def test_two_liars_are_both_found() -> None:
    """The first is taken out before the second is looked for."""
    rng = np.random.default_rng(2)
    of = world(rng, 2_000)
    actual, names = of.actual.copy(), np.array([f"key {key}" for key in of.keys])
    actual[names == "key 3"] *= 10
    actual[names == "key 7"] = of.answers[names == "key 7"]
    assert set(named(truths(of, actual, names))) == {"key 3", "key 7"}


def test_a_key_alone_or_with_few_truths_is_not_judged() -> None:
    """There is nobody to compare it with, or too little to say."""
    rng = np.random.default_rng(3)
    of = replace(world(rng, 200), keys=np.zeros(200, dtype=np.intp))
    assert named(truths(of, rng.permutation(of.actual), np.full(200, "app"))) == []
    assert named(poisoned(rng, of, "ten times", 4 / 200)) == []


def test_the_evidence_is_told_in_words() -> None:
    """With the number of truths and a p-value that is corrected."""
    rng = np.random.default_rng(4)
    (found,) = suspects(poisoned(rng, world(rng, 1_000), "echo", 0.1), CONFORMAL)
    assert (found.rows, found.why) == (100, "100% of them are the model's own answers")
    assert found.p_value < 1e-50
    (found,) = suspects(poisoned(rng, world(rng, 1_000), "bias", 0.1), CONFORMAL)
    assert "likely to lie above a truth of another key" in found.why
    below = poisoned(rng, world(rng, 1_000), "bias", 0.1)
    (found,) = suspects(replace(below, actual=2 * below.scores - below.actual), CONFORMAL)
    assert "likely to lie below a truth of another key" in found.why


def test_single_truths_that_cannot_be_are_found() -> None:
    """One decimal point too far; where the errors of all have grown, what is far grows with them."""
    rng = np.random.default_rng(5)
    found = honest(rng, 300, "quiet")
    wrong = found.actual.copy()
    wrong[7] *= 10
    assert np.flatnonzero(impossible(replace(found, actual=wrong), CONFORMAL)).tolist() == [7]
    grown = replace(found, actual=found.scores + 12 * (found.actual - found.scores))
    assert not impossible(grown, CONFORMAL).any()
    assert not impossible(labelled(rng, 100, 0.1), CONFORMAL).any()
    assert impossible(found.take(np.arange(0)), CONFORMAL).shape == (0,)


def test_what_may_be_learnt_from_is_neither_suspect_nor_impossible() -> None:
    """Of the rest everything."""
    rng = np.random.default_rng(6)
    found = poisoned(rng, world(rng, 1_000), "shuffled", 0.1)
    wrong = found.actual.copy()
    place = int(np.flatnonzero(found.tellers != LIAR)[0])
    wrong[place] = 1e6
    kept = trusted(replace(found, actual=wrong), CONFORMAL)
    assert kept.sum() == 899
    assert not kept[place]
    assert LIAR not in found.tellers[kept]


def test_doubts_are_told_for_each_row_of_the_store(regression: Tiny) -> None:
    """Of a suspect key all of them, by its name; single ones that cannot be; others of another contract keep their place."""
    rows = joined(regression, 300, keys=("app", "web", "batch", "eve"))
    rng = np.random.default_rng(7)
    actual = [float(rng.uniform(-50, 50)) if key == "eve" else one for key, one in zip(rows.tellers, rows.actual, strict=True)]
    others = [place for place, key in enumerate(rows.tellers) if key != "eve"]
    actual[others[0]], actual[others[1]] = "no number", 1e6
    actual[rows.tellers.index("eve")] = "no number"
    said = doubts(regression.bundle.contract, regression.bundle.conformal, replace(rows, actual=actual))
    assert {place for place, key in enumerate(rows.tellers) if key == "eve"} == {
        place for place, text in enumerate(said) if text.startswith("told by eve: ")
    }
    assert said[others[0]] == ""
    assert said[others[1]].startswith("farther from the answer than any error")
    assert sum(map(bool, said)) == rows.tellers.count("eve") + 1


def test_the_rank_test_is_that_of_scipy() -> None:
    """Mann and Whitney's, with ties, without the correction for continuity."""
    rng = np.random.default_rng(9)
    for values in (rng.normal(size=60), rng.integers(0, 4, 60).astype(np.float64)):
        mine = rng.random(60) < 0.3
        ranking = _ranking(values, np.zeros(60, dtype=np.intp))
        chance, off = _compared(ranking, mine)
        test = stats.mannwhitneyu(values[mine], values[~mine], alternative="greater", method="asymptotic", use_continuity=False)
        assert chance == pytest.approx(test.statistic / (mine.sum() * (~mine).sum()))
        assert stats.norm.sf(off) == pytest.approx(test.pvalue)


def test_what_the_store_holds_is_read_for_doubts_as_for_the_verdict(regression: Tiny) -> None:
    """Doubts and trust say the same of the same rows."""
    rows = joined(regression, 200, keys=("app", "web"))
    wrong = replace(rows, actual=[50.0 if key == "web" else one for key, one in zip(rows.tellers, rows.actual, strict=True)])
    contract, conformal = regression.bundle.contract, regression.bundle.conformal
    kept = trusted(read(contract, wrong), conformal)
    assert [text == "" for text in doubts(contract, conformal, wrong)] == kept.tolist()
