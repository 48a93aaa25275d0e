"""What happens to a bundle after it is built: the gate, the registry, retraining."""
