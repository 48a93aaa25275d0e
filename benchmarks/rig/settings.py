"""The settings of a checkout that a benchmark has made for itself."""

from collections.abc import Mapping
from pathlib import Path

import yaml


def configure(path: Path, changes: Mapping[str, object]) -> None:
    """Change settings in a ``params.yaml`` by their dotted names."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, value in changes.items():
        *sections, key = name.split(".")
        part = raw
        for section in sections:
            part = part[section]
        part[key] = value
    path.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
