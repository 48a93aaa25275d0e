"""The service: keys, limits, fast answers from a bundle, nothing lost."""
