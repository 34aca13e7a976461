"""The tree of turns: its values, and everything that can be read off it without a world.

Undo moves to the parent, acting again makes a sibling, and nothing is ever deleted. The tree itself is made of
light `Node`s, all of them in memory; what a turn weighs (texts, proposals, snapshot) is loaded when asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Literal

from cachetools import LRUCache

from sandbox.errors import PlayError
from sandbox.types import Chooser, Decision, Exchange, Observation

_CACHED_TURNS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A turn without its weight: enough to draw and walk the tree."""

    id: int
    """Unique in the save and ascending: a parent's is smaller than its children's."""
    parent: int | None
    """None for the opening of an episode."""
    episode: int
    """Counted from 1."""
    depth: int
    """0 for the opening."""
    seat: str
    """Who acted; empty for the opening."""
    command: str
    """What was executed; empty for the opening."""
    chooser: Chooser | Literal["opening"]
    """Who chose the executed command."""
    agent: str = ""
    """The agent that held the seat; empty where a person did."""
    wanted: str | None = None
    """The command the agent wanted, where it was asked."""
    rewards: Mapping[str, float] = field(default_factory=dict)
    """What the world gave for this step. Feedback is never added to it."""
    to_move: str | None = None
    """The seat whose command comes next; None where the episode has ended."""
    terminated: bool = False
    truncated: bool = False
    seed: int | None = None
    """Seed of the episode; of the opening only."""
    created: float = 0.0
    """Unix time, seconds."""

    @property
    def ended(self) -> bool:
        """Whether nothing can be done after this turn."""
        return self.terminated or self.truncated

    @property
    def intervened(self) -> bool:
        """Whether a person acted in an agent's place, and otherwise than the agent wanted."""
        return self.chooser == "person" and bool(self.agent) and self.command != self.wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn(Node):
    """One command and what it led to."""

    decision: Decision | None = None
    """What the agent wanted. Kept where a person did something else."""
    observations: Mapping[str, Observation]
    """What every seat perceives after the step."""
    snapshot: bytes
    """`World.dump` of the state after the step."""

    def __post_init__(self) -> None:
        if self.decision is not None:
            object.__setattr__(self, "wanted", self.decision.command)
            object.__setattr__(self, "agent", self.agent or self.decision.agent)


_NODE_FIELDS = tuple(each.name for each in fields(Node))


def _light(turn: Turn) -> Node:
    """A turn without its weight."""
    return Node(**{name: getattr(turn, name) for name in _NODE_FIELDS})


class Timeline:
    """The tree of a save.

    Args:
        nodes: all nodes, parents before children.
        load: gives the full turns of some ids, in their order; asked for what is not in memory.
        redo: for nodes that were left by undo, the child that was visited last.
    """

    def __init__(
        self,
        nodes: Iterable[Node] = (),
        load: Callable[[Sequence[int]], Sequence[Turn]] = lambda ids: (),
        redo: Mapping[int, int] | None = None,
    ) -> None:
        self._nodes: dict[int, Node] = {}
        self._children: dict[int, list[int]] = {}
        self._openings: list[int] = []
        self._redo: dict[int, int] = dict(redo or {})
        self._turns: LRUCache[int, Turn] = LRUCache(_CACHED_TURNS)
        self._load = load
        self.latest_episode = 0
        """Number of the newest episode; 0 where there is none."""
        for node in nodes:
            self._insert(node)

    def _insert(self, node: Node) -> None:
        self._nodes[node.id] = node
        if node.parent is None:
            self._openings.append(node.id)
            self.latest_episode = max(self.latest_episode, node.episode)
        else:
            self._children.setdefault(node.parent, []).append(node.id)

    def add(self, turn: Turn) -> None:
        """Hang a new turn under its parent and go there."""
        self._insert(_light(turn))
        self._turns[turn.id] = turn
        self._redo.update(self.visits(turn.id))

    def forget(self, turn_id: int) -> None:
        """Take back an `add` of a leaf that could not be saved."""
        node = self._nodes.pop(turn_id)
        self._turns.pop(turn_id, None)
        if node.parent is None:
            self._openings.remove(turn_id)
            return
        self._children[node.parent].remove(turn_id)
        if self._redo.get(node.parent) == turn_id:
            del self._redo[node.parent]

    def drop_before(self, turn_id: int) -> None:
        """Forget all turns before the opening of an episode; episodes keep their numbers."""
        for old in [each for each in self._nodes if each < turn_id]:
            del self._nodes[old]
            for known in (self._children, self._redo, self._turns):
                known.pop(old, None)
        self._openings = [each for each in self._openings if each >= turn_id]

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, turn_id: object) -> bool:
        return turn_id in self._nodes

    # The light tree.

    def node(self, turn_id: int) -> Node:
        """Raises `PlayError` where the save has no such turn."""
        try:
            return self._nodes[turn_id]
        except KeyError:
            raise PlayError(f"there is no turn {turn_id} in this save") from None

    def nodes(self) -> tuple[Node, ...]:
        """All nodes in the order in which they were made."""
        return tuple(self._nodes.values())

    def opening_ids(self) -> tuple[int, ...]:
        """The openings of all episodes, oldest first."""
        return tuple(self._openings)

    def child_ids(self, turn_id: int) -> tuple[int, ...]:
        """Oldest first."""
        return tuple(self._children.get(turn_id, ()))

    def path_ids(self, turn_id: int) -> list[int]:
        """From the opening of the episode down to the turn."""
        return [node.id for node in self.ancestors(turn_id)][::-1]

    def ancestors(self, turn_id: int) -> Iterator[Node]:
        """The turn itself, its parent, and so on up to the opening."""
        node = self.node(turn_id)
        yield node
        while node.parent is not None:
            node = self._nodes[node.parent]
            yield node

    def redo_target(self, turn_id: int) -> int | None:
        """The child that was visited last; the newest where none has been; None at a leaf."""
        children = self._children.get(turn_id)
        return self._redo.get(turn_id, children[-1]) if children else None

    def visits(self, turn_id: int) -> dict[int, int]:
        """What going to a turn changes in the redo targets of its ancestors."""
        ids = [node.id for node in self.ancestors(turn_id)]
        return {parent: child for child, parent in pairwise(ids) if self._redo.get(parent) != child}

    def visit(self, turn_id: int) -> None:
        """Go to a turn: redo will lead down to it from all of its ancestors."""
        self._redo.update(self.visits(turn_id))

    # Full turns.

    def get(self, turn_id: int) -> Turn:
        """Raises `PlayError` where the save has no such turn."""
        return self.turns([turn_id])[0]

    def turns(self, turn_ids: Sequence[int]) -> tuple[Turn, ...]:
        """Several turns at once, which is quicker than one by one."""
        for turn_id in turn_ids:
            self.node(turn_id)
        found = {turn_id: turn for turn_id in turn_ids if (turn := self._turns.get(turn_id)) is not None}
        missing = [turn_id for turn_id in turn_ids if turn_id not in found]
        if missing:
            for turn in self._load(missing):
                found[turn.id] = turn
                self._turns[turn.id] = turn
        return tuple(found[turn_id] for turn_id in turn_ids)

    def children(self, turn_id: int) -> tuple[Turn, ...]:
        """Oldest first."""
        return self.turns(self.child_ids(turn_id))

    def siblings(self, turn_id: int) -> tuple[Turn, ...]:
        """The other turns tried from the same parent, and the turn itself; an opening stands alone."""
        parent = self.node(turn_id).parent
        return (self.get(turn_id),) if parent is None else self.children(parent)

    def path(self, turn_id: int) -> tuple[Turn, ...]:
        """From the opening of the episode down to the turn."""
        return self.turns(self.path_ids(turn_id))

    def episodes(self) -> tuple[Turn, ...]:
        """The openings of all episodes, oldest first."""
        return self.turns(self._openings)


def history(path: Sequence[Turn], seat: str) -> tuple[Exchange, ...]:
    """What a seat has lived through along a path: its commands, each with all it read until its next one.

    The first exchange is the opening and has no command; the last reply is the text of the current observation.
    """
    command, exchanges = "", []
    for before, turn in pairwise(path):
        if turn.seat == seat:
            exchanges.append(Exchange(command=command, reply=before.observations[seat].text))
            command = turn.command
    exchanges.append(Exchange(command=command, reply=path[-1].observations[seat].text))
    return tuple(exchanges)


def decision_seed(seed: int, state: Node, tried: int, *, ahead: int = 0) -> int:
    """The seed of a decision, 32 bits.

    Args:
        seed: of the session.
        state: the turn it is made at.
        tried: how many commands had been tried from there.
        ahead: how many turns after that turn.
    """
    numbers = (seed, state.episode, state.depth + ahead, tried)
    return int.from_bytes(hashlib.sha256(repr(numbers).encode()).digest()[:4], "big")
