"""The errors that a person can mend. Each message says what is wrong and what to do next."""

from collections.abc import Sequence


class HearthError(Exception):
    """Something outside the code is at fault: settings, data, a bundle, the network. Commands exit 1."""

    exit_code = 1


class ParamsError(HearthError):
    """``params.yaml`` is missing, malformed, or contradicts itself."""


class SourceError(HearthError):
    """The table could not be fetched or read."""


class DataError(HearthError):
    """A table or a row does not keep its contract. ``faults`` lists every fault found."""

    def __init__(self, summary: str, faults: Sequence[str] = ()) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join([summary, *(f"  - {fault}" for fault in self.faults)]))


class BundleError(HearthError):
    """A bundle is missing, incomplete, altered, of another format, or predicts other than it did."""


class TrackingError(HearthError):
    """MLflow could not be reached or refused a run."""


class GateError(HearthError):
    """Two builds cannot be compared, or a verdict is not what was written."""


class CommandError(HearthError):
    """A command that was run, such as git or DVC, is not there or has failed."""


class ReleaseError(HearthError):
    """The repository is not in a state in which its champion can be told, changed or rebuilt."""
