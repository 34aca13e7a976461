"""The store on a real PostgreSQL server: the same save, several writers, nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from play_parts import CaveWorld, TableAgent
from sqlalchemy import select
from typer.testing import CliRunner

from sandbox import cli, passwords
from sandbox.cli import app
from sandbox.cli.rate import queue_of, review_of
from sandbox.errors import SaveError
from sandbox.feedback.dataset import Material, examples
from sandbox.rl.tabular import TabularQ
from sandbox.session.session import Session
from sandbox.session.transitions import transition
from sandbox.store import Store, schema, upkeep


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    session = Session.create(
        Store.create(tmp_path / "saves" / "friday"), CaveWorld(), {"digger": TableAgent()}, seed=3, annotator="ann"
    )
    for _ in range(10):
        session.step()
    session.rate(1)
    session.bookmark("here")
    session.close()
    return tmp_path / "saves" / "friday"


def upload(folder: Path, url: str) -> None:
    with Store.open(folder, readonly=True) as source, Store.connect(url) as target:
        upkeep.copy(source, target)


def test_a_save_on_a_server_is_the_save(folder: Path, url: str) -> None:
    upload(folder, url)
    with Store.open(folder, readonly=True) as file, Store.connect(url) as store:
        assert upkeep.verify(store) == 11
        ids = [node.id for node in file.timeline().nodes()]
        assert store.timeline().nodes() == file.timeline().nodes()
        assert store.turns(ids) == file.turns(ids)
        assert (store.feedback(), store.marks(), store.runs()) == (file.feedback(), file.marks(), file.runs())
        assert store.records("digger", "table") == file.records("digger", "table")
        assert store.counts() == file.counts()
        review = review_of(store, "bo")
        assert review.rate(-2, turn=4).id == 2
        assert review.feedback_value(4) == -2
        assert queue_of([review]).questions
        assert len(examples(Material.of(store), "kto")) == 2
        with pytest.raises(SaveError, match="there is a save already"):
            upload(folder, url)


WRITER = """
import sys
from sandbox.cli.rate import review_of
from sandbox.store import Store
url, name = sys.argv[1:]
with Store.connect(url) as store:
    review = review_of(store, name)
    for k in range(50):
        review.rate(1, turn=2 + k % 10, comment=f"{name} {k}")
"""


def test_two_processes_at_once_lose_nothing(folder: Path, url: str) -> None:
    upload(folder, url)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, url, name]) for name in ("ann", "bo")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    with Store.connect(url) as store:
        records = store.feedback()
    assert {record.comment for record in records} == {""} | {
        f"{name} {k}" for name in ("ann", "bo") for k in range(50)
    }
    assert [record.id for record in records] == list(range(1, 102))


def test_thirty_people_who_rate_at_once_lose_nothing(folder: Path, url: str) -> None:
    upload(folder, url)
    people, said = [f"rater-{number}" for number in range(30)], 5
    together, failed = threading.Barrier(len(people)), list[BaseException]()

    def rate(name: str) -> None:
        try:
            with Store.connect(url) as store:
                review = review_of(store, name)
                together.wait(60)
                for k in range(said):
                    review.rate(1, turn=2 + k, comment=f"{name} {k}")
        except BaseException as error:
            failed.append(error)
            together.abort()

    threads = [threading.Thread(target=rate, args=(name,)) for name in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    with Store.connect(url) as store:
        records = store.feedback()
    told = [(record.annotator, record.turn, record.comment) for record in records if record.comment]
    assert sorted(told) == sorted((name, 2 + k, f"{name} {k}") for name in people for k in range(said))
    assert len({record.uid for record in records}) == len(records) == 1 + len(told)


def test_two_who_come_first_make_the_tables_once(url: str) -> None:
    failed: list[BaseException] = []

    def connect() -> None:
        try:
            Store.connect(url).close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=connect) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_a_transaction_that_fails_leaves_nothing(folder: Path, url: str) -> None:
    upload(folder, url)
    with Store.connect(url) as store:
        review = review_of(store, "bo")
        with pytest.raises(RuntimeError), store.transaction():
            review.rate(1, turn=2)
            raise RuntimeError
        assert len(store.feedback()) == 1


def test_a_newer_schema_is_refused(url: str) -> None:
    from sqlalchemy import text

    with Store.connect(url) as store, store.transaction():
        store._connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SaveError, match="schema '9999'"):
        Store.connect(url)


def rows_of(store: Store) -> dict[str, list[dict[str, object]]]:
    """All there is in a save, as it stands in its tables."""
    tables = (table for table in schema.metadata.sorted_tables if table is not schema.versions)
    return {
        table.name: [dict(row) for row in store._rows(select(table).order_by(*table.primary_key.columns))]
        for table in tables
    }


def test_a_save_that_goes_there_and_back_is_the_same_in_every_row(folder: Path, url: str, tmp_path: Path) -> None:
    session = Session.resume(Store.open(folder), CaveWorld(), {"digger": TableAgent()}, annotator="Zoë 灯")
    session.undo()
    session.act("west", decision=session.decide())
    session.comment("a “lamp” 💡", reasons=("safer",))
    session.bless()
    one, other = (TableAgent(name).decide(session.observation(), session.history(), seed=1) for name in "ab")
    session.compare(session.current.id, one, other)
    session.new_episode()
    session.close()
    learned = TabularQ(alpha=0.5, gamma=0.9)
    with Store.open(folder) as store, store.transaction():
        learned.update(transition(store.timeline(), 3, 0.0))
        store.put_records("digger", "q-table", learned.dump())
        (proposed,) = store._rows(select(schema.proposals).limit(1))
        unknown = {"prior": None, "visits": None}  # what is not known is no number
        store._connection.execute(
            schema.proposals.update().where(schema.proposals.c.decision == proposed["decision"]).values(unknown)
        )
    upload(folder, url)
    with Store.connect(url, readonly=True) as there, Store.create(tmp_path / "saves" / "back") as back:
        upkeep.copy(there, back)
    with (
        Store.open(folder, readonly=True) as before,
        Store.connect(url, readonly=True) as there,
        Store.open(tmp_path / "saves" / "back", readonly=True) as after,
    ):
        assert rows_of(before) == rows_of(there) == rows_of(after)
        assert all(rows_of(after).values()), "every table has something in it"
        assert upkeep.verify(after) == upkeep.verify(there) == upkeep.verify(before) == 13
        again = TabularQ(alpha=0.5, gamma=0.9)
        again.load(after.records("digger", "q-table"))
        assert again.dump() == learned.dump()
    sessions = (
        Session.resume(store, CaveWorld(), {"digger": TableAgent()})
        for store in (
            Store.open(tmp_path / "saves" / "back"),
            Store.connect(url, playing=True),
            Store.open(folder),
        )
    )
    told = []
    for session in sessions:
        session.step()
        told.append((session.current.id, session.current.command, session.observation()))
        session.close()
    assert told[0] == told[1] == told[2], "and it goes on the same"


def test_a_copy_of_a_game_that_is_played_is_of_one_moment(folder: Path, url: str, tmp_path: Path) -> None:
    upload(folder, url)
    over, failed = threading.Event(), list[BaseException]()

    def play() -> None:
        try:
            with Store.connect(url, playing=True) as store:
                session = Session.resume(store, CaveWorld(), {"digger": TableAgent()})
                while not over.is_set():
                    session.new_episode() if session.done else session.step()
        except BaseException as error:
            failed.append(error)

    player = threading.Thread(target=play)
    player.start()
    try:
        turns = []
        for number in range(5):
            with Store.connect(url, readonly=True) as there, Store.create(tmp_path / str(number)) as back:
                upkeep.copy(there, back)
                turns.append(upkeep.verify(back))
    finally:
        over.set()
        player.join()
    assert not failed
    assert turns == sorted(turns) and turns[0] < turns[-1]


def test_nothing_is_copied_over_a_save(folder: Path, url: str) -> None:
    def call(*arguments: str) -> None:
        CliRunner().invoke(app, ["--home", str(folder.parent.parent), *arguments], catch_exceptions=False)

    upload(folder, url)
    with Store.create(folder.parent / "own") as own:
        Session.create(own, CaveWorld(), {}, seed=1).close()
    for source, target in (("friday", url), (url, "own"), ("friday", "own"), (url, url)):
        with Store.connect(url, readonly=True) as there, Store.open(folder.parent / "own", readonly=True) as own:
            before = rows_of(there), rows_of(own)
        with pytest.raises(SaveError, match="there is a save"):
            call("save", "fork", source, target)
        with Store.connect(url, readonly=True) as there, Store.open(folder.parent / "own", readonly=True) as own:
            assert (rows_of(there), rows_of(own)) == before


def test_adapters_come_along_or_it_is_said(folder: Path, url: str) -> None:
    (folder / "adapters" / "sft-1").mkdir(parents=True)
    (folder / "adapters" / "sft-1" / "about.json").write_text("{}")

    def call(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["--home", str(folder.parent.parent), *arguments], env={"COLUMNS": "200"})
        assert result.exit_code == 0, result.output
        return result.output

    assert "Its adapters stay where they are" in call("save", "fork", "friday", url)
    assert "adapters" not in call("save", "fork", url, "back")
    call("save", "fork", "friday", "copy")
    assert (folder.parent / "copy" / "adapters" / "sft-1" / "about.json").read_text() == "{}"


def test_the_command_line_takes_the_address(folder: Path, url: str) -> None:
    def call(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["--home", str(folder.parent.parent), *arguments], env={"COLUMNS": "200"})
        assert result.exit_code == 0, result.output + repr(result.exception)
        return result.stdout

    assert "sandbox play --save" in call("save", "fork", "friday", url, "--at", "here")
    assert "1 save, 1 world, 10 turns" in call("feedback", "stats", url)
    with Store.connect(url, readonly=True) as store:
        assert store.latest_run().cursor == 11
    call("save", "fork", url, f"{url}#again", "--at", "3")
    call("save", "fork", f"{url}#again", "back")
    assert "back is whole: all of its 11 turns" in call("save", "verify", "back")
    with Store.open(folder.parent / "back", readonly=True) as copy, Store.open(folder, readonly=True) as store:
        assert copy.latest_run().cursor == 3
        assert copy.timeline().nodes() == store.timeline().nodes()
    assert "#again" in call("save", "show", f"{url}#again")
    call("feedback", "export", url, "--format", "raw", "--out", str(folder / "raw"))
    assert "1 were there already" in call("feedback", "import", str(folder / "raw" / "train.jsonl"), "--into", url)


def _play(url: str, annotator: str, turns: int) -> Session:
    session = Session.create(
        Store.connect(url, playing=True), CaveWorld(), {"digger": TableAgent()}, seed=3, annotator=annotator
    )
    for _ in range(turns):
        session.step()
    return session


def test_several_people_play_in_one_database_each_a_save_of_their_own(url: str) -> None:
    ann, bo = _play(f"{url}#ann", "ann", 8), _play(f"{url}#bo", "bo", 4)
    ann.rate(1)
    ann.undo()
    ann.act("west")
    bo.step()
    here = ann.current
    with pytest.raises(SaveError, match=f"in use by process {os.getpid()} on .* since 20"):
        Store.connect(f"{url}#ann", playing=True)
    with Store.connect(f"{url}#ann") as meanwhile:  # what is said of it waits for nobody
        review_of(meanwhile, "cy").rate(-1, turn=4)
    ann.step()
    for session in (ann, bo):
        session.close()
    again = Session.resume(Store.connect(f"{url}#ann", playing=True), CaveWorld(), {"digger": TableAgent()})
    assert again.current.parent == here.id
    assert again.feedback_value(4) == -1
    again.undo()
    assert again.current == here
    again.close()
    with Store.connect(f"{url}#bo", readonly=True) as store:
        assert store.name.endswith("#bo")
        assert upkeep.verify(store) == 6
        assert store.feedback() == ()
        with pytest.raises(SaveError, match="read-only"), store.transaction():
            store.move(store.latest_run(), 1, {})
    with pytest.raises(SaveError, match="no such save"):
        Store.connect(f"{url}#cy", readonly=True)


def test_the_lock_of_a_player_who_was_killed_is_gone(url: str) -> None:
    code = (
        "import sys, os, signal; from sandbox.store import Store\n"
        "Store.connect(sys.argv[1], playing=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, f"{url}#ann"]).returncode == -9
    for _ in range(50):
        try:
            Store.connect(f"{url}#ann", playing=True).close()
            break
        except SaveError:  # the server has not noticed yet
            time.sleep(0.1)
    else:
        raise AssertionError("still locked")


OLDER = Path(__file__).parent / "saves" / "0001.db"


def test_a_save_of_the_schema_before_is_brought_up_to_date(url: str) -> None:
    """The tables as the first migration made them on a server, with the rows of the save that is kept of it."""
    from alembic import command
    from sqlalchemy import MetaData, create_engine, select

    from sandbox.store import schema, server
    from sandbox.store.migrations import config

    address = server.Address.parse(f"{url}#old")
    with server.connect(address).begin() as connection:
        connection.exec_driver_sql('CREATE SCHEMA "old"')
        command.upgrade(config(connection), "0001")
        with create_engine(f"sqlite:///{OLDER}").connect() as older:
            found = MetaData()
            found.reflect(older)
            for table in found.sorted_tables:
                rows = [dict(row) for row in older.execute(select(table)).mappings()]
                if table.name != "alembic_version" and rows:
                    connection.execute(schema.metadata.tables[table.name].insert(), rows)
            for name in ("runs", "turns", "decisions", "feedback", "marks"):
                connection.exec_driver_sql(
                    f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))"
                )
    with pytest.raises(SaveError, match="older version"):
        Store.connect(f"{url}#old", readonly=True)
    session = Session.resume(Store.connect(f"{url}#old", playing=True), CaveWorld(), {"digger": TableAgent()})
    assert [record.kind for record in session.feedback(9)] == ["rating", "credit"]
    one, other = (TableAgent(name).decide(session.observation(), session.history(), seed=1) for name in "ab")
    session.compare(session.current.id, one, other)
    session.step()
    session.close()
    with Store.connect(f"{url}#old", readonly=True) as store:
        assert upkeep.verify(store) == 14
        assert [each.decision for each in store.unplayed()] == [one, other]


def test_games_on_a_server_are_played_from_the_command_line(url: str, tmp_path: Path) -> None:
    def call(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["--home", str(tmp_path), *arguments], env={"COLUMNS": "200"})
        assert result.exit_code == code, result.output + repr(result.exception)
        return result.stdout

    save = f"{url}#honey"
    call("run", "tutorial", "--agent", "q-table", "--max-steps", "3", "--save", save)
    call("run", "tutorial", "--agent", "q-table", "--max-steps", "2", "--save", save)
    assert "2 sittings" in call("save", "show", save)
    with Store.connect(save, readonly=True) as store:
        assert store.counts()["episodes"] == 2
        (seat,) = store.latest_run().seats
        assert store.records(seat, "q-table")


@pytest.mark.parametrize("name", ["pg_catalog", "a b", '"; DROP SCHEMA public', "x" * 61, "-c"])
def test_names_that_no_save_may_have_are_refused(name: str, url: str) -> None:
    with pytest.raises(SaveError, match="cannot be the name of a save"):
        Store.connect(f"{url}#{name}")


def test_a_server_that_is_not_there_is_said_without_the_password() -> None:
    with pytest.raises(SaveError, match="cannot be reached") as caught:
        Store.connect("postgresql://ann:secret@127.0.0.1:1/friday")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "shown", "password"),
    [
        ("postgresql://ann:s3cret@host/db#friday", "postgresql://ann@host/db#friday", "s3cret"),
        ("postgresql+psycopg://ann:s3c%40ret@host:5/db", "postgresql+psycopg://ann@host:5/db", "s3c%40ret"),
        ("postgres://ann:@host/db", "postgres://ann@host/db", ""),
        ("postgresql://host/db?password=s3cret#f", "postgresql://host/db#f", "s3cret"),
        ("postgresql://host/db?a=1&password=s3cret&b=2", "postgresql://host/db?a=1&b=2", "s3cret"),
        ("--save=postgresql://ann:s3cret@host/db", "--save=postgresql://ann@host/db", "s3cret"),
        ("postgresql://ann@host/db?application_name=x", "postgresql://ann@host/db?application_name=x", None),
        ("friday", "friday", None),
    ],
)
def test_a_password_is_taken_off_an_address(address: str, shown: str, password: str | None) -> None:
    assert passwords.taken_off(address) == shown
    assert passwords.taken_off(shown) == shown
    assert passwords.password_for(shown.removeprefix("--save=")) == password


@pytest.mark.parametrize(
    "words",
    [
        ("play", "--plain", "--save", "ADDRESS"),
        ("play", "honey", "--plain", "--agent", "random", "--save", "ADDRESS"),
        ("run", "honey", "--agent", "random", "--save", "ADDRESS"),
        ("tune", "ADDRESS"),
        ("adapter", "list", "ADDRESS"),
        ("save", "show", "ADDRESS"),
        ("save", "compact", "ADDRESS"),
        ("save", "fork", "ADDRESS", "copy"),
        ("save", "replay", "ADDRESS"),
        ("rate", "ADDRESS", "ADDRESS#two"),
        ("feedback", "stats", "ADDRESS"),
        ("feedback", "import", "/nonexistent", "--into", "ADDRESS"),
        ("play", "honey", "ADDRESS"),  # one word too many: said by the parser of the command line
        ("save", "ADDRESS"),
        ("agent", "show", "ADDRESS"),
        ("world", "show", "ADDRESS"),
        ("run", "ADDRESS"),
        ("--home", "ADDRESS", "save", "list"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(
    "address", ["postgresql://ann:s3cret@127.0.0.1:1/db", "postgresql://127.0.0.1:1/db?password=s3cret"]
)
def test_no_command_shows_or_stores_a_password(
    words: tuple[str, ...],
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["sandbox", *(word.replace("ADDRESS", address) for word in words)])
    with pytest.raises(SystemExit):
        cli.main()
    told = capfd.readouterr()
    assert "s3cret" not in told.out + told.err
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and b"s3cret" in file.read_bytes()]


def test_a_crash_is_written_down_without_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["sandbox", "save", "show", "postgresql://ann:s3cret@host/db"])
    monkeypatch.setattr(cli, "app", lambda: 1 // 0)
    with pytest.raises(SystemExit):
        cli.main()
    (crash,) = (tmp_path / "crashes").iterdir()
    assert "postgresql://ann@host/db" in crash.read_text()
    assert "s3cret" not in crash.read_text()
