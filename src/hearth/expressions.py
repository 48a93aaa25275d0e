"""Features that are computed from others: arithmetic over whole columns, by simpleeval, which walks a tree and runs no code.

An expression has numbers, names of columns, ``+ - * / **``, brackets, and the functions of ``FUNCTIONS``.
"""

import ast
import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hearth.schema import MOST, Contract

if TYPE_CHECKING:
    from simpleeval import SimpleEval

Column = NDArray[np.float64]

LONGEST = 1_000  # characters; beyond that a formula belongs into the data
OPERATORS: Mapping[type[ast.AST], Callable[..., object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.divide,
    ast.Pow: np.float_power,  # of two whole numbers too a float: no tower of powers fills the memory
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "abs": np.abs,
    "exp": np.exp,
    "floor": np.floor,
    "log": np.log,
    "max": np.maximum,
    "min": np.minimum,
    "sqrt": np.sqrt,
}
_NODES = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Constant, ast.Load, *OPERATORS)


class Expression:
    """A formula over columns. Nothing in it changes after construction.

    Raises:
        ValueError: it is no formula, or names what is no column; the message says what is allowed.
    """

    def __init__(self, text: str, columns: Collection[str]) -> None:
        self.text = text
        tree = _parsed(text)
        self.names = _checked(tree, columns)
        self._body = tree.body

    def __call__(self, columns: Mapping[str, Column]) -> Column:
        """The value of each row, of shape (n,) as the columns are; NaN where it is not finite, or a value is missing.

        In single precision, as boosters see it: the last bit of a logarithm, which processors disagree on, changes no model.
        """
        values = {name: np.ascontiguousarray(columns[name]) for name in self.names}
        rows = len(next(iter(values.values())))
        with np.errstate(all="ignore"):
            made = np.broadcast_to(_evaluator(values).eval(self.text, previously_parsed=self._body), (rows,))
            single = made.astype(np.float32).astype(np.float64)
        return np.where(np.isfinite(single), single, np.nan)


@lru_cache(16)
def formulas(contract: Contract) -> tuple[Expression, ...]:
    """The expressions of the derived features, in their order.

    Raises:
        ValueError: naming the feature and what is wrong with its expression.
    """
    known = _numbers(contract)
    made = []
    for feature in contract.derived:
        made.append(_named(feature.expression, known, f"derived.{feature.name}"))
        known.append(feature.name)
    return tuple(made)


def over(text: str, contract: Contract, name: str) -> Expression:
    """An expression over all that a model may see, derived features too.

    Raises:
        ValueError: it is none, or names what is no number among them; the message begins with ``name``.
    """
    return _named(text, [*_numbers(contract), *(feature.name for feature in contract.derived)], name)


def _named(text: str, columns: Collection[str], name: str) -> Expression:
    try:
        return Expression(text, columns)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _numbers(contract: Contract) -> list[str]:
    return [feature.name for feature in contract.used if feature.type != "category" or feature.ordered]


def _evaluator(values: Mapping[str, Column]) -> "SimpleEval":
    from simpleeval import SimpleEval  # noqa: PLC0415 - most tables need no formula

    return SimpleEval(operators=dict(OPERATORS), functions=dict(FUNCTIONS), names=dict(values))


def _parsed(text: str) -> ast.Expression:
    if len(text) > LONGEST:
        raise ValueError(f"the expression has more than {LONGEST} characters: compute the column where the data are made")
    try:
        return ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{text!r} is no expression: write arithmetic over columns, such as a / b ** 2") from error


def _checked(tree: ast.Expression, columns: Collection[str]) -> Sequence[str]:
    """The columns that an expression names.

    Raises:
        ValueError: it has other than arithmetic over them.
    """
    nodes = list(ast.walk(tree))
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    names = [node.id for node in nodes if isinstance(node, ast.Name) and node not in called]
    for node in nodes:
        _check_node(node)
    unknown = sorted(set(names) - set(columns))
    if unknown:
        raise ValueError(f"{', '.join(unknown)} is no number or boolean among the features, and is not computed before it")
    if not names:
        raise ValueError("the expression names no column: it would be the same for every row")
    return tuple(dict.fromkeys(names))


def _check_node(node: ast.AST) -> None:
    if not isinstance(node, _NODES):
        kind = type(node).__name__
        raise ValueError(f"{kind} is not allowed: use numbers, columns, + - * / ** and {', '.join(FUNCTIONS)}")  # noqa: TRY004
    if isinstance(node, ast.Constant) and not _is_number(node.value):
        raise ValueError(f"{str(node.value)[:40]!r} is no number that a model can see")
    if isinstance(node, ast.Call):
        _check_call(node)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST


def _check_call(node: ast.Call) -> None:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name not in FUNCTIONS:
        raise ValueError(f"there is no function {ast.unparse(node.func)}: use {', '.join(FUNCTIONS)}")
    wanted = 2 if name in ("max", "min") else 1
    if len(node.args) != wanted or node.keywords:
        raise ValueError(f"{name} takes {wanted} argument{'s' * (wanted > 1)}")
