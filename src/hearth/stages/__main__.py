"""``python -m hearth.stages NAME ...`` runs one stage: the only door from ``dvc.yaml``."""

import importlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from hearth.errors import HearthError

# Stages that boost. XGBoost imports pandas and scikit-learn where it finds them, which takes longer than a search;
# what is hidden while it loads can still be imported afterwards.
BOOSTING = frozenset({"tune_full", "select", "tune_selected", "evaluate", "export", "nested"})
STAGES = frozenset({"ingest", "profile", "prepare"}) | BOOSTING


@contextmanager
def hidden(*names: str) -> Iterator[None]:
    """Let imports inside the block find none of these modules."""
    shadows = {name: None for name in names if name not in sys.modules}
    sys.modules.update(shadows)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in shadows:
            del sys.modules[name]


def main(argv: list[str]) -> int:
    """Run the stage that ``argv`` names with the rest as its arguments; 1 where a person can mend what went wrong."""
    name, *rest = argv or [""]
    if name not in STAGES:
        sys.stderr.write(f"hearth: no stage {name!r}; there are {', '.join(sorted(STAGES))}\n")
        return 1
    if name in BOOSTING:
        with hidden("pandas", "sklearn"):
            importlib.import_module("xgboost")
    try:
        importlib.import_module(f"hearth.stages.{name}").main(rest)
    except HearthError as error:
        sys.stderr.write(f"hearth: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    warnings.simplefilter("default")
    sys.exit(main(sys.argv[1:]))
