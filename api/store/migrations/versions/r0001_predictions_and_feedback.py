"""Predictions and their truths."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """Make the two tables and their indexes."""
    op.create_table(
        "predictions",
        sa.Column("id", sa.String(43), primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("features", sa.Text, nullable=False),
        sa.Column("scores", sa.Text, nullable=False),
    )
    op.create_index("ix_predictions_at", "predictions", ["at", "model", "key", "rows"])
    op.create_table(
        "feedback",
        sa.Column("prediction", sa.String(43), sa.ForeignKey("predictions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("row", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("actual", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
    )
    op.create_index("ix_feedback_at", "feedback", ["at"])
