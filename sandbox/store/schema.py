"""The tables of a save. `migrations/` brings older ones to this; a test holds the two together.

Nothing here is SQLite's own: the same tables serve PostgreSQL. Rewards of the world stand in `turns`, what people
say stands in `feedback`, and nothing ever mixes the two.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

VERSIONS: Final = ("0001", "0002")
"""Every schema there has been, oldest first: the revision ids of the migrations."""
VERSION: Final = VERSIONS[-1]

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)
_Id = BigInteger().with_variant(Integer, "sqlite")

runs = Table(
    "runs",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("uid", String(32), nullable=False, unique=True),
    Column("created", Float(53), nullable=False),
    Column("software", String(64), nullable=False),
    Column("world", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("seats", Text, nullable=False),  # JSON: seat -> name of its agent, null for a person
    Column("cards", Text, nullable=False),  # JSON: seat -> the text of its agent's card
    Column("seed", BigInteger, nullable=False),
    Column("learn", Boolean, nullable=False),
    Column("annotator", String(64), nullable=False),
    Column("max_steps", Integer),
    Column("cursor", _Id),  # the turn where this run stands; the latest run's is the save's
    comment="One sitting: a world, who held its seats, and where it was left",
)

turns = Table(
    "turns",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("uid", String(32), nullable=False, unique=True),
    Column("run", _Id, ForeignKey("runs.id"), nullable=False),
    Column("parent", _Id, ForeignKey("turns.id"), index=True),
    Column("episode", Integer, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("seat", Text, nullable=False),
    Column("command", Text, nullable=False),
    Column("chooser", String(16), nullable=False),
    Column("agent", Text, nullable=False),
    Column("wanted", Text),
    Column("rewards", Text, nullable=False),  # JSON: seat -> the world's reward
    Column("to_move", Text),
    Column("terminated", Boolean, nullable=False),
    Column("truncated", Boolean, nullable=False),
    Column("seed", BigInteger),
    Column("created", Float(53), nullable=False),
    Column("redo", _Id),  # the child that was visited last
    sqlite_autoincrement=True,
)

frames = Table(
    "frames",
    metadata,
    Column("turn", _Id, ForeignKey("turns.id"), primary_key=True),
    Column("base", _Id, ForeignKey("turns.id")),  # the earlier turn that this one is packed against
    Column("observations", LargeBinary, nullable=False),
    Column("snapshot", LargeBinary, nullable=False),
    comment="The bulk of a turn, packed as pack.py says",
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("state", _Id, ForeignKey("turns.id"), nullable=False, index=True),  # the turn it was made at
    Column(
        "turn", _Id, ForeignKey("turns.id"), unique=True
    ),  # the turn that it led to; NULL where nobody acted on it
    Column("seat", Text, nullable=False),
    Column("state_key", String(64), nullable=False, index=True),
    Column("chosen", Integer, nullable=False),
    Column("chooser", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("seconds", Float(53), nullable=False),
    Column("prompt", LargeBinary, nullable=False),  # packed with the turn's frame; by itself where there is none
    Column("created", Float(53)),  # NULL where it led to a turn, which has the time
)

proposals = Table(
    "proposals",
    metadata,
    Column("decision", _Id, ForeignKey("decisions.id"), primary_key=True),
    Column("rank", Integer, primary_key=True),  # the order in which they were shown, from 0
    Column("command", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("source", String(16), nullable=False),
    Column("understood", Boolean, nullable=False),
    Column("prior", Float(53)),  # NULL stands for not-a-number
    Column("q", Float(53)),
    Column("score", Float(53)),
    Column("visits", Integer),
    sqlite_with_rowid=False,
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("uid", String(32), nullable=False, unique=True),
    Column("turn", _Id, ForeignKey("turns.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("value", Float(53)),
    Column("data", Text, nullable=False),  # JSON, by kind
    Column("reasons", Text, nullable=False),  # JSON list
    Column("comment", Text, nullable=False),
    Column("annotator", String(64), nullable=False),
    Column("created", Float(53), nullable=False),
    Column("latency", Float(53)),
    sqlite_autoincrement=True,
    comment="Only ever added to",
)

marks = Table(
    "marks",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("turn", _Id, ForeignKey("turns.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),  # bookmark, blessed
    Column("name", String(64), nullable=False),
    Column("annotator", String(64), nullable=False),
    Column("created", Float(53), nullable=False),
    UniqueConstraint("kind", "name"),
)

records = Table(
    "records",
    metadata,
    Column("seat", Text, primary_key=True),
    Column("agent", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    comment="What the agents have learned, as they dump it",
)

versions = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), primary_key=True),
)
