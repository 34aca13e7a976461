from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from play_parts import CaveWorld, TableAgent

from sandbox.errors import PlayError, SaveError
from sandbox.session.session import Session
from sandbox.store import Store


def _session(*seats: str, learn: bool = True, length: int = 30, max_steps: int | None = None) -> Session:
    world = CaveWorld(*seats, length=length)
    agents = {seat: TableAgent(f"table-{seat}") for seat in world.seats}
    return Session.create(Store.memory(), world, agents, seed=7, learn=learn, max_steps=max_steps)


def _agent(session: Session, seat: str = "digger") -> TableAgent:
    agent = session.seats[seat]
    assert isinstance(agent, TableAgent)
    return agent


def test_a_session_opens_before_the_first_command() -> None:
    session = _session()
    assert session.current.depth == 0
    assert session.current.chooser == "opening"
    assert session.to_move == "digger"
    assert session.episode == 1
    assert session.episode_seed == 7
    assert [exchange.command for exchange in session.history()] == [""]
    with pytest.raises(PlayError, match="nothing to undo"):
        session.undo()
    with pytest.raises(PlayError, match="nothing to redo"):
        session.redo()


def test_undo_redo_and_branches_put_the_world_exactly_there() -> None:
    """Chance included: the state carries its generator, so the same command leads to the same place again."""
    session = _session()
    played = [session.current] + [session.act(command) for command in ("dig", "east", "dig", "west", "dig")]
    for turn in reversed(played[:-1]):
        assert session.undo() == turn
    for turn in played[1:]:
        assert session.redo() == turn
    session.jump(played[2].id)
    again = session.act("dig")
    assert again.id != played[3].id
    assert again.observations == played[3].observations
    assert again.snapshot == played[3].snapshot
    session.undo()
    other = session.act("east")
    assert other.observations != again.observations
    assert [turn.id for turn in session.alternatives()] == [played[3].id, again.id, other.id]
    session.undo()
    assert session.redo() == other, "redo goes to the child that was visited last"
    session.jump(played[5].id)
    session.jump(played[2].id)
    assert session.redo() == played[3]


def test_a_decision_can_be_made_again() -> None:
    session = _session()
    session.step()
    first = session.decide()
    assert session.decide() == first
    seeds = set()
    for _ in range(12):
        seeds.add((session.decide().command, session.decide().chooser))
        session.act("west")
        session.undo()
    assert len(seeds) > 1, "a retry is a new draw"


def test_a_turn_keeps_what_the_agent_wanted_and_what_was_done() -> None:
    session = _session()
    decision = session.decide()
    other = next(p.command for p in decision.proposals if p.command != decision.command)
    turn = session.act(other, decision=decision)
    assert (turn.command, turn.chooser, turn.decision, turn.wanted) == (
        other,
        "person",
        decision,
        decision.command,
    )
    assert turn.intervened
    own = session.step()
    assert own.decision is not None
    assert own.chooser == own.decision.chooser
    assert not own.intervened


def test_acting_needs_a_command_and_an_episode_under_way() -> None:
    session = _session(max_steps=1)
    with pytest.raises(PlayError, match="no command"):
        session.act(" \x1b[2J ")
    turn = session.act("east")
    assert turn.truncated
    assert not turn.terminated
    assert session.done
    for action in (session.decide, session.step, lambda: session.act("east")):
        with pytest.raises(PlayError, match="over"):
            action()
    session.new_episode()
    assert (session.episode, session.episode_seed) == (2, 8)
    assert not session.done
    assert _agent(session).episodes == 1


def test_one_seat_learns_at_every_step_from_a_person_too() -> None:
    session = _session()
    session.act("east")
    session.act("west")
    first, second = _agent(session).seen
    assert (first.command, second.command) == ("east", "west")
    assert first.next_observation == second.observation
    assert first.candidates == second.observation.admissible
    assert not first.terminated
    assert len(session.updates) == 1


def test_the_end_is_learned_without_a_value_after_it_unless_it_was_cut_off() -> None:
    session = _session(length=400)
    while not session.done:
        session.act("dig")
    last = _agent(session).seen[-1]
    assert (last.terminated, last.candidates, last.reward) == (True, (), 1.0)
    cut = _session(max_steps=2)
    cut.act("east")
    cut.act("east")
    last = _agent(cut).seen[-1]
    assert not last.terminated
    assert last.candidates == last.next_observation.admissible


def test_with_two_seats_a_transition_spans_the_others_turn_and_adds_up_the_rewards() -> None:
    session = _session("left", "right", length=400)
    while not session.done:
        session.act("dig")
    path = session.timeline.path(session.current.id)
    for seat in ("left", "right"):
        seen = _agent(session, seat).seen
        own = [turn for turn in path if turn.seat == seat]
        assert len(seen) == len(own)
        assert [each.observation.turn for each in seen] == list(range(len(own)))
        assert sum(each.reward for each in seen) == sum(
            turn.rewards.get(seat, 0.0) for turn in path if turn.id >= own[0].id
        )
        assert all(each.observation.seat == each.next_observation.seat == seat for each in seen)
        assert [each.terminated for each in seen] == [False] * (len(own) - 1) + [True]
    assert all(sum(turn.rewards.values()) == 0 for turn in path)


def test_without_learning_nothing_is_learned_and_nothing_explored() -> None:
    session = _session(learn=False)
    choosers = {session.step().chooser for _ in range(20) if not session.done}
    session.rate(1)
    assert choosers == {"agent"}
    assert _agent(session).seen == []
    assert session.updates == ()
    assert [record.value for record in session.feedback()] == [1]


def test_a_rating_is_learned_at_once_on_top_of_the_worlds_reward() -> None:
    session = _session()
    turn = session.act("dig")
    world = turn.rewards.get("digger", 0.0)
    session.rate(1, reasons=["brave"], comment="good")
    update = session.updates[-1]
    assert (update.reward, update.source, update.command) == (world + 1, "person", "dig")
    record = session.rate(2)
    assert session.updates[-1].reward == world + 2, "the sum is bounded"
    session.retract(record.id)
    assert session.updates[-1].reward == world + 1
    assert session.feedback_value() == 1
    assert len(session.feedback()) == 1
    with pytest.raises(PlayError, match="take back"):
        session.retract(record.id)
    assert session.current.rewards == turn.rewards, "feedback is no reward of the world"


def test_a_rating_before_the_others_answer_is_learned_with_the_transition() -> None:
    session = _session("left", "right")
    session.act("east")
    session.rate(-1)
    assert session.updates == ()
    session.act("east")
    assert [(each.reward, each.source) for each in session.updates] == [(-1.0, "person")]


def test_the_opening_cannot_be_rated_but_commented_on() -> None:
    session = _session()
    for say in (lambda: session.rate(1), lambda: session.correct("dig"), lambda: session.credit(1)):
        with pytest.raises(PlayError, match="nobody has acted"):
            say()
    session.comment("dark in here")
    assert [record.comment for record in session.feedback()] == ["dark in here"]


def test_credit_reaches_back_five_turns_of_the_seat_with_decay() -> None:
    session = _session()
    turns = [session.act("east") for _ in range(8)]
    session.credit(-2)
    assert [session.feedback_value(turn.id) for turn in turns] == [0, 0, -0.0625, -0.125, -0.25, -0.5, -1, -2]
    assert len(session.updates) == 6


def test_preferences_and_corrections() -> None:
    session = _session()
    worse = session.act("east")
    session.undo()
    better = session.step()
    session.prefer(better.id, worse.id)
    assert (session.feedback_value(better.id), session.feedback_value(worse.id)) == (1, -1)
    assert [update.reward for update in session.updates] == [
        better.rewards.get("digger", 0.0) + 1,
        worse.rewards.get("digger", 0.0) - 1,
    ]
    session.prefer_proposal(0, 1)
    session.correct("west")
    assert session.feedback()[-1].data == {"command": "west"}
    with pytest.raises(PlayError, match="same parent"):
        session.prefer(better.id, 1)
    with pytest.raises(PlayError, match="no such proposals"):
        session.prefer_proposal(0, 17)
    with pytest.raises(PlayError, match="verdict"):
        session.prefer(better.id, worse.id, verdict="maybe")


def test_a_seat_is_handed_over_and_back_with_what_was_learned(tmp_path: Path) -> None:
    world = CaveWorld()
    session = Session.create(Store.create(tmp_path / "s"), world, {"digger": TableAgent("first")}, seed=1)
    session.act("dig")
    learned = dict(_agent(session).q)
    session.hand_over("digger", None)
    assert session.act("east").agent == ""
    session.hand_over("digger", TableAgent("second"))
    session.act("west")
    assert _agent(session).q != learned
    session.hand_over("digger", TableAgent("first"))
    assert _agent(session).q == learned
    session.close()
    with Store.open(tmp_path / "s", readonly=True) as store:
        assert [run.seats["digger"] for run in store.runs()] == ["first", None, "second", "first"]


def test_two_seats_may_be_held_by_one_agent(tmp_path: Path) -> None:
    both = TableAgent("both")
    world = CaveWorld("left", "right")
    session = Session.create(Store.create(tmp_path / "s"), world, {"left": both, "right": both}, seed=1)
    for _ in range(6):
        session.step()
    session.new_episode()
    assert both.episodes == 1
    learned = dict(both.q)
    session.close()
    again = TableAgent("both")
    Session.resume(Store.open(tmp_path / "s"), world, {"left": again, "right": again}).close()
    assert again.q == learned


def test_bookmarks_and_blessings() -> None:
    session = _session()
    turn = session.act("east")
    session.bookmark("crossroads")
    session.bless()
    session.act("east")
    moved = session.bookmark("crossroads")
    assert [(mark.kind, mark.turn) for mark in session.marks()] == [("blessed", turn.id), ("bookmark", moved.turn)]
    session.unmark(moved)
    assert [mark.kind for mark in session.marks()] == ["blessed"]
    with pytest.raises(PlayError, match="needs a name"):
        session.bookmark("\n")


def test_seats_and_worlds_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlayError, match="is no seed"):
        Session.create(Store.memory(), CaveWorld(), {}, seed=2**63)
    with pytest.raises(PlayError, match="no seat 'nobody'"):
        Session.create(Store.memory(), CaveWorld(), {"nobody": None}, seed=1)
    session = Session.create(Store.create(tmp_path / "s"), CaveWorld(), {}, seed=1)
    with pytest.raises(PlayError, match="person holds"):
        session.decide()
    session.close()
    with Store.open(tmp_path / "s") as store, pytest.raises(SaveError, match="of the world 'cave-1'"):
        Session.resume(store, CaveWorld("left", "right"), {})


def test_a_full_disk_loses_the_turn_in_flight_alone(tmp_path: Path) -> None:
    session = Session.create(Store.create(tmp_path / "s"), CaveWorld(), {"digger": TableAgent()}, seed=1)
    for _ in range(3):
        session.step()
    before, nodes = session.current, session.timeline.nodes()
    pages = _pragma(session.store, "page_count")
    _pragma(session.store, f"max_page_count = {pages}")
    with pytest.raises(SaveError, match="disk is full"):
        for _ in range(50):
            before, nodes = session.current, session.timeline.nodes()
            session.act("east", decision=session.decide())
    assert session.current == before
    assert session.timeline.nodes() == nodes
    with pytest.raises(SaveError, match="disk is full"):
        while True:
            said = session.feedback()
            session.comment("x" * 5000)
    assert session.feedback() == said
    _pragma(session.store, "max_page_count = 100000")
    session.act("east")
    learned, current = dict(_agent(session).q), session.current
    session.store.close()
    again = Session.resume(Store.open(tmp_path / "s"), CaveWorld(), {"digger": (agent := TableAgent())})
    assert again.current == current
    assert agent.q == learned, "what was learned in the turn that was lost is written with the next"
    again.close()


def _pragma(store: Store, text: str) -> int:
    driver = store._connection.connection.driver_connection
    return int(driver.execute(f"PRAGMA {text}").fetchone()[0])


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit])
def test_ended_amid_a_turn_agents_know_what_the_save_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: type[BaseException]
) -> None:
    world, file = CaveWorld("digger", length=30), tmp_path / "saves" / "friday"
    session = Session.create(Store.create(file), world, {"digger": TableAgent("table")}, seed=7)
    for command in ("dig", "east", "dig"):
        session.act(command)
    known = _agent(session).dump()

    def ended(*_: object) -> None:
        raise ending

    with monkeypatch.context() as patch:
        patch.setattr(session.store, "put_records", ended)
        with pytest.raises(ending):
            session.act("dig")
    assert _agent(session).dump() != known
    session.close()
    again = Session.resume(Store.open(file), world, {"digger": TableAgent("table")})
    assert again.current.depth == 3 and _agent(again).dump() == known
    again.close()


@pytest.mark.parametrize(
    ("number", "ending"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)], ids=str
)
def test_told_to_end_amid_a_turn_agents_know_what_the_save_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, ending: type[BaseException]
) -> None:
    """The signal waits until the turn, or the end of an episode and the opening of the next, is written."""
    world, file = CaveWorld("digger", length=30), tmp_path / "saves" / "friday"
    session = Session.create(Store.create(file), world, {"digger": TableAgent("table")}, seed=7)
    for command in ("dig", "east", "dig"):
        session.act(command)
    agent = _agent(session)

    def end(*_: object) -> None:
        raise ending

    def told_in(owner: object, method: str, do: Callable[[], object]) -> None:
        original = getattr(owner, method)

        def meanwhile(*given: object, **more: object) -> object:
            signal.raise_signal(number)
            return original(*given, **more)

        former = signal.signal(number, end)
        try:
            with monkeypatch.context() as patch, pytest.raises(ending):
                patch.setattr(owner, method, meanwhile)
                do()
        finally:
            signal.signal(number, former)

    told_in(session.store, "put_records", lambda: session.act("dig"))
    assert session.current.depth == 4
    told_in(agent, "end_episode", session.new_episode)
    assert (session.current.depth, session.episode, agent.episodes) == (0, 2, 1)
    told_in(session.world, "dump", session.new_episode)
    known = agent.dump()
    session.close()
    again = Session.resume(Store.open(file), world, {"digger": TableAgent("table")})
    assert (again.current.depth, again.episode) == (0, 3) and _agent(again).dump() == known
    assert _agent(again).episodes == 2
    again.close()
