"""The solver on worlds small enough to know the answers."""

from dataclasses import replace

import pytest

from sandbox.errors import WorldError
from sandbox.rl.value_iteration import FiniteMDP, value_iteration
from sandbox.testing.table import TableWorld, to
from sandbox.types import Observation, Step
from sandbox.world.registry import open_world
from sandbox.world.solver import Limits, PlanStep, explore, replay, solve
from sandbox.world.solver.solution import winners
from sandbox.world.solver.walkthrough import shorten


def ladder() -> TableWorld:
    """Up, up, take, down, down wins in five; the chute loses for ever; a coin on the way pays."""
    return TableWorld(
        table={
            "ground": {"up": to("middle"), "jump": to("pit")},
            "middle": {"up": to("top"), "down": to("ground"), "take coin": to("middle, coin", 2.0)},
            "middle, coin": {"up": to("top"), "down": to("ground")},
            "top": {"take crown": to("top, crown", 1.0), "down": to("middle")},
            "top, crown": {"down": to("middle, crown")},
            "middle, crown": {"down": to("home", 5.0), "up": to("top, crown")},
            "pit": {"climb": to("lower pit"), "wait": to("pit")},
            "lower pit": {"climb": to("pit")},
            "home": {},
        },
        start="ground",
        wins={"home": ["player"]},
    )


def test_the_whole_graph_is_found_and_said_to_be_proved():
    graph = explore(ladder())
    assert graph.complete
    assert len(graph.nodes) == 9
    assert graph.edges == 15
    assert graph.method == "proved by exhaustive search of 9 states"


def test_a_shortest_walkthrough_wins_when_replayed():
    world = ladder()
    solution = solve(world)
    assert solution is not None
    assert [move.command for move in solution.moves] == ["up", "up", "take crown", "down", "down"]
    assert solution.shortest
    end = replay(world, solution.moves)
    assert end is not None
    assert world.observe(end, "player").won


def test_dead_ends_are_the_states_that_nobody_can_win_from_nearest_first():
    graph = explore(ladder())
    dead = graph.dead_ends()
    assert [[move.command for move in graph.path(i)] for i in dead] == [["jump"], ["jump", "climb"]]


def test_a_dead_end_found_in_part_of_the_graph_is_certain_and_none_is_invented():
    whole = {graph_path(ladder(), i) for i in explore(ladder()).dead_ends()}
    for states in range(1, 9):
        graph = explore(ladder(), limits=Limits(states=states, walks=0))
        assert {tuple(m.command for m in graph.path(i)) for i in graph.dead_ends()} <= whole


def graph_path(world: TableWorld, index: int) -> tuple[str, ...]:
    return tuple(move.command for move in explore(world).path(index))


def test_the_highest_score_is_found_off_the_shortest_way():
    world = TableWorld(
        table={
            "start": {"win": to("home", 5.0), "pick up coin": to("start, coin", 2.0)},
            "start, coin": {"win": to("home, coin", 5.0)},
            "home": {},
            "home, coin": {},
        },
        start="start",
        wins={"home": ["player"], "home, coin": ["player"]},
    )
    assert explore(world).best_score("player") == 7.0


def test_a_circle_that_pays_each_time_has_no_highest_score():
    world = TableWorld(
        table={"a": {"on": to("b", 3.0)}, "b": {"back": to("a", -2.0), "end": to("c", 1.0)}, "c": {}},
        start="a",
        wins={"c": ["player"]},
    )
    assert explore(world).best_score("player") == float("inf")
    # Going down again puts the coin back on the ladder.
    assert explore(ladder()).best_score("player") == float("inf")
    lossy = replace(world, table={**world.table, "b": {"back": to("a", -3.0), "end": to("c", 1.0)}})
    assert explore(lossy).best_score("player") == 4.0


def test_where_the_states_are_too_many_walks_look_deeper_and_the_answer_says_so():
    length = 400
    table = {
        f"{i}": {"on": to(f"{i + 1}", 1.0), **{f"aside {j}": to(f"{i}.{j}") for j in range(5)}}
        for i in range(length)
    }
    table |= {f"{i}.{j}": {"back": to(f"{i}")} for i in range(length) for j in range(5)}
    table[f"{length}"] = {}
    world = TableWorld(table=table, start="0", wins={f"{length}": ["player"]})
    shallow = explore(world, limits=Limits(states=60, walks=0))
    deep = explore(world, seed=3, limits=Limits(states=60, walks=3, steps=400))
    assert shallow.stopped == deep.stopped == "states"
    assert not deep.complete
    assert deep.method.startswith("sampled")
    assert deep.best_score("player") > shallow.best_score("player")
    again = explore(world, seed=3, limits=Limits(states=60, walks=3, steps=400))
    assert [node.command for node in again.nodes] == [node.command for node in deep.nodes]


class Counters(TableWorld):
    """Seven wheels of ten digits; each pays when it comes to 9, and all at 9 win. Ten million states."""

    def __init__(self) -> None:
        super().__init__(table={}, start="0" * 7)

    def to_move(self, state):
        return None if state.place == "9" * 7 else "player"

    def observe(self, state, seat):
        done = self.to_move(state) is None
        turns = tuple(sorted(f"{way} {i}" for i in range(7) for way in ("up", "down")))
        return Observation(seat=seat, turn=0, text=state.place, admissible=turns, done=done, won=done)

    def step(self, state, seat, command):
        way, wheel = command.split()
        digits = list(state.place)
        digits[int(wheel)] = str(min(max(int(digits[int(wheel)]) + (1 if way == "up" else -1), 0), 9))
        place = "".join(digits)
        return Step(state=replace(state, place=place), rewards={seat: place.count("9") - state.place.count("9")})

    def outcomes(self, state, seat, command):
        return ((1.0, self.step(state, seat, command)),)

    def solver_key(self, state):
        return tuple(state.place)


def test_novelty_search_finds_what_breadth_first_search_cannot_and_does_not_call_it_shortest():
    world = Counters()
    solution = solve(world, limits=Limits(states=2_000, seconds=60))
    assert solution is not None
    assert not solution.shortest
    assert len(solution.moves) == 63
    end = replay(world, solution.moves)
    assert end is not None
    assert end.place == "9" * 7


def test_detours_are_cut_out_of_a_walkthrough():
    world = ladder()
    wandering = ["up", "down", "up", "take coin", "down", "up", "up", "take crown", "down", "up", "down", "down"]
    moves = shorten(world, [PlanStep("player", command) for command in wandering])
    assert len(moves) == 5
    end = replay(world, moves)
    assert end is not None
    assert winners(world, end) == {"player"}


def two_keys() -> TableWorld:
    """Each of two seats has to turn a key, in turn, before the door opens for both; `steal` lets one win alone."""
    return TableWorld(
        table={
            "a, closed": {"turn": to("b, one"), "wait": to("b, closed")},
            "b, closed": {
                "turn": to("a, one"),
                "wait": to("a, closed"),
                "steal": to("stolen", {"b": 9.0, "a": -9.0}),
            },
            "a, one": {"turn": to("b, one"), "wait": to("b, one")},
            "b, one": {"turn": to("open", {"a": 1.0, "b": 1.0}), "wait": to("a, one")},
            "open": {},
            "stolen": {},
        },
        start="a, closed",
        wins={"open": ["a", "b"], "stolen": ["b"]},
        movers={place: place[0] for place in ("a, closed", "b, closed", "a, one", "b, one")},
        seats=("a", "b"),
    )


def test_several_seats_get_a_joint_walkthrough_in_which_all_win():
    solution = solve(two_keys())
    assert solution is not None
    assert solution.moves == (PlanStep("a", "turn"), PlanStep("b", "turn"))
    assert solution.winners == {"a", "b"}


def test_one_seat_alone_can_be_asked_for():
    world = two_keys()
    del_open = TableWorld(
        table={**world.table, "open": {"again": to("a, closed")}},
        start=world.start,
        wins={"stolen": ["b"]},
        movers={**world.movers, "open": "a"},
        seats=world.seats,
    )
    solution = solve(del_open, seats=["b"])
    assert solution is not None
    assert solution.moves[-1] == PlanStep("b", "steal")
    assert solution.winners == {"b"}
    assert solve(del_open, seats=["a"]) is None


def test_to_run_out_of_time_is_no_dead_end():
    table = {f"{i}": {"on": to(f"{i + 1}"), "sleep": to(f"{i}")} for i in range(8)} | {"8": {}, "pit": {}}
    table["3"]["jump"] = to("bottom")
    table["bottom"] = {"wait": to("bottom")}
    world = TableWorld(table=table, start="0", wins={"8": ["player"]}, limit=6)
    assert explore(world).wins() == []
    # The bottom is a dead end; the places from which there is no time left to come home are none.
    assert [graph_path(world, i) for i in explore(world).dead_ends()] == [("on", "on", "on", "jump")]


def test_without_a_win_the_answer_is_none():
    world = TableWorld(table={"here": {"spin": to("here")}}, start="here")
    assert solve(world) is None
    assert explore(world).wins() == []


def dice() -> TableWorld:
    """A throw wins one time in six; giving up pays a little."""
    return TableWorld(
        table={
            "table": {
                "throw": ((1 / 6, "six", 6.0), (5 / 6, "table", -1.0)),
                "leave": to("street", 1.0),
            },
            "six": {},
            "street": {},
        },
        start="table",
        wins={"six": ["player"]},
    )


def test_a_walkthrough_through_chance_holds_for_its_seed():
    world = dice()
    for seed in range(6):
        solution = solve(world, seed=seed, limits=Limits(states=500))
        if solution is not None:
            end = replay(world, solution.moves, seed)
            assert end is not None
            assert winners(world, end) == {"player"}
    assert any(solve(world, seed=seed) for seed in range(20))


def test_the_graph_is_a_decision_process_with_the_odds_of_chance():
    graph = explore(dice())
    optimum = value_iteration(FiniteMDP(graph.transitions("player")), gamma=0.9)
    throw = 1 / 6 * 6.0 + 5 / 6 * (-1.0 + 0.9 * 1.0)
    assert optimum.q_values[0] == pytest.approx({"throw": throw, "leave": 1.0})


def test_a_world_that_lists_no_commands_is_refused_with_the_mend():
    class Silent(TableWorld):
        def observe(self, state, seat):
            return replace(super().observe(state, seat), admissible=None)

    with pytest.raises(WorldError, match="does not list its commands"):
        explore(Silent(table={"here": {"go": to("here")}}, start="here"))


def test_a_textworld_game_is_solved_with_proof_in_as_many_commands_as_its_own_walkthrough():
    world = open_world("tw:coin?level=5&seed=1")
    try:
        assert explore(world).method == "proved by exhaustive search of 6 states"
        solution = solve(world)
        assert solution is not None
        assert solution.shortest
        assert len(solution.moves) == len(world.walkthrough()) == 5
    finally:
        world.close()


def test_the_search_tells_how_far_it_is():
    told = []
    table = {f"{i}": {"on": to(f"{i + 1}")} for i in range(300)} | {"300": {}}
    explore(TableWorld(table=table, start="0"), progress=lambda known, waiting: told.append((known, waiting)))
    assert (256, 1) in told
