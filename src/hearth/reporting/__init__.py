"""What a person reads: the model card, the HTML page."""
