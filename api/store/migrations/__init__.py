"""The schema, step by step. ``api.store.migrate`` applies what is missing; nothing else makes a table."""
