"""Making a plan shorter: without its detours, in a better order, and by a search that keeps to what it uses."""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Hashable, Sequence

from sandbox.world.native import State
from sandbox.world.native.actions.moving import can_go
from sandbox.world.native.admissible import commands_of
from sandbox.world.native.compiled import Draft
from sandbox.world.native.state import RUNNING, ParsedCommand
from sandbox.world.solver.graph import PlanStep
from sandbox.world.solver.planner import Done, Planner
from sandbox.world.solver.relaxation import INFINITE

MAX_REFINED = 200
"""Moves of a plan that a whole search is tried on."""
SHORT = 60
"""Moves of a plan that a whole search is tried on first, over a few states."""
FEW_STATES = 3_000


def improve(
    planner: Planner,
    start: State,
    moves: Sequence[PlanStep],
    goal: int,
    done: Done,
    seconds: float,
    states: int = 20_000,
) -> tuple[PlanStep, ...]:
    """A plan that does the same in no more moves, as good as can be found in so many seconds.

    Only for worlds without chance on the way: the plan is played again and again.
    """
    deadline = time.monotonic() + seconds
    best = tuple(moves)
    if len(best) <= SHORT:
        best, settled = _refined(planner, start, best, goal, done, deadline, FEW_STATES)
        if settled:
            return best
    if len(planner.world.seats) == 1:
        best = _Route(planner, start, done, deadline).shortened(best)
    if len(best) <= MAX_REFINED:
        best, _ = _refined(planner, start, best, goal, done, deadline, states)
    return best


def replayed(planner: Planner, state: State, moves: Sequence[PlanStep], done: Done) -> State | None:
    """The first state on the way that is `done`; None where there is none."""
    for seat, command in moves:
        if done(state):
            return state
        if planner.world.to_move(state) != seat:
            return None
        state = planner.world.step(state, seat, command).state
    return state if done(state) else None


class _Route:
    """A plan for one seat as the things that are done, each in its room, with the ways between left open."""

    def __init__(self, planner: Planner, start: State, done: Done, deadline: float) -> None:
        self.planner = planner
        self.world = planner.world
        self.compiled = planner.world.compiled
        self.start = start
        self.done = done
        self.deadline = deadline
        self.seat = self.compiled.seats[0]

    def shortened(self, moves: tuple[PlanStep, ...]) -> tuple[PlanStep, ...]:
        """The plan without what is not needed, then with what is done moved to where it takes the fewest steps."""
        deeds = self._deeds(moves)
        best = self._walk(deeds)
        if best is None or len(best) > len(moves):
            best = moves
        changed = True
        while changed and not self._late():
            changed = False
            for at in range(len(deeds) - 1, -1, -1):
                fewer = deeds[:at] + deeds[at + 1 :]
                found = None if self._late() else self._walk(fewer)
                if found is not None and len(found) <= len(best):
                    best, deeds, changed = found, self._deeds(found), True
                    break
            else:
                for order in self._orders(deeds):
                    found = None if self._late() else self._walk(order)
                    if found is not None and len(found) < len(best):
                        best, deeds, changed = found, self._deeds(found), True
                        break
        return best

    def _late(self) -> bool:
        return time.monotonic() > self.deadline

    def _orders(self, deeds: list[tuple[int, str]]) -> list[list[tuple[int, str]]]:
        """The same deeds, a few neighbouring ones done earlier."""
        found = []
        for size in (1, 2, 3):
            for at in range(1, len(deeds) - size):
                block, rest = deeds[at : at + size], deeds[:at] + deeds[at + size :]
                found += [rest[:to] + block + rest[to:] for to in range(max(at - 12, 0), at)]
        return found

    def _deeds(self, moves: Sequence[PlanStep]) -> list[tuple[int, str]]:
        """What is done besides walking, and in which room; last the room where the plan ends."""
        state, found = self.start, []
        for seat, command in moves:
            known = self.compiled.known.get(command)
            if known is None or known.action != "go":
                found.append((self._room(state), command))
            state = self.world.step(state, seat, command).state
        return [*found, (self._room(state), "")]

    def _room(self, state: State) -> int:
        return state.core.things[self.seat >> 5][self.seat & 31].parent

    def _walk(self, deeds: Sequence[tuple[int, str]]) -> tuple[PlanStep, ...] | None:
        """The moves that do all this in this order; None where that does not lead to the goal."""
        state, name = self.start, self.world.seats[0]
        moves: list[PlanStep] = []
        for room, command in deeds:
            way = self._way(state, room)
            if way is None:
                return None
            for text in (*way, command):
                if self.done(state):
                    return tuple(moves)
                if not text or state.core.ended != RUNNING:
                    continue
                after = self.world.step(state, name, text).state
                if after.core != state.core:
                    state = after
                    moves.append(PlanStep(name, text))
        return tuple(moves) if self.done(state) else None

    def _way(self, state: State, to: int) -> list[str] | None:
        draft = Draft(self.compiled, state, self.seat)
        here = draft.here()
        came: dict[int, tuple[int, str]] = {here: (-1, "")}
        waiting = deque([here])
        while waiting and to not in came:
            room = waiting.popleft()
            for direction, way in self.compiled.entities[room].ways.items():
                if way.to not in came and can_go(draft, room, direction):
                    came[way.to] = (room, direction)
                    waiting.append(way.to)
        if to not in came:
            return None
        found = []
        while came[to][0] >= 0:
            to, direction = came[to]
            found.append(self.compiled.phrase(ParsedCommand("go", text=direction)))
        return found[::-1]


def _refined(
    planner: Planner,
    start: State,
    moves: tuple[PlanStep, ...],
    goal: int,
    done: Done,
    deadline: float,
    states: int,
) -> tuple[tuple[PlanStep, ...], bool]:
    """A* over the commands that are about nothing but what the plan uses, for fewer moves than the plan has.

    Answers also whether the search came to its end: nothing shorter is to be had in this way then.
    """
    compiled, world = planner.world.compiled, planner.world
    used = {t for _, text in moves if (c := compiled.known.get(text)) for t in (c.thing, c.other, c.extra)} | {-1}
    nodes: list[tuple[State, int, PlanStep | None, int]] = [(start, -1, None, 0)]
    best_at: dict[Hashable, int] = {planner.problem.key(start): 0}
    heap: list[tuple[int, int, int]] = [(0, 0, 0)]
    while heap and len(nodes) < states and time.monotonic() < deadline:
        _, _, index = heapq.heappop(heap)
        state, _, _, spent = nodes[index]
        if best_at[planner.problem.key(state)] < spent:
            continue
        if done(state):
            found = []
            while index > 0:
                _, parent, move, _ = nodes[index]
                assert move is not None
                found.append(move)
                index = parent
            return tuple(reversed(found)), True
        if state.core.ended != RUNNING:
            continue
        number = compiled.seats[state.core.mover]
        for command in commands_of(Draft(compiled, state, number), number):
            if not {command.thing, command.other, command.extra} <= used:
                continue
            seat, text = world.seats[state.core.mover], compiled.phrase(command)
            after = world.step(state, seat, text).state
            key = planner.problem.key(after)
            if best_at.get(key, len(moves)) <= spent + 1:
                continue
            left = planner.spread(after, goal).costs[goal] if not done(after) else 0
            if left == INFINITE or spent + 1 + left > len(moves):
                continue
            best_at[key] = spent + 1
            nodes.append((after, index, PlanStep(seat, text), spent + 1))
            heapq.heappush(heap, (spent + 1 + left, -spent, len(nodes) - 1))
    return moves, not heap
