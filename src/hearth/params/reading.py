"""From the text of ``params.yaml`` to settings, or to one message that names every fault."""

from collections.abc import Callable, Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from hearth.errors import ParamsError
from hearth.params import allowed
from hearth.params.whole import Params

# Faults by pydantic's name that say more than pydantic does.
TOLD: Mapping[str, Callable[[allowed.Place], str]] = {"extra_forbidden": allowed.unknown, "missing": allowed.missing}


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that stands twice, which YAML forbids and PyYAML lets pass."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", node.start_mark)
        return dict(super().construct_mapping(node, deep))


def load(path: Path) -> Params:
    """Read and check ``params.yaml``.

    Raises:
        ParamsError: the file cannot be read, is not YAML, or a key is unknown, missing, of a wrong type or contradictory;
            the message names every such key and says what is allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ParamsError(f"there is no {path}: run this in the folder of a project; `hearth init` makes one") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} cannot be read: {error}") from error
    return parse(text, str(path))


def parse(text: str, name: str) -> Params:
    """Check the text of ``params.yaml``, which messages call ``name``.

    Raises:
        ParamsError: as ``load`` says.
    """
    try:
        raw = yaml.load(text, Loader=_UniqueKeys)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # PyYAML lets pass what int() and date() say
        raise ParamsError(f"{name} is not valid YAML: {error}") from error
    try:
        return Params.model_validate(raw if raw is not None else {})
    except ValidationError as error:
        faults = "\n".join(f"  - {_fault(item['loc'], item['type'], item['msg'])}" for item in error.errors())
        raise ParamsError(f"{name} has settings that cannot be used:\n{faults}") from error


def _fault(where: tuple[int | str, ...], kind: str, message: str) -> str:
    name = ".".join(str(part) for part in where if part != "[key]")
    told = TOLD.get(kind)
    text = told(where) if told else message.removeprefix("Value error, ")
    return f"{name}: {text}" if name else text
