"""What ``benchmarks/serving.py`` measures with: servers in environments of their own, load from another core, tables."""
