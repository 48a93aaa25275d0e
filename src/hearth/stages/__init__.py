"""The DVC stages, one module each, in the order of the graph: pure functions and a short ``main``."""
