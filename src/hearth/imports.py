"""Imports under control: what is slow and not needed is hidden, what an installation lacks is named."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from hearth.errors import HearthError


@contextmanager
def hidden(*names: str) -> Iterator[None]:
    """Let imports inside the block find none of these modules; one that is loaded already stays."""
    shadows = {name: None for name in names if name not in sys.modules}
    sys.modules.update(shadows)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in shadows:
            del sys.modules[name]


def boosting() -> None:
    """Load XGBoost alone.

    It imports pandas and scikit-learn where it finds them, which takes longer than a search, and with ``scipy.special`` its
    estimators and plots, which take 7 MB.
    """
    with hidden("pandas", "sklearn", "scipy.special"):
        needed("xgboost")


def needed(name: str, extra: str = "train") -> ModuleType:
    """Import a module that an installation without ``extra`` may lack.

    Raises:
        HearthError: it is not installed; the message says what to install.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
        raise _missing(name, extra) from error


def installed(name: str, extra: str = "train") -> None:
    """Look for a module that an installation without ``extra`` may lack, and that will be asked without being imported.

    Raises:
        HearthError: it is not installed; the message says what to install.
    """
    if importlib.util.find_spec(name) is None:
        raise _missing(name, extra)


def _missing(name: str, extra: str) -> HearthError:
    return HearthError(f"{name} is not installed, and this command needs it: pip install 'hearth[{extra}]'")
