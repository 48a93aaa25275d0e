"""How often drift is seen that is not there, and that is: the short form of ``benchmarks/drift.py``."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.detect.rules import RULES, Watched, critical
from benchmarks.detect.worlds import KINDS, Kind, MadeUp, Real
from benchmarks.drift import alarms
from scipy import stats

from hearth.stages import ingest
from hearth.training import table
from hearth.training.table import Table

pytestmark = pytest.mark.journey

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """The table that params.yaml names."""
    place = tmp_path_factory.mktemp("raw")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        ingest.main(
            [
                "--params",
                "params.yaml",
                "--feedback",
                "data/feedback.csv",
                "--out",
                str(place / "raw"),
                "--report",
                str(place / "data.json"),
            ]
        )
    return table.read(place / "raw" / "table.parquet", table.read_contract(place / "raw"))


def once(world: MadeUp | Real, rows: int, shift: float, draws: int) -> dict[str, float]:
    """Alarms in per cent, looked at once."""
    return dict(zip(("ours", *RULES), alarms(world, rows, shift, draws)[0].tolist(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_false_alarms_stay_below_5_per_cent_however_often_one_asks(kind: Kind) -> None:
    """But for chance. Looked at every minute, KS with Holm over the newest rows alarms in every fifth clean hour."""
    found = alarms(MadeUp(kind, 13), 50, 0.0, 60, 20)
    assert found[0, 0] <= 5 + 2 * 2.8
    assert found[1, 0] == found[0, 0]
    holm = 1 + RULES.index("KS + Holm")
    assert found[1, holm] >= 10
    assert found[1, 1 + RULES.index("any KS")] > 80


def test_power_is_that_of_ks_with_holm_at_least() -> None:
    """For half a standard deviation in one of 13 columns, on the same draws; the rule of thumb sees nothing."""
    found = once(MadeUp("numbers", 13), 50, 0.5, 80)
    assert found["ours"] >= found["KS + Holm"]
    assert found["ours"] > 40
    assert found["mean > 2 sd"] == found["Evidently"] == 0


def test_the_table_of_the_design_is_ours(data: Table) -> None:
    """Clean windows of the real table: PSI alarms on all of them, any KS on a quarter, KS with Holm and ours on hardly any."""
    found = once(Real(data, 0), 50, 0.0, 120)
    assert found["PSI > 0.1"] > 95
    assert 12 < found["any KS"] < 42
    assert found["KS + Holm"] <= 8
    assert found["ours"] <= 5 + 2 * 2
    assert found["mean > 2 sd"] == 0
    assert found["Evidently"] <= 2


def test_each_column_of_the_table_is_seen_to_move(data: Table) -> None:
    """By one standard deviation, 50 rows: ours sees every one of them, the mean-shift rule none, Evidently's none."""
    for column in range(data.x.shape[1] + 1):
        found = once(Real(data, column), 50, 1.0, 6)
        assert found["ours"] >= 5 / 6 * 100
        assert found["mean > 2 sd"] == found["Evidently"] == 0


def test_the_other_rules_are_what_they_are_called() -> None:
    """KS, chi-squared and Holm as scipy has them, on one draw of each kind."""
    for kind in KINDS:
        world = MadeUp(kind, 5)
        for seed, shift in ((0, 0.0), (1, 1.2)):
            draw = world.draw(np.random.default_rng(seed), 60, shift)
            window = np.column_stack([draw.stream.rows, draw.stream.scores])[:60]
            reference = np.column_stack([draw.reference.rows, draw.reference.scores])
            p_values = [
                stats.ks_2samp(one, other, method="asymp").pvalue
                if kind == "numbers" or at == 5
                else stats.chi2_contingency(
                    stats.contingency.crosstab(np.r_[one, other], np.r_[one * 0, other * 0 + 1])[1]
                ).pvalue
                for at, (one, other) in enumerate(zip(reference.T, window.T, strict=True))
            ]
            found = dict(zip(RULES, Watched(world.contract, draw).alarms(0, 60), strict=True))
            assert found["any KS"] == (min(p_values) <= 0.05)
            assert found["KS + Holm"] == (min(p_values) <= 0.05 / 6)
            assert found["Evidently"] == (np.mean(np.array(p_values) <= 0.05) >= 0.5)
    gap = critical(400, 60, 0.01)
    assert stats.kstwo.sf(gap, round(400 * 60 / 460)) == pytest.approx(0.01)
