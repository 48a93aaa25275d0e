"""The findings of an evaluation in words: a few short tables and a verdict, for a terminal."""

from collections.abc import Iterator, Sequence
from math import isnan

from hearth.monitoring.findings import Findings
from hearth.monitoring.performance import Performance
from hearth.monitoring.slices import Slice
from hearth.schema import Target
from hearth.training.evaluation import Estimate
from hearth.training.labels import SHARES, metric_label

Line = tuple[str, ...]
MOST_LINES = 15


def lines(findings: Findings, target: Target) -> Iterator[str]:
    """The whole, verdict last."""
    back = findings.returned
    yield f"{back.rows} truths of {back.predicted} predicted rows ({back.share:.1%}), against bundle {findings.bundle[:12]}"
    yield from _faults(findings)
    if findings.performance is not None:
        yield ""
        yield from _table(_metrics(findings.performance, target))
        yield from _slices(findings.performance, findings, target)
    yield from _selection(findings)
    yield ""
    yield from verdict(findings, target)


def verdict(findings: Findings, target: Target) -> Iterator[str]:
    """The verdict and why, and what it would be without the truths that are in doubt."""
    measured = findings.performance
    if measured is None or measured.verdict == "insufficient_data":
        yield f"verdict: too little feedback, {findings.returned.rows} truths; {findings.rule.min_feedback} are needed"
        return
    yield f"verdict: {measured.verdict}, {_against(measured, target)}"
    if findings.trusted is not None:
        word = findings.trusted.verdict.replace("_", " ")
        yield f"without suspect keys and impossible truths: {word}, {_against(findings.trusted, target)}"


def _against(measured: Performance, target: Target) -> str:
    """How the objective compares with the bundle's."""
    name = metric_label(measured.objective, target)
    ratio, allowed = measured.ratio, measured.rule.max_degradation
    apart = f"{abs(ratio.value - 1):.1%} {'above' if ratio.value >= 1 else 'below'}"
    interval = f"interval {ratio.low - 1:+.1%} to {ratio.high - 1:+.1%}"
    unsure = ", so it may be chance" if ratio.value > 1 + allowed and ratio.low <= 1 else ""
    value, base = measured.metrics[measured.objective].value, measured.baseline.value
    return f"{name} {value:.4g} is {apart} the bundle's {base:.4g} ({interval}; allowed {allowed:.0%}){unsure}"


def _faults(findings: Findings) -> Iterator[str]:
    if findings.unread:
        yield f"{findings.unread} truths are left out: they, or the answers they belong to, are none of this bundle's contract"
    if findings.impossible:
        yield f"{findings.impossible} truths are impossible: they lie far beyond any error of the model, see their senders"
    for one in findings.suspects:
        yield f"suspect: the {one.rows} truths of key {one.key}: {one.why} (p {one.p_value:.1g})"


def _metrics(measured: Performance, target: Target) -> Iterator[Line]:
    yield "", "truths", "bundle"
    for name, value in measured.metrics.items():
        expected = measured.baseline.metrics.get(name)
        said = f"{_number(name, expected['mean'])} ± {_number(name, expected['sd'])}" if expected else ""
        yield metric_label(name, target), _estimate(name, value), said
    held = "intervals" if target.task == "regression" else "label sets"
    yield f"{held} with the truth (%)", _estimate("accuracy", measured.coverage), _number("accuracy", measured.nominal)


def _slices(measured: Performance, findings: Findings, target: Target) -> Iterator[str]:
    same = [(one.name, one.rows) for one in measured.askers] == [(one.name, one.rows) for one in measured.tellers]
    groups = {
        "model": [_short(one) for one in measured.models] if len(measured.models) > 1 else [],
        "predicted in": list(measured.windows) if len(measured.windows) > 1 else [],
        "key" if same else "key that told": list(measured.tellers),
        "key that asked": [] if same else list(measured.askers),
    }
    accused = {one.key for one in findings.suspects}
    for title, slices in groups.items():
        if slices:
            marked = accused if title.startswith("key") and title != "key that asked" else set[str]()
            yield ""
            yield from _table(_rows(title, slices, measured.objective, target, marked))


def _rows(title: str, slices: Sequence[Slice], objective: str, target: Target, accused: set[str]) -> Iterator[Line]:
    yield title, "truths", metric_label(objective, target)
    for one in slices[:MOST_LINES]:
        yield one.name, str(one.rows), _estimate(objective, one.error) + ("  suspect" if one.name in accused else "")
    rest = slices[MOST_LINES:]
    if rest:
        yield f"{len(rest)} others", str(sum(one.rows for one in rest)), "see --json"


def _selection(findings: Findings) -> Iterator[str]:
    back = findings.returned
    if back.differing:
        yield ""
        yield (
            f"rows with truths differ from {back.compared} others of their time in {', '.join(back.differing)}: "
            "the error of all rows may be another"
        )


def _short(one: Slice) -> Slice:
    return Slice(one.name[:12], one.rows, one.error)


def _estimate(name: str, value: Estimate) -> str:
    if isnan(value.low):
        return _number(name, value.value)
    return f"{_number(name, value.value)} ({_number(name, value.low)} to {_number(name, value.high)})"


def _number(name: str, value: float) -> str:
    return f"{100 * value if name in SHARES else value:.4g}"


def _table(rows: Iterator[Line]) -> Iterator[str]:
    """Columns one under the other."""
    cells = list(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
