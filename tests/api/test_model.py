"""Bundles whose sums are right and whose contents are odd: answered from, or refused as a bundle, never something else."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.bundles import Tiny

from api.model import Model
from hearth.bundle import write
from hearth.errors import BundleError


def loaded(tiny: Tiny, folder: Path, trained: object) -> Model:
    """The model of a bundle that says this of what it was trained on."""
    write(replace(tiny.bundle, metadata={**tiny.bundle.metadata, "trained": trained}), folder)
    return Model.load(folder)


def test_what_a_model_was_trained_on_may_be_told_as_text(regression: Tiny, tmp_path: Path) -> None:
    """A number in quotes is that number, and an entry of what is no feature is nobody's."""
    trained = {"size": {"min": "1.5", "max": "2"}, "colour": {"values": ["red"]}, "nobody": {"min": None}}
    model = loaded(regression, tmp_path / "bundle", trained)
    row = regression.x[0].copy()
    row[model.names.index("size")], row[model.names.index("colour")] = 3.0, 1.0
    assert model.warnings(row.tolist()) == [
        "size: outside what the model was trained on, which is 1.5 to 2",
        "colour: a value that no row had on which the model was trained",
    ]
    assert list(model.warnings_of(row[None]).values()) == [model.warnings(row.tolist())]


@pytest.mark.parametrize("entry", [{"min": "low", "max": 2}, {"min": 1}, {"min": 10**400, "max": 2}, [], None])
def test_a_bundle_that_no_build_writes_is_refused_as_one(regression: Tiny, tmp_path: Path, entry: object) -> None:
    """Whatever reading it raises: so it ends neither a reload nor what watches for one."""
    with pytest.raises(BundleError, match="Build the bundle again"):
        loaded(regression, tmp_path / "bundle", {"size": entry})
