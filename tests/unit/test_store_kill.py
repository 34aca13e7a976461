"""A real process is killed at random moments of a scripted session; the save must be as the script left it.

Everything but clocks is deterministic, so the whole script is played once without a store on disk. After each kill
the save must equal that reference after the last operation the process reported, or after the one in flight.
`SANDBOX_KILLS=200` kills as often as a release deserves.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from play_parts import CaveWorld, TableAgent

from sandbox.errors import PlayError
from sandbox.session.session import Session
from sandbox.store import Store, upkeep

_KILLS = int(os.environ.get("SANDBOX_KILLS", "15"))
_A_SAVE = 15


def _operate(session: Session, number: int) -> None:
    """The script: what operation `number` does. It depends on nothing but its number and the session."""
    rng = random.Random(number)
    kind = rng.choices(
        ("act", "step", "rate", "say", "undo", "redo", "jump", "retract"), (3, 8, 3, 1, 3, 1, 1, 1)
    )[0]
    with suppress(PlayError):  # nothing to undo and the like: part of the script
        if session.done:
            session.new_episode()
        elif kind == "act":
            session.act(rng.choice(("dig", "east", "west")))
        elif kind == "step":
            session.step()
        elif kind == "rate":
            session.rate(rng.choice((-1.0, 1.0)))
        elif kind == "say":
            session.comment("x" * rng.randrange(3000))
        elif kind == "undo":
            session.undo()
        elif kind == "redo":
            session.redo()
        elif kind == "jump":
            session.jump(rng.choice(session.timeline.nodes()).id)
        elif kind == "retract" and session.feedback():
            session.retract(session.feedback()[0].id)


def _digest(session: Session) -> str:
    """Of all that a save is to bring back, clocks and drawn names left out."""
    turn, agent = session.current, session.seats["digger"]
    assert agent is not None
    parts = (
        len(session.timeline),
        replace(turn, created=0.0),
        session.timeline.redo_target(turn.id),
        [replace(record, created=0.0, uid="") for record in session.feedback()],
        sorted(agent.dump().items()),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _open(folder: Path) -> Session:
    seats: dict[str, Any] = {"digger": TableAgent()}
    if (folder / "save.db").exists():
        return Session.resume(Store.open(folder), CaveWorld(), seats)
    return Session.create(Store.create(folder), CaveWorld(), seats, seed=1)


def _play(folder: Path, number: int, report: Connection) -> None:
    session = _open(folder)
    while True:
        _operate(session, number)
        number += 1
        report.send(number)


class _Reference:
    def __init__(self) -> None:
        self.session = Session.create(Store.memory(), CaveWorld(), {"digger": TableAgent()}, seed=1)
        self.digests = [_digest(self.session)]

    def after(self, number: int) -> str:
        while len(self.digests) <= number:
            _operate(self.session, len(self.digests) - 1)
            self.digests.append(_digest(self.session))
        return self.digests[number]


def test_a_kill_loses_at_most_the_operation_in_flight(tmp_path: Path) -> None:
    rng, reference = random.Random(0), _Reference()
    folder, done = tmp_path, 0
    context = multiprocessing.get_context("fork")
    survived = 0
    for kill in range(_KILLS):
        if kill % _A_SAVE == 0:
            folder, done = tmp_path / f"save-{kill}", 0
        ours, theirs = context.Pipe(duplex=False)
        player = context.Process(target=_play, args=(folder, done, theirs))
        player.start()
        theirs.close()
        player.join(rng.uniform(0.0, 0.35))
        player.kill()
        player.join()
        reported = done
        with suppress(EOFError):
            while True:
                reported = ours.recv()
        session = _open(folder)
        upkeep.verify(session.store)
        found = _digest(session)
        assert found in (reference.after(reported), reference.after(reported + 1)), f"after operation {reported}"
        done = reported if found == reference.after(reported) else reported + 1
        survived += reported > 0
        for _ in range(3):  # and it goes on as if nothing had happened
            _operate(session, done)
            done += 1
            assert _digest(session) == reference.after(done)
        session.close()
    assert survived > _KILLS // 3, "the kills came too early to mean anything"
    session = _open(folder)
    again = [replace(node, created=0.0) for node in session.timeline.nodes()]
    expected = [replace(node, created=0.0) for node in _Replayed(done).session.timeline.nodes()]
    plain = [(n.id, n.parent, n.depth, n.episode, n.command, n.chooser, n.wanted, n.rewards) for n in again]
    assert plain == [
        (n.id, n.parent, n.depth, n.episode, n.command, n.chooser, n.wanted, n.rewards) for n in expected
    ]
    session.close()


class _Replayed(_Reference):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.after(number)
