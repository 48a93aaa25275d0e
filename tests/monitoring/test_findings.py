"""All that an evaluation finds, as data and in words."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from tests.bundles import Tiny
from tests.monitoring.made import Rows, joined, scored_bundle

from hearth.errors import BundleError
from hearth.monitoring.findings import Findings, examine
from hearth.monitoring.importance import ranked
from hearth.monitoring.words import lines

KEYS = ("app", "web", "batch")


def found(tiny: Tiny, rows: Rows, mean: float = 1.0, predicted: int = 1_000, important: Sequence[str] = ()) -> Findings:
    """An evaluation against a bundle of this objective."""
    return examine(scored_bundle(tiny, mean, 0.1 * mean), rows, predicted, joined(tiny, 300, 9), important)


def told(tiny: Tiny, findings: Findings) -> str:
    """What a person reads."""
    return "\n".join(lines(findings, tiny.bundle.contract.target))


def lying(rows: Rows, key: str) -> Rows:
    """The same with truths of one key drawn at random from a wide range."""
    rng = np.random.default_rng(0)
    lies = [float(rng.uniform(-30, 30)) if name == key else one for name, one in zip(rows.tellers, rows.actual, strict=True)]
    return replace(rows, actual=lies)


def test_honest_truths_of_a_good_model_are_fine(regression: Tiny) -> None:
    """Told with the share that came back, every metric beside the bundle's, by window and by key."""
    findings = found(regression, joined(regression, 400, keys=KEYS))
    assert findings.verdict == "fine"
    assert findings.trusted is None
    text = told(regression, findings)
    assert text.startswith(f"400 truths of 1000 predicted rows (40.0%), against bundle {'d' * 12}\n")
    assert "RMSE (EUR)" in text
    assert "\npredicted in" in text
    assert "\nkey " in text
    assert text.splitlines()[-1].startswith("verdict: fine, RMSE (EUR) ")
    assert "suspect" not in text


def test_a_degraded_model_is_told_with_its_ratio(multiclass: Tiny) -> None:
    """In the words of its task."""
    findings = found(multiclass, joined(multiclass, 400), mean=0.1)
    assert findings.verdict == findings.believed == "degraded"
    text = told(multiclass, findings)
    assert "verdict: degraded, log loss (nats) " in text
    assert "above the bundle's 0.1 (interval +" in text
    assert "label sets with the truth (%)" in text


def test_a_key_that_lies_is_told_with_what_would_be_without_it(regression: Tiny) -> None:
    """The verdict is of all truths; a second one leaves the suspect's out."""
    findings = found(regression, lying(joined(regression, 400, keys=KEYS), "web"))
    assert findings.verdict == "degraded"
    assert [one.key for one in findings.suspects] == ["web"]
    assert findings.trusted is not None
    assert findings.trusted.verdict == findings.believed == "fine"
    text = told(regression, findings)
    assert "\nsuspect: the " in text
    assert [line.split()[0] for line in text.splitlines() if line.endswith("  suspect")] == ["web"]
    assert text.splitlines()[-1].startswith("without suspect keys and impossible truths: fine, RMSE")


def test_truths_that_cannot_be_or_cannot_be_read_are_counted(regression: Tiny) -> None:
    """Neither is left out without a word."""
    rows = joined(regression, 100)
    findings = found(regression, replace(rows, actual=["x", 1e6, *rows.actual[2:]]))
    assert (findings.unread, findings.impossible) == (1, 1)
    text = told(regression, findings)
    assert "1 truths are left out" in text
    assert "1 truths are impossible" in text


def test_few_truths_are_told_as_too_few(tiny: Tiny) -> None:
    """With how many are needed; none at all are no fault."""
    for rows in (0, 1, 20):
        findings = found(tiny, joined(tiny, rows), predicted=rows)
        assert findings.verdict == findings.believed == "insufficient_data"
        assert told(tiny, findings).splitlines()[-1] == f"verdict: too little feedback, {rows} truths; 50 are needed"


def test_an_error_that_may_be_chance_is_told_as_such(regression: Tiny) -> None:
    """Much above the bundle's, in truths too few to be sure."""
    rows = joined(regression, 60)
    predicted = np.array(rows.scores, dtype=np.float64)
    actual = [float(predicted[0]) + 9, *rows.actual[1:]]  # one large error
    findings = found(regression, replace(rows, actual=actual), mean=1.2)
    assert (findings.verdict, findings.impossible) == ("fine", 0)
    assert told(regression, findings).splitlines()[-1].endswith("allowed 10%), so it may be chance")


def test_askers_are_told_apart_where_others_tell_the_truth(regression: Tiny) -> None:
    """A table for those who asked, one for those who told; models where there are several."""
    rows = joined(regression, 100, keys=KEYS)
    findings = found(regression, replace(rows, tellers=["truth"] * 100, models=["a" * 64, "b" * 64] * 50))
    text = told(regression, findings)
    assert "\nkey that told" in text
    assert "\nkey that asked" in text
    assert f"\n{'a' * 12}  50 " in text


def test_a_long_table_is_cut_and_says_so(regression: Tiny) -> None:
    """The keys with the most truths stand in it."""
    text = told(regression, found(regression, joined(regression, 200, keys=tuple(map(str, range(20))))))
    assert "\n5 others" in text
    assert "see --json" in text


def test_rows_that_differ_from_those_without_truths_are_told(regression: Tiny) -> None:
    """By the columns."""
    rows = joined(regression, 300)
    moved = replace(rows, features={**rows.features, "depth": [500.0] * 300})
    assert "rows with truths differ from 300 others of their time in depth" in told(regression, found(regression, moved))


def test_the_findings_are_json_with_the_verdict_first(tiny: Tiny) -> None:
    """Everything that was measured, by feature too."""
    findings = found(tiny, joined(tiny, 80), important=ranked(tiny.predictor))
    plain = json.loads(json.dumps(findings.to_dict(), allow_nan=False))
    assert next(iter(plain)) == "verdict"
    assert set(plain["performance"]["ranges"]) == set(tiny.predictor.features)
    assert plain["returned"]["predicted"] == 1_000


def test_the_features_are_ranked_by_what_the_model_goes_by(tiny: Tiny) -> None:
    """All that it uses, the one that matters most in its reference rows first."""
    found = ranked(tiny.predictor)
    values = np.abs(tiny.predictor.explain(tiny.bundle.reference_rows).values)
    means = values.mean(axis=tuple(range(values.ndim - 1)))
    assert found[0] == tiny.predictor.features[int(means.argmax())]
    assert set(found) == set(tiny.predictor.features)


def test_a_bundle_without_scores_is_refused(regression: Tiny) -> None:
    """There is nothing to compare with."""
    with pytest.raises(BundleError, match="does not say what the model scored"):
        examine(regression.bundle, joined(regression, 60), 60, joined(regression, 0))
