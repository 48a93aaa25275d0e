"""The page that describes a table, made by fg-data-profiling.

The same table gives the same bytes: nothing in the page depends on the clock, the folder, the order of a hash or the fonts
of the machine. No text of the table or of its contract can become markup.
"""

import importlib
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import pandas as pd
from matplotlib.font_manager import fontManager

from hearth.errors import HearthError
from hearth.imports import hidden
from hearth.schema import Contract, Feature, FeatureType, Target

if TYPE_CHECKING:
    from types import ModuleType

    from data_profiling import ProfileReport
    from data_profiling.model.alerts import Alert
    from data_profiling.report.presentation.core.root import Root

# Rows that the page describes; more change no picture and cost seconds.
SAMPLE_ROWS = 100_000
# A table with more columns or cells gets the library's minimal page, because correlations take a pass over the rows for
# every pair of columns: 10 s for 60 columns of 25 000 rows.
FULL_COLUMNS, FULL_CELLS = 60, 1_500_000
# Bars of a histogram: half of the library's 50, which are a comb for few hundred rows and most of the page's bytes.
BINS = 25
# From here the page calls a correlation high; the library's own 0.5 flags nearly every column of an ordinary table.
HIGH_CORRELATION = 0.8

# The library escapes a text in some places and not in others, so that an escaped one would be escaped twice; a
# look-alike reads the same everywhere.
_LOOKALIKES = str.maketrans("<>\"'" + "".join(map(chr, range(32))), "\u2039\u203a\u201d\u2019" + 32 * " ")
# Names of columns that the library keeps for itself.
_RESERVED = ("index", "df_index", "# duplicates")
_TYPES = {"number": "numeric", "integer": "numeric", "boolean": "boolean", "category": "categorical"}
# Dates, versions and makers in the head of the page and in every picture.
_MAKERS = re.compile(
    r'<meta content=(?:"[^"]*"|[^ >]*) name=(?:description|author|generator|url|date)>|<metadata>.*?</metadata>', re.DOTALL
)
# The library calls Matplotlib in a way to be deprecated; Matplotlib's font lacks some scripts, but the page holds text,
# which the reader's fonts show.
_TOLERATED = ((PendingDeprecationWarning, "The set_bad function"), (UserWarning, "Glyph .* missing from font"))


@dataclass(frozen=True, slots=True)
class Page:
    """The page, and the alerts that it shows: each its kind, its column and, if correlated, the other columns."""

    html: str
    alerts: tuple[dict[str, object], ...]


def page(frame: pd.DataFrame, contract: Contract, title: str) -> Page:
    """The table as a web page that needs no other file and no network.

    Raises:
        HearthError: the library that makes it is not installed.
    """
    names = dict(zip(labels(list(kinds(contract))), kinds(contract), strict=True))
    with _reproducible():
        report = _report(frame, contract, title)
        _strip(report.report)
        html = _MAKERS.sub("", report.to_html())
        alerts = report.get_description().alerts
    for i, label in enumerate(names):
        html = html.replace(str(hash(label)), f"column{i}")  # the library's anchors
    return Page(html, tuple(_alert(alert, names) for alert in alerts if alert.alert_type.name != "REJECTED"))


def harmless(text: str) -> str:
    """The text with look-alikes in place of what could open a tag or close an attribute."""
    return text.translate(_LOOKALIKES)


def labels(names: Sequence[str]) -> list[str]:
    """Harmless, distinct column names that the library does not keep for itself: the same, or with blanks behind."""
    taken, result = set(_RESERVED), []
    for name in names:
        label = harmless(name)
        while label in taken:
            label += " "
        taken.add(label)
        result.append(label)
    return result


def kinds(contract: Contract) -> dict[str, FeatureType]:
    """What each column holds, in the order of the table, the target last."""
    target: FeatureType = "number" if contract.target.task == "regression" else "category"
    return {feature.name: feature.type for feature in contract.features} | {contract.target.name: target}


def _report(frame: pd.DataFrame, contract: Contract, title: str) -> "ProfileReport":
    """The library's report, not yet computed."""
    drawn, minimal = _drawn(frame, contract)
    names, types = list(drawn), [_TYPES[kind] for kind in kinds(contract).values()]
    return _library().ProfileReport(
        drawn,
        minimal=minimal,
        title=harmless(title),
        type_schema=dict(zip(names, types, strict=True)),
        dataset={"description": _scope(len(frame), len(drawn), minimal)},
        variables={"descriptions": dict(zip(names, _descriptions(contract), strict=True))},
        **_settings(drawn, minimal),
    )


def _drawn(frame: pd.DataFrame, contract: Contract) -> tuple[pd.DataFrame, bool]:
    """The rows and columns that the page draws, and whether they are too many for the full page."""
    sample = frame if len(frame) <= SAMPLE_ROWS else frame.sample(SAMPLE_ROWS, random_state=0).sort_index()
    columns = [_drawable(sample[name], kind) for name, kind in kinds(contract).items()]
    drawn = pd.DataFrame(dict(zip(labels(list(kinds(contract))), columns, strict=True)))
    return drawn, len(columns) > FULL_COLUMNS or drawn.size > FULL_CELLS


def _drawable(column: pd.Series, kind: FeatureType) -> pd.Series:
    """The column in a type that the library draws; whole numbers stay so where none is missing."""
    if kind == "category":
        return column.map(lambda value: harmless(str(value)), na_action="ignore").astype("object")
    if kind == "boolean":
        return column.astype("boolean" if column.hasnans else "bool")
    return column.astype("int64" if kind == "integer" and not column.hasnans else "float64")


def _settings(drawn: pd.DataFrame, minimal: bool) -> dict[str, object]:
    """What differs from the library's own settings: no drawing of pairs, no statistics of letters and words."""
    shared: dict[str, object] = {
        "progress_bar": False,
        "pool_size": 1,
        "interactions": {"continuous": False},
        "vars": {"cat": {"length": False, "characters": False, "words": False}},
        "plot": {"histogram": {"bins": BINS}},
        "report": {"precision": 6},
    }
    if minimal:
        return shared
    gaps = bool(drawn.isna().any(axis=None))
    return shared | {
        "correlations": {"auto": {"calculate": True, "threshold": HIGH_CORRELATION}},
        "missing_diagrams": {"bar": gaps, "matrix": gaps, "heatmap": gaps},
    }


def _scope(rows: int, drawn: int, minimal: bool) -> str:
    """What the page is about, in a sentence or two."""
    text = f"All {rows} rows." if rows == drawn else f"{drawn} of {rows} rows, drawn at random with a fixed seed."
    return f"{text} Without correlations and duplicates, for which it is too large." if minimal else text


def _descriptions(contract: Contract) -> list[str]:
    texts = [_description(feature) for feature in contract.features]
    return [*texts, f"{_description(contract.target)} (the target)".strip()]


def _description(column: Feature | Target) -> str:
    return harmless(", ".join(part for part in (column.about, column.unit) if part))


def _strip(root: "Root") -> None:
    """Take out of the structure what tells of the run or of the makers, and a link that leads nowhere."""
    overview = root.content["body"].content["items"][0].content
    overview["items"] = [tab for tab in overview["items"] if tab.anchor_id != "reproduction"]
    for tab in overview["items"]:
        if tab.anchor_id == "dataset":
            facts = tab.content["items"][0].content
            facts["rows"] = [row for row in facts["rows"] if row["name"] != "URL"]
    root.content["footer"].content["html"] = "Drawn by fg-data-profiling."


def _alert(alert: "Alert", names: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {"alert": alert.alert_type.name.lower().replace("_", " ")}
    if alert.column_name is not None:
        found["column"] = names[alert.column_name]
    if alert.alert_type.name == "HIGH_CORRELATION":
        found["with"] = [names[label] for label in alert.values["fields"]]
    return found


def _library() -> "ModuleType":
    """The library, without what only makes its import slower.

    Raises:
        HearthError: it is not installed.
    """
    try:
        with hidden("numba", "pyspark"):
            return importlib.import_module("data_profiling")
    except ModuleNotFoundError as error:
        raise HearthError(f"the profile needs {error.name}: pip install 'hearth[profile]'") from error


@contextmanager
def _reproducible() -> Iterator[None]:
    """Let nothing of the machine or of the person's settings into the page, and no call out of it."""
    with warnings.catch_warnings(), mpl.rc_context(), _environment(), _bundled_fonts():
        for category, message in _TOLERATED:
            warnings.filterwarnings("ignore", message, category)
        mpl.rcdefaults()
        mpl.rcParams.update({"svg.hashsalt": "hearth", "svg.fonttype": "none"})
        mpl.rcParams["savefig.bbox"] = "tight"  # a long name widens a picture instead of being cut at its edge
        mpl.rcParams["text.parse_math"] = False  # a dollar in a name starts no formula
        mpl.use("Agg")
        yield


@contextmanager
def _environment() -> Iterator[None]:
    """Variables that still the library's count of its users, its banner and its bar; without those that set it."""
    kept = dict(os.environ)
    for name in kept:
        if name.lower().startswith("profile_"):
            del os.environ[name]
    os.environ.update(YDATA_PROFILING_NO_ANALYTICS="1", YDATA_SUPPRESS_BANNER="1", TQDM_DISABLE="1")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


@contextmanager
def _bundled_fonts() -> Iterator[None]:
    """Let Matplotlib measure its texts in its own fonts alone."""
    kept = fontManager.ttflist
    fontManager.ttflist = [font for font in kept if Path(font.fname).is_relative_to(mpl.get_data_path())]
    try:
        yield
    finally:
        fontManager.ttflist = kept
