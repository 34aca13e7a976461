"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Every table, in an empty database."""
    op.create_table(
        "records",
        sa.Column("seat", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seat", "agent", "key", name=op.f("pk_records")),
        comment="What the agents have learned, as they dump it",
    )
    op.create_table(
        "runs",
        sa.Column("id", _ID, nullable=False),
        sa.Column("uid", sa.String(length=32), nullable=False),
        sa.Column("created", sa.Float(precision=53), nullable=False),
        sa.Column("software", sa.String(length=64), nullable=False),
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("seats", sa.Text(), nullable=False),
        sa.Column("cards", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("learn", sa.Boolean(), nullable=False),
        sa.Column("annotator", sa.String(length=64), nullable=False),
        sa.Column("max_steps", sa.Integer(), nullable=True),
        sa.Column("cursor", _ID, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("uid", name=op.f("uq_runs_uid")),
        comment="One sitting: a world, who held its seats, and where it was left",
    )
    op.create_table(
        "turns",
        sa.Column("id", _ID, nullable=False),
        sa.Column("uid", sa.String(length=32), nullable=False),
        sa.Column("run", _ID, nullable=False),
        sa.Column("parent", _ID, nullable=True),
        sa.Column("episode", sa.Integer(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("seat", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("chooser", sa.String(length=16), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("wanted", sa.Text(), nullable=True),
        sa.Column("rewards", sa.Text(), nullable=False),
        sa.Column("to_move", sa.Text(), nullable=True),
        sa.Column("terminated", sa.Boolean(), nullable=False),
        sa.Column("truncated", sa.Boolean(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("created", sa.Float(precision=53), nullable=False),
        sa.Column("redo", _ID, nullable=True),
        sa.ForeignKeyConstraint(["parent"], ["turns.id"], name=op.f("fk_turns_parent")),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_turns_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_turns")),
        sa.UniqueConstraint("uid", name=op.f("uq_turns_uid")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_turns_parent"), "turns", ["parent"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("id", _ID, nullable=False),
        sa.Column("state", _ID, nullable=False),
        sa.Column("turn", _ID, nullable=True),
        sa.Column("seat", sa.Text(), nullable=False),
        sa.Column("state_key", sa.String(length=64), nullable=False),
        sa.Column("chosen", sa.Integer(), nullable=False),
        sa.Column("chooser", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(precision=53), nullable=False),
        sa.Column("prompt", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["state"], ["turns.id"], name=op.f("fk_decisions_state")),
        sa.ForeignKeyConstraint(["turn"], ["turns.id"], name=op.f("fk_decisions_turn")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
        sa.UniqueConstraint("turn", name=op.f("uq_decisions_turn")),
    )
    op.create_index(op.f("ix_decisions_state"), "decisions", ["state"], unique=False)
    op.create_index(op.f("ix_decisions_state_key"), "decisions", ["state_key"], unique=False)
    op.create_table(
        "feedback",
        sa.Column("id", _ID, nullable=False),
        sa.Column("uid", sa.String(length=32), nullable=False),
        sa.Column("turn", _ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("annotator", sa.String(length=64), nullable=False),
        sa.Column("created", sa.Float(precision=53), nullable=False),
        sa.Column("latency", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(["turn"], ["turns.id"], name=op.f("fk_feedback_turn")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
        sa.UniqueConstraint("uid", name=op.f("uq_feedback_uid")),
        comment="Only ever added to",
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_feedback_turn"), "feedback", ["turn"], unique=False)
    op.create_table(
        "frames",
        sa.Column("turn", _ID, nullable=False),
        sa.Column("base", _ID, nullable=True),
        sa.Column("observations", sa.LargeBinary(), nullable=False),
        sa.Column("snapshot", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["base"], ["turns.id"], name=op.f("fk_frames_base")),
        sa.ForeignKeyConstraint(["turn"], ["turns.id"], name=op.f("fk_frames_turn")),
        sa.PrimaryKeyConstraint("turn", name=op.f("pk_frames")),
        comment="The bulk of a turn, packed as pack.py says",
    )
    op.create_table(
        "marks",
        sa.Column("id", _ID, nullable=False),
        sa.Column("turn", _ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("annotator", sa.String(length=64), nullable=False),
        sa.Column("created", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(["turn"], ["turns.id"], name=op.f("fk_marks_turn")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marks")),
        sa.UniqueConstraint("kind", "name", name=op.f("uq_marks_kind")),
    )
    op.create_index(op.f("ix_marks_turn"), "marks", ["turn"], unique=False)
    op.create_table(
        "proposals",
        sa.Column("decision", _ID, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("understood", sa.Boolean(), nullable=False),
        sa.Column("prior", sa.Float(precision=53), nullable=True),
        sa.Column("q", sa.Float(precision=53), nullable=True),
        sa.Column("score", sa.Float(precision=53), nullable=True),
        sa.Column("visits", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["decision"], ["decisions.id"], name=op.f("fk_proposals_decision")),
        sa.PrimaryKeyConstraint("decision", "rank", name=op.f("pk_proposals")),
        sqlite_with_rowid=False,
    )
