"""Windows that were judged for drift, each once."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "drift_windows",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("after", sa.String(43), primary_key=True),
        sa.Column("first", sa.String(43), nullable=False),
        sa.Column("last", sa.String(43), sa.ForeignKey("predictions.id", ondelete="CASCADE"), nullable=False, unique=True),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
    )
    op.create_index("ix_drift_windows_until", "drift_windows", ["model", "until"])
