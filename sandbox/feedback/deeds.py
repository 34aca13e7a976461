"""What commands come to: two wordings of one effect are one deed, and what changes nothing is none.

People type what the world refuses, ask it to quit, look around, or say in other words what the agent wanted. None
of that says anything about what should be done. So commands are compared by the state that they lead to, where the
world can be asked, and else by what was perceived when they were carried out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any

from sandbox.agent.grounding import looks_refused, normalised
from sandbox.errors import SandboxError
from sandbox.timeline import Node, Timeline, Turn
from sandbox.types import Observation, World

_SESSION = re.compile(r"(?:quit|q|exit|save|restore|restart|undo|redo|script|help|/.*)", re.IGNORECASE)
"""Lines that are meant for the program and not for the world."""


def identity(world: World[Any], state: Any) -> Hashable:
    """What can make a difference to how a world goes on, and no words: equal states are one."""
    for name in ("solver_key", "world_hash"):
        own: Callable[[Any], Hashable] | None = getattr(world, name, None)
        if own is not None:
            seats = tuple(world.observe(state, seat).score for seat in world.seats)
            return own(state), seats, world.to_move(state) is None
    return tuple(perceived(world.observe(state, seat)) for seat in world.seats)


def perceived(observation: Observation) -> Hashable:
    """A state as a seat perceives it, without the words that answered its command where it can do without."""
    place = observation.description or observation.text
    return place, observation.inventory, observation.score, observation.done, observation.won


class Deeds:
    """What commands come to in the states of a save.

    Args:
        timeline: the turns.
        open_world: gives the world, or raises; asked at most once, when it is needed.
    """

    def __init__(self, timeline: Timeline, open_world: Callable[[], World[Any]] | None = None) -> None:
        self._timeline = timeline
        self._open = open_world
        self._world: World[Any] | None = None
        self._effects: dict[tuple[int, str, str], tuple[Hashable, bool, str]] = {}

    def close(self) -> None:
        """Let go of the world."""
        if self._world is not None:
            self._world.close()
        self._world = self._open = None

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
        if _SESSION.fullmatch(command.strip()) or looks_refused(reply):
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
        key = (state, seat, command)
        if key not in self._effects:
            self._effects[key] = self._tried(state, seat, command) or self._recorded(state, seat, command)
        return self._effects[key]

    def _tried(self, state: int, seat: str, command: str) -> tuple[Hashable, bool, str] | None:
        """As the world has it; None where it cannot be asked, or is no longer that of the save."""
        if self._open is not None:
            with suppress(SandboxError, OSError):
                self._world = self._open()
            self._open = None
        world = self._world
        if world is None:
            return None
        try:
            before = world.load(self._timeline.get(state).snapshot)
            if world.to_move(before) != seat:
                return None
            step = world.step(before, seat, command)
            after = identity(world, step.state)
            reply = world.observe(step.state, seat).text
            unchanged = after == identity(world, before) and not any(step.rewards.values())
        except SandboxError:
            return None
        return after, unchanged or _SESSION.fullmatch(command.strip()) is not None, reply

    def _recorded(self, state: int, seat: str, command: str) -> tuple[Hashable, bool, str]:
        """As it was when it was carried out; where it never was, the words are all there is to compare."""
        session = _SESSION.fullmatch(command.strip()) is not None
        said = normalised(command) or command
        tried = (self._timeline.node(each) for each in self._timeline.child_ids(state))
        node = next((each for each in tried if each.seat == seat and normalised(each.command) == said), None)
        if node is None:
            return said, session, ""
        before, after = self._timeline.turns([state, node.id])
        reply = after.observations[seat].text
        changed = after.ended or any(after.rewards.values()) or _seen(before) != _seen(after)
        admissible = before.observations[seat].admissible
        listed = admissible is not None and said in map(normalised, admissible)
        idle = session or (not changed and not listed) or (not admissible and looks_refused(reply))
        return (_seen(after), reply) if changed else said, idle, reply


def _seen(turn: Turn) -> Hashable:
    return tuple(sorted((seat, perceived(observation)) for seat, observation in turn.observations.items()))


def _without(reply: str, command: str) -> str:
    """A reply without the words of the command that it repeats."""
    kept = reply.lower()
    for word in sorted(command.lower().split(), key=len, reverse=True):
        kept = kept.replace(word, "")
    return " ".join(kept.split())
