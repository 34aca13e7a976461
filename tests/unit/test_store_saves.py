from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from play_parts import Cave, CaveWorld, TableAgent
from sqlalchemy.engine import Connection

from sandbox.errors import SaveError, WorldError
from sandbox.session.session import Session
from sandbox.store import Store, pack, schema, upkeep
from sandbox.timeline import Node
from sandbox.types import Observation


def _played(folder: Path, turns: int = 40) -> Session:
    session = Session.create(Store.create(folder), CaveWorld(), {"digger": TableAgent()}, seed=5)
    for k in range(turns):
        if session.done:
            session.new_episode()
        session.step()
        if k % 7 == 3:
            session.rate(1 if k % 2 else -1, reasons=("because",), comment="hm")
        if k % 11 == 5:
            session.undo()
    return session


def _resumed(folder: Path) -> Session:
    return Session.resume(Store.open(folder), CaveWorld(), {"digger": TableAgent()})


@pytest.fixture(scope="module")
def played_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saves") / "friday"
    _played(folder).close()
    return folder


@pytest.fixture
def saved(played_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(played_once, tmp_path / "friday"))


def _files(folder: Path) -> dict[str, str]:
    """All but the index of the write-ahead log, which readers mark."""
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.iterdir()
        if file.suffix != ".db-shm"
    }


def test_a_session_goes_on_exactly_where_it_was_left(tmp_path: Path) -> None:
    session = _played(tmp_path / "s")
    session.undo()
    turns = session.timeline.turns([node.id for node in session.timeline.nodes()])
    here, agent, other = session.current, session.seats["digger"], _played(tmp_path / "other")
    assert isinstance(agent, TableAgent)
    said = {turn.id: session.feedback(turn.id) for turn in turns}
    marks = (session.bookmark("here"),)
    learned, redo = dict(agent.q), session.timeline.redo_target(here.id)
    session.close()

    again = _resumed(tmp_path / "s")
    assert again.current == here
    assert again.timeline.turns([node.id for node in again.timeline.nodes()]) == turns
    assert {turn.id: again.feedback(turn.id) for turn in turns} == said
    assert again.marks() == marks
    assert again.timeline.redo_target(here.id) == redo
    restored = again.seats["digger"]
    assert isinstance(restored, TableAgent)
    assert (restored.q, restored.episodes) == (learned, agent.episodes)

    other.undo()
    for session in (again, other):
        session.redo()
        session.step()
    assert again.current.snapshot == other.current.snapshot, "a session that was never left goes the same way"
    assert again.current.decision == other.current.decision
    again.close()
    other.close()


def test_a_session_goes_on_without_having_been_closed(tmp_path: Path) -> None:
    session = _played(tmp_path / "s")
    here, agent = session.current, session.seats["digger"]
    session.store.close()  # not session.close(): nothing but what each turn wrote
    again = _resumed(tmp_path / "s")
    assert again.current == here
    assert again.seats["digger"].dump() == agent.dump()  # type: ignore[union-attr]
    again.close()


class _Broken(CaveWorld):
    def observe(self, state: Cave, seat: str) -> Observation:
        raise WorldError("this world cannot be looked at")


def test_a_save_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(WorldError):
        Session.create(Store.create(tmp_path), _Broken(), {}, seed=1)
    assert set(_files(tmp_path)) == {"save.lock"}
    (tmp_path / "save.db.new").write_text("what a killed process left")
    store = Store.create(tmp_path)
    assert not (tmp_path / "save.db").exists()
    session = Session.create(store, CaveWorld(), {}, seed=1)
    assert (tmp_path / "save.db").exists()
    session.act("east")
    session.close()
    assert set(_files(tmp_path)) == {"save.db", "save.lock"}


def test_what_was_decided_is_stored_in_plain_columns(saved: Path) -> None:
    with closing(sqlite3.connect(saved / "save.db")) as connection:
        turn, chosen, prompt = connection.execute("SELECT turn, chosen, prompt FROM decisions LIMIT 1").fetchone()
        proposals = connection.execute(
            "SELECT command, said, prior, q, score, visits FROM proposals "
            "JOIN decisions ON decisions.id = decision WHERE turn = ? ORDER BY rank",
            (turn,),
        ).fetchall()
        executed = connection.execute("SELECT command, wanted FROM turns WHERE id = ?", (turn,)).fetchone()
    assert [row[0] for row in proposals] == ["dig", "east", "west"]
    assert proposals[0] == ("dig", "I dig", -1.0, 0.0, 0.0, 1)
    assert executed == (proposals[chosen][0],) * 2
    assert isinstance(prompt, bytes)


def test_a_save_stays_small(saved: Path) -> None:
    """A snapshot alone is 7 kB here, and each prompt repeats all before it."""
    with Store.open(saved, readonly=True) as store:
        ids = [node.id for node in store.timeline().nodes()]
        bulk = sum(
            len(turn.snapshot) + len(turn.decision.prompt if turn.decision else "") for turn in store.turns(ids)
        )
    with closing(sqlite3.connect(saved / "save.db")) as connection:
        packed = connection.execute("SELECT sum(length(observations) + length(snapshot)) FROM frames").fetchone()[
            0
        ]
    assert packed < bulk / 10


@pytest.mark.parametrize("size", [0, 1, 100, 40_000, 300_000])
def test_packing_gives_back_what_was_packed(size: int) -> None:
    base = os.urandom(size)
    for data in (b"", base, base[size // 2 :] + b"more", os.urandom(1000)):
        assert pack.unpack(pack.pack(data, base), base) == data


def test_packing_refuses_damage_and_bombs() -> None:
    packed = pack.pack(b"hello" * 100, b"base")
    for damaged in (packed[:-1], packed[:5], b"", packed[:10] + b"\xff" + packed[11:]):
        with pytest.raises(SaveError, match="packed turn"):
            pack.unpack(damaged, b"base")
    with pytest.raises(SaveError, match="packed turn"):
        pack.unpack(packed, b"another base")
    with pytest.raises(SaveError, match="larger than"):
        pack.unpack(zlib.compress(bytes(pack.MAX_BYTES + 1), 1), b"")


def test_chains_of_packed_turns_are_short() -> None:
    path: list[Node] = []
    for depth in range(100):
        base = pack.choose_base(reversed(path), "a" if depth % 2 else "b")
        path.append(
            Node(
                id=depth + 1,
                parent=depth or None,
                episode=1,
                depth=depth,
                seat="a" if depth % 2 else "b",
                command="",
                chooser="agent",
            )
        )
        if depth % pack.KEYFRAME == 0:
            assert base is None
        else:
            assert base is not None
            assert base > depth - depth % pack.KEYFRAME
            if depth % pack.KEYFRAME > 1:
                assert path[base - 1].seat == path[-1].seat


def test_a_second_process_is_refused_with_the_first_ones_name(saved: Path) -> None:
    held = _resumed(saved)
    code = (
        "import sys; from pathlib import Path; from sandbox.store import Store\n"
        "from sandbox.errors import SaveError\n"
        f"try: Store.open(Path({str(saved)!r}))\n"
        "except SaveError as error: print(error)\n"
    )
    before = _files(saved)
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert f"in use by process {os.getpid()} on" in told
    assert "fork the save" in told
    with pytest.raises(SaveError, match=f"in use by process {os.getpid()}"):
        Store.open(saved)  # the same process is refused too
    with Store.open(saved, readonly=True) as store:
        assert store.runs()[-1].cursor == held.current.id
    upkeep.fork(saved, saved.parent / "copy")
    assert _files(saved) == before
    held.step()
    held.close()
    _resumed(saved).close()


def test_a_lock_dies_with_its_process_whatever_it_forked(saved: Path) -> None:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def hold() -> None:
        store = Store.open(saved)
        child = context.Process(target=lambda: theirs.recv())  # outlives its parent
        child.start()
        theirs.send(child.pid)
        child.join()
        store.close()

    holder = context.Process(target=hold)
    holder.start()
    child = ours.recv()
    try:
        with pytest.raises(SaveError, match=f"in use by process {holder.pid}"):
            Store.open(saved)
        holder.kill()
        holder.join()
        os.kill(child, 0)  # still there
        _resumed(saved).close()
    finally:
        holder.kill()
        ours.send("done")


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _garble(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    file.write_bytes(data)


def _sql(*statements: str) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        with closing(sqlite3.connect(file)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return change


def _foreign(file: Path) -> None:
    file.unlink()
    _sql("CREATE TABLE notes (text)")(file)


def test_looking_at_a_save_that_this_process_plays_leaves_it_whole(tmp_path: Path) -> None:
    session = _played(tmp_path / "friday", 3)
    look = (
        "import sys, pathlib; from sandbox.store import Store\n"
        "Store.open(pathlib.Path(sys.argv[1]), readonly=True).close()"
    )
    Store.open(tmp_path / "friday", readonly=True).close()
    subprocess.run([sys.executable, "-c", look, str(tmp_path / "friday")], check=True)
    session.step()
    count = len(list(session.timeline.nodes()))
    with Store.open(tmp_path / "friday", readonly=True) as store:
        assert len(list(store.timeline().nodes())) == count
    session.close()
    again = _resumed(tmp_path / "friday")
    assert len(list(again.timeline.nodes())) == count
    again.close()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda file: file.write_bytes(b""), "not an SQLite database"),
        (lambda file: file.write_text("my notes"), "not an SQLite database"),
        (lambda file: file.unlink(), "no such save"),
        (_truncate, "damaged"),
        (_garble, "damaged"),
        (_foreign, "not a save"),
        (_sql("UPDATE alembic_version SET version_num = '9999'"), "newer version"),
        (_sql("UPDATE alembic_version SET version_num = '0000'"), "no schema"),
        (_sql("DROP TABLE alembic_version"), "damaged"),
        (_sql("DROP TABLE marks"), "lacks the table 'marks'"),
        (_sql("CREATE TRIGGER t AFTER INSERT ON turns BEGIN DELETE FROM runs; END"), "code of its own"),
    ],
)
def test_what_is_no_whole_save_is_refused_and_left_alone(
    saved: Path, damage: Callable[[Path], None], told: str
) -> None:
    file = saved / "save.db"
    damage(file)
    before = _files(saved)
    for readonly in (False, True):
        with pytest.raises(SaveError, match=told) as caught:
            Store.open(saved, readonly=readonly)
        assert caught.value.where == str(file)
        assert caught.value.hint
    assert _files(saved) == before


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE turns SET parent = 9 WHERE id = 4",
        "UPDATE turns SET depth = 7 WHERE id = 4",
        "UPDATE turns SET chooser = 'nobody' WHERE id = 4",
        "UPDATE turns SET rewards = '{\"digger\": NaN}' WHERE id = 4",
        "UPDATE turns SET rewards = 'oops' WHERE id = 4",
        "UPDATE turns SET created = 'now' WHERE id = 4",
        "UPDATE turns SET command = x'ff' WHERE id = 4",
        "UPDATE turns SET seed = 'x' WHERE id = 1",
        "UPDATE decisions SET reason = x'ff' WHERE turn = 4",
        "UPDATE frames SET observations = x'00' WHERE turn = 4",
        "UPDATE frames SET base = 40 WHERE turn = 4",
        "DELETE FROM frames WHERE turn = 4",
        "UPDATE decisions SET chosen = 99 WHERE turn = 4",
        "UPDATE decisions SET chooser = 'x' WHERE turn = 4",
        "UPDATE decisions SET seconds = 'long' WHERE turn = 4",
        "UPDATE proposals SET source = 'x'",
        "UPDATE feedback SET value = 99",
        "UPDATE feedback SET data = '{\"a\": 1}'",
        "UPDATE feedback SET turn = 999",
        "UPDATE runs SET seats = '[]'",
        "UPDATE runs SET cursor = 999",
        "UPDATE proposals SET prior = 'likely'",
    ],
)
def test_rows_that_a_session_would_not_write_are_found(saved: Path, change: str) -> None:
    _sql("PRAGMA foreign_keys = OFF", change)(saved / "save.db")
    with pytest.raises(SaveError) as caught, Store.open(saved, readonly=True) as store:
        upkeep.verify(store)
    assert str(saved) in str(caught.value)


def test_text_of_a_save_is_cleaned(saved: Path) -> None:
    _sql("UPDATE turns SET command = 'go' || char(27) || '[2J' || char(10) || 'east'")(saved / "save.db")
    with Store.open(saved, readonly=True) as store:
        assert {node.command for node in store.timeline().nodes()} == {"go east"}
        assert store.turns([3])[0].command == "go east"


def test_a_fork_stands_where_it_is_told_and_leaves_the_original_alone(saved: Path) -> None:
    before = _files(saved)
    upkeep.fork(saved, saved.parent / "copy", at=3)
    assert _files(saved) == before
    copy = _resumed(saved.parent / "copy")
    assert copy.current.id == 3
    copy.step()
    copy.close()
    assert set(_files(saved.parent / "copy")) == {"save.db", "save.lock"}
    with pytest.raises(SaveError, match="already"):
        upkeep.fork(saved, saved.parent / "copy")
    with pytest.raises(SaveError, match="no turn 999"):
        upkeep.fork(saved, saved.parent / "third", at=999)
    with pytest.raises(SaveError, match="already"):
        Store.create(saved)


def test_an_export_is_json_with_everything_in_it(saved: Path) -> None:
    with Store.open(saved, readonly=True) as store:
        lines = [json.loads(json.dumps(each)) for each in upkeep.export(store)]
        counts = store.counts()
    kinds = [line["type"] for line in lines]
    assert kinds.count("turn") == counts["turns"] + counts["episodes"]
    assert kinds.count("feedback") == counts["feedback"] > 0
    turn = next(line for line in lines if line["type"] == "turn" and line["decision"])
    assert turn["decision"]["prompt"].startswith("You are in a cave.")


def test_compacting_loses_nothing(saved: Path) -> None:
    with Store.open(saved, readonly=True) as store:
        everything = list(upkeep.export(store))
    _sql("CREATE TABLE big (x)", "INSERT INTO big VALUES (zeroblob(1000000))", "DROP TABLE big")(saved / "save.db")
    before, after = upkeep.compact(saved)
    assert after < before - 900_000
    with Store.open(saved, readonly=True) as store:
        assert list(upkeep.export(store)) == everything


def test_the_migrations_end_in_the_tables_of_the_schema() -> None:
    from alembic import command
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from sandbox.store.migrations import config
    from sandbox.store.opening import create_tables, engine_for

    script = ScriptDirectory.from_config(config())
    assert [each.revision for each in script.walk_revisions()][::-1] == list(schema.VERSIONS)
    with engine_for(None).begin() as connection:
        command.upgrade(config(connection), "head")
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == schema.VERSION
        migrated = _definitions(connection)
    with engine_for(None).begin() as connection:
        create_tables(connection)
        assert _definitions(connection) == migrated


def _definitions(connection: Connection) -> dict[str, list[str]]:
    """Each table and index, its parts in order of the alphabet: a migration adds columns at the end."""
    found = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").tuples()
    return {
        name: sorted(filter(None, (part.strip(" \t()") for part in re.split(r"[\n,]", sql))))
        for name, sql in found
        if "alembic" not in name
    }


def test_opening_does_not_load_the_migrations(saved: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from sandbox.store import Store\n"
        f"Store.open(Path({str(saved)!r})).close(); print('alembic' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "False\n"


OLDER = sorted((Path(__file__).parent / "saves").glob("*.db"))


@pytest.mark.parametrize("older", OLDER, ids=lambda file: file.stem)
def test_a_save_of_every_released_schema_goes_on(older: Path, tmp_path: Path) -> None:
    folder = tmp_path / "friday"
    folder.mkdir()
    shutil.copy(older, folder / "save.db")
    with pytest.raises(SaveError, match="older version"):
        Store.open(folder, readonly=True)
    assert (folder / "save.db").read_bytes() == older.read_bytes()

    session = Session.resume(Store.open(folder), CaveWorld(), {"digger": TableAgent()})
    assert (folder / f"save-{older.stem}.backup.db").read_bytes()[96:] == older.read_bytes()[96:]
    assert [record.kind for record in session.feedback(9)] == ["rating", "credit"]
    assert {mark.kind for mark in session.marks()} == {"bookmark", "blessed"}
    wanted = session.timeline.get(9).decision
    assert wanted is not None
    assert wanted.prompt.startswith("You are in a cave.")
    session.undo()
    other = TableAgent("other").decide(session.observation(), session.history(), seed=2)
    session.compare(session.current.id, wanted, other, verdict="tie")
    session.step()
    session.close()
    with Store.open(folder, readonly=True) as store:
        assert upkeep.verify(store) == 14
        assert [each.decision.agent for each in store.unplayed()] == ["table", "other"]


def test_every_released_schema_but_the_present_one_has_a_save() -> None:
    assert [file.stem for file in OLDER] == list(schema.VERSIONS[:-1])


def test_a_decision_nobody_acted_on_is_kept_once_whoever_compares_it(saved: Path) -> None:
    session = _resumed(saved)
    for _ in range(2):
        session.undo()
    state = session.current
    one, other = (TableAgent(name).decide(session.observation(), session.history(), seed=1) for name in "ab")
    said = session.compare(state.id, one, other, first="worse", latency=2.0)
    session.retract(said.id)
    session.compare(state.id, other, one)
    ids = [each.id for each in session.store.unplayed()]
    assert [each.decision for each in session.store.unplayed(state.id)] == [one, other]
    assert session.store.unplayed(1) == ()
    (record,) = (each for each in session.feedback(state.id) if each.kind == "comparison")
    assert record.data["better"] == {
        "agent": "b",
        "model": "fake@base",
        "command": one.command,
        "decision": ids[1],
    }
    assert (record.data["seat"], record.data["first"]) == ("digger", "better")
    session.close()
    with Store.open(saved, readonly=True) as store:
        lines = [json.loads(json.dumps(each)) for each in upkeep.export(store)]
        upkeep.verify(store)
    assert [line["decision"]["prompt"] for line in lines if line["type"] == "decision"] == [one.prompt] * 2
    _sql("UPDATE decisions SET prompt = x'00' WHERE turn IS NULL")(saved / "save.db")
    with pytest.raises(SaveError, match="packed turn"), Store.open(saved, readonly=True) as store:
        upkeep.verify(store)


def test_a_migration_backs_up_first_and_a_failed_one_changes_nothing(saved: Path) -> None:
    from sandbox.store.migrations import upgrade

    file = saved / "save.db"
    whole = file.read_bytes()
    _sql("DELETE FROM alembic_version")(file)  # the first migration now meets tables that exist
    broken = file.read_bytes()
    with pytest.raises(SaveError, match="could not be brought") as caught:
        upgrade(file, "0000")
    assert file.read_bytes() == broken
    backup = saved / "save-0000.backup.db"
    assert backup.name in caught.value.hint
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT count(*) FROM turns").fetchone()[0] > 0
    assert broken != whole
