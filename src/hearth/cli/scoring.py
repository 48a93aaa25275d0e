"""``hearth predict``, ``verify`` and ``explain``: a bundle and rows."""
# ruff: noqa: PLC0415 - what a subcommand needs is imported when it runs

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hearth.cli.console import end_with_the_pipe, say
from hearth.errors import HearthError
from hearth.imports import installed, needed

if TYPE_CHECKING:
    from hearth.bundle import Predictor

PRODUCTION = Path("models/production")


def predict(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="Table of features, or - for standard input.")],
    target: Annotated[Path, typer.Argument(metavar="OUTPUT", help="File to write, or - for standard output.")],
    bundle: Annotated[Path, typer.Option(help="Folder of the bundle.")] = PRODUCTION,
    on_error: Annotated[
        Literal["stop", "skip"], typer.Option(help="What a row at fault does: stop everything, or be left out.")
    ] = "stop",
    form: Annotated[
        Literal["csv", "parquet", "jsonl"] | None,
        typer.Option("--format", help="Of - (CSV if not given) and of files without a known suffix."),
    ] = None,
    chunk: Annotated[int, typer.Option(min=1, help="Rows held in memory at once, for each core.")] = 100_000,
) -> None:
    """Score a CSV, Parquet or JSON lines table of any size.

    The columns are kept and the prediction is set beside them: prediction, lower and upper, or for a classification
    prediction and probability_CLASS. The target may be among the columns; it is passed on.

    Rows that do not keep the contract are told on standard error by line (by row for Parquet). With --on-error stop OUTPUT
    is then not written; on standard output, the chunks before the first of them may be.
    """
    end_with_the_pipe()
    needed("pyarrow")
    needed("tqdm")
    predictor = _load(bundle, threads=1)
    from hearth.scoring import score_file

    told = score_file(predictor, source, target, given=form, count=chunk, skip=on_error == "skip")
    sys.stderr.writelines(f"{line}\n" for line in told)


def verify(bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")] = PRODUCTION) -> None:
    """Check the sums of a bundle, load it, ask its probe; print its digest."""
    say(_load(bundle).digest)


def explain(
    bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")],
    row: Annotated[Path, typer.Argument(help="JSON object with the features of one row, or - for standard input.")],
) -> None:
    """Print the prediction for one row, and how much each feature adds to it (SHAP), largest first, as JSON.

    base and the contributions add up to the prediction, or for a classification to the log-odds of the class named.
    """
    predictor = _load(bundle)
    from hearth.bundle.explained import explained

    say(json.dumps(explained(predictor, _object(row)), indent=1, ensure_ascii=False))


def _load(bundle: Path, threads: int | None = None) -> "Predictor":
    installed("xgboost")
    from hearth.bundle import Predictor

    return Predictor.load(bundle, threads)


def _object(path: Path) -> dict[str, object]:
    try:
        text = sys.stdin.read() if path == Path("-") else path.read_text(encoding="utf-8")
        row = json.loads(text)
    except OSError as error:
        raise HearthError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise HearthError(f"{path} is not JSON in UTF-8: {error}") from error
    if not isinstance(row, dict):
        raise HearthError(f"{path} must hold one JSON object: the features of one row by name")
    return row
