"""Ways to detect drift on the same draws: what ``benchmarks/drift.py`` compares."""
