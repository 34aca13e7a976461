"""What commands come to: two wordings of one effect are one deed, and what changes nothing is none.

People type what the world refuses, ask it to quit, look around, or say in other words what the agent wanted. None
of that says anything about what should be done. So commands are compared by the state that they lead to, where the
world can be asked, and else by what was perceived when they were carried out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from typing import Any

from sandbox.abilities import Hashed, Searchable
from sandbox.agent.grounding import looks_refused, normalised
from sandbox.errors import SandboxError
from sandbox.timeline import Node, Timeline
from sandbox.types import Observation, World

_SESSION = re.compile(r"(?:quit|q|exit|save|restore|restart|undo|redo|script|help|/.*)", re.IGNORECASE)
"""Lines that are meant for the program and not for the world."""


def identity(world: World[Any], state: Any) -> Hashable | None:
    """What can make a difference to how a world goes on, and no words: equal states are one.

    None where the world does not tell.
    """
    own: Hashable
    if isinstance(world, Searchable):
        own = world.solver_key(state)
    elif isinstance(world, Hashed):
        own = world.world_hash(state)
    else:
        return None
    return own, tuple(world.observe(state, seat).score for seat in world.seats), world.to_move(state) is None


def perceived(observation: Observation) -> Hashable:
    """A state as a seat perceives it, without the words that answered its command where it can do without."""
    place = observation.description or observation.text
    return place, observation.inventory, observation.score, observation.done, observation.won


class Opened:
    """A world that is opened when it is first asked for, and not at all where that fails.

    Args:
        open_world: gives it, or raises.
    """

    def __init__(self, open_world: Callable[[], World[Any]]) -> None:
        self._open: Callable[[], World[Any]] | None = open_world
        self._world: World[Any] | None = None

    def __call__(self) -> World[Any] | None:
        if self._open is not None:
            opening, self._open = self._open, None
            with suppress(SandboxError, OSError):
                self._world = opening()
        return self._world

    def close(self) -> None:
        """Let go of it."""
        if self._world is not None:
            self._world.close()
        self._world = self._open = None


class Deeds:
    """What commands come to in the states of a save.

    Args:
        timeline: the turns.
        world: gives the world that they were played in, or None where it cannot be had.
    """

    def __init__(self, timeline: Timeline, world: Callable[[], World[Any] | None] = lambda: None) -> None:
        self._timeline = timeline
        self._world = world
        self._effects: dict[tuple[str, int, str, str], tuple[Hashable, bool, str]] = {}
        self._distinct: dict[tuple[Hashable, bool, str], tuple[Hashable, bool, str]] = {}
        """Each of them once: an effect may be a whole state, and a game comes back to the same."""

    def effect(self, state: int, seat: str, command: str) -> Hashable:
        """What a command leads to in the state after a turn; equal for commands that are one deed there."""
        return self._found(state, seat, command)[0]

    def idle(self, state: int, seat: str, command: str) -> bool:
        """Whether the command changes nothing: refused, meant for the program, or a mere look around."""
        return self._found(state, seat, command)[1]

    def refused(self, state: int, seat: str, command: str) -> bool:
        """Whether the world does not understand the command."""
        _, idle, reply = self._found(state, seat, command)
        if not idle:
            return False
        if _is_for_the_program(command) or looks_refused(reply):
            return True
        nonsense = self._found(state, seat, "xq zvw")[2]
        return bool(reply) and _without(reply, command) == _without(nonsense, "xq zvw")

    def in_vain(self, state: int, seat: str, command: str) -> bool:
        """Whether a person typed the command there, and the world did not understand it."""
        tried = (self._timeline.node(each) for each in self._timeline.child_ids(state))
        typed = any(each.chooser == "person" and each.command == command for each in tried)
        return typed and self.refused(state, seat, command)

    def same(self, state: int, seat: str, one: str, other: str) -> bool:
        """Whether two commands are one deed."""
        return one == other or self.effect(state, seat, one) == self.effect(state, seat, other)

    def counts(self, node: Node) -> bool:
        """Whether a turn was a deed: whatever an agent did, and what a person did that changed something.

        Another wording of what the agent wanted counts as the agent's.
        """
        if node.parent is None or node.chooser != "person":
            return node.parent is not None
        return not self.idle(node.parent, node.seat, node.command)

    def stepped_in(self, node: Node) -> bool:
        """Whether a person did something else in an agent's place than the agent wanted."""
        if not node.intervened or node.parent is None or not self.counts(node):
            return False
        return node.wanted is None or not self.same(node.parent, node.seat, node.command, node.wanted)

    def _found(self, state: int, seat: str, command: str) -> tuple[Hashable, bool, str]:
        """Effect, whether it is none, and the reply."""
        world = self._world()
        key = ("" if world is None else world.fingerprint, state, seat, command)
        if key not in self._effects:
            tried = None if world is None else self._tried(world, state, seat, command)
            found = tried or self._recorded(state, seat, command)
            self._effects[key] = self._distinct.setdefault(found, found)
        return self._effects[key]

    def _tried(self, world: World[Any], state: int, seat: str, command: str) -> tuple[Hashable, bool, str] | None:
        """As the world has it; None where it is no longer that of the save."""
        try:
            before = world.load(self._timeline.get(state).snapshot)
            if world.to_move(before) != seat:
                return None
            step = world.step(before, seat, command)
            was, now = ({each: world.observe(at, each) for each in world.seats} for at in (before, step.state))
            after = identity(world, step.state)
            if after is None:
                return _compared(command, seat, was, now, any(step.rewards.values()) or step.terminated)
            idle = after == identity(world, before) and not any(step.rewards.values())
        except SandboxError:
            return None
        return after, idle or _is_for_the_program(command), now[seat].text

    def _recorded(self, state: int, seat: str, command: str) -> tuple[Hashable, bool, str]:
        """As it was when it was carried out; where it never was, the words are all there is to compare."""
        said = normalised(command) or command
        tried = (self._timeline.node(each) for each in self._timeline.child_ids(state))
        node = next((each for each in tried if each.seat == seat and normalised(each.command) == said), None)
        if node is None:
            return said, _is_for_the_program(command), ""
        before, after = self._timeline.turns([state, node.id])
        happened = after.ended or any(after.rewards.values())
        return _compared(command, seat, before.observations, after.observations, happened)


def _compared(
    command: str, seat: str, before: Mapping[str, Observation], after: Mapping[str, Observation], happened: bool
) -> tuple[Hashable, bool, str]:
    """Effect, whether it is none, and the reply, by what the seats perceived before and after.

    What cannot be perceived may have changed all the same: a command that the world lists as one that would do
    something is a deed.
    """
    reply, said = after[seat].text, normalised(command) or command
    seen, now = (tuple(sorted((each, perceived(one)) for each, one in side.items())) for side in (before, after))
    changed = happened or seen != now
    admissible = before[seat].admissible
    listed = admissible is not None and said in map(normalised, admissible)
    idle = (not changed and not listed) or (not admissible and looks_refused(reply))
    return (now, reply) if changed else said, idle or _is_for_the_program(command), reply


def _is_for_the_program(command: str) -> bool:
    return _SESSION.fullmatch(command.strip()) is not None


def _without(reply: str, command: str) -> str:
    """A reply without the words of the command that it repeats."""
    kept = reply.lower()
    for word in sorted(command.lower().split(), key=len, reverse=True):
        kept = kept.replace(word, "")
    return " ".join(kept.split())
