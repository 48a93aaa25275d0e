"""Files that people have and programs stumble over, as hypothesis draws them."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

NAMES = (
    "id", "class", "a b", "x/y", "€", "__proto__", "prediction", "constructor", "null", "true", "1", "-1", "<b>", "a,b",
    'q"q', "a\nb", "${x}", "{{ x }}", "%s", "#", "- ", "*", "&a", "!x", "@", "k: v", "<<", "~", "\\", "'", "index",
    "df_index", "row", "model", "interval", "label", "features_used", "warnings", "fold", "missing", "\u202e", "é", "é", "🐍",
    300 * "x", " lead", "trail ", "Unnamed: 0", "probability of the label", "level_0", "actual", "base", "\ttab", "a.b",
    "a[0]", "A", "a", "yes", "=1+1", "target",
)  # fmt: skip
ROWS = (0, 1, 29, 30, 31, 40, 40, 60, 60, 60)


@dataclass(frozen=True, slots=True)
class Hostile:
    """A file's bytes, and the column that is said to be the target."""

    content: bytes
    target: str


Column = Callable[[int], str]


# What a column says in row ``i``.
COLUMNS: dict[str, Column] = {
    "number": lambda i: f"{(i * 37 % 101) / 7:.4f}",
    "negative": lambda i: f"{-(i * 37 % 101) / 7:.4f}",
    "whole": lambda i: str(i * 13 % 17),
    "count": str,
    "text": lambda i: ("red", "green", "blue")[i * i % 3],
    "truth": lambda i: ("True", "FALSE")[i * 7 % 11 % 2],
    "yes": lambda i: ("yes", "no", "")[i * 7 % 11 % 3],
    "missing": lambda _: "",
    "nan": lambda i: ("NaN", "NA", "null", "nan")[i % 4],
    "gaps": lambda i: "" if i % 3 else f"{i / 3}",
    "one gap": lambda i: "" if i == 7 else f"{i * 5 % 13 / 3}",
    "one": lambda _: "7",
    "one text": lambda _: "same",
    "nearly one": lambda i: "1" if i == 3 else "0",
    "once": lambda i: "5.5" if i == 3 else "",
    "huge": lambda i: f"{i + 1}e300",
    "large": lambda i: f"{i % 30 + 1}e37",
    "tiny": lambda i: f"{i * 7 % 31}e-310",
    "small": lambda i: f"{i * 7 % 31}e-42",
    "near": lambda i: repr(1e15 + i * 7 % 31),
    "beyond": lambda i: str(2**53 + 1 + i * 7 % 31),
    "infinite": lambda i: "inf" if i == 2 else str(i * 3 % 7),
    "comma": lambda i: f"{i * 3 % 17},{i % 10}",
    "thousands": lambda i: f"{i},{i % 10}00",
    "dollar": lambda i: f"${i}.50",
    "percent": lambda i: f"{i * 3 % 17}%",
    "spaced": lambda i: f"  {i * 3 % 17} ",
    "mixed": lambda i: "n.a." if i == 4 else f"{i * 37 % 101 / 7:.3f}",
    "date": lambda i: f"2024-0{i % 9 + 1}-1{i % 10}",
    "words": lambda i: " ".join(["word", str(i * 13)] * 30),
    "cell": lambda i: "x" * (50_000 if i == 5 else 3),
    "quotes": lambda i: f'say "{i % 3}"',
    "lines": lambda i: f"a\n{i % 3}",
    "control": lambda i: f"\x1b[31m{i % 3}",
    "markup": lambda i: f"<script>alert({i % 3})</script>",
    "formula": lambda i: f"=cmd|{i % 3}",
    "rare": lambda i: "a" if i < 2 else "b" if i < 12 else "c",
    "emoji": lambda i: "\U0001f40d\u202e\u00e9"[i % 3],
    "zero": lambda i: ("0", "-0", "0.0")[i % 3],
    "hex": lambda i: f"0x{i % 7:x}",
    "leading": lambda i: f"00{i % 5}",
    "underscore": lambda i: f"1_{i % 5}",
    "labels": lambda i: ("null", "y", "n", "1")[i % 4],
}
KINDS = tuple(COLUMNS)
USEFUL = ("number", "whole", "text", "truth", "gaps")

Damage = Callable[[bytes], bytes]
DAMAGES: dict[str, Damage] = {
    "none": lambda text: text,
    "mark": lambda text: b"\xef\xbb\xbf" + text,
    "windows": lambda text: text.replace(b"\n", b"\r\n"),
    "mac": lambda text: text.replace(b"\n", b"\r"),
    "latin": lambda text: text + b"\xe9\xff\n",
    "wide": lambda text: text.decode().encode("utf-16"),
    "nul": lambda text: text[: len(text) // 2] + b"\0" + text[len(text) // 2 :],
    "empty": lambda _: b"",
    "blank": lambda _: b"\n\r\n  \n",
    "header": lambda text: text.partition(b"\n")[0] + b"\n",
    "short": lambda text: text + b"1\n",
    "long": lambda text: text + b"1," * 600 + b"\n",
    "semicolons": lambda text: text.replace(b",", b";"),
    "tabs": lambda text: text.replace(b",", b"\t"),
    "quote": lambda text: text[: (at := text.find(b"\n", len(text) // 2) + 1)] + b'"' + text[at:],
    "open": lambda text: text.rstrip(b"\n"),
    "spread": lambda text: text.replace(b"\n", b"\n\n"),
    "tail": lambda text: text + b"\n\n\n",
    "headless": lambda text: text.partition(b"\n")[2],
    "twice": lambda text: text + text,
    "zip": lambda _: b"PK\x03\x04\x14\x00\x00\x00",
    "html": lambda _: b"<!doctype html><html><body>404</body></html>\n",
    "json": lambda _: b'[{"a": 1}, {"a": 2}]\n',
}


def written(names: Sequence[str], columns: Sequence[str], rows: int) -> bytes:
    """CSV of columns of these kinds."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([COLUMNS[kind](i + at) for at, kind in enumerate(columns)] for i in range(rows))
    return text.getvalue().encode()


@st.composite
def files(draw: st.DrawFn, *, sound: bool = False) -> Hostile:
    """A file; a ``sound`` one has what a model needs beside what it does not, and no damage that cannot be read through."""
    wide = draw(st.integers(0, 19)) == 0
    count = draw(st.integers(300, 500)) if wide else draw(st.integers(1, 5))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=min(count, 5), max_size=min(count, 5)))
    kinds = [kinds[i % len(kinds)] for i in range(count)]
    names = _named(draw, count + 1, twice=not sound and draw(st.integers(0, 9)) == 0)
    goal = draw(st.sampled_from(USEFUL[:4] if sound else KINDS))
    if sound:
        kinds[0] = draw(st.sampled_from(USEFUL))
    rows = draw(st.sampled_from(ROWS[3:] if sound else ROWS))
    text = written(names, [*kinds, goal], rows)
    harmless = ("none", "mark", "windows", "open", "tail", "spread")
    damage = draw(st.sampled_from(harmless if sound else (*["none"] * 20, *DAMAGES)))
    return Hostile(DAMAGES[damage](text), names[-1])


def _named(draw: st.DrawFn, count: int, *, twice: bool) -> list[str]:
    odd = draw(st.lists(st.sampled_from(NAMES), min_size=min(count, 6), max_size=min(count, 6), unique=not twice))
    return [*(f"c{i}" for i in range(count - len(odd))), *odd]
