"""The trees of a booster as flat arrays, node after node."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from hearth.bundle import native
from hearth.bundle.native import Booster, Handled

MOST_LEAVES = 64  # of a tree: a bit each
MOST_TEXT = 16 << 20  # bytes of a booster as JSON: more would take a second to read


class _Tree(TypedDict):
    left_children: list[int]
    right_children: list[int]
    split_indices: list[int]
    split_conditions: list[float]
    default_left: list[int]
    split_type: list[int]


class _Model(TypedDict):
    trees: list[_Tree]
    tree_info: list[int]
    iteration_indptr: list[int]
    gbtree_model_param: dict[str, str]


class _Boosting(TypedDict):
    name: str
    model: _Model


class _Learner(TypedDict):
    gradient_booster: _Boosting


class _Document(TypedDict):
    learner: _Learner


@dataclass(frozen=True, slots=True)
class Trees:
    """The trees of ``groups`` outputs, those of one side by side, in the order in which XGBoost adds them.

    The first tree of a group is one leaf: the base score. Of each node: the number of its ``tree``, the position of its
    ``left`` and ``right`` child (a leaf's own), the ``column`` it splits, ``value`` (of a leaf; else the threshold below
    which a row goes left), whether a missing value goes left, and in ``below`` a bit for each leaf of the tree that it leads
    to. ``roots`` are the positions of the trees' first nodes.
    """

    groups: int
    roots: NDArray[np.intp]
    tree: NDArray[np.intp]
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    column: NDArray[np.intp]
    value: NDArray[np.float32]
    missing_left: NDArray[np.bool_]
    leaf: NDArray[np.bool_]
    below: NDArray[np.uint64]


def read(booster: Handled) -> Trees | None:
    """The trees of a booster; None where it is other than sums of trees with a threshold a split, or too large."""
    text = native.as_json(booster)
    if len(text) > MOST_TEXT:
        return None
    document: _Document = json.loads(text)
    boosting = document["learner"]["gradient_booster"]
    if boosting["name"] != "gbtree" or not boosting["model"]["trees"] or not all(map(_plain, boosting["model"]["trees"])):
        return None
    sums = _sums(boosting["model"], _base(document, native.width(booster)))
    return _flat(sums) if len(set(map(len, sums))) == 1 else None


def _plain(tree: _Tree) -> bool:
    leaves = tree["left_children"].count(-1)
    return leaves <= MOST_LEAVES and not any(tree["split_type"])


def _base(document: _Document, columns: int) -> list[float]:
    """What the booster says of each output when its leaves say nothing: how ``base_score`` counts is XGBoost's affair.

    Of a booster without any tree it is another, so one round stays.
    """
    model = document["learner"]["gradient_booster"]["model"]
    round_ = model["iteration_indptr"][1]
    silent: _Model = {
        **model,
        "trees": [_silent(tree) for tree in model["trees"][:round_]],
        "tree_info": model["tree_info"][:round_],
        "iteration_indptr": [0, round_],
        "gbtree_model_param": {**model["gbtree_model_param"], "num_trees": str(round_)},
    }
    learner: _Learner = {**document["learner"], "gradient_booster": {"name": "gbtree", "model": silent}}
    booster = Booster(json.dumps({**document, "learner": learner}).encode())
    said = native.predict(booster, np.zeros((1, columns)), margin=True)
    return [float(value) for value in said.ravel()]


def _silent(tree: _Tree) -> _Tree:
    return {**tree, "split_conditions": [0.0] * len(tree["split_conditions"])}


def _sums(model: _Model, base: Sequence[float]) -> list[list[_Tree]]:
    """The trees of each output, its base score first."""
    owned = list(zip(model["tree_info"], model["trees"], strict=True))
    return [[_single(value), *(tree for owner, tree in owned if owner == group)] for group, value in enumerate(base)]


def _single(value: float) -> _Tree:
    return {
        "left_children": [-1],
        "right_children": [-1],
        "split_indices": [0],
        "split_conditions": [value],
        "default_left": [0],
        "split_type": [0],
    }


def _flat(sums: Sequence[Sequence[_Tree]]) -> Trees:
    trees = list(chain.from_iterable(sums))
    sizes = np.array([len(tree["left_children"]) for tree in trees])
    roots = np.cumsum(sizes) - sizes
    first, own = np.repeat(roots, sizes), np.arange(sizes.sum())
    left = _joined(trees, "left_children").astype(np.intp)
    right = _joined(trees, "right_children").astype(np.intp)
    leaf = left == -1
    tree = np.repeat(np.arange(len(trees)), sizes)
    children = np.where(leaf, own, left + first), np.where(leaf, own, right + first)
    return Trees(
        groups=len(sums),
        roots=roots,
        tree=tree,
        left=children[0],
        right=children[1],
        column=_joined(trees, "split_indices").astype(np.intp),
        value=_joined(trees, "split_conditions").astype(np.float32),
        missing_left=_joined(trees, "default_left").astype(np.bool_),
        leaf=leaf,
        below=_below(*children, leaf, tree),
    )


_Part = Literal["left_children", "right_children", "split_indices", "split_conditions", "default_left"]


def _joined(trees: Sequence[_Tree], part: _Part) -> NDArray[np.float64]:
    return np.fromiter(chain.from_iterable(tree[part] for tree in trees), np.float64)


def _below(
    left: NDArray[np.intp], right: NDArray[np.intp], leaf: NDArray[np.bool_], tree: NDArray[np.intp]
) -> NDArray[np.uint64]:
    """The leaves below each node as bits, the first leaf of a tree the lowest: passed up until nothing changes."""
    before: NDArray[np.intp] = np.cumsum(leaf) - leaf
    number: NDArray[np.intp] = before - before[np.searchsorted(tree, tree)]
    own = np.where(leaf, np.uint64(1) << number.astype(np.uint64), np.uint64(0))
    below = own
    while True:
        above = np.where(leaf, own, below[left] | below[right])
        if np.array_equal(above, below):
            return below
        below = above
