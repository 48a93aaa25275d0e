"""Hearth: from a table to a tended prediction service."""

__version__ = "0.1.0"
