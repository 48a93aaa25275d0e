"""The HTML page: one file, nothing fetched, made to be read."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from jinja2 import Environment, PackageLoader, StrictUndefined

from hearth.params import CardParams
from hearth.reporting import sentences, tables
from hearth.reporting.captions import Caption, caption
from hearth.reporting.facts import Facts, fold_values, mean_sd
from hearth.reporting.numbers import Scale, equals, percent
from hearth.training.evaluation import Evaluation

# The figures of each section, in their order; what is in none of them comes last.
SECTIONS = {
    "quality": ("comparison",),
    "errors": (
        "predicted_actual",
        "residuals",
        "residual_distribution",
        "confusion",
        "confusions",
        "roc",
        "calibration",
        "learning_curve",
    ),
    "choice": ("candidates",),
    "features": ("importance", "beeswarm"),
    "dependence": ("dependence_1", "dependence_2", "dependence_3"),
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure inside the page."""

    source: str
    caption: Caption


@dataclass(frozen=True, slots=True)
class Headline:
    """A number that stands large, what it is, and what to make of it."""

    number: str
    name: str
    note: str


def html_page(evaluation: Evaluation, card: CardParams, data: Mapping[str, object], figures: Mapping[str, bytes]) -> str:
    """The page; ``figures`` are SVG files by name. The same arguments give the same text."""
    environment = Environment(
        loader=PackageLoader("hearth.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    facts = Facts(evaluation, data)
    return environment.get_template("index.html.j2").render(
        facts=facts,
        card=card,
        say=sentences,
        tables=tables,
        headlines=headlines(facts),
        pictures=pictures(facts, figures),
    )


def pictures(facts: Facts, figures: Mapping[str, bytes]) -> dict[str, list[Picture]]:
    """Every figure once, by section, with its caption."""
    named = {PurePath(name).stem: drawn for name, drawn in figures.items()}
    placed = [stem for stems in SECTIONS.values() for stem in stems]
    sections = {**SECTIONS, "others": tuple(sorted(set(named) - set(placed)))}
    return {
        section: [Picture(_inline(named[stem]), caption(stem, facts)) for stem in stems if stem in named]
        for section, stems in sections.items()
    }


def headlines(facts: Facts) -> list[Headline]:
    """The few numbers that say most."""
    values, scale, evaluation = facts.objective_values, facts.scale, facts.evaluation
    mean, sd = mean_sd(values)
    where = "" if evaluation.sample is None else f" over {facts.rows}"
    ends = scale.range(min(values), max(values))
    spread = f"mean of {len(values)} folds{where}, their sd is {scale.value(sd)}; one ran from {ends}"
    found = [Headline(scale.value(mean), facts.label(evaluation.objective), spread), *_against(facts)]
    other = "r2" if facts.regression else "accuracy"
    share = facts.scale_of(other)
    second, deviation = mean_sd(fold_values(evaluation.best, other))
    found.append(Headline(share.value(second), facts.label(other), f"mean of the folds, their sd is {share.value(deviation)}"))
    coverage = evaluation.coverage
    size = Scale("", coverage.mean_width).value(coverage.mean_width)
    note = f"promised {percent(coverage.nominal)}; mean {'width' if facts.regression else 'size'} {size}"
    things = "of truths in their interval" if facts.regression else "of truths in their label set"
    return [*found, Headline(percent(coverage.coverage), things, note)]


def _against(facts: Facts) -> list[Headline]:
    if facts.best_baseline is None:
        return []
    contender, comparison = facts.best_baseline
    mean = mean_sd(fold_values(contender, facts.evaluation.objective))[0]
    difference = facts.scale.value(comparison.difference.value)
    note = f"{contender.name}; the winner differs by {difference} (p {equals(comparison.p_value)})"
    return [Headline(facts.scale.value(mean), f"{facts.objective} of the best baseline", note)]


def _inline(drawn: bytes) -> str:
    return f"data:image/svg+xml;base64,{b64encode(drawn).decode('ascii')}"
