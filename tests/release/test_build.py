"""A bundle with the data that it was made from, and no other."""

import hashlib
import shutil
from pathlib import Path

import pytest
from tests.builds import build
from tests.tiny import KINDS, Kind, cells, checkout, export_arguments

from hearth.bundle import read
from hearth.errors import BundleError, DataError, GateError
from hearth.release.build import Build
from hearth.stages import export


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with its bundle."""
    found = tmp_path_factory.mktemp("build")
    checkout(found)
    export.main(export_arguments(found))
    return found


@pytest.fixture
def copy(place: Path, tmp_path: Path) -> Path:
    """The same, to be damaged."""
    return Path(shutil.copytree(place, tmp_path / "copy"))


def read_in(place: Path) -> Build:
    """The build where the stages put it."""
    return Build.read(place / "models/production", place / "data/prepared", place / "data/raw")


def test_a_build_is_read_with_its_digest_and_its_sums(place: Path) -> None:
    """Each file of the data with its SHA-256 and its rows; split, it is the table."""
    found = read_in(place)
    assert found.side.digest == found.bundle.digest == read(place / "models/production").digest
    assert found.side.rows == {"table": 90, "train": 72, "test": 18}
    train = (place / "data/prepared/train.parquet").read_bytes()
    assert found.side.sha256["train"] == hashlib.sha256(train).hexdigest()
    assert len(set(found.side.sha256.values())) == 3


@pytest.mark.parametrize("name", ["data/prepared/train.parquet", "data/prepared/test.parquet", "data/raw/table.parquet"])
def test_data_that_cannot_be_read_are_refused(copy: Path, name: str) -> None:
    """Truncated or not there: by name."""
    (copy / name).write_bytes(b"PAR1")
    with pytest.raises(DataError, match=f"{name} cannot be read"):
        read_in(copy)
    (copy / name).unlink()
    with pytest.raises(DataError, match=f"{name} cannot be read"):
        read_in(copy)


def test_a_bundle_that_does_not_verify_is_refused(copy: Path) -> None:
    """As everywhere."""
    (copy / "models/production/model.ubj").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"model\.ubj"):
        read_in(copy)


def test_a_bundle_beside_the_data_of_another_build_is_refused(copy: Path) -> None:
    """Else rows that it was trained on would be taken for fresh ones."""
    shutil.copyfile(copy / "data/prepared/test.parquet", copy / "data/prepared/train.parquet")
    with pytest.raises(GateError, match=r"the training rows are not those of the bundle .*dvc checkout"):
        read_in(copy)


@pytest.mark.parametrize("kind", KINDS)
def test_one_training_row_more_or_another_value_is_another_build(kind: Kind) -> None:
    """For each kind of target; the rows as they were are fine."""
    made = build("a", cells(kind), kind)
    again = Build(bundle=made.bundle, table=made.table, train=made.train, test=made.test, side=made.side)
    assert again == made
    for train in (made.train.slice(1), made.train.take(list(range(71, -1, -1)))):
        with pytest.raises(GateError, match="two builds"):
            Build(bundle=made.bundle, table=made.table, train=train, test=made.test, side=made.side)
