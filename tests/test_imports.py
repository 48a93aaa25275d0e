import sys

import pytest

from hearth.errors import HearthError
from hearth.imports import hidden, installed, needed


def test_a_hidden_module_is_not_found_and_comes_back() -> None:
    """Inside the block alone; one that is loaded already stays."""
    sys.modules.pop("colorsys", None)
    with hidden("colorsys", "json"):
        with pytest.raises(ModuleNotFoundError):
            needed_raw("colorsys")
        assert needed("json").dumps(1) == "1"
    assert needed("colorsys").rgb_to_hsv(0, 0, 0) == (0, 0, 0)


def needed_raw(name: str) -> None:
    """A plain import."""
    __import__(name)


def test_a_module_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(HearthError, match="pyarrow is not installed"):
        needed("pyarrow")


def test_a_module_that_is_only_looked_for_is_not_imported(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One that would fail to be imported passes; one that is not there is named, with what to install."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "failing_module.py").write_text("raise RuntimeError\n")
    monkeypatch.syspath_prepend(folder)
    installed("failing_module")
    with pytest.raises(HearthError, match=r"no_such_module is not installed.*hearth\[serve\]"):
        installed("no_such_module", "serve")


def test_a_module_that_lacks_another_one_is_a_fault_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The advice to install it would be wrong."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "broken_module.py").write_text("import no_such_module\n")
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        needed("broken_module")
