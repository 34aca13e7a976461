"""What the solver proves, how long it takes over it, and how long its plans are, on worlds that are made up."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from sandbox.bench.report import Figure, Report, machine
from sandbox.directions import OPPOSITE
from sandbox.paths import Home
from sandbox.world.check import CHECK_LIMITS, Checked, check
from sandbox.world.native import Adventure, NativeWorld, parse_source, read_source
from sandbox.world.solver import Limits, explore, replay, solution_in, solve
from sandbox.world.solver.improve import improve
from sandbox.world.solver.planner import Planner
from sandbox.world.solver.problem import Budget
from sandbox.world.solver.solution import winners

SIZES = (20, 100, 500, 2_000)
SECONDS = {500: 2.0, 2_000: 15.0}
"""CPU seconds that a plan may take, where there is a target."""
PROVED = 5
"""Of the worlds that come with the program, those of which every state is visited."""


@dataclass(frozen=True, slots=True)
class House:
    """A world that was made up, and what is known about it."""

    world: NativeWorld
    key: str = ""
    """The key that cannot be had, where the world cannot be won."""
    fatal: str = ""
    """The command that is a mistake for good."""


def run(home: Home, *, quick: bool = False, progress: Callable[[str], None] = lambda message: None) -> Report:
    """Measure, in CPU time."""
    started = time.perf_counter()
    seeds = range(1 if quick else 4)
    figures: list[Figure] = []
    for size in SIZES:
        progress(f"planning in worlds of {size:,} rooms")
        figures += _plans([house(size, seed) for seed in seeds])
    for size in SIZES:
        progress(f"proving that worlds of {size:,} rooms cannot be won")
        figures += _proofs([house(size, seed, "locked in") for seed in seeds])
    figures += _dead_ends(seeds, progress)
    figures += _lengths(home, range(2 if quick else 12), progress)
    figures += _bundled(home, progress)
    return Report(machine=machine(), seconds=time.perf_counter() - started, figures=tuple(figures))


def _plans(houses: list[House]) -> Iterator[Figure]:
    size, spent, won = len(houses[0].world.definition.rooms), [], 0
    for each in houses:
        before = time.process_time()
        solution = solve(each.world)
        spent.append(time.process_time() - before)
        if solution is not None:
            end = replay(each.world, solution.moves)
            won += end is not None and bool(winners(each.world, end))
    yield Figure.at_least(f"winnable_solved_{size}_rooms", won / len(houses), 1)
    name, worst = f"seconds_to_solve_{size}_rooms", max(spent)
    yield Figure.at_most(name, worst, SECONDS[size], "s") if size in SECONDS else Figure(name, worst, "s")


def _proofs(houses: list[House]) -> Iterator[Figure]:
    size, spent, proved, named = len(houses[0].world.definition.rooms), [], 0, 0
    for each in houses:
        before = time.process_time()
        planner = Planner(each.world)
        goal = planner.grounding.won(frozenset())
        hopeless = planner.hopeless(each.world.initial(0), goal)
        spent.append(time.process_time() - before)
        proved += hopeless and solve(each.world) is None
        checked = check(each.world, limits=replace(CHECK_LIMITS, seconds=20.0))
        reasons = [f.message for f in checked.findings if f.message.startswith("nobody can win:")]
        named += len(reasons) == 1 and f"the {each.key} " in reasons[0]
    yield Figure.at_least(f"unwinnable_proved_{size}_rooms", proved / len(houses), 1)
    yield Figure.at_least(f"key_named_{size}_rooms", named / len(houses), 1)
    name, worst = f"seconds_to_prove_{size}_rooms", max(spent)
    yield Figure.at_most(name, worst, 1.0, "s") if size == 500 else Figure(name, worst, "s")


def _dead_ends(seeds: range, progress: Callable[[str], None]) -> Iterator[Figure]:
    found: dict[str, list[bool]] = {plant: [] for plant in ("pit", "edible key", "lost lamp")}
    alarms = 0
    for size in (20, 100):
        for seed in seeds:
            progress(f"looking for dead ends in worlds of {size} rooms")
            for plant, hits in found.items():
                planted = house(size, seed, plant)
                hits.append(any(f"after {planted.fatal!r}" in f.message for f in _check(planted).findings))
            alarms += len(_check(house(size, seed)).findings)
            alarms += len(_check(house(size, seed, "lamp")).findings)
    for plant, hits in found.items():
        yield Figure.at_least(
            f"dead_ends_found/{plant}".replace(" ", "_").replace("/", "_"), sum(hits) / len(hits), 1
        )
    yield Figure.at_most("false_alarms_in_clean_worlds", alarms, 0)


def _check(house: House) -> Checked:
    return check(house.world, limits=replace(CHECK_LIMITS, seconds=30.0))


def _lengths(home: Home, seeds: range, progress: Callable[[str], None]) -> Iterator[Figure]:
    """How much longer plans are than the shortest, which breadth-first search proves in small worlds."""
    ratios = []
    worlds = [house(9, seed).world for seed in seeds]
    worlds += [world for world in _adventures(home) if world.name in ("honey", "teahouse", "tutorial")]
    for world in worlds:
        progress(f"comparing plans with the shortest: {world.title}")
        graph = explore(world, chance=False, limits=Limits(states=60_000, seconds=60), goal=bool)
        best = solution_in(graph)
        if best is None:
            continue
        planner, start = Planner(world), world.initial(0)
        goal = planner.grounding.won(frozenset())
        plan = planner.plan(start, goal, lambda state: bool(state.core.winners), Budget(Limits(seconds=20)))
        if plan is not None:
            plan = improve(planner, start, plan, goal, lambda state: bool(state.core.winners), 4.0)
            ratios.append(len(plan) / len(best.moves))
    yield Figure.at_most("plan_length_to_shortest", max(ratios), 1.2)
    yield Figure("plan_length_to_shortest_mean", statistics.mean(ratios))


def _bundled(home: Home, progress: Callable[[str], None]) -> Iterator[Figure]:
    proved, before, clean = 0, time.process_time(), 0
    for world in _adventures(home):
        progress(f"checking {world.title}")
        checked = check(world)
        proved += checked.proved
        clean += not any(finding.severity == "error" for finding in checked.findings)
    yield Figure.at_least("bundled_worlds_proved", proved, PROVED)
    yield Figure("bundled_worlds_without_errors", clean)
    yield Figure("seconds_to_check_bundled_worlds", time.process_time() - before, "s")


def _adventures(home: Home) -> Iterator[NativeWorld]:
    for name in home.names("worlds"):
        file = home.world_file(name)
        source = read_source(file) if file is not None else None
        if source is not None and isinstance(source.definition, Adventure):
            yield NativeWorld(source, name)


def house(rooms: int, seed: int, plant: str = "") -> House:
    """A rambling house: each room opens off an earlier one, every few rooms there is a locked door with its key
    somewhere before it, and a crown in the farthest locked part has to be brought to the porch.

    Args:
        rooms: how many.
        seed: of the generator.
        plant: what is wrong with it: `locked in` (a key lies behind its own door), `pit`, `edible key`,
            `lost lamp` (the room of the crown is dark, and from a bridge the lamp falls), or nothing; `lamp` is
            the dark room alone.
    """
    generator = random.Random(f"{rooms} {seed}")
    exits: list[dict[str, tuple[int, str]]] = [{}]
    parent = {0: 0}
    doors: dict[int, int] = {}
    """Rooms behind a locked door, with the room where its key lies."""
    for number in range(1, rooms):
        while True:
            origin = generator.randrange(max(0, number - 8), number)
            free = [d for d in OPPOSITE if d not in exits[origin] and d not in ("in", "out")]
            if free:
                break
        direction = generator.choice(free)
        door = ""
        if number % 6 == 4:
            door = f"gate {number}"
            doors[number] = generator.randrange(number)
        exits[origin][direction] = (number, door)
        exits.append({OPPOSITE[direction]: (origin, door)})
        parent[number] = origin
    crown = max(doors)
    locks = [room for room in _up(parent, crown) if room in doors]
    chosen = locks[len(locks) // 2]
    key, fatal = "", ""
    if plant == "locked in":
        doors[chosen], key = chosen, f"token {chosen}"
    if plant == "edible key":
        fatal = f"eat token {chosen}"
    lines = [
        "title: A rambling house",
        "seats: {guest: {start: room 0, goal: Bring the crown to the porch.}}",
        "rooms:",
    ]
    bridge = parent[crown]
    for number, ways in enumerate(exits):
        shown = [
            f"{d}: {{to: room {to}, door: {door}}}" if door else f"{d}: room {to}"
            for d, (to, door) in ways.items()
        ]
        if plant == "pit" and number == parent[chosen]:
            shown.append("in: {to: shaft, one_way: true}")
            fatal = "go in"
        dark = ", dark: true" if number == crown and plant in ("lost lamp", "lamp") else ""
        lines.append(f"  room {number}: {{description: A room like many., exits: {{{', '.join(shown)}}}{dark}}}")
    if plant == "pit":
        lines.append("  shaft: {description: Smooth walls., exits: {}}")
    lines.append("things:")
    for number, place in doors.items():
        soft = ", edible: true" if plant == "edible key" and number == chosen else ""
        lines.append(f"  gate {number}: {{door: {{locked: true, key: token {number}}}}}")
        lines.append(f"  token {number}: {{at: room {place}{soft}}}")
    lines.append(f"  crown: {{at: room {crown}}}")
    if plant in ("lost lamp", "lamp"):
        lines.append("  lamp: {at: room 0, light: true}")
    if plant == "lost lamp":
        fatal = "drop lamp"
        lines += ["rules:", f"  - {{after: drop, thing: lamp, room: room {bridge}, say: It falls and falls.,"]
        lines.append("     do: {move: lamp, to: nowhere}}")
    lines.append("endings: {home: {when: [{has: crown}, {room: room 0}], won: all, points: 1}}")
    return House(NativeWorld(parse_source("\n".join(lines) + "\n"), f"house {rooms} {seed} {plant}"), key, fatal)


def _up(parent: dict[int, int], room: int) -> Iterator[int]:
    """The rooms on the way from a room to the first."""
    while room:
        yield room
        room = parent[room]
