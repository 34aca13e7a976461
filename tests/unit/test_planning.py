"""Planning and proofs in worlds too large to be searched through."""

import random
from dataclasses import replace

import pytest

from sandbox import paths
from sandbox.bench.solver import house
from sandbox.world.check import CHECK_LIMITS, check
from sandbox.world.native import NativeWorld, State, parse_source, read_source
from sandbox.world.solver import Limits, explore, replay, solution_in, solve
from sandbox.world.solver.improve import improve
from sandbox.world.solver.planner import Planner
from sandbox.world.solver.problem import Budget
from sandbox.world.solver.relaxation import Relaxation
from sandbox.world.solver.solution import winners

LIMITS = replace(CHECK_LIMITS, seconds=30.0)


def somebody_won(state: State) -> bool:
    return bool(state.core.winners)


def test_what_operators_lead_to_is_reached_at_the_cost_of_its_dearest_need_and_nothing_else_is():
    relaxation = Relaxation()
    shop, coin, bread, jam, moon = map(relaxation.fact, ("shop", "coin", "bread", "jam", "moon"))
    relaxation.add((), (shop,), 2, "walk")
    relaxation.add((shop,), (coin,), 3, "earn")
    relaxation.add((shop, coin), (bread,), 1, "buy")
    relaxation.add((moon,), (jam,), 1, "wish")
    spread = relaxation.spread(())
    assert [spread.costs[fact] for fact in (shop, coin, bread)] == [2, 5, 6]
    assert not spread.reaches(jam)
    labels = [relaxation.operators[index].label for index in spread.plan([bread])]
    assert labels == ["walk", "earn", "buy"]


def test_a_number_comes_to_a_bound_in_as_many_steps_as_it_takes():
    relaxation = Relaxation()
    rich = relaxation.threshold("gold", 10)
    relaxation.add((), (), 1, "dig", (("gold", 3),))
    assert relaxation.spread((), {"gold": 1}).costs[rich] == 3
    assert relaxation.spread((), {"gold": 10}).costs[rich] == 0


@pytest.mark.parametrize("name", ["honey", "lighthouse", "millrace", "teahouse", "weathercock", "lammas"])
def test_what_is_called_out_of_reach_never_happens_in_play(name: str) -> None:
    """Random episodes of the bundled worlds, against what the relaxation holds possible of their beginning."""
    world = NativeWorld(read_source(paths.bundled() / "worlds" / name / "world.yaml"), name)
    planner, generator = Planner(world), random.Random(1)
    number = planner.grounding.number
    for seed in range(4):
        state = world.initial(seed)
        possible = planner.spread(state)
        for _ in range(120):
            seat = world.to_move(state)
            if seat is None:
                break
            command = generator.choice(world.observe(state, seat).admissible or ("wait",))
            for key in world.trace(replace(state), seat, command):
                assert ("fires", key) not in number or possible.reaches(number["fires", key]), key
            state = world.step(state, seat, command).state
            facts, _ = planner.grounding.read(state)
            impossible = [
                planner.grounding.facts[fact]
                for fact in facts
                if fact < len(possible.costs) and not possible.reaches(fact)
            ]
            # Where a thing lies does not count: putting down is left open until it is asked for.
            kinds = {fact[0] for fact in impossible if isinstance(fact, tuple)}
            assert kinds <= {"at", "stock"}, impossible


def test_a_state_given_up_for_certain_is_a_dead_end_in_the_whole_graph():
    world = house(8, 3, "pit").world
    states: list[State] = []
    graph = explore(world, limits=Limits(states=50_000), visit=lambda state, _: states.append(state))
    assert graph.complete
    planner = Planner(world)
    goal = planner.grounding.won(frozenset())
    dead = set(graph.dead_ends())
    given_up = {i for i, s in enumerate(states) if s.core.ended == -1 and planner.hopeless(s, goal)}
    assert given_up
    assert given_up <= dead


@pytest.mark.parametrize("rooms", [20, 100])
def test_a_large_house_is_won_by_a_plan_that_plays(rooms: int) -> None:
    world = house(rooms, 0).world
    solution = solve(world, limits=LIMITS)
    assert solution is not None
    end = replay(world, solution.moves)
    assert end is not None
    assert winners(world, end) == {"guest"}
    checked = check(world, limits=LIMITS)
    assert checked.findings == ()
    assert not checked.proved


def test_a_key_behind_its_own_door_is_named_as_the_reason():
    locked_in = house(100, 0, "locked in")
    assert solve(locked_in.world, limits=LIMITS) is None
    messages = [f.message for f in check(locked_in.world, limits=LIMITS).findings if f.severity == "error"]
    lock = locked_in.key.replace("token", "gate")
    assert f"nobody can win: the {locked_in.key} lies behind the {lock}, which it opens" in messages
    assert "this seat cannot win" in messages
    assert len(messages) < 40, "what follows from it is summed up"


@pytest.mark.parametrize("plant", ["pit", "edible key", "lost lamp"])
def test_what_cannot_be_undone_is_a_dead_end(plant: str) -> None:
    planted = house(60, 1, plant)
    checked = check(planted.world, limits=LIMITS)
    (message,) = [f.message for f in checked.findings if f.message.startswith("dead end")]
    assert message.startswith(f"dead end: after {planted.fatal!r} nobody can win any more: ")
    way = message.partition("any more: ")[2].split(". ")
    state = planted.world.initial(0)
    for command in way:
        state = planted.world.step(state, "guest", command).state
    planner = Planner(planted.world)
    assert planner.hopeless(state, planner.grounding.won(frozenset()))


def test_the_way_into_a_pit_does_nothing_but_go_there():
    ring = [("r1", "a"), *((f"r{i + 1}", f"r{i - 1}") for i in range(1, 29)), ("a", "r28")]
    world = NativeWorld(
        parse_source(
            "title: Pit\nseats: {p: {start: a, goal: Out.}}\nrooms:\n"
            + "".join(f"  r{i}: {{exits: {{north: {n}, south: {s}}}}}\n" for i, (n, s) in enumerate(ring))
            + "  a: {exits: {north: r0, south: r29, down: {to: pit, door: hatch}}}\n  pit: {}\nthings:\n"
            + "".join(f"  jug {i}: {{at: r{i}}}\n" for i in range(8))
            + "  hatch: {door: true}\nrules: [{after: drop, say: Thud.}]\n"
            + "endings: {out: {when: [{has: jug 7}, {room: r15}], won: all}}\n"
        )
    )
    found = [f.message for f in check(world, limits=LIMITS).findings if f.message.startswith("dead end")]
    assert found == ["dead end: after 'go down' nobody can win any more: open hatch. go down"]


def test_plans_are_hardly_longer_than_the_shortest():
    for seed in range(3):
        world = house(9, seed).world
        best = solution_in(explore(world, chance=False, limits=Limits(states=60_000), goal=bool))
        assert best is not None
        planner, start = Planner(world), world.initial(0)
        goal = planner.grounding.won(frozenset())
        plan = planner.plan(start, goal, somebody_won, Budget(LIMITS))
        assert plan is not None
        shorter = improve(planner, start, plan, goal, somebody_won, 10.0)
        assert len(best.moves) <= len(shorter) <= 1.2 * len(best.moves)


def test_an_ending_that_comes_with_a_small_chance_is_reached():
    world = NativeWorld(
        parse_source(
            "title: Luck\nseats: {p: {start: hall, goal: Win.}}\nrooms: {hall: {description: A hall.}}\n"
            "things: {gem: {at: hall}, box: {at: hall, container: true}}\nrules:\n"
            "  - {after: take, thing: gem, do: {chance: 1/1000, do: [{end: boom}]}}\n"
            "endings:\n  done: {when: [{thing: gem, at: box}], won: all}\n  boom: {won: none, say: Boom.}\n"
        )
    )
    assert [f.message for f in check(world, limits=LIMITS).findings] == []
    assert [f.message for f in check(world, limits=replace(LIMITS, states=2)).findings] == []


def test_two_seats_that_need_each_other_get_a_joint_plan():
    world = NativeWorld(
        parse_source(
            "title: Bridge\nseats: {a: {start: west, goal: Cross.}, b: {start: east, goal: Help.}}\n"
            "rooms:\n  west: {exits: {east: {to: east, when: {var: down}}}}\n"
            "  east: {exits: {west: {to: west, when: {var: down}}}}\n"
            "things: {winch: {at: east, fixed: true}, flag: {at: west}}\nvariables: {down: false}\n"
            "rules: [{instead: turn, thing: winch, say: It creaks., do: {set: down, to: true}}]\n"
            "endings: {met: {when: [{room: east, who: a}, {has: flag, who: b}], won: all}}\n"
        )
    )
    planner = Planner(world)
    goal = planner.grounding.won(frozenset(world.compiled.seats))
    plan = planner.plan(world.initial(0), goal, somebody_won, Budget(LIMITS))
    assert plan is not None
    end = replay(world, plan)
    assert end is not None
    assert winners(world, end) == {"a", "b"}
    assert any(move.command == "turn winch" and move.seat == "b" for move in plan)
