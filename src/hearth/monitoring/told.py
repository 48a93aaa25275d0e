"""A look at a window as lines for a terminal."""

from collections.abc import Iterator, Sequence

from hearth.bundle.distance import Numbers
from hearth.bundle.drift import Report
from hearth.bundle.observed import Column
from hearth.monitoring.look import Look, Simulated
from hearth.schema import Contract
from hearth.training.labels import SHARES, metric_label

HEAD = ("column", "moved", "p corrected", "missing", "")


def lines(contract: Contract, look: Look) -> list[str]:
    """The verdict, a line for each column, those that drifted first, and what to do."""
    return [
        *_verdict(look.report),
        *_table(look.report.columns),
        *(f"- {text}" for text in look.report.recommendations),
        *_beyond(contract, look),
        *(_story(contract, look.simulated) if look.simulated else ()),
    ]


def _verdict(report: Report) -> Iterator[str]:
    limits = report.thresholds
    yield f"{report.status}: {report.rows} rows against {report.reference_rows} of the reference"
    if report.tests:
        yield (
            f"{report.tests} tests, corrected together (Holm): drift is p <= {limits.alpha:g} and a move of at least "
            f"{limits.min_effect:g} (standard deviations, or share of rows)"
        )


def _table(columns: Sequence[Column]) -> Iterator[str]:
    if not columns:
        return
    cells = [HEAD, *(_cells(column) for column in sorted(columns, key=lambda one: one.rank))]
    widths = [max(len(row[at]) for row in cells) for at in range(len(HEAD))]
    yield ""
    yield from ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    yield ""


def _cells(column: Column) -> tuple[str, str, str, str, str]:
    tests = [one for one in (column.test, column.missing.test) if one is not None]
    name = column.name if column.part == "feature" else f"{column.name} (predicted)"
    before, after = (f"{100 * share:.0f}" for share in (column.missing.reference, column.missing.window))
    gaps = "" if before == after == "0" else f"{before} -> {after} %"
    p_value = f"{min(one.adjusted for one in tests):.2g}" if tests else "-"
    return name, _moved(column), p_value, gaps, "DRIFT" if column.drifted else ""


def _moved(column: Column) -> str:
    apart = column.apart
    if apart is None:
        return "no values"
    if not isinstance(apart, Numbers):
        return f"{100 * apart.moved:.0f} % of rows"
    if apart.wasserstein is None:
        return f"{100 * apart.ks:.0f} % of rows"
    return f"{apart.wasserstein:.2f} sd"


def _beyond(contract: Contract, look: Look) -> Iterator[str]:
    """What a classifier sees, and what error to expect."""
    if look.domain is not None:
        by = f", by {', '.join(look.domain.leading)}" if look.domain.leading else ""
        yield (
            f"domain classifier: tells the window's rows from the reference's with an AUC of {look.domain.auc:.2f}{by} "
            f"(0.5 is by chance), p {look.domain.p_value:.2g}; no part of the verdict"
        )
    for one in look.expected:
        factor = 100 if one.metric in SHARES else 1
        name = metric_label(one.metric, contract.target)
        yield f"expected {name}: {factor * one.reference:.4g} on the reference, {factor * one.window:.4g} on these rows"
    if look.expected:
        yield f"  if {look.expected[0].assumes}"


def _story(contract: Contract, story: Simulated) -> Iterator[str]:
    named = ", ".join(story.columns)
    what = story.what if story.fault == "combined" else f"{named} {story.what}"
    yield f"simulated {story.fault}, intensity {story.intensity:g}, seed {story.seed}: {what}"
    found = ", ".join(story.detected) or "none"
    yield f"  named: {found} of {len(story.columns)}; without the fault the verdict is {story.clean}"
    if story.refused:
        yield f"  {100 * story.refused:.0f} % of these rows are out of the contract: the service would refuse them (422)"
    for name, before in story.before.items():
        factor = 100 if name in SHARES else 1
        yield f"  {metric_label(name, contract.target)}: {factor * before:.4g} before, {factor * story.after[name]:.4g} after"
    if not story.before:
        yield "  no truths: give a table with the target (--data) to see what it does to the metrics"
