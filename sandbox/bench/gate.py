"""How often a round's gate lets pass what it should, by simulation: adapters whose worth is known."""

from __future__ import annotations

import math
import random
import time
from collections import Counter

from sandbox.bench.report import Figure, Report, machine
from sandbox.session.runner import Episode
from sandbox.tune import gate
from sandbox.tune.noninferiority import LOOKS, fewest
from sandbox.types import Progress


def run(*, quick: bool, progress: Progress) -> Report:
    """Simulate rounds whose episodes are won by chance, each in a world of its own.

    Args:
        quick: fewer rounds.
        progress: told what is being measured, in a word or two.
    """
    started, rounds = time.perf_counter(), 100 if quick else 1000
    size = fewest(gate.TOLERANCE, gate.CONFIDENCE)

    def rates(before: float, after: float, n: int) -> Counter[str]:
        progress(f"{before:.0%} against {after:.0%} at {n} episodes")
        return simulate(before, after, n, rounds)

    worse, equal, small = rates(1.0, 0.9, size), rates(1.0, 1.0, size), rates(1.0, 0.9, 8)
    half, half_worse = rates(0.5, 0.5, size), rates(0.5, 0.4, size)
    _, _, asked = gate.decide(_episodes([True, False] * 50), _episodes([True, True, False, False] * 25))
    wanted = asked or 0
    grown, grown_worse = rates(0.5, 0.5, wanted), rates(0.5, 0.4, wanted)
    edge, better = rates(0.5, 0.5 - gate.TOLERANCE, wanted), rates(0.5, 0.6, wanted)
    nothing = rates(0.0, 0.0, size)
    return Report(
        machine(),
        time.perf_counter() - started,
        (
            Figure("default_episodes", size, "episodes"),
            Figure.at_most("passed_10_points_worse_of_all_won", worse["passed"] / rounds, 0.1),
            Figure.at_least("passed_equal_of_all_won", equal["passed"] / rounds, 0.8),
            Figure.at_most("passed_10_points_worse_at_8_episodes", small["passed"] / rounds, 0.1),
            Figure.at_least("undecided_equal_where_half_is_won", half["undecided"] / rounds, 0.6),
            Figure.at_most("passed_10_points_worse_where_half_is_won", half_worse["passed"] / rounds, 0.1),
            Figure("episodes_needed_where_half_is_won", wanted, "episodes"),
            Figure.at_least("passed_equal_at_the_needed_episodes", grown["passed"] / rounds, 0.75),
            Figure.at_most("passed_10_points_worse_at_the_needed_episodes", grown_worse["passed"] / rounds, 0.1),
            Figure.at_most("passed_where_nobody_wins", nothing["passed"] / rounds, 0.0),
            Figure.at_most("passed_at_the_tolerance_at_the_needed_episodes", edge["passed"] / rounds, 0.12),
            Figure("share_played_10_points_better_at_the_needed_episodes", better["episodes"] / rounds / wanted),
            Figure("share_played_equal_at_the_needed_episodes", grown["episodes"] / rounds / wanted),
            Figure("episodes_played_10_points_worse", worse["episodes"] / rounds, "episodes"),
        ),
    )


def simulate(before: float, after: float, n: int, rounds: int, *, seed: int = 0) -> Counter[str]:
    """How many rounds pass, how often each verdict comes, and how many episodes are played after in all.

    Args:
        before: chance of each episode to be won before.
        after: the same after.
        n: episodes of a round.
        rounds: how many.
        seed: of the chance.
    """
    rng, found = random.Random(seed), Counter[str]()
    looked = sorted({*range(1, n, max(n // 20, 1)), *(math.ceil(share * n) for share in LOOKS[:-1])})
    for _ in range(rounds):
        one, other = (_episodes([rng.random() < chance for _ in range(n)]) for chance in (before, after))
        played = next((k for k in looked if gate.hopeless(one, other[:k]) or gate.settled(one, other[:k])), n)
        verdict, _, _ = gate.decide(one, other[:played], looks=True)
        found[verdict] += 1
        found["passed"] += gate.passes(verdict)
        found["episodes"] += played
    return found


def _episodes(won: list[bool]) -> list[Episode]:
    return [
        Episode(
            world=f"w{number}",
            seed=0,
            won=each,
            score=float(each),
            max_score=1.0,
            steps=5 if each else 25,
            commands=(),
        )
        for number, each in enumerate(won)
    ]
