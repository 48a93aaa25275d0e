"""What a model in production is watched by: truths that come back, drift, what both mean."""
