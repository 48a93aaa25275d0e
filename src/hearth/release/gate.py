"""Whether a candidate takes the champion's place."""

from hearth.release.build import Build
from hearth.release.verdict import Rule, Verdict


def judge(candidate: Build, champion: Build | None, rule: Rule, by: str) -> Verdict:
    """Compare two builds; the same arguments give the same verdict. Without a champion the candidate is the first.

    Raises:
        GateError: the two predict different things, or rows of one cannot be put to the other.
    """
    raise NotImplementedError
