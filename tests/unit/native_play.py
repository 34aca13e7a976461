"""Small native worlds for tests, and a way to play them that reads like a transcript."""

from __future__ import annotations

import textwrap

from sandbox.types import Observation
from sandbox.world.native import NativeWorld, State, parse_source


def make(text: str) -> NativeWorld:
    return NativeWorld(parse_source(textwrap.dedent(text)), "test")


def one_seat(rest: str, start: str = "hall") -> NativeWorld:
    """A world with the seat `ann`."""
    head = f"title: Test\nseats:\n  ann: {{name: Ann, start: {start}, goal: Win.}}\n"
    return make(head + textwrap.dedent(rest))


class Game:
    """A running episode."""

    def __init__(self, world: NativeWorld, seed: int = 0) -> None:
        self.world = world
        self.state: State = world.initial(seed)
        self.rewards: dict[str, float] = {}
        self.terminated = False
        self.truncated = False

    def seen(self, seat: str | None = None) -> Observation:
        return self.world.observe(self.state, seat or self.world.seats[0])

    def do(self, *lines: str, seat: str | None = None) -> str:
        """Give commands of the seat to move, or of another; answers the last reply."""
        text = ""
        for line in lines:
            who = seat or self.world.to_move(self.state) or self.world.seats[0]
            step = self.world.step(self.state, who, line)
            self.state = step.state
            self.rewards = dict(step.rewards)
            self.terminated, self.truncated = step.terminated, step.truncated
            text = self.seen(who).text
        return text
