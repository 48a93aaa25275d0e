"""Figures: what is drawn, for whom, and that its bytes are stable."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.evaluations import HOSTILE, attribution, classification, contract, regression

from hearth.schema import Contract, Feature, Target
from hearth.training.class_figures import MOST_CLASSES, MOST_CURVES, calibration_curve, confusion_matrix, roc, roc_curves
from hearth.training.drawing import DARK, MOST_DOTS, canvas, legend, plain, sample, style, svg, tidy
from hearth.training.evaluation import Evaluation
from hearth.training.figures import evaluation_figures, save, selection_figures
from hearth.training.labels import class_names
from hearth.training.metrics import confusion
from hearth.training.selection import Attribution
from hearth.training.shap_figures import MOST_FEATURES, beeswarm

SHAP = {"beeswarm", "importance", "dependence_1", "dependence_2", "dependence_3"}
SHARED = {"comparison", "learning_curve"} | SHAP
REGRESSION = {"predicted_actual", "residuals", "residual_distribution"} | SHARED
CLASSIFICATION = {"confusion", "confusions", "roc", "calibration"} | SHARED


def texts(figure: Figure) -> list[str]:
    """Every text that the figure shows."""
    svg(figure)
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("evaluation", "stems"),
    [
        (regression(), REGRESSION),
        (classification(), CLASSIFICATION),
        (classification(("a", "b", "c")), CLASSIFICATION),
    ],
    ids=["regression", "binary", "multiclass"],
)
def test_each_task_has_its_figures(evaluation: Evaluation, stems: set[str]) -> None:
    """Each task gets the figures that belong to it, and each is well-formed SVG."""
    figures = evaluation_figures(evaluation)
    assert set(figures) == stems
    for figure in figures.values():
        ET.fromstring(svg(figure))  # noqa: S314 - our own


def test_searches_are_drawn() -> None:
    """With the scores of searches there is one figure more, which falls to the best score."""
    figure = evaluation_figures(regression(), {"first": [3.0, 2.0, 2.5], "_second": [2.8, 2.9]})["candidates"]
    lines = figure.axes[0].get_lines()
    assert [np.asarray(line.get_ydata()).tolist() for line in lines] == [[3.0, 2.0, 2.0], [2.8, 2.8]]
    assert "_second: best so far" in texts(figure)


def test_another_processors_last_bit_moves_nothing() -> None:
    """Answers that differ in the last bit give the same bytes."""
    first = regression()
    second = replace(first, out_of_fold=np.nextafter(first.out_of_fold, np.inf))
    for stem in ("predicted_actual", "residuals"):
        assert svg(evaluation_figures(first)[stem]) == svg(evaluation_figures(second)[stem])


def test_save_adds_its_ending(tmp_path: Path) -> None:
    """A figure is saved beside its stem, dots in names kept, and the path comes back."""
    path = save(evaluation_figures(regression())["residuals"], tmp_path / "a.b")
    assert path == tmp_path / "a.b.svg"
    assert path.read_bytes().startswith(b"<?xml")


def test_figures_follow_dark_mode() -> None:
    """The SVG holds a dark colour for every light one that it uses."""
    styles, _, body = svg(evaluation_figures(regression())["residuals"]).decode().partition("</style>")
    assert "prefers-color-scheme: dark" in styles
    for light, dark in DARK.items():
        assert light in body
        assert f'[style*="fill: {light}"]{{fill:{dark}!important}}' in styles


def test_hostile_names_are_drawn_as_they_are() -> None:
    """Dollar signs, braces and underscores are no formula; what the font lacks is marked; a newline is a space."""
    evaluation = regression(names=HOSTILE)
    drawn = texts(evaluation_figures(evaluation)["importance"])
    assert {"$x$", "_a_b^{c", "<script>alert(1)</script>", "€ \ufffd\ufffd"} <= set(drawn)
    assert plain("a|b\nc") == "a|b c"


def test_calibration_of_many_classes_is_that_of_the_label() -> None:
    """Of ten classes nine tenths of all probabilities are small: as many points as bins lie beyond them."""
    rng = np.random.default_rng(1)
    scores = rng.dirichlet(np.full(10, 0.1), 500)
    target = Target(name="y", task="classification", classes=tuple("abcdefghij"))
    axes = calibration_curve(target, rng.integers(10, size=500).astype(float), scores).axes[0]
    drawn = np.asarray(axes.lines[1].get_xdata())
    assert len(drawn) == 10
    assert min(drawn) > 0.25
    assert axes.get_xlabel() == "predicted probability of the most probable class"


def test_a_legend_shows_what_begins_with_an_underscore() -> None:
    """A label with a leading underscore stands in the legend."""
    with style():
        figure, axes = canvas(4, 3)
        legend(axes, axes.plot([0, 1], [0, 1]), ["_class"])
    assert "_class" in texts(figure)


def test_long_names_are_cut() -> None:
    """A long name has the length asked for, its end kept: levels that begin alike are told apart."""
    assert plain("Obesity_Type_III", 10) == "Obesit…III"
    assert len({plain(f"Obesity_Type_{level}", 10) for level in ("I", "II", "III")}) == 3


def test_many_features_show_the_top() -> None:
    """Of 500 features the figures show the twenty that matter most, and say so."""
    many = contract(Target(name="y", task="regression"), tuple(f"f{i}" for i in range(501)))
    figures = selection_figures(attribution(many, 30, 1), many)
    assert set(figures) == SHAP
    assert len(figures["importance"].axes[0].patches) == MOST_FEATURES
    assert figures["beeswarm"].axes[0].get_xlabel() == "SHAP value, 20 of 500 features"


def test_two_features_are_enough() -> None:
    """With two features there are two dependence figures."""
    small = Contract(
        target=Target(name="y", task="regression"),
        features=(Feature(name="a", type="number"), Feature(name="b", type="integer", min=0, max=1)),
    )
    x = np.array([[1.0, 0.0], [2.0, np.nan], [3.0, 0.0]])
    figures = selection_figures(Attribution(small.names, x, np.tile([1.0, 0.1], (3, 1))), small)
    assert set(figures) == {"beeswarm", "importance", "dependence_1", "dependence_2"}


def test_an_empty_column_is_grey() -> None:
    """A feature without a single value is drawn in the colour of missing ones."""
    small = Contract(target=Target(name="y", task="regression"), features=(Feature(name="a", type="number"),))
    figures = selection_figures(Attribution(("a",), np.full((4, 1), np.nan), np.ones((4, 1))), small)
    colours = figures["beeswarm"].axes[0].collections[0].get_facecolor()
    assert np.allclose(colours, [0.6, 0.64, 0.7, 1])
    assert "missing" in texts(figures["dependence_1"])


def test_many_rows_are_sampled() -> None:
    """Of 100 000 rows a scatter shows some, always the same, as pixels."""
    evaluation = regression(rows=100_000)
    dots = evaluation_figures(evaluation)["predicted_actual"].axes[0].collections[1]
    assert len(np.asarray(dots.get_offsets())) == MOST_DOTS
    assert dots.get_rasterized()
    assert sample(100_000).tolist() == sample(100_000).tolist()


def test_constant_predictions_are_drawn() -> None:
    """A model that always says the same still has its figures, residuals of 0 included."""
    evaluation = regression()
    flat = np.full(60, 3.0)
    for stem, figure in evaluation_figures(replace(evaluation, actual=flat, out_of_fold=flat)).items():
        low, high = figure.axes[0].get_xlim()
        assert low < high, stem


def test_a_far_contender_stands_at_the_edge() -> None:
    """A contender far beyond the winner leaves the axis to the others, and its mean is written."""
    figure = evaluation_figures(regression())["comparison"]
    assert any(text.startswith("beyond this axis, mean ") for text in texts(figure))
    assert figure.axes[0].get_xlim()[1] < 4


def test_without_a_learning_curve_there_is_no_figure() -> None:
    """No points, no figure."""
    assert "learning_curve" not in evaluation_figures(replace(regression(), learning=()))


def test_a_class_alone_has_no_roc_curve() -> None:
    """Where every row is of one class the figure says that there is no curve."""
    target = Target(name="y", task="classification", classes=("no", "yes"))
    with style():
        figure = roc_curves(target, np.zeros(5), np.tile([0.7, 0.3], (5, 1)))
    assert "one class alone has rows: no curve" in texts(figure)


@pytest.mark.parametrize(("classes", "title"), [(MOST_CURVES, ""), (10, "the 6 most frequent of 10 classes")])
def test_curves_that_are_not_drawn_are_told(classes: int, title: str) -> None:
    """Of more classes than can be told apart the most frequent have a curve, and the figure says of how many."""
    names = tuple(f"c{i}" for i in range(classes))
    evaluation = classification(names, rows=121)  # one more of the first class
    target, rows = evaluation.contract.target, np.append(np.arange(121), [9 % classes] * 5)
    with style():
        figure = roc_curves(target, evaluation.actual[rows], evaluation.out_of_fold[rows])
    shown = set(texts(figure))
    assert figure.axes[0].get_title(loc="left") == title
    assert len([text for text in shown if ": area " in text]) == MOST_CURVES
    assert any(text.startswith(f"{names[9 % classes]}: area") for text in shown)


def test_roc_is_scikit_learns() -> None:
    """The curve's area is the probability that a member outscores another, ties counted half."""
    random = np.random.default_rng(5)
    member, score = random.uniform(size=500) < 0.4, np.round(random.uniform(size=500), 1)
    curve = roc(member, score)
    assert curve is not None
    pairs = np.sign(score[member][:, None] - score[~member][None, :])
    assert np.trapezoid(curve[1], curve[0]) == pytest.approx(((pairs + 1) / 2).mean())
    assert (curve[0][[0, -1]].tolist(), curve[1][[0, -1]].tolist()) == ([0, 1], [0, 1])


def test_long_roc_curves_are_thinned() -> None:
    """A curve of many rows keeps its ends and few points."""
    evaluation = classification(rows=2000)
    line = evaluation_figures(evaluation)["roc"].axes[0].get_lines()[1]
    assert len(np.asarray(line.get_xdata())) == 300
    assert np.asarray(line.get_xdata())[[0, -1]].tolist() == [0, 1]


def test_a_confusion_matrix_counts_every_row() -> None:
    """The counts of a matrix add up to the rows, also where rare classes are gathered."""
    names = tuple(f"class {i}" for i in range(20))
    actual = (np.arange(200) % 20).astype(np.float64)
    with style():
        figure = confusion_matrix(names, actual, np.arange(200) % 20)
    counts = [int(text.get_text()) for text in figure.axes[0].texts]
    assert len(counts) == MOST_CLASSES**2
    assert sum(counts) == 200
    assert "all others" in texts(figure)


def test_every_contender_has_a_confusion_matrix() -> None:
    """Of the experiments and the baselines alike, on the test rows, the labels above the threshold of each."""
    evaluation = classification(rows=60)
    first, *others = evaluation.contenders
    sure = replace(first, threshold=0.999)
    figure = evaluation_figures(replace(evaluation, contenders=(sure, *others)))["confusions"]
    assert [axes.get_title(loc="left") for axes in figure.axes] == [one.name for one in evaluation.contenders]
    counts = [[int(text.get_text()) for text in axes.texts] for axes in figure.axes]
    assert counts[0] == [6, 0, 6, 0]
    for shown, contender in zip(counts[1:], others, strict=True):
        expected = confusion(evaluation.test_actual, contender.test_scores.argmax(axis=1), 2)
        assert shown == expected.flatten().tolist()


def test_classes_without_names_go_by_their_codes() -> None:
    """Where the contract names no classes, their codes stand for them."""
    assert class_names(Target(name="y", task="classification"), 2) == ("0", "1")


def test_a_beeswarm_has_a_panel_a_class() -> None:
    """With three classes there are three panels, titled by class, beside the key."""
    evaluation = classification(("a", "b", "c"))
    with style():
        figure = beeswarm(evaluation.attribution, evaluation.contract)
    assert [axes.get_title() for axes in figure.axes][:3] == ["towards a", "towards b", "towards c"]


def test_levels_are_named() -> None:
    """The dependence of a category has its values on the axis, that of a boolean false and true."""
    evaluation = regression()
    x = evaluation.attribution.x
    figures = selection_figures(
        Attribution(evaluation.contract.names, x, np.tile([0.1, 1.0, 2.0], (60, 1))), evaluation.contract
    )
    assert {"red", "green", "blue"} <= set(texts(figures["dependence_1"]))
    assert {"false", "true"} <= set(texts(figures["dependence_2"]))


def test_tidy_keeps_six_digits() -> None:
    """Six significant digits stay; zero, NaN and infinity stay as they are."""
    values = np.array([1.23456789, -0.000123456789, 0.0, 98765432.1, np.nan, np.inf])
    assert np.array_equal(tidy(values), [1.23457, -0.000123457, 0.0, 98765400.0, np.nan, np.inf], equal_nan=True)
    assert np.allclose(tidy(np.array([1.23456789e300, 1.2e-310])), [1.23457e300, 0], rtol=1e-9, atol=0)
