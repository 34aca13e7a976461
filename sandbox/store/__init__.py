"""The store: all of a save in one database file, every change to it in one transaction.

`Store.create` and `Store.open` hold the save's lock; `Store.memory` serves runs that nobody keeps.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cachetools import LRUCache
from sqlalchemy import Engine, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

import sandbox
from sandbox.errors import SaveError
from sandbox.store import pack, rows, schema
from sandbox.store.database import Database
from sandbox.store.feedback import Feedback, Mark
from sandbox.store.lock import SaveLock
from sandbox.store.rows import Run, Unplayed
from sandbox.timeline import Node, Timeline, Turn
from sandbox.types import Decision

__all__ = ["Run", "Store", "Unplayed"]

# Statements are built once: building one takes longer than running it.
_ADD_RUN = schema.runs.insert()
_ADD_TURN = schema.turns.insert()
_ADD_FRAME = schema.frames.insert()
_ADD_DECISION = schema.decisions.insert()
_ADD_PROPOSALS = schema.proposals.insert()
_ADD_FEEDBACK = schema.feedback.insert()
_MOVE = update(schema.runs).where(schema.runs.c.id == bindparam("at_run")).values(cursor=bindparam("to_turn"))
_REDO = update(schema.turns).where(schema.turns.c.id == bindparam("at_turn")).values(redo=bindparam("to_turn"))
_PUT_RECORDS = {
    dialect: statement.on_conflict_do_update(
        index_elements=["seat", "agent", "key"], set_={"data": statement.excluded.data}
    )
    for dialect, statement in (
        ("sqlite", sqlite_insert(schema.records)),
        ("postgresql", postgresql_insert(schema.records)),
    )
}

_FRAMES = select(schema.frames, schema.decisions.c.prompt).join(
    schema.decisions, schema.decisions.c.turn == schema.frames.c.turn, isouter=True
)

_IN_QUESTION = 500
_CACHED_FRAMES = 64


class Store(Database):
    """One save. Made by `create`, `open` or `memory`; all methods may be called from any thread.

    What changes a save is called inside `with store.transaction():`, and is in the file when the block ends.
    """

    def __init__(
        self, engine: Engine, file: Path | None, lock: SaveLock | None, *, readonly: bool = False
    ) -> None:
        super().__init__(engine, file, lock, readonly=readonly)
        self._frames: LRUCache[int, rows.Frame] = LRUCache(_CACHED_FRAMES)
        self._sittings: set[int] = set()
        """Runs that were begun here."""

    def _forget(self) -> None:
        self._frames.clear()  # may hold what was not written

    # Runs.

    def add_run(self, run: Run) -> Run:
        """The run with its id, from now on the latest."""
        run = replace(
            run, software=f"chat-agent-sandbox {sandbox.__version__}", created=run.created or time.time()
        )
        row_id = self._insert(_ADD_RUN, rows.run_row(run))
        self._sittings.add(row_id)
        return replace(run, id=row_id)

    def _came_back(self) -> None:
        latest = self._connection.execute(select(func.max(schema.runs.c.id))).scalar() if self._sittings else None
        self._connection.rollback()
        if latest is not None and latest not in self._sittings:
            self._connection.close()
            self._engine.dispose()
            raise SaveError(
                "somebody else has played the save while the database was away", hint="leave, and open it again"
            )

    def runs(self) -> tuple[Run, ...]:
        """All runs, oldest first."""
        found = self._rows(select(schema.runs).order_by(schema.runs.c.id))
        with self._placed():
            return tuple(rows.run_from(row) for row in found)

    def latest_run(self) -> Run:
        """The run that says where the save stands. Raises `SaveError` where there is none."""
        runs = self.runs()
        if not runs:
            raise SaveError("the save is empty", where=self.file, hint="remove it, and start a new one")
        return runs[-1]

    # The tree.

    def add_turn(self, turn: Turn, run: Run, ancestors: Iterable[Node] = ()) -> Turn:
        """The turn with its id.

        Args:
            turn: what is added; its id is ignored.
            run: the run it belongs to; its cursor is moved there.
            ancestors: nodes from the turn's parent upwards; only as many are taken as needed.
        """
        base = pack.choose_base(ancestors, turn.seat)
        against = (b"", b"", b"") if base is None else self._frame(base)
        frame = rows.frame_of(turn)
        turn = replace(turn, id=self._insert(_ADD_TURN, rows.turn_row(turn, run.id)))
        observations, snapshot, prompt = (pack.pack(part, old) for part, old in zip(frame, against, strict=True))
        self._connection.execute(
            _ADD_FRAME,
            {"turn": turn.id, "base": base, "observations": observations, "snapshot": snapshot},
        )
        if turn.decision is not None:
            self._add_decision(rows.decision_row(turn.parent, turn.id, turn.decision, prompt), turn.decision)
        redo = {} if turn.parent is None else {turn.parent: turn.id}
        self.move(run, turn.id, redo)
        self._frames[turn.id] = frame
        return turn

    def drop_before(self, turn_id: int) -> None:
        """Forget all turns before the opening of an episode, with what was decided and said there."""
        old = schema.decisions.c.state < turn_id
        self._connection.execute(
            schema.proposals.delete().where(
                schema.proposals.c.decision.in_(select(schema.decisions.c.id).where(old))
            )
        )
        self._connection.execute(schema.decisions.delete().where(old))
        for table in (schema.frames, schema.feedback, schema.marks):
            self._connection.execute(table.delete().where(table.c.turn < turn_id))
        self._connection.execute(schema.turns.delete().where(schema.turns.c.id < turn_id))
        for known in [each for each in self._frames if each < turn_id]:
            del self._frames[known]

    def move(self, run: Run, turn_id: int, redo: Mapping[int, int]) -> None:
        """Stand at a turn; `redo` says for nodes which child is now the one visited last."""
        self._connection.execute(_MOVE, {"at_run": run.id, "to_turn": turn_id})
        if redo:
            self._connection.execute(
                _REDO, [{"at_turn": parent, "to_turn": child} for parent, child in redo.items()]
            )

    def _add_decision(self, row: dict[str, Any], decision: Decision) -> int:
        row_id = self._insert(_ADD_DECISION, row)
        self._connection.execute(_ADD_PROPOSALS, rows.proposal_rows(row_id, decision))
        return row_id

    # Decisions that nobody acted on.

    def add_unplayed(self, state: int, decision: Decision) -> int:
        """Keep a decision that was made at a turn and led to none. Returns its id."""
        prompt = pack.pack(decision.prompt.encode("utf-8", "surrogatepass"), b"")
        return self._add_decision(rows.decision_row(state, None, decision, prompt, time.time()), decision)

    def unplayed(self, state: int | None = None) -> tuple[Unplayed, ...]:
        """All of them, or those made at one turn, oldest first. Raises `SaveError` where one is damaged."""
        table = schema.decisions
        wanted = select(table).where(table.c.turn.is_(None)).order_by(table.c.id)
        with self._mutex:
            found = self._rows(wanted if state is None else wanted.where(table.c.state == state))
            proposed = self._proposals([row["id"] for row in found])
        with self._placed():
            return tuple(rows.unplayed_from(row, proposed.get(row["id"], ())) for row in found)

    def _proposals(self, decisions: Sequence[int]) -> dict[int, list[rows.Row]]:
        table = schema.proposals
        proposed: dict[int, list[rows.Row]] = {}
        for start in range(0, len(decisions), _IN_QUESTION):
            of_these = table.c.decision.in_(decisions[start : start + _IN_QUESTION])
            for row in self._rows(select(table).where(of_these).order_by(table.c.decision, table.c.rank)):
                proposed.setdefault(row["decision"], []).append(row)
        return proposed

    # The whole tree.

    def timeline(self) -> Timeline:
        """The whole tree, its turns to be loaded as they are asked for. Raises `SaveError`."""
        found = self._rows(select(schema.turns).order_by(schema.turns.c.id))
        known: dict[int, int] = {}
        with self._placed():
            nodes = [rows.node_from(row) for row in found]
            for node in nodes:
                if node.depth != (0 if node.parent is None else known.get(node.parent, -2) + 1):
                    raise SaveError(f"turn {node.id} does not fit into the tree")
                known[node.id] = node.depth
        parents = {node.id: node.parent for node in nodes}
        redo = {row["id"]: row["redo"] for row in found if parents.get(row["redo"]) == row["id"]}
        return Timeline(nodes, self.turns, redo)

    def turns(self, turn_ids: Sequence[int]) -> tuple[Turn, ...]:
        """Full turns, in the order of their ids as asked. Raises `SaveError` where one is damaged."""
        found: list[Turn] = []
        for start in range(0, len(turn_ids), _IN_QUESTION):
            found += self._some_turns(turn_ids[start : start + _IN_QUESTION])
        return tuple(found)

    def _some_turns(self, turn_ids: Sequence[int]) -> list[Turn]:
        with self._mutex:
            heads = {
                row["id"]: row for row in self._rows(select(schema.turns).where(schema.turns.c.id.in_(turn_ids)))
            }
            decided = {
                row["turn"]: row
                for row in self._rows(select(schema.decisions).where(schema.decisions.c.turn.in_(turn_ids)))
            }
            proposed = self._proposals([row["id"] for row in decided.values()])
            frames = self._unpack(turn_ids)
        with self._placed():
            for turn_id in turn_ids:
                if turn_id not in heads or turn_id not in frames:
                    raise SaveError(f"turn {turn_id} is not in the save")
            return [
                rows.turn_from(
                    heads[turn_id],
                    frames[turn_id],
                    decision := decided.get(turn_id),
                    proposed.get(decision["id"], ()) if decision else (),
                )
                for turn_id in turn_ids
            ]

    def _frame(self, turn_id: int) -> rows.Frame:
        known = self._frames.get(turn_id)
        return known if known is not None else self._unpack([turn_id])[turn_id]

    def _unpack(self, turn_ids: Sequence[int]) -> dict[int, rows.Frame]:
        """The frames of some turns, with those that they are packed against fetched first, however far down."""
        packed: dict[int, rows.Row] = {}
        wanted = [turn_id for turn_id in turn_ids if turn_id not in self._frames]
        for _ in range(pack.KEYFRAME + 1):
            for row in self._rows(_FRAMES.where(schema.frames.c.turn.in_(wanted))):
                packed[row["turn"]] = row
            bases = {row["base"] for row in packed.values()} - {None}
            wanted = [base for base in bases if base not in packed and base not in self._frames]
            if not wanted:
                break
        frames = {turn_id: self._frames[turn_id] for turn_id in turn_ids if turn_id in self._frames}
        with self._placed():
            for turn_id in sorted(packed):  # a base is older than what is packed against it
                row = packed[turn_id]
                base = row["base"]
                against = (b"", b"", b"") if base is None else frames.get(base) or self._frames.get(base)
                if against is None:
                    raise SaveError(f"turn {base}, which turn {turn_id} is packed against, is missing")
                frames[turn_id] = (
                    pack.unpack(row["observations"], against[0]),
                    pack.unpack(row["snapshot"], against[1]),
                    b"" if row["prompt"] is None else pack.unpack(row["prompt"], against[2]),
                )
        for turn_id in turn_ids[-_CACHED_FRAMES:]:
            if turn_id in frames:
                self._frames[turn_id] = frames[turn_id]
        return frames

    # Feedback.

    def add_feedback(self, record: Feedback) -> Feedback:
        """The record with its id."""
        row = rows.feedback_row(record)
        return replace(record, id=self._insert(_ADD_FEEDBACK, row), uid=row["uid"])

    def feedback(self) -> tuple[Feedback, ...]:
        """All records, oldest first, those taken back included. Raises `SaveError`."""
        found = self._rows(select(schema.feedback).order_by(schema.feedback.c.id))
        with self._placed():
            return tuple(rows.feedback_from(row) for row in found)

    # Names of turns.

    def put_mark(self, mark: Mark) -> None:
        """Write a mark; another of the same kind and name is gone."""
        self.remove_mark(mark)
        self._connection.execute(schema.marks.insert(), rows.mark_row(mark))

    def remove_mark(self, mark: Mark) -> None:
        """Take away the mark of this kind and name."""
        table = schema.marks
        self._connection.execute(table.delete().where(table.c.kind == mark.kind, table.c.name == mark.name))

    def marks(self) -> tuple[Mark, ...]:
        """All marks, oldest first."""
        found = self._rows(select(schema.marks).order_by(schema.marks.c.id))
        with self._placed():
            return tuple(rows.mark_from(row) for row in found)

    # What the agents have learned.

    def put_records(self, seat: str, agent: str, records: Mapping[str, bytes]) -> None:
        """Write records of an agent, over those of the same keys."""
        if not records:
            return
        self._connection.execute(
            _PUT_RECORDS[self._connection.dialect.name],
            [{"seat": seat, "agent": agent, "key": key, "data": data} for key, data in records.items()],
        )

    def replace_records(self, seat: str, agent: str, records: Mapping[str, bytes]) -> None:
        """Write all records of an agent, and drop those it no longer has."""
        table = schema.records
        self._connection.execute(table.delete().where(table.c.seat == seat, table.c.agent == agent))
        self.put_records(seat, agent, records)

    def records(self, seat: str, agent: str) -> dict[str, bytes]:
        """What an agent had learned in a seat; empty where it never held it."""
        table = schema.records
        found = self._rows(select(table.c.key, table.c.data).where(table.c.seat == seat, table.c.agent == agent))
        with self._placed():
            if not all(isinstance(row["key"], str) and isinstance(row["data"], bytes) for row in found):
                raise SaveError(f"what {agent!r} learned is damaged")
            return {row["key"]: row["data"] for row in found}

    # Elsewhere.

    def fill_from(self, other: Store) -> None:
        """Copy everything of another store into this one, ids and all, as it is at one moment.

        Raises `SaveError` if this one is not empty, or what the other holds does not fit into it.
        """
        with self.transaction(), other.still():
            if self.runs():
                raise SaveError(
                    "there is a save already", hint="name another: postgresql://USER@HOST/DATABASE#NAME"
                )
            for table in schema.metadata.sorted_tables:
                if table is schema.versions:
                    continue
                latest = None
                for found in other._batches(select(table).order_by(*table.primary_key.columns), _IN_QUESTION):
                    self._connection.execute(table.insert(), found)
                    latest = found[-1]
                if "id" in table.c and latest is not None and self._on_server:
                    sequence = func.pg_get_serial_sequence(table.name, "id")
                    self._connection.execute(select(func.setval(sequence, latest["id"])))

    # In numbers.

    def counts(self) -> dict[str, int]:
        """How many `turns` (openings left out), `episodes` and records of `feedback` there are."""
        parent = schema.turns.c.parent
        turns, everything = self._rows(select(func.count(parent).label("n"), func.count().label("all")))[
            0
        ].values()
        said = self._rows(select(func.count().label("n")).select_from(schema.feedback))[0]["n"]
        return {"turns": turns, "episodes": everything - turns, "feedback": said}

    def last_written(self) -> float:
        """When the latest turn or run was made; Unix time, seconds."""
        latest = (select(func.max(table.c.created).label("at")) for table in (schema.runs, schema.turns))
        with self._placed():
            return max(rows.moment(self._rows(statement)[0]["at"] or 0.0) for statement in latest)
