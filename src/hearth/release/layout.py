"""Where a checkout keeps what its pipeline reads and writes, as the commands in ``dvc.yaml`` say."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yaml

from hearth.errors import ReleaseError

GRAPH = "dvc.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Paths relative to the checkout.

    ``params`` are the settings, ``feedback`` the rows that came back; ``raw`` is the folder of the table, ``report`` what was
    read for it; ``prepared`` is the folder of its split, ``bundle`` that of the bundle.
    """

    params: str
    feedback: str
    raw: str
    report: str
    prepared: str
    bundle: str

    @classmethod
    def read(cls, root: Path) -> "Layout":
        """That of a checkout.

        Raises:
            ReleaseError: ``dvc.yaml`` is missing, or its stages ``ingest`` and ``export`` do not name these paths.
        """
        try:
            stages = yaml.safe_load((root / GRAPH).read_text(encoding="utf-8"))["stages"]
            ingest, export = (_options(str(stages[name]["cmd"])) for name in ("ingest", "export"))
            return cls(
                params=ingest["params"],
                feedback=ingest["feedback"],
                raw=ingest["out"],
                report=ingest["report"],
                prepared=export["prepared"],
                bundle=export["out"],
            )
        except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ReleaseError(f"{root / GRAPH} does not say where things are ({error}): restore it with git") from error


def _options(command: str) -> Mapping[str, str]:
    """The values of a command's options by name."""
    words = shlex.split(command)
    return {word[2:]: value for word, value in pairwise(words) if word.startswith("--")}
