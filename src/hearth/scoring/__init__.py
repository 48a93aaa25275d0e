"""Batch scoring: a table of any size through a bundle, a chunk at a time."""

from hearth.scoring.job import score_file

__all__ = ["score_file"]
