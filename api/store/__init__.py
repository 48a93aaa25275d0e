"""The store: every answered prediction, and the truth where it came back. SQLite or PostgreSQL."""

from api.store.reading import Counts, Window
from api.store.records import Outcome, Record, StoreDown, StoreError, Truth, new_id
from api.store.store import Store
from api.store.windows import Judged, Standing

__all__ = [
    "Counts",
    "Judged",
    "Outcome",
    "Record",
    "Standing",
    "Store",
    "StoreDown",
    "StoreError",
    "Truth",
    "Window",
    "new_id",
]
