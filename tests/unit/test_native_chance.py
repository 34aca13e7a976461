"""Chance in native worlds: drawn when played, enumerated when reasoned about, and the same in both."""

from collections import Counter

import pytest
from native_play import Game, make, one_seat

from sandbox.abilities import Enumerable
from sandbox.world.native.chance import Generator, Script

DICE = one_seat(
    """
    rooms: {hall: {exits: {north: yard}}, yard: {exits: {south: hall}}}
    things: {die: {at: hall, fixed: true}, coin: {at: hall}}
    variables: {rain: false}
    rules:
      - instead: push
        thing: die
        do:
          - pick: [{do: {score: 1}}, {weight: 2, do: {score: 2}}, {weight: 3, do: {end: lost}}]
      - instead: pull
        thing: die
        do: {chance: 1/3, do: {chance: 50%, do: {score: 4}}, otherwise: {score: -1}}
    events:
      weather: {chance: 1/4, do: {set: rain, to: true}}
    endings: {lost: {}}
    """
)


def test_outcomes_have_their_probabilities():
    state = DICE.initial(0)
    found = Counter()
    for p, step in DICE.outcomes(state, "ann", "push die"):
        found[(step.rewards.get("ann", 0.0), step.terminated, step.state.core.variables[0])] += p
    assert found == pytest.approx(
        {
            (1.0, False, 0): 1 / 6 * 3 / 4,
            (1.0, False, 1): 1 / 6 / 4,
            (2.0, False, 0): 1 / 3 * 3 / 4,
            (2.0, False, 1): 1 / 3 / 4,
            (0.0, True, 0): 1 / 2,
        }
    )


def test_chances_nest():
    found = Counter()
    for p, step in DICE.outcomes(DICE.initial(0), "ann", "pull die"):
        found[step.rewards.get("ann", 0.0)] += p
    assert found == pytest.approx({4.0: 1 / 6, 0.0: 1 / 6, -1.0: 2 / 3})


def test_step_draws_what_outcomes_lists():
    command, state = "push die", DICE.initial(0)
    listed = {
        (DICE.solver_key(s.state), tuple(s.rewards.items())): p for p, s in DICE.outcomes(state, "ann", command)
    }
    drawn = Counter()
    trials = 4000
    for seed in range(trials):
        step = DICE.step(DICE.initial(seed), "ann", command)
        drawn[(DICE.solver_key(step.state), tuple(step.rewards.items()))] += 1
    assert drawn.keys() == listed.keys()
    for key, p in listed.items():
        deviation = (p * (1 - p) / trials) ** 0.5
        assert abs(drawn[key] / trials - p) < 4.5 * deviation


def test_a_seed_is_an_episode():
    def play(seed):
        game = Game(DICE, seed)
        game.do("pull die", "pull die", "wait", "wait")
        return game.state

    assert play(3) == play(3)
    assert len({play(seed) for seed in range(20)}) > 3


def test_the_generator_is_part_of_the_state():
    game = Game(DICE, 1)
    state = DICE.load(DICE.dump(game.state))
    assert [DICE.step(state, "ann", "pull die") for _ in range(3)] == [
        DICE.step(game.state, "ann", "pull die") for _ in range(3)
    ]
    assert DICE.step(state, "ann", "look").state.rng == state.rng


def test_worlds_without_chance_do_not_depend_on_the_seed():
    world = one_seat("rooms: {hall: {}}")
    assert world.initial(1) == world.initial(2)
    assert world.outcomes(world.initial(1), "ann", "wait") == ((1.0, world.step(world.initial(1), "ann", "wait")),)


def test_things_placed_at_random():
    world = one_seat(
        """
        rooms: {hall: {}, yard: {}, attic: {}}
        things: {gem: {at: {one_of: [yard, attic]}, appearance: A gem glints.}}
        """,
        start="yard",
    )
    assert isinstance(world, Enumerable)
    starts = world.initials()
    assert [p for p, _ in starts] == [0.5, 0.5]
    assert {world.observe(s, "ann").description for _, s in starts} == {
        "Yard\nA gem glints.\nThere is no way out.",
        "Yard\nThere is no way out.",
    }
    places = Counter(world.solver_key(world.initial(seed)) for seed in range(200))
    assert set(places) == {world.solver_key(s) for _, s in starts} and min(places.values()) > 60


def test_wandering_is_enumerated():
    world = make(
        """
        title: T
        seats: {ann: {start: hub, goal: G}}
        rooms:
          hub: {exits: {north: a, south: b}}
          a: {exits: {south: hub}}
          b: {exits: {north: hub}}
        characters: {cat: {article: the, at: hub, routine: {rooms: [hub, a, b], chance: 1/2}}}
        """
    )
    cat = world.compiled.index["cat"]
    found = Counter()
    for p, step in world.outcomes(world.initial(0), "ann", "wait"):
        found[world.compiled.ids[step.state.core.things[cat >> 5][cat & 31].parent]] += p
    assert found == {"hub": 0.5, "a": 0.25, "b": 0.25}


def test_the_generator_draws_in_proportion():
    generator = Generator(7)
    counts = Counter(generator.draw((1, 2, 5)) for _ in range(8000))
    assert [round(counts[i] / 1000) for i in range(3)] == [1, 2, 5]


def test_scripts_run_through_all_choices():
    runs, choices = [], []
    while choices is not None:
        script = Script(choices)
        first = script.draw((1, 1))
        runs.append(((first, script.draw((1, 2, 1)) if first else None), script.probability))
        choices = script.following()
    assert runs == [((0, None), 0.5), ((1, 0), 0.125), ((1, 1), 0.25), ((1, 2), 0.125)]
