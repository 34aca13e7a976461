"""Whatever people do, in whatever order: the tree, the world and the learner are as a plain model says, and
`load(save(x)) == x`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from play_parts import MOVES, Cave, CaveWorld, TableAgent

from sandbox.session.session import Session
from sandbox.store import Store


class Playing(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()

    @initialize(seats=st.sampled_from([("digger",), ("left", "right")]), seed=st.integers(0, 2**40))
    def begin(self, seats: tuple[str, ...], seed: int) -> None:
        self.world = CaveWorld(*seats, length=12)
        store = Store.create(Path(self.folder.name) / "s")
        self.session = Session.create(store, self.world, self._agents(), seed=seed)
        opening = self.session.current.id
        self.states: dict[int, Cave] = {opening: self.world.initial(seed)}
        self.parents: dict[int, int | None] = {opening: None}
        self.came_from: dict[int, int] = {}
        self.ratings: dict[int, tuple[int, float]] = {}

    def _agents(self) -> dict[str, Any]:
        return {seat: TableAgent(f"table-{seat}") for seat in self.world.seats}

    def _acted(self, before: int) -> None:
        turn = self.session.current
        seat, state = self.world.to_move(self.states[before]), self.states[before]
        assert seat == turn.seat
        assert turn.id not in self.states, "acting always makes a new turn"
        self.states[turn.id] = self.world.step(state, seat, turn.command).state
        self.parents[turn.id] = before

    @precondition(lambda self: not self.session.done)
    @rule(command=st.sampled_from((*MOVES, "sing")))
    def act(self, command: str) -> None:
        before = self.session.current.id
        self.session.act(command)
        self._acted(before)

    @precondition(lambda self: not self.session.done)
    @rule()
    def step(self) -> None:
        before = self.session.current.id
        self.session.step()
        self._acted(before)

    @precondition(lambda self: self.parents[self.session.current.id] is not None)
    @rule()
    def undo(self) -> None:
        before = self.session.current.id
        assert self.session.undo().id == self.parents[before]
        assert self.session.redo().id == before
        self.session.undo()

    @rule(data=st.data())
    def jump(self, data: st.DataObject) -> None:
        target = data.draw(st.sampled_from(sorted(self.states)))
        assert self.session.jump(target).id == target

    @rule(seed=st.none() | st.integers(0, 5))
    def new_episode(self, seed: int | None) -> None:
        turn = self.session.new_episode(seed)
        self.states[turn.id] = self.world.initial(self.session.episode_seed)
        self.parents[turn.id] = None

    @precondition(lambda self: self.parents[self.session.current.id] is not None)
    @rule(value=st.sampled_from((-2.0, -1.0, 0.5, 1.0)))
    def rate(self, value: float) -> None:
        record = self.session.rate(value)
        self.ratings[record.id] = (record.turn, value)
        self.session.comment("so it is")

    @precondition(lambda self: self.ratings)
    @rule(data=st.data())
    def retract(self, data: st.DataObject) -> None:
        wanted = data.draw(st.sampled_from(sorted(self.ratings)))
        self.session.retract(wanted)
        del self.ratings[wanted]

    @rule(close=st.booleans())
    def save_and_load(self, close: bool) -> None:
        old = self.session
        ids = [node.id for node in old.timeline.nodes()]
        turns = old.timeline.turns(ids)
        redo = [old.timeline.redo_target(each) for each in ids]
        said = [old.feedback(each) for each in ids]
        learned = [old.seats[seat].dump() for seat in self.world.seats]  # type: ignore[union-attr]
        if close:
            old.close()
        else:
            old.store.close()
        self.session = Session.resume(Store.open(Path(self.folder.name) / "s"), self.world, self._agents())
        new = self.session
        assert new.current == old.current
        assert new.timeline.turns(ids) == turns
        assert [new.timeline.redo_target(each) for each in ids] == redo
        assert [new.feedback(each) for each in ids] == said
        assert [new.seats[seat].dump() for seat in self.world.seats] == learned  # type: ignore[union-attr]

    @invariant()
    def the_world_is_where_the_tree_says(self) -> None:
        here = self.session.current
        state = self.states[here.id]
        assert self.world.load(here.snapshot) == state
        assert self.session._state == state
        assert dict(here.observations) == {seat: self.world.observe(state, seat) for seat in self.world.seats}
        assert self.session.to_move == self.world.to_move(state) or here.truncated
        assert {node.id: node.parent for node in self.session.timeline.nodes()} == self.parents

    @invariant()
    def rewards_and_feedback_stay_apart(self) -> None:
        for node in self.session.timeline.nodes():
            total = sum(value for turn, value in self.ratings.values() if turn == node.id)
            assert self.session.feedback_value(node.id) == max(-2.0, min(2.0, total))
            if len(self.world.seats) > 1:
                assert sum(node.rewards.values()) == 0

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.session.close()
        self.folder.cleanup()


TestPlaying = Playing.TestCase
TestPlaying.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
