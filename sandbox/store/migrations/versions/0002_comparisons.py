"""Decisions that nobody acted on, as made to compare two agents, say when they were made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """One more column; the decisions there are led to turns, which have the time."""
    op.add_column("decisions", sa.Column("created", sa.Float(precision=53), nullable=True))
