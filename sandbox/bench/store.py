"""What a long save costs: opening one of 10,000 turns, and writing one more turn to it."""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import ClassVar

from sandbox.bench.report import Figure, Report, machine
from sandbox.rl.tabular import TabularQ
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.types import Decision, History, Observation, Proposal, Step, Transition, Update

TURNS = 10_000
_EPISODE = 100
_COMMANDS = tuple(f"{verb} the {thing}" for verb in ("take", "open", "push", "look at") for thing in "abcde")
_SENTENCES = tuple(
    f"{start} {thing} {end}."
    for start in ("You can make out a", "On the floor lies a", "In the corner stands a", "You remember the")
    for thing in ("worn book", "rusty key", "tall mirror", "wooden chest", "brass lantern", "broken clock")
    for end in ("that has seen better days", "made of dark wood", "covered in dust", "as old as the house")
)


@dataclass(frozen=True)
class _Slot:
    number: int
    machine: bytes


class BenchHouse:
    """A world with the texts, the twenty commands and the snapshots of a typical game, and no game in it."""

    name, title, fingerprint = "bench-house", "A house", "0" * 64
    seats: ClassVar[tuple[str, ...]] = ("player",)
    verbs: ClassVar[tuple[str, ...]] = ("take", "open")

    def initial(self, seed: int) -> _Slot:
        return _Slot(0, random.Random(seed).randbytes(2000))

    def to_move(self, state: _Slot) -> str | None:
        return "player"

    def observe(self, state: _Slot, seat: str) -> Observation:
        words = random.Random(state.number % 40)
        description = " ".join(words.sample(_SENTENCES, 6))
        return Observation(
            seat=seat,
            turn=state.number,
            text=f"You do that, for the {state.number}th time. {description}",
            description=description,
            inventory="You are carrying: " + ", ".join(words.sample(_SENTENCES, 3)),
            goal="First, find the rusty key. Then, open the wooden chest with it, and put the lantern inside.",
            max_score=10.0,
            admissible=_COMMANDS,
        )

    def step(self, state: _Slot, seat: str, command: str) -> Step[_Slot]:
        chance = random.Random(state.number)
        start = chance.randrange(len(state.machine) - 20)
        changed = state.machine[:start] + chance.randbytes(20) + state.machine[start + 20 :]
        return Step(state=_Slot(state.number + 1, changed), rewards={seat: 1.0} if chance.random() < 0.1 else {})

    def dump(self, state: _Slot) -> bytes:
        return state.number.to_bytes(8, "big") + state.machine

    def load(self, data: bytes) -> _Slot:
        return _Slot(int.from_bytes(data[:8], "big"), data[8:])

    def close(self) -> None: ...


class BenchClerk:
    """An agent with a tabular learner and a prompt as long as a language model's, without the model."""

    name, model = "bench", "none"

    def __init__(self) -> None:
        self._q = TabularQ()

    def decide(self, observation: Observation, history: History, *, seed: int, explore: bool = True) -> Decision:
        values = tuple(self._q.values(observation, _COMMANDS))
        lines = (f"> {exchange.command}\n{exchange.reply}\n" for exchange in history)
        return Decision(
            seat=observation.seat,
            state_key=observation.state_key,
            proposals=tuple(Proposal(command=each, prior=-1 / (k + 1)) for k, each in enumerate(_COMMANDS)),
            q_values=values,
            scores=values,
            visits=tuple(self._q.visits(observation, _COMMANDS)),
            chosen=random.Random(seed).randrange(len(_COMMANDS)),
            reason="drawn by lot",
            agent=self.name,
            model=self.model,
            prompt="".join(lines) + ">",
        )

    def learn(self, transition: Transition) -> Update | None:
        return self._q.update(transition)

    def end_episode(self) -> None: ...

    def dump(self) -> dict[str, bytes]:
        return self._q.dump()

    def changes(self) -> dict[str, bytes]:
        return self._q.changes()

    def load(self, records: Mapping[str, bytes]) -> None:
        self._q.load(records)


def run(*, quick: bool, progress: Callable[[str], None]) -> Report:
    """Play 10,000 turns of 20 proposals into a save on the disk, time the last ones, and open it.

    A turn that was written survives the death of the process; only for feedback the disk is waited for. So that is
    timed too, and the disk's own time stands beside it.

    Args:
        quick: time fewer turns; the others are written without waiting for the disk.
        progress: told what is being measured, in a word or two.
    """
    started = time.perf_counter()
    timed = 300 if quick else 2_000
    with tempfile.TemporaryDirectory(prefix="sandbox-bench-") as place:
        folder = Path(place) / "save"
        session = _filled(folder, TURNS - timed, progress)
        progress(f"timing the latest {timed:,} turns")
        writes, said, syncs = [], [], []
        with (Path(place) / "plain").open("wb", buffering=0) as plain:
            for _ in range(timed):
                writes.append(_turn(session))
                said.append(_comment(session))
                syncs.append(_sync(plain))
        size = session.store.size()
        session.close()
        progress("opening it")
        openings = [_opening(folder) for _ in range(3)]
    return Report(
        machine(),
        time.perf_counter() - started,
        (
            Figure.below("open_10000_turns_seconds", statistics.median(openings), 1.0, "s"),
            Figure.below("write_turn_ms_p95", statistics.quantiles(writes, n=20)[-1] * 1e3, 5.0, "ms"),
            Figure("write_turn_ms_p50", statistics.median(writes) * 1e3, "ms"),
            Figure("write_feedback_ms_p95", statistics.quantiles(said, n=20)[-1] * 1e3, "ms"),
            Figure("disk_sync_ms_p50", statistics.median(syncs) * 1e3, "ms"),
            Figure("disk_sync_ms_p95", statistics.quantiles(syncs, n=20)[-1] * 1e3, "ms"),
            Figure("bytes_per_turn", size / TURNS, "B"),
        ),
    )


def _filled(folder: Path, turns: int, progress: Callable[[str], None]) -> Session:
    """A save with some turns in it. They are not timed, so nobody waits for the disk."""
    session = Session.create(
        Store.create(folder), BenchHouse(), {"player": BenchClerk()}, seed=0, max_steps=_EPISODE
    )
    session.store.wait_for_disk(False)
    while len(session.timeline) < turns:
        _turn(session)
        if len(session.timeline) % 500 == 0:
            progress(f"writing {TURNS:,} turns: {len(session.timeline):,}")
    session.store.wait_for_disk(True)
    return session


def _turn(session: Session) -> float:
    """Seconds from a decision to the turn in the file."""
    if session.done:
        session.new_episode()
    decision = session.decide()
    begin = time.perf_counter()
    session.act(decision.command, decision=decision, chooser=decision.chooser)
    return time.perf_counter() - begin


def _comment(session: Session) -> float:
    """Seconds until a word of feedback is on the disk."""
    begin = time.perf_counter()
    session.comment("well done")
    return time.perf_counter() - begin


def _sync(plain: FileIO) -> float:
    """Seconds until as much as a turn writes is on the disk, and nothing else: no store can be faster."""
    block = bytes(40_000)
    begin = time.perf_counter()
    plain.write(block)
    os.fsync(plain.fileno())
    return time.perf_counter() - begin


def _opening(folder: Path) -> float:
    begin = time.perf_counter()
    session = Session.resume(Store.open(folder), BenchHouse(), {"player": BenchClerk()})
    seconds = time.perf_counter() - begin
    with closing(session):
        return seconds
