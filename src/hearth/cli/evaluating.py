"""``hearth evaluate``: predictions and what they turned out to be."""
# ruff: noqa: PLC0415 - what a subcommand needs is imported when it runs

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from hearth.cli.console import require_place, save, say
from hearth.cli.scoring import PRODUCTION
from hearth.errors import HearthError
from hearth.imports import boosting, needed

if TYPE_CHECKING:
    from api.store.joined import Joined, Selection, Untold
    from hearth.monitoring.findings import Findings
    from hearth.schema import Contract

EXIT_CODES = {"fine": 0, "degraded": 2, "insufficient_data": 3}
MOST = 100_000  # truths that are looked at, the newest
_AGO = re.compile(r"([0-9]{1,5})([dh])")


def evaluate(  # noqa: PLR0913, PLR0917 - the options of a command
    bundle: Annotated[Path, typer.Option(help="Folder of the bundle whose scores are the measure.")] = PRODUCTION,
    database_url: Annotated[
        str | None, typer.Option(help="The store; else HEARTH_DATABASE_URL, else that of a service without settings.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="Whose predictions: current (the bundle's), all, or the beginning of a digest.")
    ] = "current",
    since: Annotated[
        str | None, typer.Option(help="Predicted from then on: 2026-11-01, a time of ISO 8601, or 7d, 12h ago.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Predicted before then, written likewise.")] = None,
    key: Annotated[str | None, typer.Option(help="Name of the key that asked.")] = None,
    teller: Annotated[str | None, typer.Option(help="Name of the key that told the truth.")] = None,
    json: Annotated[Path | None, typer.Option(help="File for all findings.")] = None,
    png: Annotated[
        Path | None, typer.Option(help="File for a picture: the error over time and by feature; none without a truth.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Truths looked at, the newest.")] = MOST,
) -> int:
    """Compare predictions with the truths that came back, and the model's error with what its bundle promises.

    Looks at the store of a service, which may go on meanwhile. Degraded is an error above the bundle's by more than
    monitoring.max_degradation with an interval that lies above it; keys whose truths are unlike the others' are named.

    Exit codes: 0 fine, 1 the input is at fault, 2 degraded, 3 fewer truths than monitoring.min_feedback.
    """
    if png is not None:
        needed("matplotlib")
    for report in (json, png):
        require_place(report)
    now = datetime.now(UTC)
    bounds = {"since": _moment(since, now), "until": _moment(until, now), "key": key, "teller": teller}
    found = evaluated(bundle, database_url, model, bounds, most)
    if json is not None:
        from hearth.artifacts import rounded, to_json

        save(json, to_json(rounded({"selection": asdict(found.selection), **found.findings.to_dict()})).encode())
    if png is not None:
        _picture(png, found)
    return EXIT_CODES[found.findings.verdict]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What was looked at, and what was found of it; ``contract`` is the bundle's."""

    selection: "Selection"
    findings: "Findings"
    contract: "Contract"


def _picture(png: Path, found: Evaluated) -> None:
    if found.findings.performance is None:
        say("no picture is written: there is no truth to draw")
        return
    from hearth.monitoring.picture import png as drawn

    save(png, drawn(found.findings.performance, found.contract))


def evaluated(
    bundle: Path,
    url: str | None,
    model: str = "current",
    bounds: Mapping[str, float | str | None] = MappingProxyType({}),
    most: int = MOST,
) -> Evaluated:
    """Look, and print what is found: ``bounds`` are fields of a selection.

    Raises:
        HearthError: there is no bundle, no store, or no such model in it.
    """
    needed("sqlalchemy", "serve")
    needed("pyarrow")
    boosting()
    from hearth.bundle import Predictor
    from hearth.monitoring.findings import examine
    from hearth.monitoring.importance import ranked
    from hearth.monitoring.words import lines

    predictor = Predictor.load(bundle)
    look = _look(url, predictor.digest, model, bounds, most)
    findings = examine(predictor.bundle, look.joined, look.predicted, look.untold, ranked(predictor))
    say("\n".join([*look.notes, *lines(findings, predictor.contract.target)]))
    return Evaluated(look.selection, findings, predictor.contract)


@dataclass(frozen=True, slots=True)
class _Look:
    """What the store holds of a selection: rows in all, those with truths, some without, and what to say of it."""

    selection: "Selection"
    predicted: int
    joined: "Joined"
    untold: "Untold"
    notes: Sequence[str]


def _look(url: str | None, current: str, model: str, bounds: Mapping[str, float | str | None], most: int) -> _Look:
    from api.store.joined import Selection, joined, predicted, untold
    from api.store.offline import default_url, reading

    with reading(default_url() if url is None else url) as connection:
        known = predicted(connection, Selection())
        selection = Selection(model=_chosen(model, current, known), **bounds)  # type: ignore[arg-type]
        found = joined(connection, selection, most)
        rows = sum(predicted(connection, selection).values())
        return _Look(selection, rows, found, untold(connection, selection, found.at), list(_notes(rows, known, found, most)))


def _chosen(model: str, current: str, known: Mapping[str, int]) -> str | None:
    """The digest that ``--model`` means, None for all."""
    if model in {"current", "all"}:
        return current if model == "current" else None
    found = [digest for digest in known if digest.startswith(model)] if model else []
    if len(found) != 1:
        held = ", ".join(f"{digest[:12]} ({rows} rows)" for digest, rows in known.items()) or "no predictions"
        raise HearthError(f"--model {model} is the beginning of {len(found)} of the digests in the store, which holds {held}")
    return found[0]


def _notes(rows: int, known: Mapping[str, int], found: "Joined", most: int) -> Iterator[str]:
    """What a person should know of the selection, where it is not what may be expected."""
    if not rows:
        others = sum(known.values())
        wider = ": try --model all, or other bounds, --key or --teller" if others else ""
        yield f"no prediction is in this selection; the store holds {others} rows{wider}"
    if len(found) == most:
        yield f"the newest {most} truths are looked at; --most takes more"


def _moment(text: str | None, now: datetime) -> float | None:
    """A time as unix seconds: a date or time of ISO 8601, in UTC where it does not say, or so many days or hours ago."""
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            return (now - timedelta(**{{"d": "days", "h": "hours"}[ago[2]]: int(ago[1])})).timestamp()
        given = datetime.fromisoformat(text)
        return given.replace(tzinfo=given.tzinfo or UTC).timestamp()
    except ValueError as error:
        raise HearthError(f"{text!r} is no time: write 2026-11-01, 2026-11-01T12:00+01:00, 7d or 12h") from error
