"""What is to be done next: a relaxed plan, carried out in the world as far as it goes.

A lookahead in the sense of Vidal (*A Lookahead Strategy for Heuristic Search Planning*, ICAPS 2004): the steps
of a plan that forgets losses are tried in the world, nearest first and each after those that it depends on. Ways
between rooms are found in the world as it is, so that a plan needs to say only what is done where.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from sandbox.world.native import NativeWorld, State
from sandbox.world.native.actions.handling import held
from sandbox.world.native.actions.moving import can_go
from sandbox.world.native.admissible import commands_of
from sandbox.world.native.compiled import Draft
from sandbox.world.native.seating import aboard
from sandbox.world.native.state import RUNNING, ParsedCommand
from sandbox.world.solver.graph import PlanStep
from sandbox.world.solver.grounding import Grounding
from sandbox.world.solver.literals import Act
from sandbox.world.solver.relaxation import Spread

MAX_MOVES = 20_000
"""Moves of one lookahead."""
MAX_WAITS = 60
"""Turns that a lookahead waits for something to happen."""

Follow = Callable[[State, str, str], State]
"""The state that a seat's command leads to: where chance has a say, the one that suits the search."""


@dataclass(slots=True)
class Job:
    """Something that is to be done in one of some rooms, once others are done."""

    act: Act
    rooms: set[int] = field(default_factory=set)
    """Empty where it can be done anywhere."""
    after: set[Act] = field(default_factory=set)
    times: int = 1
    uses: set[int] = field(default_factory=set)
    """Things that it needs somebody to carry."""


def agenda(grounding: Grounding, spread: Spread, goals: Sequence[int]) -> dict[Act, Job]:
    """The jobs of a relaxed plan for some goals, in an order in which they could be done."""
    jobs: dict[Act, Job] = {}
    plan = spread.plan(goals)
    needed = {need for index in plan for need in grounding.operators[index].needs} | set(goals)
    for index in plan:
        operator = grounding.operators[index]
        if not isinstance(operator.label, Act):
            continue
        job = jobs.setdefault(operator.label, Job(operator.label))
        job.after.update(
            label
            for each in spread.before(index)
            if isinstance(label := grounding.operators[each].label, Act) and label != operator.label
        )
        for fact in _directly(grounding, spread, index):
            name = grounding.facts[fact]
            if isinstance(name, tuple) and name[0] == "in" and name[1] == operator.label.seat:
                job.rooms.add(name[2])
            elif isinstance(name, tuple) and name[0] in ("has", "stock"):
                job.uses.add(name[1])
        for variable, _ in operator.raises:
            for _, fact in grounding.thresholds.get(variable, ()):
                if fact in needed and spread.by[fact] == index:
                    job.times = max(job.times, spread.costs[fact] - spread.cost_of(index) + 1)
    return jobs


def _directly(grounding: Grounding, spread: Spread, index: int) -> set[int]:
    """The facts that an operator needs, and those that these follow from."""
    found: set[int] = set()
    stack = [index]
    while stack:
        for need in grounding.operators[stack.pop()].needs:
            if need not in found:
                found.add(need)
                by = spread.by[need]
                if by >= 0 and grounding.operators[by].label is None:
                    stack.append(by)
    return found


class Lookahead:
    """Carries out an agenda from a state."""

    def __init__(self, world: NativeWorld, state: State, jobs: dict[Act, Job], follow: Follow) -> None:
        self.world = world
        self.compiled = world.compiled
        self.state = state
        self.jobs = dict(jobs)
        self.follow = follow
        self.moves: list[PlanStep] = []
        self.done: set[Act] = set()
        self.barred: set[tuple[int, str]] = set()
        """Ways that turned out not to lead where they should."""
        self.waited = 0

    def run(self, over: Callable[[State], bool]) -> State:
        """The farthest state that the agenda leads to; stops where `over` says so."""
        while len(self.moves) < MAX_MOVES and not over(self.state):
            if self.state.core.ended != RUNNING or not self._turn(over):
                break
        return self.state

    def _turn(self, over: Callable[[State], bool]) -> bool:
        """One job of the seat to move, with the way there; with several seats one command of it."""
        seat = self.compiled.seats[self.state.core.mover]
        ready = [
            job
            for act, job in self.jobs.items()
            if act.seat == seat and not any(other in self.jobs for other in job.after)
        ]
        draft = Draft(self.compiled, self.state, seat)
        found = self._nearest(draft, ready)
        if found is None:
            on = aboard(draft, seat)
            return (on >= 0 and self._do(seat, ParsedCommand("get_off", on))) or self._wait(draft, seat)
        job, way = found
        several = len(self.compiled.seats) > 1
        for direction in way[:1] if several else way:
            room = self.state.core.things[seat >> 5][seat & 31].parent
            if not self._do(seat, ParsedCommand("go", text=direction)):
                self.barred.add((room, direction))
                return True
            if over(self.state) or self.state.core.ended != RUNNING:
                return True
        if not (several and way):
            self._work(seat, job)
        return True

    def _nearest(self, draft: Draft, ready: list[Job]) -> tuple[Job, list[str]] | None:
        """The job that is nearest, and the directions to it."""
        here = draft.here()
        places: dict[int, Job] = {}
        for job in ready:
            for room in job.rooms or {here}:
                places.setdefault(room, job)
        if not places:
            return None
        came: dict[int, tuple[int, str]] = {here: (-1, "")}
        waiting = deque([here])
        while waiting:
            room = waiting.popleft()
            if room in places:
                steps: list[str] = []
                job = places[room]
                while came[room][0] >= 0:
                    room, direction = came[room]
                    steps.append(direction)
                return job, steps[::-1]
            for direction, way in self.compiled.entities[room].ways.items():
                barred = way.to in came or (room, direction) in self.barred
                if not barred and can_go(draft, room, direction):
                    came[way.to] = (room, direction)
                    waiting.append(way.to)
        return None

    def _work(self, seat: int, job: Job) -> None:
        """Do a job where one stands; whatever comes of it, it is not tried again."""
        template = job.act.command
        done = template is None
        if template is not None:
            for _ in range(job.times):
                command = self._fitting(seat, template, job)
                if command is None or not self._do(seat, command):
                    break
                done = True
                if self.state.core.mover != seat - self.compiled.seats[0] or self.state.core.ended != RUNNING:
                    job.times -= 1
                    if job.times > 0:
                        return
                    break
        if done:
            del self.jobs[job.act]
        else:
            self._drop_job(job.act)

    def _drop_job(self, act: Act) -> None:
        """Give up a job, and with it all that depends on it."""
        del self.jobs[act]
        for other in [a for a, job in self.jobs.items() if act in job.after]:
            if other in self.jobs:
                self._drop_job(other)

    def _fitting(self, seat: int, template: ParsedCommand, job: Job) -> ParsedCommand | None:
        """The listed command that a job stands for, or the command itself where it is kept secret."""
        draft = Draft(self.compiled, self.state, seat)
        listed = [command for command in commands_of(draft, seat) if _fits(command, template)]
        if template.action in self.compiled.rules.fillings:
            listed = [command for command in listed if self._rule(draft, command) == job.act.key] or listed
        if listed:
            return min(listed, key=lambda command: (command.amount == 1, command.number))
        if template.action == "take" and held(draft, seat) >= self.compiled.entities[seat].capacity:
            needed = {thing for other in self.jobs.values() for thing in other.uses}
            needed |= {t for other in self.jobs for t in _named(other.command)}
            spare = [t for t in draft.record(seat).contents if t not in needed]
            if spare and self._do(seat, ParsedCommand("drop", spare[0])):
                return template
        return template

    def _rule(self, draft: Draft, command: ParsedCommand) -> str:
        """The rule that a command leads to."""
        rules = self.compiled.rules_instead(command.action, command.thing)
        return next((rule.key for rule in rules if rule.fits(draft, command)), "")

    def _do(self, seat: int, command: ParsedCommand) -> bool:
        """Give a command; whether anything came of it."""
        try:
            text = self.compiled.phrase(command)
        except (ValueError, KeyError):
            return False
        before = self.state.core
        name = self.world.seats[seat - self.compiled.seats[0]]
        after = self.follow(self.state, name, text)
        if after.core == before:
            return False
        self.state = after
        self.moves.append(PlanStep(name, text))
        self.waited = 0
        return command.action != "go" or after.core.things != before.things

    def _wait(self, draft: Draft, seat: int) -> bool:
        """Let time pass where something may happen by itself, or another seat has something to do."""
        if not self.jobs or self.waited >= MAX_WAITS:
            return False
        commands = [c for c in commands_of(draft, seat) if c.action == "wait"]
        if not commands:
            return False
        waited = self.waited + 1
        name, text = self.world.seats[seat - self.compiled.seats[0]], self.compiled.phrase(commands[0])
        self.state = self.follow(self.state, name, text)
        self.moves.append(PlanStep(name, text))
        self.waited = waited
        return True


def _named(command: ParsedCommand | None) -> Collection[int]:
    return () if command is None else (command.thing, command.other)


def _fits(command: ParsedCommand, template: ParsedCommand) -> bool:
    """Whether a listed command is what a template asks for."""
    return (
        command.action == template.action
        and template.thing in (-1, command.thing)
        and template.other in (-1, command.other)
        and template.text in ("", command.text)
        and template.extra in (-1, command.extra)
    )
