"""Batch scoring: a table of any size through a bundle, a chunk at a time."""

from hearth.scoring.score import Outcome, score

__all__ = ["Outcome", "score"]
