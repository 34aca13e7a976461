"""Walkthroughs: commands that win, with what the world should say on the way.

One command a line. An indented line is text that the reply to the command above must hold; blank lines and lines
that begin with `#` say nothing. Where a world has several seats a line may name the one it is for:

    # the lighthouse
    take lamp
      The lamp is heavier than it looks.
    keeper> tell smith the storm is near
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sandbox.errors import SandboxError
from sandbox.testing.contract import ContractError
from sandbox.types import Exchange, World


class Line(NamedTuple):
    """One command of a walkthrough."""

    command: str
    seat: str = ""
    """Empty for whoever is to move."""
    expected: tuple[str, ...] = ()
    """Fragments that the reply must hold."""
    number: int = 0
    """Its line in the file, counted from 1."""


@dataclass(frozen=True, slots=True)
class WalkthroughResult:
    """How a walkthrough went."""

    state: Any
    winners: frozenset[str]
    rewards: dict[str, float]
    exchanges: tuple[tuple[str, Exchange], ...]
    """Each command with its seat and the text that followed."""
    ended: bool


def parse_walkthrough(text: str, seats: Sequence[str] = ()) -> list[Line]:
    """The commands in a walkthrough's text. `name> command` is for a seat of that name."""
    lines: list[Line] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if raw[0].isspace():
            if not lines:
                raise SandboxError("an expected text comes before any command", line=number)
            lines[-1] = lines[-1]._replace(expected=(*lines[-1].expected, line))
            continue
        seat, mark, command = line.partition(">")
        named = bool(mark) and seat.strip() in seats
        lines.append(Line(command.strip() if named else line, seat.strip() if named else "", (), number))
    return lines


def play_walkthrough(
    world: World[Any], commands: str | Iterable[str | Line], *, seed: int = 0
) -> WalkthroughResult:
    """Play commands from the start. Raises `ContractError` at one out of turn or not answered as expected.

    Args:
        world: the world to play.
        commands: a walkthrough's text, or its commands.
        seed: of the episode.
    """
    text = isinstance(commands, str)
    lines = (
        parse_walkthrough(commands, world.seats)
        if isinstance(commands, str)
        else [
            each if isinstance(each, Line) else Line(each, number=number)
            for number, each in enumerate(commands, 1)
        ]
    )
    state = world.initial(seed)
    rewards = dict.fromkeys(world.seats, 0.0)
    exchanges: list[tuple[str, Exchange]] = []
    for line in lines:
        place = f"{'line' if text else 'command'} {line.number}, {line.command!r}"
        mover = world.to_move(state)
        if mover is None:
            raise ContractError(f"{place}: the episode has ended before")
        if line.seat and line.seat != mover:
            raise ContractError(f"{place}: it is the turn of {mover}")
        step = world.step(state, mover, line.command)
        state = step.state
        for seat, reward in step.rewards.items():
            rewards[seat] += reward
        reply = world.observe(state, mover).text
        exchanges.append((mover, Exchange(command=line.command, reply=reply)))
        for fragment in line.expected:
            if " ".join(fragment.split()) not in " ".join(reply.split()):
                raise ContractError(f"{place}: the reply does not hold {fragment!r}, it is {reply!r}")
    seen = [world.observe(state, seat) for seat in world.seats]
    return WalkthroughResult(
        state=state,
        winners=frozenset(each.seat for each in seen if each.done and each.won),
        rewards=rewards,
        exchanges=tuple(exchanges),
        ended=world.to_move(state) is None,
    )
