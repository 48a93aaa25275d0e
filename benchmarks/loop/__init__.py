"""What ``benchmarks/demo_loop.py`` tells its story with: a repository of its own, a service, and a world that changes."""
