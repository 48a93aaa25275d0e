"""The page: whole, escaped, stable, and alone."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from tests.evaluations import CARD, DATA, HOSTILE, classification, digests, digests_elsewhere, regression

from hearth.reporting.numbers import THIN
from hearth.reporting.page import html_page
from hearth.training.evaluation import Evaluation, Sample
from hearth.training.figures import evaluation_figures

VOID = {"meta", "img", "link", "br"}
EVALUATIONS = pytest.mark.parametrize(
    "evaluation", [regression(), classification(), classification(("a", "b", "c"))], ids=["regression", "binary", "multiclass"]
)


class Page(HTMLParser):
    """What a page holds: open tags, addresses, images, headings, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.images: list[dict[str, str]] = []
        self.headings: list[int] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An opening tag, its addresses, an image, a heading."""
        given = {name: value or "" for name, value in attrs}
        self.addresses += [given[name] for name in ("src", "href", "action", "srcset") if name in given]
        if tag == "img":
            self.images.append(given)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """The end of the innermost open tag."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text."""
        self.text += data


def page(evaluation: Evaluation, stems: list[str] | None = None) -> str:
    """The page of an evaluation with a stand-in for each figure."""
    names = list(evaluation_figures(evaluation)) if stems is None else stems
    return html_page(evaluation, CARD, DATA, {f"{stem}.svg": f"<svg>{stem}</svg>".encode() for stem in names})


@EVALUATIONS
def test_the_page_is_whole(evaluation: Evaluation) -> None:
    """Every tag is closed, headings step down one level at a time, every figure is there with words in its place."""
    parsed = Page(page(evaluation))
    assert parsed.open == []
    assert parsed.headings[0] == 1
    assert all(after - before <= 1 for before, after in zip(parsed.headings, parsed.headings[1:], strict=False))
    assert len(parsed.images) == len(evaluation_figures(evaluation))
    assert all(len(image["alt"]) > 15 for image in parsed.images)
    assert len({image["src"] for image in parsed.images}) == len(parsed.images)


@pytest.mark.parametrize("classes", [("no", "yes"), ("a", "b", "c")])
def test_the_confusion_of_every_contender_is_on_the_page(classes: tuple[str, ...]) -> None:
    """With what it is of, and in words how often each is right; a regression has none."""
    evaluation = classification(classes)
    parsed = Page(page(evaluation))
    assert "The experiments and the baselines on the 12 test rows, read once" in parsed.text
    (told,) = [image["alt"] for image in parsed.images if image["alt"].startswith("Confusion matrices of every contender")]
    assert all(f"{one.name} " in told for one in evaluation.contenders)
    assert "confusion" not in page(regression())


@EVALUATIONS
def test_nothing_is_fetched(evaluation: Evaluation) -> None:
    """Addresses are of this page, of its neighbours or inline; the page's policy forbids all else."""
    text = page(evaluation)
    allowed = re.compile(r"#\w+|data:image/svg\+xml;base64,[\w+/=]+|model_card\.md|eda\.html")
    assert all(allowed.fullmatch(address) for address in Page(text).addresses)
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|url\(|@import|<script", text)


def test_the_numbers_are_the_evaluations() -> None:
    """The headline is the mean of the winner's folds; the test reading stands as it was measured."""
    evaluation = regression()
    values = [fold["rmse"] for fold in evaluation.best.folds]
    text = page(evaluation)
    assert f"<strong>{sum(values) / 5:.2f}</strong>" in text
    assert "<strong>91.2\u202f%</strong>" in text
    reading = evaluation.best.test["rmse"]
    assert f'<td class="r">{reading.value:.2f} ({reading.low:.2f} to {reading.high:.2f})</td>' in text


def test_a_classification_speaks_of_its_metrics() -> None:
    """Accuracy in per cent and log loss in nats, and no word of residuals."""
    text = Page(page(classification())).text
    assert "log loss (nats)" in text
    assert "accuracy (%)" in text
    assert "esidual" not in text


@pytest.mark.parametrize(("classes", "told"), [(3, False), (10, True)])
def test_classes_that_a_figure_leaves_out_are_told(classes: int, told: bool) -> None:
    """Beside the picture and in place of it: how many of how many, and which."""
    evaluation = classification(tuple(f"c{i}" for i in range(classes)), rows=100)
    page = html_page(evaluation, CARD, DATA, {"roc.svg": b"1", "beeswarm.svg": b"2"})
    for words in ("Drawn are the 6 most frequent of 10 classes; AUC is of all.", "Shown are the 3 of 10 classes with"):
        assert page.count(words) == 2 * told
        assert told or words[:10] not in page


@EVALUATIONS
def test_a_sample_of_a_large_table_is_told(evaluation: Evaluation) -> None:
    """In the headline, in words and above the table; a table that was taken whole says so, and knows of no sample."""
    sample = Sample(rows=60, of=60_000, fold=48, learnt=40)
    page = html_page(replace(evaluation, sample=sample), CARD, DATA, {})
    words = "a sample of 60 of the 60,000 rows".replace(",", THIN)
    for place in ("mean of 5 folds over ", "cross-validation over ", "Repeated cross-validation over ", "out of fold, is of "):
        assert f"{place}{words}" in page
    assert "learnt from 48 rows, the bundle&#39;s from all 48 training rows" in page
    assert "the baselines had learnt from 40 training rows" in page
    assert "nor the cross-validation over the sample had a say" in page
    assert "their range does not bound it" in page
    whole = html_page(evaluation, CARD, DATA, {})
    assert "over all 60 rows" in whole
    assert not any(words in whole for words in ("a sample of", "the sample", "evaluate.rows"))


def test_hostile_names_are_text() -> None:
    """Markup in names, and in the card, is shown and not run."""
    text = page(regression(names=HOSTILE))
    assert "<script" not in text
    assert "<b>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "Tiny <b>model</b>" in Page(text).text


def test_unknown_figures_come_last() -> None:
    """A figure that the page does not know is shown under its name."""
    parsed = Page(page(regression(), ["residuals", "candidates", "something_new"]))
    assert [image["alt"] for image in parsed.images][2] == "Figure: something new."


def test_without_figures_there_is_still_a_page() -> None:
    """Figures are not needed."""
    assert Page(page(regression(), [])).images == []


def test_without_baselines_the_page_has_a_headline_less() -> None:
    """An evaluation without baselines says nothing of them."""
    with_them, without = page(regression(), []), page(replace(regression(), comparisons=()), [])
    assert with_them.count('class="note"') == without.count('class="note"') + 1
    assert "best baseline" not in without


def test_a_short_learning_curve_has_a_plain_caption() -> None:
    """With one point there is nothing to say about the next."""
    evaluation = replace(regression(), learning=regression().learning[:1])
    assert "The error on rows not seen, by how many rows were learnt from." in page(evaluation)


@pytest.mark.parametrize(
    ("last", "outlook"),
    [
        (1.5, "that step lowered it by 0.50, so more rows would still help"),
        (2.1, "raised it by 0.10, so more rows of this kind"),
    ],
)
def test_the_learning_curve_is_read(last: float, outlook: str) -> None:
    """The caption says what the last step of the curve was worth."""
    first, second = regression().learning
    assert outlook in page(replace(regression(), learning=(first, replace(second, valid=last))))


@pytest.mark.journey
def test_figures_card_and_page_are_stable() -> None:
    """Another process with another hash seed draws and writes the same bytes."""
    assert digests_elsewhere() == digests()
