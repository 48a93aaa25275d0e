"""Whether a candidate takes the champion's place."""

from collections.abc import Iterator

import numpy as np

from hearth.bundle import Predictor
from hearth.errors import GateError
from hearth.release.build import Build
from hearth.release.coding import Pair, both, code, same_features
from hearth.release.paired import paired
from hearth.release.recipes import Procedure, compare_recipes
from hearth.release.verdict import Method, Outcome, Rule, Verdict
from hearth.schema import Contract
from hearth.training.assemble import VERSIONS
from hearth.training.labels import metric_name
from hearth.training.metrics import losses
from hearth.training.split import groups
from hearth.training.table import Rows, Table, Vector


def judge(candidate: Build, champion: Build | None, rule: Rule, by: str) -> Verdict:
    """Compare two builds; the same arguments give the same verdict. Without a champion the candidate is the first.

    Raises:
        GateError: the two predict different things, or rows of one cannot be put to the other.
        DataError: the candidate's table is too small for the folds.
    """
    if champion is None:
        return _verdict(candidate, None, rule, by, "first", None, ["There is no champion: the candidate is the first."])
    if candidate.bundle.digest == champion.bundle.digest:
        return _verdict(candidate, champion, rule, by, "identical", None, ["Both are the same bundle: nothing to compare."])
    _check_question(candidate.bundle.contract, champion.bundle.contract)
    method, outcome, reasons = _measured(candidate, champion, rule)
    reasons += [*_contracts(candidate.bundle.contract, champion.bundle.contract), *_found(outcome, rule)]
    return _verdict(candidate, champion, rule, by, method, outcome, reasons)


def _verdict(
    candidate: Build, champion: Build | None, rule: Rule, by: str, method: Method, outcome: Outcome | None, reasons: list[str]
) -> Verdict:
    better = method == "first" or (outcome is not None and outcome.p_value < rule.alpha)
    return Verdict(
        decision="promote" if better else "keep",
        method=method,
        reasons=tuple(reasons),
        candidate=candidate.side,
        champion=champion.side if champion else None,
        outcome=outcome,
        rule=rule,
        rule_in_words=rule.words,
        by=by,
        versions=VERSIONS,
    )


def _check_question(candidate: Contract, champion: Contract) -> None:
    mine, theirs = candidate.target, champion.target
    for what in ("name", "task", "classes"):
        if getattr(mine, what) != getattr(theirs, what):
            raise GateError(
                f"the candidate's target has {what} {getattr(mine, what)!r}, the champion's {getattr(theirs, what)!r}: they "
                "answer different questions and cannot be compared. Give the candidate a champion of its own (another "
                "release.model), or none."
            )


def _measured(candidate: Build, champion: Build, rule: Rule) -> tuple[Method, Outcome, list[str]]:
    fresh = unseen(candidate, champion)
    group = distinct(fresh)
    count = len(np.unique(group))
    if count >= rule.min_rows:
        reason = f"{count} distinct rows are in neither one's training rows: the two models are compared on them."
        return "rows", compare_models(candidate, champion, fresh, group, rule), [reason, *_left_out(fresh)]
    rows = both([candidate.table], candidate.bundle.contract, champion.bundle.contract)
    owned = code(candidate.table, candidate.bundle.contract), code(champion.table, champion.bundle.contract)
    procedures = Procedure.of(candidate.bundle), Procedure.of(champion.bundle)
    reason = (
        f"{count} distinct rows are in neither one's training rows, {rule.min_rows} are needed: instead of the two models "
        f"their recipes are compared, by cross-validation on the candidate's {len(rows)} rows."
    )
    return "recipes", compare_recipes(rows, owned, procedures, rule), [reason, *_left_out(rows)]


def unseen(candidate: Build, champion: Build) -> Pair:
    """The rows of the candidate's table and of the champion's test set that neither was trained on.

    A row counts as trained on where a training row has the same features, as in the split; each side goes by its own.
    """
    contracts = candidate.bundle.contract, champion.bundle.contract
    rows = both([candidate.table, champion.test], *contracts)
    seen = same_features(rows.candidate, code(candidate.train, contracts[0]))
    seen |= same_features(rows.champion, code(champion.train, contracts[1]))
    return rows.take(np.flatnonzero(~seen))


def distinct(rows: Pair) -> Rows:
    """The number of each row's group: rows that neither side can tell apart share one, shape (n,)."""
    if len(rows) == 0:
        return np.empty(0, dtype=np.intp)
    x = np.concatenate([rows.candidate.x, rows.champion.x], axis=1)
    return groups(Table(rows.candidate.contract, x, rows.candidate.y))


def compare_models(candidate: Build, champion: Build, rows: Pair, group: Rows, rule: Rule) -> Outcome:
    """The two models on rows that neither has seen; the losses of rows that share a group are averaged to one."""
    target = rows.candidate.contract.target
    counts = np.bincount(group)

    def of(build: Build, side: Table) -> Vector:
        each = losses(target.task, side.y, Predictor(build.bundle).scores(side.x))
        mean: Vector = np.bincount(group, each) / counts
        return mean

    return paired(target.task, of(candidate, rows.candidate), of(champion, rows.champion), rule.alpha)


def _left_out(rows: Pair) -> Iterator[str]:
    if rows.left_out:
        yield f"{rows.left_out} rows are left out, since one of the two contracts does not accept them."


def _contracts(candidate: Contract, champion: Contract) -> Iterator[str]:
    mine, theirs = ({feature.name: feature for feature in one.used} for one in (candidate, champion))
    changes = {
        "new": [name for name in mine if name not in theirs],
        "gone": [name for name in theirs if name not in mine],
        "changed": [name for name in mine if name in theirs and mine[name] != theirs[name]],
    }
    told = [f"{what} {', '.join(names)}" for what, names in changes.items() if names]
    if told:
        yield f"The contracts differ ({'; '.join(told)}): each side is given the rows as its own contract codes them."


def _found(outcome: Outcome, rule: Rule) -> Iterator[str]:
    yield (
        f"The candidate's {metric_name(outcome.metric)} is {outcome.candidate:g}, the champion's {outcome.champion:g}: a "
        f"difference of {outcome.difference:g}, with {100 * outcome.confidence:g} % confidence between {outcome.low:g} and "
        f"{outcome.high:g}."
    )
    if outcome.p_value < rule.alpha:
        yield f"p is {outcome.p_value:g}, below {rule.alpha:g}: the candidate is better."
    else:
        yield f"p is {outcome.p_value:g}, not below {rule.alpha:g}: the candidate is not shown to be better."
