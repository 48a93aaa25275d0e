"""``python -m hearth.stages NAME ...`` runs one stage: the only door from ``dvc.yaml``."""

import importlib
import sys
import warnings

from hearth.errors import HearthError
from hearth.imports import boosting

# Stages that boost.
BOOSTING = frozenset({"tune_full", "select", "tune_selected", "evaluate", "export", "nested", "prepare"})
STAGES = frozenset({"ingest", "profile"}) | BOOSTING


def main(argv: list[str]) -> int:
    """Run the stage that ``argv`` names with the rest as its arguments; 1 where a person can mend what went wrong."""
    name, *rest = argv or [""]
    if name not in STAGES:
        sys.stderr.write(f"hearth: no stage {name!r}; there are {', '.join(sorted(STAGES))}\n")
        return 1
    try:
        if name in BOOSTING:
            boosting()
        importlib.import_module(f"hearth.stages.{name}").main(rest)
    except HearthError as error:
        sys.stderr.write(f"hearth: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    warnings.simplefilter("default")
    sys.exit(main(sys.argv[1:]))
