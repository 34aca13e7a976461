"""Tabular Q: the numbers of an update, traces, and its records."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.errors import SaveError
from sandbox.rl.tabular import TabularQ
from sandbox.types import Observation, Transition


def at(place: str, *admissible: str) -> Observation:
    return Observation(seat="you", turn=0, text=place, admissible=admissible or None)


def step(
    place: str, command: str, reward: float, then: str, *candidates: str, terminated: bool = False
) -> Transition:
    return Transition(
        observation=at(place),
        command=command,
        reward=reward,
        next_observation=at(then),
        candidates=candidates,
        terminated=terminated,
    )


def test_an_update_is_the_textbook_formula() -> None:
    q = TabularQ(alpha=0.5, gamma=0.9)
    q.update(step("cellar", "up", 4.0, "garden", terminated=True))  # Q(cellar, up) = 0.5 * 4
    update = q.update(step("hall", "down", 1.0, "cellar", "up", "wait"))
    assert (update.before, update.next_value, update.alpha) == (0.0, 2.0, 0.5)
    assert update.target == pytest.approx(1.0 + 0.9 * 2.0)
    assert update.after == pytest.approx(1.4)
    assert q.values(at("hall"), ["down", "wait"]) == pytest.approx([1.4, 0.0])
    assert q.visits(at("hall"), ["down", "wait"]) == [1, 0]
    again = q.update(step("hall", "down", 1.0, "cellar", "up", "wait"))
    assert again.before == update.after
    assert again.after == pytest.approx(1.4 + 0.5 * (2.8 - 1.4))


def test_the_end_has_no_value_but_a_cut_off_episode_has() -> None:
    q = TabularQ(gamma=1.0, initial=5.0)
    assert q.update(step("a", "x", 0.0, "b", "y", terminated=True)).next_value == 0.0
    assert q.update(step("a", "x", 0.0, "b", "y")).next_value == 5.0
    assert q.update(step("a", "x", 0.0, "nowhere seen")).next_value == 5.0


def test_an_untried_candidate_counts_with_the_initial_value() -> None:
    q = TabularQ(alpha=1.0, gamma=1.0, initial=1.0)
    q.update(step("b", "bad", -3.0, "end", terminated=True))
    assert q.update(step("a", "go", 0.0, "b", "bad")).next_value == -3.0
    assert q.update(step("a", "go", 0.0, "b", "bad", "untried")).next_value == 1.0


def test_what_the_table_knows_counts_though_it_is_no_candidate() -> None:
    q = TabularQ(alpha=1.0, gamma=1.0)
    q.update(step("b", "say xyzzy", 7.0, "end", terminated=True))
    assert q.update(step("a", "go", 0.0, "b", "wait")).next_value == 7.0


def test_alpha_decays_with_the_updates_of_the_pair() -> None:
    q = TabularQ(alpha=1.0, alpha_decay=1.0)
    rewards = [3.0, 5.0, 10.0]
    alphas = [q.update(step("a", "x", reward, "end", terminated=True)).alpha for reward in rewards]
    assert alphas == pytest.approx([1, 1 / 2, 1 / 3])
    assert q.values(at("a"), ["x"]) == pytest.approx([6.0])  # the average
    assert q.update(step("a", "y", 0.0, "end", terminated=True)).alpha == 1.0


def test_a_trace_carries_the_reward_back_along_the_way() -> None:
    q = TabularQ(alpha=0.5, gamma=0.9, trace=0.8)
    q.update(step("a", "go", 0.0, "b", "go"))
    q.update(step("b", "go", 0.0, "c", "go"))
    q.changes()
    q.update(step("c", "go", 1.0, "end", terminated=True))
    assert len(q.changes()) == 4  # all three states, and the traces
    fade = 0.9 * 0.8
    assert q.values(at("c"), ["go"]) == pytest.approx([0.5])
    assert q.values(at("b"), ["go"]) == pytest.approx([0.5 * fade])
    assert q.values(at("a"), ["go"]) == pytest.approx([0.5 * fade**2])
    plain = TabularQ(alpha=0.5, gamma=0.9)
    plain.update(step("b", "go", 0.0, "c", "go"))
    plain.update(step("c", "go", 1.0, "end", terminated=True))
    assert plain.values(at("b"), ["go"]) == [0.0]


def test_a_trace_is_cut_by_exploring_and_by_a_new_episode() -> None:
    q = TabularQ(alpha=0.5, gamma=0.9, trace=0.8)
    q.update(step("b", "known", 1.0, "end", terminated=True))
    before = q.values(at("a"), ["go"])
    q.update(step("a", "go", 0.0, "b", "known", "explore"))
    after_one = q.values(at("a"), ["go"])
    assert after_one != before
    q.update(step("b", "explore", 100.0, "end", terminated=True))  # not greedy: nothing goes back to a
    assert q.values(at("a"), ["go"]) == after_one
    q.update(step("a", "go", 0.0, "b", "known"))
    value = q.values(at("a"), ["go"])
    q.update(step("elsewhere", "jump", 50.0, "end", terminated=True))
    assert q.values(at("a"), ["go"]) == value


def test_damaged_records_are_refused_and_change_nothing() -> None:
    q = TabularQ()
    q.update(step("a", "x", 1.0, "end", terminated=True))
    kept = q.dump()
    for name, record in [
        ("q/00", b"{"),
        ("q/00", b"[]"),
        ("q/00", b'{"x": [1]}'),
        ("q/00", b'{"x": ["one", 1]}'),
        ("q/00", b'{"x": [NaN, 1]}'),
        ("q/00", b"[" * 100_000),
        ("q/00", b"\xff"),
        ("weights", b"{}"),
        ("traces", b"{}"),
    ]:
        with pytest.raises(SaveError, match="cannot be read"):
            q.load({name: record})
        assert q.dump() == kept


_walks = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["go north", "拿灯", 'say "hi\\"', ""]),
        st.floats(-1e6, 1e6),
        st.sampled_from("abc"),
        st.booleans(),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(_walks, st.sampled_from([0.0, 0.7]), st.integers(0, 30))
def test_records_bring_everything_back(walk: list, trace: float, cut: int) -> None:
    def learn(q: TabularQ, part: list) -> None:
        for place, command, reward, then, terminated in part:
            q.update(step(place, command, reward, then, "go north", terminated=terminated))

    whole, first = TabularQ(trace=trace), TabularQ(trace=trace)
    stored: dict[str, bytes] = {}
    for transition in walk[:cut]:
        learn(first, [transition])
        stored |= first.changes()
    assert first.changes() == {}
    assert stored == {n: r for n, r in first.dump().items() if n in stored}
    assert {n for n in first.dump() if n.startswith("q/")} == {n for n in stored if n.startswith("q/")}

    resumed = TabularQ(trace=trace)
    resumed.load(stored)
    learn(resumed, walk[cut:])
    learn(whole, walk)
    assert list(resumed) == list(whole)
    assert all(math.isfinite(value) for _, _, value, _ in resumed)
