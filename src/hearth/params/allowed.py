"""What may stand at a place in ``params.yaml``, in words, read off the models' JSON schema."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any

from hearth.params.whole import Params
from hearth.schema import MOST

Node = Mapping[str, Any]
Place = Sequence[int | str]

KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a section of named entries",
}
# Of a number; where integers and floats are both allowed, pydantic leaves its own names.
BOUNDS = {
    "minimum": "at least",
    "ge": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "le": "at most",
    "exclusiveMaximum": "below",
    "lt": "below",
}


def unknown(place: Place) -> str:
    """What to do about a key that does not exist: write the one that is nearest, or choose among all."""
    known = [*_at(place[:-1])["properties"]]
    near = get_close_matches(str(place[-1]), known, 1)
    return f"unknown key, did you mean {near[0]}?" if near else f"unknown key, remove it; known are {', '.join(known)}"


def missing(place: Place) -> str:
    """What a key that is not there must hold."""
    return f"missing, it must hold {_words(_at(place))}"


def _words(node: Node) -> str:
    if "enum" in node:
        return f"one of {', '.join(node['enum'])}"
    if keys := node.get("required") or node.get("properties"):
        return f"a section with {', '.join(keys)}"
    bounds = [f"{word} {node[name]}" for name, word in BOUNDS.items() if abs(node.get(name, MOST)) < MOST]
    pattern = [f"that matches {node['pattern']}"] if "pattern" in node else []
    return " ".join([KINDS[node["type"]], *pattern, *([" and ".join(bounds)] if bounds else [])])


@cache
def _schema() -> Node:
    return Params.model_json_schema()


def _at(place: Place) -> Node:
    node = _schema()
    for part in place:
        node = _resolved(node.get("properties", {}).get(part) or node.get("items") or node["additionalProperties"])
    return node


def _resolved(node: Node) -> Node:
    """What a reference stands for; of alternatives the widest, which is the last but null."""
    kinds = [one for one in node.get("anyOf", ()) if one.get("type") != "null"]
    node = {**node, **kinds[-1]} if kinds else node
    return _schema()["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
