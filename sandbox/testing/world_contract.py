"""Whether a world keeps the promises of `sandbox.types.World`."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from typing import Generic, TypeVar

from sandbox.abilities import Searchable, StochasticProblem
from sandbox.errors import SaveError
from sandbox.testing.contract import ContractError, require
from sandbox.text import clean, clean_line
from sandbox.types import Observation, Step, World

S = TypeVar("S")

UNKNOWN = "xyzzy plugh"
NONSENSE = (
    "",
    "take",
    "\x1b[2J\x1b]0;title\x07",
    "a" * 5_000,
    "拿 🗝 \u202egnihtemos",
    "look. look. look",
)
"""Commands that no world need understand, and that none may trip over."""


def check_world(
    world: World[S], *, seeds: Sequence[int] = (0, 1, 2), steps: int = 60, zero_sum: bool = False
) -> None:
    """Play random commands and hold the world to the protocol. Raises `ContractError` at the first broken promise.

    Checked are: clean and consistent observations, purity (no step changes a state that was there before),
    determinism, `load(dump(s))` behaving as `s`, damaged dumps being refused, commands that make no sense being
    answered, admissible commands being understood, rewards of known seats only and finite, the end being an end,
    and, for a world that offers them, `solver_key` and `outcomes` agreeing with `step`.

    Args:
        world: any world.
        seeds: one episode of random commands for each.
        steps: commands of an episode at most.
        zero_sum: the rewards of each step add up to 0.
    """
    seats = world.seats
    require(isinstance(seats, tuple) and bool(seats), "seats is a tuple with at least one name")
    require(len(set(seats)) == len(seats), "the names of seats differ")
    require(clean_line(world.name) == world.name != "", "name is a line of clean text")
    require(clean_line(world.title) == world.title != "", "title is a line of clean text")
    require(re.fullmatch(r"[0-9a-f]{64}", world.fingerprint) is not None, "fingerprint is a SHA-256 in hex")
    require(all(clean_line(verb) == verb for verb in world.verbs), "verbs are lines of clean text")
    for seed in seeds:
        _Episode(world, seed, zero_sum).play(steps)


class _Episode(Generic[S]):
    """One episode of random commands."""

    def __init__(self, world: World[S], seed: int, zero_sum: bool) -> None:
        self.world = world
        self.seed = seed
        self.zero_sum = zero_sum
        self.generator = random.Random(seed)
        self.way: list[str] = []

    def require(self, condition: bool, promise: str) -> None:
        require(condition, promise, after=[f"seed {self.seed}", *self.way])

    def play(self, steps: int) -> None:
        world = self.world
        state = world.initial(self.seed)
        self.require(world.dump(world.initial(self.seed)) == world.dump(state), "equal seeds start equal episodes")
        self.damage(world.dump(state))
        for _ in range(steps):
            seat = world.to_move(state)
            seen = self.look(state)
            if seat is None:
                self.require(
                    all(each.done for each in seen), "where no seat is to move, the episode is done for all"
                )
                return
            self.require(seat in world.seats, "the seat to move is one of the seats")
            mine = seen[world.seats.index(seat)]
            unknown = self.nonsense(state, seat, UNKNOWN)
            self.nonsense(state, seat, self.generator.choice(NONSENSE))
            command = self.generator.choice(mine.admissible) if mine.admissible else "look"
            step = self.step(state, seat, command)
            if mine.admissible:
                answer = world.observe(step.state, seat).text
                self.require(
                    answer != unknown or step.terminated, f"{command!r} is admissible, so it is understood"
                )
            self.copies(state, seen)
            self.chance(state, seat, command, step)
            self.way.append(f"{seat}> {command}" if len(world.seats) > 1 else command)
            state = step.state
            if step.terminated or step.truncated:
                self.require(world.to_move(state) is None, "after the end no seat is to move")

    def look(self, state: S) -> list[Observation]:
        """What every seat perceives, checked."""
        observations = []
        for seat in self.world.seats:
            seen = self.world.observe(state, seat)
            self.require(seen == self.world.observe(state, seat), "two looks at one state are equal")
            self.require(seen.seat == seat, "an observation names the seat it was asked for")
            for name in ("text", "description", "inventory", "goal"):
                self.require(clean(getattr(seen, name)) == getattr(seen, name), f"{name} is clean text")
            self.require(math.isfinite(seen.score), "the score is a finite number")
            self.require(seen.turn >= 0, "turns are counted from 0")
            self.require(seen.done or not seen.won, "a seat that has won is done")
            listed = seen.admissible
            if listed is not None:
                self.require(isinstance(listed, tuple), "admissible is a tuple")
                self.require(
                    list(listed) == sorted(set(listed)), "admissible commands are sorted, and each is there once"
                )
                self.require(all(clean_line(c) == c != "" for c in listed), "admissible commands are clean lines")
                self.require(not (seen.done and listed), "a seat that is done has no admissible commands")
            observations.append(seen)
        return observations

    def step(self, state: S, seat: str, command: str) -> Step[S]:
        """A step, carried out twice and compared."""
        world = self.world
        before, seen = world.dump(state), world.observe(state, seat)
        step, again = world.step(state, seat, command), world.step(state, seat, command)
        self.require(world.dump(state) == before, f"{command!r} leaves the state as it was before")
        self.require(world.observe(state, seat) == seen, f"{command!r} leaves what was seen before as it was")
        self.require(world.dump(step.state) == world.dump(again.state), f"{command!r} does the same each time")
        self.require(dict(step.rewards) == dict(again.rewards), f"{command!r} is rewarded the same each time")
        self.require(set(step.rewards) <= set(world.seats), "rewards are for seats of the world")
        self.require(all(math.isfinite(r) for r in step.rewards.values()), "rewards are finite numbers")
        if self.zero_sum:
            self.require(abs(sum(step.rewards.values())) < 1e-9, f"the rewards of {command!r} add up to 0")
        return step

    def copies(self, state: S, seen: list[Observation]) -> None:
        """A state that was dumped and loaded is as good as the state."""
        world = self.world
        copy = world.load(world.dump(state))
        self.require(world.dump(copy) == world.dump(state), "a loaded state dumps to the same bytes")
        self.require(world.to_move(copy) == world.to_move(state), "in a loaded state the same seat is to move")
        self.require([world.observe(copy, seat) for seat in world.seats] == seen, "a loaded state looks the same")
        seat = world.to_move(state)
        if seat is not None and (listed := seen[world.seats.index(seat)].admissible):
            command = self.generator.choice(listed)
            one, two = world.step(state, seat, command), world.step(copy, seat, command)
            self.require(
                world.dump(one.state) == world.dump(two.state), f"{command!r} does the same in a loaded state"
            )

    def damage(self, data: bytes) -> None:
        """What is not a state is refused with a `SaveError`."""
        middle = len(data) // 2
        flipped = data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]
        for wrong in (b"", b"\x00" * 64, b"{}", data[:middle], flipped):
            try:
                self.world.load(wrong)
            except SaveError:
                continue
            except Exception as error:
                self.require(False, f"bytes that are no state raise SaveError, not {type(error).__name__}")
            self.require(wrong == flipped, "bytes that are no state are refused")

    def nonsense(self, state: S, seat: str, command: str) -> str:
        """The answer to a command that makes no sense; it is no error."""
        try:
            step = self.step(state, seat, command)
        except ContractError:
            raise
        except Exception as error:
            self.require(
                False, f"{command[:40]!r} is answered in the text, not with {type(error).__name__}: {error}"
            )
            raise
        self.look(step.state)
        return self.world.observe(step.state, seat).text

    def chance(self, state: S, seat: str, command: str, step: Step[S]) -> None:
        """`outcomes` is a distribution, and what happened is in it."""
        world = self.world
        if not (isinstance(world, StochasticProblem) and isinstance(world, Searchable)):
            return
        outcomes = world.outcomes(state, seat, command)
        self.require(
            abs(sum(p for p, _ in outcomes) - 1) < 1e-6, f"the outcomes of {command!r} have probability 1"
        )
        self.require(all(p > 0 for p, _ in outcomes), f"the outcomes of {command!r} are possible")
        keys = {world.solver_key(outcome.state) for _, outcome in outcomes}
        self.require(world.solver_key(step.state) in keys, f"what {command!r} did is among its outcomes")
