import pytest

from hearth import errors
from hearth.errors import DataError, HearthError


def test_every_error_of_the_house_exits_1() -> None:
    """What a person can mend is one family with one exit code."""
    family = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(family) > 4
    assert all(issubclass(kind, HearthError) and kind.exit_code == 1 for kind in family)


@pytest.mark.parametrize(("faults", "said"), [((), "sum"), (["a", "b"], "sum\n  - a\n  - b")])
def test_a_data_error_lists_every_fault(faults: list[str], said: str) -> None:
    """One line a fault, below the summary."""
    error = DataError("sum", faults)
    assert str(error) == said
    assert error.faults == tuple(faults)
