"""Exploring a world by going back to where it is promising: Go-Explore (Ecoffet et al. 2021).

States are values here, so that going back is taking a snapshot out of an archive. For text games see Madotto et
al. 2020 and XTX (Tuyls et al. 2022). The list of commands is known, but dear, and a step is cheap: so a state is
gone on from once, with all of its commands. Which state is next, novelty tells (`sandbox.tune.novelty`). What is
found is a learner's data: the best way, shortened, needs no going back.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Literal, Self

from cachetools import LRUCache
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from sandbox.abilities import Glimpsed
from sandbox.errors import SaveError
from sandbox.tune.expansion import Found, Tried, digest, expand, glimpse, identity, try_all
from sandbox.tune.novelty import Familiarity, done, place_of, read, standing, things, weight
from sandbox.tune.repertoire import Repertoire
from sandbox.tune.shorten import Remembered, shorten
from sandbox.types import Observation, World

AT_ONCE = 2
"""States gone on from together: one for its score, one for its novelty."""
_NEXT_SCORE = 0.5
"""How often a score is passed over for the next lower one."""
_FRONTIER = 4000
"""States of one score that may wait to be gone on from; of more, the half with less novelty is forgotten."""
_STATES = 4096
"""States kept in memory; others are got back by playing on from one that is."""
_EVENT = 60
"""Characters of an answer that tell from others what points were got for."""
_SHORTEN_UP_TO = 150
"""Commands of a way that is shortened; longer ones would take too long."""


@dataclass(frozen=True, slots=True)
class ArchivedState:
    """A state of the archive: how it was come to, and what there is to see."""

    parent: int
    """Number of the node that the command was said at, -1 for the opening."""
    command: str
    depth: int
    """Commands from the opening on."""
    score: float
    stands: tuple[int, ...]
    reads: tuple[int, ...]
    did: tuple[int, ...]
    """The marks, by their numbers: of standing here, of what is read, of the command."""
    times: int = 1
    """How often the command was said."""
    points: tuple[int, ...] = ()
    """For what points were got on the way here, by the numbers of these marks."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """How far the exploration was after some steps."""

    steps: int
    cells: int
    """Different views of the world: place, inventory and score."""
    places: int
    best: float


class _StoredArchive(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: Literal[4] = 4
    fingerprint: str
    seed: int
    steps: int
    random: tuple[int, tuple[int, ...], float | None]
    best: tuple[str, ...]
    best_score: float
    won: bool
    curve: list[tuple[int, int, int, float]]
    nodes: dict[int, ArchivedState]
    waiting: list[int]
    known: dict[str, int]
    best_at: int
    best_points: list[int]
    worth: dict[int, float]
    followed: list[tuple[list[int], int]]
    cells: list[str]
    ways: list[tuple[str, str, str]]
    places: list[str]
    portable: list[str]
    listed: list[int]
    tried: list[int]
    repertoire: tuple[dict[str, list[str]], dict[str, list[str]]]
    marks: list[str]
    weights: list[float]

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        for number, node in self.nodes.items():
            if node.parent >= 0 and (node.parent >= number or node.parent not in self.nodes):
                raise ValueError("a node without its parent")
            if any(not 0 <= mark < len(self.marks) for mark in (*node.stands, *node.reads, *node.did)):
                raise ValueError("a mark that is none")
        points = {*self.best_points, *(each for node in self.nodes.values() for each in node.points)}
        if not points <= self.worth.keys() or (self.best_at >= 0 and self.best_at not in self.nodes):
            raise ValueError("points for nothing")
        if len(self.weights) != len(self.marks):
            raise ValueError("marks without weight")
        if 0 not in self.nodes or not self.nodes.keys() >= set(self.waiting):
            raise ValueError("a node is missing")
        return self


class Explorer:
    """Explores a world for one seat that lists its commands. The same seed explores the same way.

    Args:
        world: with one seat.
        seed: of the world and of the exploration.
        copies: more of the same world, to go on from two states at the same time. What is found is the same.
    """

    def __init__(self, world: World[Any], seed: int = 0, copies: Sequence[World[Any]] = ()) -> None:
        self.worlds = (world, *copies)[:AT_ONCE]
        self.seed = seed
        self.steps = 0
        self.best: tuple[str, ...] = ()
        """The shortest commands known to the best end: most points where the world says how many there are, else a
        win."""
        self.best_score = float("-inf")
        self.won = False
        self.curve: list[Milestone] = []
        self.places: dict[str, None] = {}
        """All that have been seen, the opening's first."""
        self.ways: dict[tuple[str, str], str] = {}
        """Where a command led to from a place, if that is another place."""
        self._cells: dict[str, None] = {}
        self._known: dict[str, int] = {}
        self._best_at = -1
        """The node at which the last command of the best way was said."""
        self._best_points: tuple[int, ...] = ()
        self._worth: dict[int, float] = {}
        """Points by what they were got for."""
        self._followed: dict[tuple[frozenset[int], int], None] = {}
        self._portable: set[str] = set()
        self._mark_numbers: dict[str, int] = {}
        self._nodes: dict[int, ArchivedState] = {}
        self._next = 0
        self._frontiers: dict[float, list[tuple[float, int, int]]] = {}
        """For each score a heap of (-novelty when it was last looked at, depth, node)."""
        self._familiar = Familiarity()
        self._dear = isinstance(world, Glimpsed)
        self._repertoire = Repertoire()
        self._listed: set[int] = set()
        """Marks of states whose list was found."""
        self._tried: set[int] = set()
        """Nodes that were gone on from with what was known."""
        self._states: LRUCache[int, Any] = LRUCache(_STATES)
        self._random = random.Random(seed)
        start = world.initial(seed)
        seen = glimpse(world, start)
        self._most = seen.max_score
        self._meet(-1, seen, Found("", start, seen, ended=False))

    @property
    def world(self) -> World[Any]:
        return self.worlds[0]

    @property
    def finished(self) -> bool:
        """Whether nothing better can be found, or nothing is left to be tried."""
        whole = self._most is None or self.best_score >= self._most
        return (self.won and whole) or not any(self._frontiers.values())

    @property
    def cells(self) -> int:
        """How many views of the world have been seen: place, inventory and score."""
        return len(self._cells)

    def run(
        self,
        steps: int,
        *,
        stop: Callable[[], bool] = lambda: False,
        told: Callable[[Milestone], None] = lambda milestone: None,
    ) -> None:
        """Explore for so many steps more, or until told to stop; `told` hears of each state that was gone on from.

        Ends where nothing better can be found, and where nothing is left to be tried.
        """
        until = self.steps + steps
        with ThreadPoolExecutor(len(self.worlds)) as threads:
            while self.steps < until and not self.finished and not stop():
                left = self._choose()
                try:
                    states = [self._state(number) for number in left]
                    known = [self._suggested(number) for number in left]
                    for tried in threads.map(expand, cycle(self.worlds), states, known):
                        self._enter(left[0], tried, until)
                        del left[0]
                finally:
                    self._put_back(left)
                milestone = Milestone(self.steps, self.cells, len(self.places), self.best_score)
                last = self.curve[-1:]
                if not last or (milestone.cells, milestone.best) != (last[0].cells, last[0].best):
                    self.curve.append(milestone)
                told(milestone)

    def shortened(self) -> tuple[str, ...]:
        """The best way without what it did not need."""
        if not self.best or len(self.best) > _SHORTEN_UP_TO:
            return self.best
        return shorten(Remembered(self.world), self.seed, self.best, self.best_score, ends=self.won)

    def way(self, number: int) -> tuple[str, ...]:
        """The commands from the opening to a node."""
        commands: list[str] = []
        while (node := self._nodes[number]).parent >= 0:
            commands += [node.command] * node.times
            number = node.parent
        return tuple(reversed(commands))

    def _choose(self) -> list[int]:
        """The nodes to go on from next: one of a high score, then the one that is newest for its score."""
        chosen: list[int] = []
        for by_score in (True, False):
            tops = {score: top for score in sorted(self._frontiers, reverse=True) if (top := self._top(score))}
            if not tops:
                break
            if by_score:
                score = next((each for each in tops if self._random.random() >= _NEXT_SCORE), next(iter(tops)))
            else:
                score = min(tops, key=lambda each: tops[each])
            _, _, number = heapq.heappop(self._frontiers[score])
            self._gone_on(number)
            chosen.append(number)
        return chosen

    def _top(self, score: float) -> tuple[float, int, int] | None:
        """The newest waiting node of a score. Novelty only falls, so only what comes up is looked at again."""
        frontier = self._frontiers[score]
        while frontier:
            novelty, depth, number = frontier[0]
            now = -self._novelty(number)
            if now == novelty:
                return frontier[0]
            heapq.heapreplace(frontier, (now, depth, number))
        return None

    def _state(self, number: int) -> Any:
        """The state of a node; where it is no longer kept, played on from the last one on its way that is."""
        ahead: list[int] = []
        while number not in self._states and self._nodes[number].parent >= 0:
            ahead.append(number)
            number = self._nodes[number].parent
        state = self._states[number] if number in self._states else self.world.initial(self.seed)
        for each in reversed(ahead):
            node = self._nodes[each]
            for _ in range(node.times):
                state = self.world.step(state, self.world.seats[0], node.command).state
            self._states[each] = state
        return state

    def _suggested(self, number: int) -> tuple[str, ...] | None:
        """What to try at a node in place of its list; None where the list is to be found.

        It is where there is something to be seen that was at no state whose list was found, and the second time.
        """
        node = self._nodes[number]
        if not self._dear or number in self._tried or not self._listed.issuperset((*node.stands, *node.reads)):
            return None
        return self._repertoire.suggest(glimpse(self.world, self._state(number)))

    def _enter(self, number: int, tried: Tried, until: int) -> None:
        """Enter what the commands of a node led to; where these are too many, it has to be gone on from again."""
        before, node = glimpse(self.world, self._state(number)), self._nodes[number]
        if self.steps + sum(each.times for each in tried.found) > until:
            self._put_back([number])
        elif tried.listed:
            self._listed.update(node.stands, node.reads)
            self._repertoire.add(before, [each.command for each in tried.found])
        else:
            self._tried.add(number)
            self._wait(number)
        for each in tried.found:
            self.steps += each.times
            if self.steps > until:
                self.steps = until
                return
            met = self._meet(number, before, each)
            if met in self._nodes and self.steps < until:
                self._follow(met)

    def _follow(self, number: int) -> None:
        """From a state that has points which the best way has not, go on as the best way does from that place."""
        node, trail, at = self._nodes[number], [], self._best_at
        while at >= 0:
            trail.append(at)
            at = self._nodes[at].parent
        here = next((each for each in trail if self._nodes[each].stands[0] == node.stands[0]), None)
        own = frozenset(node.points).difference(self._best_points)
        if here is None or not own or (own, here) in self._followed:
            return
        ahead = set(node.points) | set(self._best_points).difference(self._nodes[here].points)
        if sum(self._worth[each] for each in ahead) <= sum(self._worth[each] for each in self._best_points):
            return
        self._followed[own, here] = None
        met: int | None = number
        for command in self.best[self._nodes[here].depth :]:
            if met is None or met not in self._nodes:
                return
            self.steps += 1
            before, (found,) = (
                glimpse(self.world, self._state(met)),
                try_all(self.world, self._state(met), [command]),
            )
            met = self._meet(met, before, found)

    def _meet(self, parent: int, before: Observation, found: Found) -> int | None:
        """Enter a state into the archive, unless there is one like it; its number, None where the world ended."""
        points = self._points(parent, before, found)
        self._judge(found, parent, points)
        if found.ended:
            return None
        command, state, seen = found.command, found.state, found.seen
        place = place_of(seen)
        self.places[place] = None
        if command and place != place_of(before):
            self.ways.setdefault((place_of(before), command), place)
        self._cells[digest(place, seen.inventory, f"{seen.score:g}")] = None
        looks = identity(self.world, state, seen)
        if looks in self._known:
            return self._known[looks]
        self._portable |= things(seen)
        number, self._next = self._next, self._next + 1
        self._known[looks] = number
        depth = self._nodes[parent].depth + found.times if parent >= 0 else 0
        stands = self._numbered(standing(seen))
        reads = self._numbered(read(command, seen, self._portable))
        did = self._numbered((*done(command, before, seen), *(f"has {each} at {place}" for each in points)))
        self._nodes[number] = ArchivedState(
            parent, command, depth, seen.score, stands, reads, did, found.times, points
        )
        if seen.score > self._familiar.best:
            self._familiar.rise(seen.score)
        self._states[number] = state
        self._wait(number)
        return number

    def _points(self, parent: int, before: Observation, found: Found) -> tuple[int, ...]:
        """What points were got for on the way to what was found."""
        if parent < 0:
            return ()
        had, gain = self._nodes[parent].points, found.seen.score - before.score
        if gain <= 0:
            return had
        (event,) = self._numbered([f"read {gain:g} at {place_of(found.seen)}, {found.seen.text[:_EVENT]}"])
        self._worth[event] = gain
        return tuple(sorted({*had, event}))

    def _numbered(self, marks: Iterable[str]) -> tuple[int, ...]:
        known, numbers = self._mark_numbers, []
        for mark in marks:
            numbers.append(known.setdefault(digest(mark), len(known)))
            if len(known) > len(self._familiar.weights):
                self._familiar.weights.append(weight(mark))
        return tuple(numbers)

    def _novelty(self, number: int) -> float:
        node = self._nodes[number]
        return self._familiar.novelty(node.score, node.stands, (*node.reads, *node.did))

    def _wait(self, number: int) -> None:
        node = self._nodes[number]
        frontier = self._frontiers.setdefault(node.score, [])
        heapq.heappush(frontier, (-self._novelty(number), node.depth, number))
        if len(frontier) > _FRONTIER:
            ranked = sorted((-self._novelty(each), depth, each) for _, depth, each in frontier)
            self._frontiers[node.score], forgotten = ranked[: _FRONTIER // 2], ranked[_FRONTIER // 2 :]
            parents = {each.parent for each in self._nodes.values()} | {self._best_at}
            for each in {each for _, _, each in forgotten} - parents - {number}:  # that one is being gone on from
                del self._nodes[each]
                self._states.pop(each, None)

    def _put_back(self, numbers: Sequence[int]) -> None:
        """Have nodes that were chosen wait again."""
        for number in numbers:
            self._gone_on(number, -1)
            self._wait(number)
        if numbers:  # this alone makes others newer than they were when they were last looked at
            for score, frontier in self._frontiers.items():
                self._frontiers[score] = [(-self._novelty(each), depth, each) for _, depth, each in frontier]
                heapq.heapify(self._frontiers[score])

    def _gone_on(self, number: int, times: int = 1) -> None:
        node = self._nodes[number]
        self._familiar.add(node.score, node.stands, (*node.reads, *node.did), times)

    def _judge(self, found: Found, parent: int, points: tuple[int, ...]) -> None:
        seen, depth = found.seen, self._nodes[parent].depth + found.times if parent >= 0 else 0
        now: tuple[float, ...] = (seen.won, seen.score, -depth)
        best: tuple[float, ...] = (self.won, self.best_score, -len(self.best))
        if self._most:
            now, best = (seen.score, *now), (self.best_score, *best)
        if now > best:
            self.won, self.best_score = seen.won, seen.score
            self.best = (*self.way(parent), *[found.command] * found.times) if parent >= 0 else ()
            self._best_at, self._best_points = parent, points

    def dump(self) -> bytes:
        """The whole exploration as JSON, to go on from. States are not in it: they are played again."""
        version, numbers, gauss = self._random.getstate()
        return (
            _StoredArchive(
                fingerprint=self.world.fingerprint,
                seed=self.seed,
                steps=self.steps,
                random=(version, numbers, gauss),
                best=self.best,
                best_score=self.best_score,
                won=self.won,
                curve=[(each.steps, each.cells, each.places, each.best) for each in self.curve],
                nodes=self._nodes,
                waiting=sorted(number for heap in self._frontiers.values() for _, _, number in heap),
                known=self._known,
                best_at=self._best_at,
                best_points=list(self._best_points),
                worth=self._worth,
                followed=[(sorted(own), here) for own, here in self._followed],
                cells=list(self._cells),
                ways=[(*way, there) for way, there in self.ways.items()],
                places=list(self.places),
                portable=sorted(self._portable),
                listed=sorted(self._listed),
                tried=sorted(self._tried),
                repertoire=self._repertoire.dump(),
                marks=list(self._mark_numbers),
                weights=self._familiar.weights,
            )
            .model_dump_json()
            .encode()
        )

    @classmethod
    def load(cls, world: World[Any], data: bytes, copies: Sequence[World[Any]] = ()) -> Explorer:
        """The exploration in these bytes. Raises `SaveError` where they are damaged or of another world."""
        try:
            stored = _StoredArchive.model_validate_json(data)
        except ValidationError as error:
            raise SaveError("this is no exploration", hint="--fresh begins anew") from error
        if stored.fingerprint != world.fingerprint:
            raise SaveError("this exploration is of another version of the world", hint="--fresh begins anew")
        explorer = cls(world, stored.seed, copies)
        explorer._random.setstate(stored.random)
        explorer.steps, explorer.best, explorer.won = stored.steps, stored.best, stored.won
        explorer.best_score = stored.best_score
        explorer.curve = [Milestone(*each) for each in stored.curve]
        explorer._known, explorer._worth = stored.known, stored.worth
        explorer._best_at, explorer._best_points = stored.best_at, tuple(stored.best_points)
        explorer._followed = {(frozenset(own), here): None for own, here in stored.followed}
        explorer._cells = dict.fromkeys(stored.cells)
        explorer.places = dict.fromkeys(stored.places)
        explorer.ways = {(here, command): there for here, command, there in stored.ways}
        explorer._portable = set(stored.portable)
        explorer._listed, explorer._tried = set(stored.listed), set(stored.tried)
        explorer._repertoire = Repertoire(*stored.repertoire)
        explorer._mark_numbers = {mark: number for number, mark in enumerate(stored.marks)}
        explorer._nodes = stored.nodes
        explorer._next = max(stored.nodes) + 1
        waiting = set(stored.waiting)
        explorer._familiar.weights = stored.weights
        explorer._frontiers = {}
        explorer._familiar.rise(max(node.score for node in stored.nodes.values()))
        for number in explorer._nodes:
            explorer._gone_on(number, (number not in waiting) + (number in explorer._tried))
        for number in stored.waiting:
            explorer._wait(number)
        return explorer
