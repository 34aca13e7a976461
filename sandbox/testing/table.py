"""A world written as a table of states: for tests of learners, solvers and environments."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.errors import SaveError
from sandbox.types import Observation, Step

Chance = tuple[float, str, float | Mapping[str, float]]
"""Probability, next place, reward: of the seat that moves, or of each seat by name."""


def to(place: str, reward: float | Mapping[str, float] = 0.0) -> tuple[Chance]:
    """A table's entry for a command that always leads to the same place."""
    return ((1.0, place, reward),)


@dataclass(frozen=True, slots=True)
class TableState:
    """Where the world is, and what only looks back or only feeds chance."""

    place: str
    seed: int = 0
    turns: tuple[int, ...] = ()
    """Commands given so far, parallel to the seats."""
    scores: tuple[float, ...] = ()
    text: str = ""
    cut: bool = False
    """The episode was cut off by the limit of turns."""


@dataclass(frozen=True)
class TableWorld:
    """Places and commands that lead from one to the next, all given as data.

    Args:
        table: `table[place][command]` lists what may come of it: (probability, next place, reward), see `to`.
            A place without commands is an end.
        start: the first place.
        wins: the seats that have won, by place.
        movers: the seat to move by place; the first seat where none is given.
        texts: what is read in a place; its name where none is given.
        limit: commands of all seats together after which the episode is cut off.
    """

    table: Mapping[str, Mapping[str, Sequence[Chance]]]
    start: str
    wins: Mapping[str, Collection[str]] = field(default_factory=dict)
    movers: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    seats: tuple[str, ...] = ("player",)
    name: str = "table"
    title: str = "A table"
    limit: int = 1_000

    @property
    def fingerprint(self) -> str:
        definition = json.dumps([self.table, self.start, self.wins, self.movers], default=list)
        return hashlib.sha256(definition.encode()).hexdigest()

    @property
    def verbs(self) -> tuple[str, ...]:
        return tuple(sorted({command.split()[0] for commands in self.table.values() for command in commands}))

    def initial(self, seed: int) -> TableState:
        zero = (0,) * len(self.seats)
        return TableState(self.start, seed, zero, tuple(map(float, zero)), self._text(self.start))

    def to_move(self, state: TableState) -> str | None:
        if state.cut or not self.table.get(state.place):
            return None
        return self.movers.get(state.place, self.seats[0])

    def observe(self, state: TableState, seat: str) -> Observation:
        mover = self.to_move(state)
        position = self.seats.index(seat)
        return Observation(
            seat=seat,
            turn=state.turns[position],
            text=state.text,
            description=self._text(state.place),
            score=state.scores[position],
            admissible=tuple(sorted(self.table[state.place])) if mover == seat else (),
            done=mover is None,
            won=mover is None and seat in self.wins.get(state.place, ()),
        )

    def step(self, state: TableState, seat: str, command: str) -> Step[TableState]:
        if command not in self.table[state.place]:
            return Step(state=self._after(state, seat, state.place, {}, "That leads nowhere."))
        chances = self.table[state.place][command]
        generator = random.Random(f"{state.seed}:{sum(state.turns)}")
        chance = generator.choices(chances, [chance[0] for chance in chances])[0]
        return self._take(state, seat, chance)

    def outcomes(self, state: TableState, seat: str, command: str) -> tuple[tuple[float, Step[TableState]], ...]:
        if command not in self.table[state.place]:
            return ((1.0, self.step(state, seat, command)),)
        return tuple((chance[0], self._take(state, seat, chance)) for chance in self.table[state.place][command])

    def solver_key(self, state: TableState) -> str:
        return state.place

    def dump(self, state: TableState) -> bytes:
        return json.dumps([state.place, state.seed, state.turns, state.scores, state.text, state.cut]).encode()

    def load(self, data: bytes) -> TableState:
        try:
            place, seed, turns, scores, text, cut = json.loads(data)
            if place not in self.table or len(turns) != len(self.seats):
                raise ValueError(place)
            return TableState(place, seed, tuple(turns), tuple(scores), text, cut)
        except (ValueError, TypeError) as error:
            raise SaveError("not a state of this world", where=self.name) from error

    def close(self) -> None:
        pass

    def _text(self, place: str) -> str:
        return self.texts.get(place, place)

    def _take(self, state: TableState, seat: str, chance: Chance) -> Step[TableState]:
        _, place, reward = chance
        rewards = dict(reward) if isinstance(reward, Mapping) else {seat: reward} if reward else {}
        after = self._after(state, seat, place, rewards, self._text(place))
        return Step(
            state=after,
            rewards=rewards,
            terminated=self.to_move(after) is None and not after.cut,
            truncated=after.cut,
        )

    def _after(
        self, state: TableState, seat: str, place: str, rewards: Mapping[str, float], text: str
    ) -> TableState:
        turns = tuple(n + (each == seat) for n, each in zip(state.turns, self.seats, strict=True))
        scores = tuple(s + rewards.get(each, 0.0) for s, each in zip(state.scores, self.seats, strict=True))
        cut = sum(turns) >= self.limit and bool(self.table.get(place))
        return TableState(place, state.seed, turns, scores, text, cut)
