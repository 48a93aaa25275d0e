"""One quiet style for every figure, and SVG files whose bytes depend on the data alone."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.typing import RcKeyType
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Roles that change in a dark page, each a colour that nothing else uses, with what it becomes there.
INK, MUTED, RULE, PAPER = "#1f2a37", "#5b6776", "#dfe4ea", "#fefefe"
DARK = {INK: "#e6e9ee", MUTED: "#a3aebd", RULE: "#343c49", PAPER: "#171c24"}
# Told apart with any kind of colour vision, on white and on black. Source: Okabe and Ito (2002), darkened for thin lines.
BLUE, ORANGE, GREEN, PINK, SKY, OLIVE = "#2f7fc1", "#d9730d", "#0f9d7a", "#c2679c", "#56a5d8", "#a89216"
GREY = "#9aa4b1"
CYCLE = (BLUE, ORANGE, GREEN, PINK, SKY, OLIVE)

FONT = "DejaVu Sans"  # comes with matplotlib: the same on every machine
STYLE: Mapping[RcKeyType, object] = {
    "font.family": FONT,
    "font.size": 10,
    "text.parse_math": False,  # a column named $x$ is that, no formula
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.formatter.limits": (-4, 6),
    "axes.formatter.use_mathtext": False,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "svg.fonttype": "path",
    "svg.hashsalt": "hearth",
}
# Rows that a scatter shows at most, and those above which its dots become pixels.
MOST_DOTS, MOST_VECTORS = 2000, 800
RASTER_DPI = 200


@contextmanager
def style() -> Iterator[None]:
    """Draw in the house style, whatever this machine's own matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def canvas(width: float, height: float, left: float = 0.75, right: float = 0.2, bottom: float = 0.6) -> tuple[Figure, Axes]:
    """A figure of this size with one pair of axes; every length is in inches."""
    figure = Figure(figsize=(width, height))
    box = (left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + 0.35) / height)
    return figure, figure.add_axes(box)


def svg(figure: Figure) -> bytes:
    """The figure as SVG that follows the reader's light or dark mode; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="svg", dpi=RASTER_DPI, metadata={"Date": None, "Creator": None})
    head, mark, body = buffer.getvalue().decode().partition("<defs>")
    return f"{head}{_dark_mode()}{mark}{body}".encode()


def save(figure: Figure, stem: Path) -> Path:
    """Write the figure beside ``stem`` with the ending of its format, and return that path."""
    path = stem.with_name(f"{stem.name}.svg")
    path.write_bytes(svg(figure))
    return path


def tidy(values: Floats) -> Floats:
    """Values cut to 6 significant digits, so that another processor's last bit moves no dot."""
    safe = np.where(np.isfinite(values) & (values != 0), values, 1.0)
    digits = 10.0 ** np.minimum(5 - np.floor(np.log10(np.abs(safe))), 300)  # the least floats become 0
    cut: Floats = np.where(safe == values, np.round(values * digits) / digits, values)
    return cut


def sample(rows: int, most: int = MOST_DOTS) -> NDArray[np.intp]:
    """Which of the rows a figure shows: all, or a random ``most`` of them, the same ones every time; ascending."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False))


def plain(text: str, most: int = 26) -> str:
    """Text that can be drawn: on one line, cut to ``most`` characters, what the font lacks as a replacement mark.

    Cut before its last third: names that begin alike often end differently.
    """
    glyphs = _glyphs()
    line = " ".join(text.split())
    drawn = "".join(character if ord(character) in glyphs else "\ufffd" for character in line)
    end = most // 3
    return drawn if len(drawn) <= most else f"{drawn[: most - 1 - end]}…{drawn[-end:]}"


def gutter(labels: Sequence[str]) -> float:
    """Inches that tick labels of this length take beside an axis."""
    return 0.35 + 0.085 * max(map(len, labels), default=0)


def legend(axes: Axes, handles: Sequence[Artist], labels: Sequence[str], *, inside: bool = False) -> None:
    """A legend of these labels, above the axes or in the lower right corner.

    Labels that begin with an underscore, which matplotlib would leave out, are in it.
    """
    numbers = [str(i) for i in range(len(labels))]
    if inside:
        drawn = axes.legend(handles, numbers, loc="lower right")
    else:
        drawn = axes.legend(handles, numbers, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(labels), borderaxespad=0.2)
    for text, label in zip(drawn.get_texts(), labels, strict=True):
        text.set_text(plain(label, 40))


@cache
def _glyphs() -> frozenset[int]:
    """Code points that the font can draw."""
    return frozenset(get_font(findfont(FONT)).get_charmap())


def _dark_mode() -> str:
    rules = "".join(
        f'[style*="{role}: {light}"]{{{role}:{dark}!important}}' for light, dark in DARK.items() for role in ("fill", "stroke")
    )
    return f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>\n "
