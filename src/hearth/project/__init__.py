"""A project for a table that nobody has described yet: its contract, guessed from what it holds, and the files around it."""
