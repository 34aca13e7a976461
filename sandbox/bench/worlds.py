"""How fast native worlds step, against TextWorld in the same run; what a snapshot and a large world cost."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable

import gymnasium

from sandbox.bench.report import Figure, Report, machine
from sandbox.errors import WorldError
from sandbox.paths import Home
from sandbox.world import games
from sandbox.world.native import Adventure, NativeWorld, State, parse_source, read_source
from sandbox.world.native.schema.base import MAX_ROOMS, MAX_THINGS
from sandbox.world.textworld_baseline import steps_per_second as textworld_steps_per_second

EPISODE = 50
"""Commands before an episode begins anew."""
SIZES = (10, 100, 1_000)
ENVIRONMENT = "sandbox.envs:sandbox/World-v0"
"""Gymnasium imports the module before the colon, which registers it."""


def run(
    home: Home, *, quick: bool = False, progress: Callable[[str], None] = lambda message: None, world: str = ""
) -> Report:
    """Measure on a world for one seat: the one named, or the largest there is.

    Both engines are measured in turns and in CPU time, and the medians count: other work on the machine matters
    little.
    """
    started = time.perf_counter()
    seconds, rounds = (0.5, 3) if quick else (3.0, 5)
    house = _house(home, world)
    rooms, things = len(house.definition.rooms), len(house.definition.things)
    progress(f"compiling a TextWorld game with {rooms} rooms and {things} things, once")
    reference = f"tw:custom?rooms={min(rooms, 50)}&objects={min(things, 100)}&quest=8&seed=1"
    file = games.compiled(games.parse(reference))
    played = NativeWorld(house.source, house.name)
    native, textworld, environment, vector = [], [], [], []
    for number in range(rounds):
        progress(f"stepping {house.title} and {reference}: {number + 1} of {rounds}")
        native.append(steps_per_second(house, seconds, seed=number))
        textworld.append(textworld_steps_per_second(file, seconds, seed=number))
        environment.append(environment_steps_per_second(played, seconds, seed=number))
        vector.append(vector_steps_per_second(played, seconds, seed=number))
    progress("snapshots")
    snapshot = snapshot_microseconds(house, 10 if quick else 50)
    worlds = {size: generated(size) for size in SIZES}
    paces: dict[int, list[float]] = {size: [] for size in SIZES}
    for number in range(rounds):
        progress(f"worlds of {', '.join(str(size) for size in SIZES)} rooms: {number + 1} of {rounds}")
        for size, square in worlds.items():
            paces[size].append(steps_per_second(square, seconds / 2, seed=number, episode=200))
    costs = {size: 1e6 / statistics.median(found) for size, found in paces.items()}
    pace, baseline = statistics.median(native), statistics.median(textworld)
    return Report(
        machine=machine(),
        seconds=time.perf_counter() - started,
        figures=(
            Figure.at_least("speedup_vs_textworld", pace / baseline, 20),
            Figure("steps_per_second", pace, "1/s"),
            Figure("textworld_steps_per_second", baseline, "1/s"),
            Figure.at_least("env_steps_per_second", statistics.median(environment), 12_000, "1/s"),
            Figure.at_least("vector_steps_per_second", statistics.median(vector), 25_000, "1/s"),
            Figure.below("snapshot_microseconds", snapshot, 50, "µs"),
            Figure.at_most("cost_ratio_1000_to_10_rooms", costs[1_000] / costs[10], 2),
            Figure.below("load_at_the_limits_seconds", load_seconds(), 2, "s"),
            *(Figure(f"step_microseconds_{size}_rooms", cost, "µs") for size, cost in costs.items()),
        ),
    )


def steps_per_second(world: NativeWorld, seconds: float, *, seed: int = 0, episode: int = EPISODE) -> float:
    """Random admissible commands for some CPU seconds, all that a seat perceives observed at every step."""
    generator = random.Random(seed)
    seat = world.seats[0]
    steps, spent = 0, 0.0
    while spent < seconds:
        state = world.initial(generator.randrange(2**31))
        seen = world.observe(state, seat)
        started = time.process_time()
        for _ in range(episode):
            state = world.step(state, seat, generator.choice(seen.admissible or ("wait",))).state
            seen = world.observe(state, seat)
            steps += 1
            if seen.done:
                break
        spent += time.process_time() - started
    return steps / spent


def environment_steps_per_second(world: NativeWorld, seconds: float, *, seed: int = 0) -> float:
    """The same through Gymnasium's `make`, in which the world keeps what its commands led to."""
    generator = random.Random(seed)
    env = gymnasium.make(ENVIRONMENT, world=world, max_turns=EPISODE)
    steps, started = 0, time.process_time()
    while (spent := time.process_time() - started) < seconds:
        _, info = env.reset(seed=generator.randrange(2**31))
        over = False
        while not over:
            _, _, terminated, truncated, info = env.step(generator.choice(info["admissible"] or ("wait",)))
            over = terminated or truncated
            steps += 1
    return steps / spent


def vector_steps_per_second(world: NativeWorld, seconds: float, *, seed: int = 0) -> float:
    """The same of 16 episodes side by side, through `make_vec`, in one process."""
    generator = random.Random(seed)
    envs = gymnasium.make_vec(ENVIRONMENT, num_envs=16, world=world, max_turns=EPISODE)
    _, info = envs.reset(seed=seed)
    steps, started = 0, time.process_time()
    while (spent := time.process_time() - started) < seconds:
        actions = [generator.choice(listed or ("wait",)) for listed in info["admissible"]]
        _, _, _, _, info = envs.step(actions)
        steps += len(actions)
    return steps / spent


def snapshot_microseconds(world: NativeWorld, repeats: int) -> float:
    """CPU time of dumping a state to bytes and loading it again: the mean over the states of a random walk.

    The least of several repeats counts, as `timeit` advises: what is more is the rest of the machine.
    """
    states = _walk(world, 100)
    spent = []
    for _ in range(repeats):
        started = time.process_time()
        for state in states:
            world.load(world.dump(state))
        spent.append(time.process_time() - started)
    return min(spent) / len(states) * 1e6


def generated(rooms: int) -> NativeWorld:
    """A square of rooms with three things each: whatever its size, the same is in sight."""
    return NativeWorld(parse_source(written(rooms, 3 * rooms), "generated"), "generated", remembering=False)


def load_seconds() -> float:
    """CPU time of loading as large a world as there may be."""
    text = written(MAX_ROOMS, MAX_THINGS - 100)
    started = time.process_time()
    NativeWorld(parse_source(text, "limits"), "limits")
    return time.process_time() - started


def written(rooms: int, things: int) -> str:
    """The file of a square of rooms with some things each."""
    side = max(int(rooms**0.5), 1)
    lines = ["title: A square", "seats: {ann: {start: room 0, goal: Walk.}}", "rooms:"]
    for number in range(rooms):
        exits = []
        if number % side and number:
            exits.append(f"west: room {number - 1}")
        if (number + 1) % side and number + 1 < rooms:
            exits.append(f"east: room {number + 1}")
        if number >= side:
            exits.append(f"north: room {number - side}")
        if number + side < rooms:
            exits.append(f"south: room {number + side}")
        lines.append(f"  room {number}: {{description: Bare walls., exits: {{{', '.join(exits)}}}}}")
    lines.append("things:")
    for number in range(things):
        kind, room = ("crate", "ball", "coat")[number // rooms], number % rooms
        more = ", fixed: true, container: {open: false}" if kind == "crate" else ""
        lines.append(f"  {kind} {room}: {{at: room {room}{more}}}")
    return "\n".join(lines)


def _walk(world: NativeWorld, length: int) -> list[State]:
    """The states of a random walk."""
    generator = random.Random(0)
    state = world.initial(0)
    states = [state]
    for _ in range(length):
        seen = world.observe(state, world.seats[0])
        if not seen.admissible:
            break
        state = world.step(state, world.seats[0], generator.choice(seen.admissible)).state
        states.append(state)
    return states


def _house(home: Home, name: str) -> NativeWorld:
    """The world that is named, or the one for a single seat with the most rooms."""
    found: list[tuple[int, NativeWorld]] = []
    for each in [name] if name else home.names("worlds"):
        file = home.world_file(each)
        try:
            source = read_source(file) if file is not None else None
        except WorldError:
            continue
        if source is not None and isinstance(source.definition, Adventure) and len(source.definition.seats) == 1:
            found.append((len(source.definition.rooms), NativeWorld(source, each, remembering=False)))
    if not found:
        raise WorldError("there is no world for one seat to measure", hint="`sandbox world new NAME` writes one")
    return max(found, key=lambda pair: pair[0])[1]
