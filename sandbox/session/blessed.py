"""Blessed branches, played again: where the world now says, or the agent now chooses, something else.

The commands are given as they were, whatever the agent wants now: one other choice does not hide what follows.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from sandbox.timeline import Timeline, Turn, decision_seed, history
from sandbox.types import Decision, Exchange, Observation, World

if TYPE_CHECKING:
    from sandbox.session.players import Seats
    from sandbox.session.session import Session

_LONGEST = 200
"""Turns of a branch that agents are asked about again, from the latest on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayChange:
    """One thing that differs."""

    turn: int
    """The turn of the save that was played again."""
    kind: Literal["choice", "text", "order"]
    """Order: it is no longer that seat's move, or the episode ends earlier; nothing after it can be played."""
    seat: str
    before: str
    after: str
    known: bool = False
    """Of choices: the agent held this best then, too, but was overruled or explored. That is no change."""

    def diff(self) -> list[str]:
        """Lines, each with `-`, `+` or a space before it."""
        lines = difflib.ndiff(self.before.splitlines(), self.after.splitlines())
        return [line for line in lines if not line.startswith("?")]


def replay(
    world: World[Any], timeline: Timeline, leaf: int, agents: Seats, *, seed: int
) -> Iterator[ReplayChange]:
    """Play the branch that ends in a turn again, from its opening.

    Args:
        world: as it is now.
        timeline: of the save.
        leaf: where the branch ends.
        agents: who is asked what it would do; a seat that is left out is not asked.
        seed: of the session, so that what an agent draws by lot is drawn as it was.
    """
    path = timeline.path(leaf)
    state = world.initial(path[0].seed or 0)
    lived: dict[str, list[Exchange]] = {seat: [] for seat in world.seats}
    said = dict.fromkeys(world.seats, "")
    yield from _texts(world, state, path[0])
    for before, turn in pairwise(path):
        seat = turn.seat
        to_move = world.to_move(state)
        if seat not in world.seats or to_move != seat:
            now = "the episode is over" if to_move is None else f"{to_move} is to move"
            yield ReplayChange(turn=turn.id, kind="order", seat=seat, before=f"{seat} is to move", after=now)
            return
        observation = world.observe(state, seat)
        lived[seat].append(Exchange(command=said[seat], reply=observation.text))
        agent = agents.get(seat)
        if agent is not None:
            tried = timeline.child_ids(before.id).index(turn.id)
            chosen = agent.decide(
                observation, tuple(lived[seat]), seed=decision_seed(seed, before, tried), explore=False
            ).command
            if chosen != turn.command:
                yield ReplayChange(
                    turn=turn.id,
                    kind="choice",
                    seat=seat,
                    before=turn.command,
                    after=chosen,
                    known=chosen == _held_best(turn),
                )
        said[seat] = turn.command
        state = world.step(state, seat, turn.command).state
        yield from _texts(world, state, turn)


def _held_best(turn: Turn) -> str | None:
    """What the agent held best then: what it wanted, or its highest score where it explored."""
    decision = turn.decision
    if decision is None or decision.chooser != "exploration":
        return turn.wanted
    best = max(range(len(decision.proposals)), key=decision.scores.__getitem__)
    return decision.proposals[best].command


def _texts(world: World[Any], state: Any, turn: Turn) -> Iterator[ReplayChange]:
    stored: Mapping[str, Observation] = turn.observations
    for seat in world.seats:
        if seat in stored:
            before, after = _read(stored[seat]), _read(world.observe(state, seat))
            if before != after:
                yield ReplayChange(turn=turn.id, kind="text", seat=seat, before=before, after=after)


def _read(observation: Observation) -> str:
    """What a change of which would be noticed: the text, the score, and how it ends."""
    end = "\n(won)" if observation.won else "\n(the end)" if observation.done else ""
    return f"{observation.text}\n(score {observation.score:g}){end}"


@dataclass(frozen=True, slots=True)
class ReplayDifference:
    """The turns that would not go as they went: since the agents changed, or since the world did."""

    turns: Mapping[int, str]
    """What the agent would do now, by turn; empty where the world says something else."""
    complete: bool = True
    """Whether all was looked at."""


def of_world(session: Session) -> ReplayDifference:
    """The blessed branches and the episode before this one, played again in the world as it is now.

    For the session's thread, and for worlds that are quick.
    """
    openings = session.timeline.opening_ids()
    leaves = [*_blessed(session), *(_end(session, opening) for opening in openings[-2:-1])]
    found: dict[int, str] = {}
    for leaf in dict.fromkeys(leaves):
        for change in replay(session.world, session.timeline, leaf, {}, seed=session.seed):
            found[change.turn] = ""
    return ReplayDifference(found)


def of_agents(session: Session, unwanted: Callable[[], bool]) -> Callable[[], ReplayDifference]:
    """What asks the agents again about the turns of the blessed branches and on the way here.

    To be prepared on the session's thread and called on the agents'. It stops when nobody waits any more.
    """
    timeline, seats, seed = session.timeline, session.seats, session.seed
    paths = [timeline.path(leaf) for leaf in dict.fromkeys([*_blessed(session), session.current.id])]
    tried = {
        turn.id: timeline.child_ids(turn.parent) for path in paths for turn in path if turn.parent is not None
    }

    def ask() -> ReplayDifference:
        found: dict[int, str] = {}
        asked: set[int] = set()
        for path in paths:
            for at in range(max(1, len(path) - _LONGEST), len(path)):
                before, turn = path[at - 1], path[at]
                agent = seats.get(turn.seat)
                if turn.decision is None or agent is None or turn.id in asked:
                    continue
                if unwanted():
                    return ReplayDifference(found, complete=False)
                asked.add(turn.id)
                now = agent.decide(
                    before.observations[turn.seat],
                    history(path[:at], turn.seat),
                    seed=decision_seed(seed, before, tried[turn.id].index(turn.id)),
                    explore=False,
                ).command
                if now not in (turn.command, _preferred(turn.decision)):
                    found[turn.id] = now
        return ReplayDifference(found)

    return ask


def _preferred(decision: Decision) -> str:
    """What the agent would have done then, had it not explored."""
    best = max(range(len(decision.scores)), key=lambda index: decision.scores[index])
    return decision.proposals[best].command


def _blessed(session: Session) -> list[int]:
    return [mark.turn for mark in session.marks() if mark.kind == "blessed"]


def _end(session: Session, opening: int) -> int:
    """Where the branch of an episode ends that was visited last."""
    timeline, end = session.timeline, opening
    while (following := timeline.redo_target(end)) is not None:
        end = following
    return end
