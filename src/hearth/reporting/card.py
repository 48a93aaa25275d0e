"""The model card, Markdown: what the model is, how good it honestly is, what it is for and what not."""

import re
from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined

from hearth.params import CardParams
from hearth.reporting import sentences, tables
from hearth.reporting.facts import Facts
from hearth.reporting.tables import TableView
from hearth.training.evaluation import Evaluation

PUNCTUATION = re.compile(r"([\\`*_{}\[\]<>|~$&#])")


class Markdown(str):
    """Text that is Markdown already."""

    __slots__ = ()


def model_card(evaluation: Evaluation, card: CardParams, data: Mapping[str, object]) -> str:
    """The card; ``data`` is what ``reports/data.json`` says of the table. The same arguments give the same text."""
    environment = Environment(
        loader=PackageLoader("hearth.reporting"),
        autoescape=False,  # noqa: S701 - not HTML: ``finalize`` escapes for Markdown
        finalize=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.get_template("model_card.md.j2")
    return template.render(facts=Facts(evaluation, data), card=card, say=sentences, tables=tables, table=table)


def escape(value: object) -> str:
    """Text as Markdown that shows it as it is, on one line; what is Markdown already stays."""
    if isinstance(value, Markdown):
        return value
    return PUNCTUATION.sub(r"\\\1", " ".join(str(value).split()))


def table(view: TableView) -> Markdown:
    """A table with aligned columns, its caption above it."""
    rows = [[_strong(cell) if i in view.strong else escape(cell) for cell in row] for i, row in enumerate(view.rows)]
    head = [escape(cell) for cell in view.head]
    widths = [max(3, *(len(row[column]) for row in [head, *rows])) for column in range(len(head))]
    rule = ["-" * (width - 1) + (":" if side == "r" else "-") for side, width in zip(view.align, widths, strict=True)]
    lines = [rule, *([_padded(*cell) for cell in zip(row, view.align, widths, strict=True)] for row in rows)]
    top = [_padded(*cell) for cell in zip(head, view.align, widths, strict=True)]
    return Markdown(f"{escape(view.caption)}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in [top, *lines]))


def _strong(cell: str) -> str:
    return f"**{escape(cell)}**" if cell else ""


def _padded(cell: str, side: str, width: int) -> str:
    return cell.rjust(width) if side == "r" else cell.ljust(width)
