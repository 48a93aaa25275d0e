"""The tables as the code reads and writes them. What makes them is ``migrations``; a test holds the two together.

Times are unix seconds in double precision, on both databases: eight bytes that order and index as numbers, exact to a
microsecond for the next two centuries, and read by ``datetime(at, 'unixepoch')`` and ``to_timestamp(at)`` alike.
"""

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

predictions = Table(
    "predictions",
    metadata,
    Column("id", String(43), primary_key=True),
    Column("at", Double, nullable=False),
    Column("key", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("features", Text, nullable=False),
    Column("scores", Text, nullable=False),
    # Windows, counts and retention walk this index alone: a record itself can be a megabyte.
    Index("ix_predictions_at", "at", "model", "key", "rows"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("prediction", String(43), ForeignKey("predictions.id", ondelete="CASCADE"), primary_key=True),
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("actual", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("key", Text, nullable=False),
    Index("ix_feedback_at", "at"),
)

drift_windows = Table(
    "drift_windows",
    metadata,
    Column("model", Text, primary_key=True),
    # The last record of the window before, empty for the first: of workers that judge together one is first, and no window
    # has two that follow it.
    Column("after", String(43), primary_key=True),
    Column("first", String(43), nullable=False),
    Column("last", String(43), ForeignKey("predictions.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("since", Double, nullable=False),
    Column("until", Double, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("verdict", Text, nullable=False),
    Index("ix_drift_windows_until", "model", "until"),
)
