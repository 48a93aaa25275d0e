"""Files of this repository as what they say, each parsed once."""

import ast
import copy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]


@cache
def tree(path: Path) -> ast.Module:
    """A source file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def params() -> dict[str, Any]:
    """The settings of this repository, to be changed at will."""
    return copy.deepcopy(_params())


@cache
def _params() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    return found
