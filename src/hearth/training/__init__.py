"""Resampling, search, selection, metrics, figures, tracking."""
