"""What was played in a save, to be played again as it was: a world and agents that know that and nothing else.

Neither the world's file nor a language model is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event
from typing import Any

from sandbox.errors import PlayError
from sandbox.session.session import Session
from sandbox.store import Run, Store
from sandbox.store.feedback import Feedback
from sandbox.timeline import Timeline, Turn
from sandbox.types import Chooser, Decision, History, Observation, Step, Transition, Update


class RecordedPlay:
    """One episode of a save.

    Args:
        run: who played what.
        timeline: the turns of the save.
        opening: of the episode.
    """

    def __init__(self, run: Run, timeline: Timeline, opening: int) -> None:
        self.run = run
        self.timeline = timeline
        self.opening = timeline.get(opening)
        nodes = [node.id for node in timeline.nodes() if node.episode == self.opening.episode]
        self.turns = timeline.turns(sorted(nodes)[1:])
        """In the order in which they were played, undone ones included; without the opening."""
        self.next: Turn | None = None
        """The turn that is to be played next."""

    @classmethod
    def of(cls, store: Store) -> RecordedPlay:
        """The episode where a save stands. Raises `SaveError`."""
        timeline, run = store.timeline(), store.latest_run()
        known = run.cursor is not None and run.cursor in timeline
        here = run.cursor if known else timeline.opening_ids()[-1]
        return cls(run, timeline, timeline.path_ids(here or 0)[0])

    def happened(self, feedback: tuple[Feedback, ...]) -> list[Turn | Feedback]:
        """All that was done and said in the episode, in the order in which it was."""
        known = {turn.id for turn in self.turns}
        both: list[Turn | Feedback] = [*self.turns, *(said for said in feedback if said.turn in known)]
        return sorted(both, key=lambda each: each.created)

    def session(self) -> Session:
        """A session that nobody keeps, at the opening, with the agents that played."""
        models = {turn.seat: turn.decision.model for turn in self.turns if turn.decision is not None}
        return ReplaySession.create(
            Store.memory(),
            ReplayWorld(self),
            {
                seat: None if name is None else ReplayAgent(name, models.get(seat, ""))
                for seat, name in self.run.seats.items()
            },
            seed=self.opening.seed or 0,
            learn=False,
            annotator=self.run.annotator,
        )


class ReplayWorld:
    """The episode as a world: its states are turns, and only the command that comes next leads anywhere."""

    verbs: tuple[str, ...] = ()

    def __init__(self, recorded: RecordedPlay) -> None:
        self.recorded = recorded
        self.name = recorded.run.world
        self.title = recorded.run.title
        self.fingerprint = recorded.run.fingerprint
        self.seats = tuple(recorded.opening.observations)

    def initial(self, seed: int) -> int:
        return self.recorded.opening.id

    def to_move(self, state: int) -> str | None:
        return self.recorded.timeline.node(state).to_move

    def observe(self, state: int, seat: str) -> Observation:
        return self.recorded.timeline.get(state).observations[seat]

    def step(self, state: int, seat: str, command: str) -> Step[int]:
        turn = self.recorded.next
        if turn is None or (turn.parent, turn.seat, turn.command) != (state, seat, command):
            raise PlayError("this is not what was done here")
        return Step(state=turn.id, rewards=turn.rewards, terminated=turn.terminated, truncated=turn.truncated)

    def dump(self, state: int) -> bytes:
        return str(state).encode()

    def load(self, data: bytes) -> int:
        return int(data)

    def close(self) -> None:
        """There is nothing to let go of."""


class ReplaySession(Session):
    """Its agents want again what they wanted. Where that was never known, they think until somebody acts."""

    def __init__(self, *parts: Any) -> None:
        self._left = Event()
        """Set when the state is left that decisions are made in."""
        super().__init__(*parts)

    def decide(self, seat: str | None = None, *, again: int = 0) -> Decision:
        left, here = self._left, self.current
        assert isinstance(self.world, ReplayWorld)
        recorded = self.world.recorded
        tried = len(self.timeline.child_ids(here.id))
        following = recorded.timeline.child_ids(int(here.snapshot))[tried:]
        decision = recorded.timeline.get(following[0]).decision if following else None
        if decision is not None:
            return decision
        left.wait()
        raise PlayError("nobody knows what the agent wanted")

    def act(self, command: str, *, decision: Decision | None = None, chooser: Chooser = "person") -> Turn:
        turn = super().act(command, decision=decision, chooser=chooser)
        self._leave()
        return turn

    def jump(self, turn_id: int) -> Turn:
        turn = super().jump(turn_id)
        self._leave()
        return turn

    def close(self) -> None:
        self._leave()
        super().close()

    def _leave(self) -> None:
        left, self._left = self._left, Event()
        left.set()


class ReplayAgent:
    """Holds a seat under its old name; what it wants is known to the session."""

    def __init__(self, name: str, model: str) -> None:
        self.name = name
        self.model = model

    def decide(self, observation: Observation, history: History, *, seed: int, explore: bool = True) -> Decision:
        raise PlayError("what was wanted is in the recording")

    def learn(self, transition: Transition) -> Update | None:
        return None

    def end_episode(self) -> None:
        pass

    def dump(self) -> dict[str, bytes]:
        return {}

    def changes(self) -> dict[str, bytes]:
        return {}

    def load(self, records: Mapping[str, Any]) -> None:
        pass
