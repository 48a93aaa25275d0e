"""``hearth drift``: what comes against what the model was made for."""
# ruff: noqa: PLC0415 - what a subcommand needs is imported when it runs

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hearth.cli.console import require_place, save, say
from hearth.cli.scoring import PRODUCTION
from hearth.errors import HearthError
from hearth.imports import boosting, needed

if TYPE_CHECKING:
    from api.store import Judged, Standing
    from hearth.bundle import Bundle, Predictor
    from hearth.bundle.drift import Sample, Thresholds
    from hearth.monitoring.look import Look, Vector

Fault = Literal["feature_shift", "missing", "label_imbalance", "combined", "noise", "category_swap", "scale"]
Form = Literal["csv", "parquet", "jsonl"]
EXIT_CODES = {"ok": 0, "drift": 2, "insufficient_data": 3}


@dataclass(frozen=True, slots=True)
class _Found:
    """What was looked at, the rows that it was, and a line about where they came from."""

    look: "Look"
    window: "Sample"
    note: str


def drift(  # noqa: PLR0913, PLR0917 - the options of a command
    source: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Table of features, or -; without it the store is looked at.")
    ] = None,
    bundle: Annotated[Path, typer.Option(help="Folder of the bundle.")] = PRODUCTION,
    database_url: Annotated[
        str | None, typer.Option(help="The store; else HEARTH_DATABASE_URL, else that of a service without settings.")
    ] = None,
    form: Annotated[
        Form | None, typer.Option("--format", help="Of - (CSV if not given) and of files without a known suffix.")
    ] = None,
    simulate: Annotated[Fault | None, typer.Option(help="Put this fault into good rows, and see what is said of them.")] = None,
    intensity: Annotated[float, typer.Option(help="Of the fault: standard deviations, or a share of the rows.")] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="Which columns and rows have the fault.")] = 0,
    data: Annotated[
        Path | None,
        typer.Option(help="Good rows for --simulate, with the target; else the prepared test rows; else the reference."),
    ] = None,
    prepared: Annotated[Path, typer.Option(help="Where `prepare` wrote the rows of the model.")] = Path("data/prepared"),
    json: Annotated[Path | None, typer.Option(help="File for all findings.")] = None,
    png: Annotated[
        Path | None, typer.Option(help="File for a picture: each column over the reference; none of too few rows.")
    ] = None,
) -> int:
    """Compare a window of rows with the bundle's reference: each feature, and the predictions.

    Without FILE, the newest rows in the store that are in no judged window, one window's at most. The verdict is stored and the
    rows are not judged again, here or by GET /drift; a database user who may only read gets the verdict, and it is not stored.
    With FILE, all of its rows; nothing is stored.

    Exit codes: 0 no drift, 1 the input is at fault, 2 drift, 3 fewer rows than monitoring.min_rows.
    """
    if simulate is not None and source is not None:
        raise HearthError("--simulate takes its rows from --data: leave FILE out")
    needed("pyarrow")
    if png is not None:
        needed("matplotlib")
    for report in (json, png):
        require_place(report)
    boosting()
    from hearth.bundle import Predictor
    from hearth.bundle.drift import Thresholds
    from hearth.monitoring.look import residuals_of
    from hearth.monitoring.told import lines

    predictor = Predictor.load(bundle, threads=1)
    look = _Look(predictor, residuals_of(predictor.bundle, prepared), Thresholds.of(predictor.metadata))
    if simulate is not None:
        found = look.at_fault(simulate, intensity, seed, _good(data, prepared, form))
    else:
        found = look.at_store(database_url) if source is None else look.at_file(source, form)
    say("\n".join([found.note, *lines(predictor.contract, found.look)]))
    _report(predictor.bundle, found, json, png)
    return EXIT_CODES[found.look.report.status]


@dataclass(frozen=True, slots=True)
class _Look:
    """How rows are looked at, wherever they come from."""

    predictor: "Predictor"
    residuals: "Vector | None"
    limits: "Thresholds"

    def at(self, window: "Sample", note: str) -> _Found:
        """These rows."""
        from hearth.monitoring.look import look

        return _Found(look(self.predictor.bundle, window, self.residuals, self.limits), window, note)

    def at_file(self, path: Path, form: Form | None) -> _Found:
        """The rows of a file."""
        from hearth.bundle.drift import Sample
        from hearth.cli.tables import read

        x, _ = read(path, self.predictor.contract, form)
        return self.at(Sample(x, self.predictor.scores(x), self.predictor.decision.threshold), f"{path}:")

    def at_fault(self, fault: Fault, intensity: float, seed: int, good: tuple[Path, Form | None] | None) -> _Found:
        """Good rows with a fault: those of a file, or of the reference."""
        from hearth.cli.tables import read
        from hearth.monitoring.look import with_fault
        from hearth.monitoring.simulate import Rows

        reference = self.predictor.bundle.reference_rows
        x, y = (reference, None) if good is None else read(good[0], self.predictor.contract, good[1])
        rows = Rows(x, self.predictor.scores(x), y)
        seen, window = with_fault(self.predictor, rows, (fault, intensity, seed), self.residuals, self.limits)
        return _Found(seen, window, f"{'the rows of the reference' if good is None else good[0]}, with a fault:")

    def at_store(self, url: str | None) -> _Found:
        """The rows in the store that no window has judged; they are judged now."""
        needed("sqlalchemy", "serve")
        from api import judging
        from api.store import windows
        from api.store.offline import default_url, reading, writing
        from api.store.records import StoreReadOnly
        from hearth.bundle.drift import Sample

        place, bundle = url or default_url(), self.predictor.bundle
        with reading(place) as connection:
            stands = windows.standing(connection, bundle.digest, self.limits.window, self.limits.min_rows)
        if stands.window is None:
            none = Sample(bundle.reference_rows[:0], bundle.reference_scores[:0])
            return self.at(none, _waiting(stands, bundle.digest, self.limits))
        found = self.at(judging.sample(bundle, stands.window), f"rows of {_times(stands.window.since, stands.window.until)}:")
        mine = judging.judgement(stands, bundle.digest, found.look.report)
        try:
            with writing(place) as connection:
                kept = windows.keep(connection, mine)
        except StoreReadOnly:
            return replace(found, note=f"{found.note[:-1]}, not stored, for this user may only read; they may be judged again:")
        if kept.verdict != mine.verdict:
            raise HearthError("somebody else judged rows of this window meanwhile: look again, what is left is another window")
        return found


def _waiting(stands: "Standing", digest: str, limits: "Thresholds") -> str:
    before = stands.judged
    last = "no window of it is judged yet" if before is None else f"the window before, {_told(before)}"
    return f"{stands.pending} rows of model {digest[:12]} wait to be judged, {limits.min_rows} are needed; {last}"


def _told(judged: "Judged") -> str:
    from api.judging import drifted

    names = drifted(judged)
    return f"rows of {_times(judged.since, judged.until)}: " + (f"drift in {', '.join(names)}" if names else "ok")


def _times(since: float | None, until: float | None) -> str:
    ends = [datetime.fromtimestamp(at or 0.0, UTC).strftime("%Y-%m-%d %H:%M:%S") for at in (since, until)]
    return f"{ends[0]} to {ends[1]} UTC"


def _good(data: Path | None, prepared: Path, form: Form | None) -> tuple[Path, Form | None] | None:
    """The table of good rows and its format; None where there is none."""
    test = prepared / "test.parquet"
    if data is not None:
        return data, form
    return (test, None) if test.is_file() else None


def _report(bundle: "Bundle", found: _Found, json: Path | None, png: Path | None) -> None:
    from hearth.artifacts import to_json

    if json is not None:
        save(json, to_json({"model": bundle.digest, **found.look.to_dict()}).encode())
    if png is not None and not found.look.report.columns:
        say("no picture is written: too few rows")
    elif png is not None:
        from hearth.bundle.drift import reference
        from hearth.monitoring.figures import png as drawn

        save(png, drawn(bundle.contract, found.look, reference(bundle), found.window))
