import os
import sys
from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.font_manager import fontManager

from hearth.errors import HearthError
from hearth.reporting import eda
from hearth.schema import Contract, Feature, Target

ROWS = 40
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "&lt;img src=x onerror=alert(1)&gt;",
    "a b",
    "x/y",
    "€",
    "$x^$",
]


class Structure(HTMLParser):
    """Collects every element with the names of its attributes, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the element."""
        self.elements.append((tag, tuple(sorted({name for name, _ in attrs}))))

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.texts.append(data.strip())


def numbers(names: list[str]) -> tuple[pd.DataFrame, Contract]:
    """A table of random numbers with these columns and a target."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({name: generator.normal(size=ROWS) for name in [*names, "t"]})
    features = tuple(Feature(name=name, type="number", about=f"about {name}", unit=name) for name in names)
    return frame, Contract(features=features, target=Target(name="t", task="regression"))


def categories(values: tuple[str, ...]) -> tuple[pd.DataFrame, Contract]:
    """A table of one category with these values, and a target with the same classes."""
    column = pd.Series(np.resize(np.array(values, dtype=object), ROWS))
    frame = pd.DataFrame({"c": column, "t": column[::-1].to_numpy()})
    feature = Feature(name="c", type="category", values=values)
    return frame, Contract(features=(feature,), target=Target(name="t", task="classification", classes=values))


def mixed() -> tuple[pd.DataFrame, Contract]:
    """A table with a column of every type, with gaps, without a value, without a spread."""
    generator = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "whole": pd.array(range(ROWS), dtype="Int64"),
            "twice": pd.array(range(0, 2 * ROWS, 2), dtype="Int64"),
            "gaps": pd.array([None, *range(ROWS - 1)], dtype="Int64"),
            "constant": np.ones(ROWS),
            "empty": np.full(ROWS, np.nan),
            "flag": generator.random(ROWS) < 0.5,
            "maybe": pd.array([None, True] + [False] * (ROWS - 2), dtype="boolean"),
            "word": ["u"] * (ROWS - 5) + [None] * 5,
            "t": generator.normal(size=ROWS),
        }
    )
    kinds = {"whole": "integer", "twice": "integer", "gaps": "integer", "flag": "boolean", "maybe": "boolean"}
    features = [Feature(name=name, type=kinds.get(name, "number")) for name in frame.columns[:-2]]  # type: ignore[arg-type]
    features.append(Feature(name="word", type="category", values=("u", "v")))
    return frame, Contract(features=tuple(features), target=Target(name="t", task="regression", about="what counts"))


@pytest.mark.parametrize("names", [pytest.param(HOSTILE, marks=pytest.mark.journey), HOSTILE[:2]], ids=len)
def test_hostile_names_add_no_element_and_no_attribute(names: list[str]) -> None:
    """Whatever the columns, their units and the title are called, the page has the elements of one with tame names."""
    tame = eda.page(*numbers([f"name{i}" for i in range(len(names))]), "title")
    hostile = eda.page(*numbers(names), names[0])
    assert Structure(hostile.html).elements == Structure(tame.html).elements
    assert "\u2039script\u203aalert(1)\u2039/script\u203a" in Structure(hostile.html).texts


def test_hostile_values_add_no_element_and_no_attribute() -> None:
    """Whatever the values of a category are, the page has the elements of one with tame values."""
    tame = eda.page(*categories(("u", "v", "w")), "title")
    hostile = eda.page(*categories((HOSTILE[0], HOSTILE[1], HOSTILE[3])), "title")
    assert Structure(hostile.html).elements == Structure(tame.html).elements


@given(st.lists(st.text(), unique=True))
def test_labels_are_distinct_harmless_and_free(names: list[str]) -> None:
    """Labels are as many as names, differ from each other and from the library's own, and hold no markup."""
    labels = eda.labels([*names, "index", "# duplicates"])
    assert len(set(labels)) == len(names) + 2
    assert not {"index", "df_index", "# duplicates"} & set(labels)
    assert not set("<>\"'\n") & set("".join(labels))


def test_page_copes_with_every_type() -> None:
    """Columns of every type, empty, constant or with gaps, come with the alerts that fit them, by their own names."""
    made = eda.page(*mixed(), "title")
    assert {"alert": "constant", "column": "constant"} in made.alerts
    assert {"alert": "unsupported", "column": "empty"} in made.alerts
    assert {"alert": "missing", "column": "maybe"} in made.alerts
    assert {"alert": "high correlation", "column": "whole", "with": ["gaps", "twice"]} in made.alerts
    assert not [alert for alert in made.alerts if alert["alert"] == "rejected"]
    texts = Structure(made.html).texts
    assert "what counts (the target)" in texts
    assert f"All {ROWS} rows." in texts
    assert "Missing values" in texts


def test_duplicates_are_an_alert_without_a_column() -> None:
    """Rows that occur twice are an alert of the table, not of a column."""
    frame, contract = numbers(["a"])
    doubled = pd.concat([frame, frame], ignore_index=True)
    assert {"alert": "duplicates"} in eda.page(doubled, contract, "title").alerts


def test_large_tables_are_sampled_and_drawn_minimally(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the limits the page describes the same sample each time, says so, and leaves correlations out."""
    frame, contract = numbers(["a"])
    full = eda.page(frame, contract, "title")
    monkeypatch.setattr(eda, "FULL_COLUMNS", 1)
    monkeypatch.setattr(eda, "SAMPLE_ROWS", 20)
    small = eda.page(frame, contract, "title")
    said = "20 of 40 rows, drawn at random with a fixed seed. Without correlations and duplicates, for which it is too large."
    assert said in Structure(small.html).texts
    assert ("Correlations" in Structure(full.html).texts, "Correlations" in Structure(small.html).texts) == (True, False)
    assert eda.page(frame, contract, "title") == small


def test_page_calls_nobody_and_leaves_the_process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's count of its users is off, and variables, fonts and settings of drawing are as before."""
    called: list[str] = []
    monkeypatch.setattr(requests, "get", called.append)
    monkeypatch.setenv("PROFILE_TITLE", "not this")
    before = dict(os.environ), list(fontManager.ttflist), dict(mpl.rcParams)
    html = eda.page(*numbers(["a"]), "this").html
    assert (dict(os.environ), list(fontManager.ttflist), dict(mpl.rcParams)) == before
    assert called == []
    assert "not this" not in html


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the error says what to install."""
    monkeypatch.setitem(sys.modules, "data_profiling", None)
    with pytest.raises(HearthError, match=r"data_profiling: pip install 'hearth\[profile\]'"):
        eda.page(*numbers(["a"]), "title")
