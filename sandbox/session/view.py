"""How the session stands, as values: taken on the session's thread, read on the screen's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sandbox.render.formatting import heard
from sandbox.session import worlds
from sandbox.session.moves import greetings, tries
from sandbox.types import Observation, Update

if TYPE_CHECKING:
    from sandbox.session.session import Session
    from sandbox.store.feedback import Feedback, Mark
    from sandbox.timeline import Node, Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One moment of a session. The tree comes in pieces: `fresh` holds the nodes that no earlier view had."""

    world: str
    """What a person calls the world."""
    seed: int
    """Of the episode."""
    verbs: tuple[str, ...]
    """Verbs the world understands."""
    seats: tuple[str, ...]
    names: Mapping[str, str]
    """What the world calls each seat."""
    agents: Mapping[str, str]
    """Who holds each seat, as `card@adapter`; a seat that is missing is a person's."""
    elsewhere: frozenset[str] = frozenset()
    """Seats whose people sit at another screen."""
    watcher: str | None
    """The seat whose eyes the person before the screen sees with; None where nobody plays and all may be seen."""
    simultaneous: bool
    """Whether all decide before anything happens."""
    greetings: tuple[tuple[str, str], ...] = ()
    """Who said what before the first command of the episode."""
    path: tuple[Turn, ...]
    """From the opening of the episode down to where we stand."""
    vain: frozenset[int] = frozenset()
    """Turns on the way in which a person took an agent's place, and did nothing else than it wanted."""
    fresh: tuple[Node, ...]
    to_move: str | None
    """None at the end of an episode."""
    wants_key: bool = False
    """Whether the world waits for one key, and takes the next command as that."""
    observation: Observation
    """What the watcher perceives; without one, the seat to move."""
    feedback: Mapping[int, tuple[Feedback, ...]]
    """What people said and did not take back, of the turns that have any."""
    said: Feedback | None = None
    """The record that the latest job stored."""
    marks: Mapping[int, tuple[Mark, ...]]
    """Bookmarks and blessings, by the turns that have any."""
    tries: tuple[int, int] = (1, 1)
    """Which of the commands tried from the same turn the latest is, and how many there are."""
    updates: tuple[Update, ...]
    """The Bellman updates that the latest job brought about. A watcher learns no command of others from them."""

    @property
    def current(self) -> Turn:
        return self.path[-1]

    @property
    def told(self) -> Turn:
        """The latest turn of which the watcher was told anything: what a person says is about that one."""
        for at in range(len(self.path) - 1, 0, -1):
            before, turn = self.path[at - 1 : at + 1]
            if self.watcher in (None, turn.seat) or heard(before, turn, self.watcher)[0]:
                return turn
        return self.path[0]

    def seat_of(self, turn_id: int) -> str:
        """Who acted in a turn on the way here; of another turn, whoever acted in the latest."""
        return next((turn.seat for turn in reversed(self.path) if turn.id == turn_id), self.current.seat)

    @property
    def done(self) -> bool:
        return self.to_move is None

    @property
    def agent_moves(self) -> bool:
        """Whether the next command is an agent's to choose."""
        return self.to_move in self.agents

    @property
    def elsewhere_moves(self) -> bool:
        """Whether the next command is typed at another screen."""
        return self.to_move in self.elsewhere

    @property
    def people(self) -> tuple[str, ...]:
        """Seats of the people before this screen."""
        return tuple(seat for seat in self.seats if seat not in self.agents and seat not in self.elsewhere)

    @property
    def others_move(self) -> bool:
        """Whether an agent in another seat than a person's is to move, and does so by itself."""
        return self.agent_moves and bool(self.people)

    def name(self, seat: str) -> str:
        """What the world calls a seat; its identifier where the world has no name for it."""
        return self.names.get(seat, seat)

    @property
    def ratings(self) -> dict[int, float]:
        """What people's ratings of each turn come to; 0 where they only remarked on it."""
        return {
            turn: sum(said.value or 0.0 for said in record) for turn, record in self.feedback.items() if record
        }

    @property
    def interventions(self) -> float:
        """Share of the turns so far in which a person did something else than the agent wanted."""
        others = sum(turn.intervened and turn.id not in self.vain for turn in self.path[1:])
        return others / max(len(self.path) - 1, 1)


def signature(name: str, model: str) -> str:
    """An agent and the revision of its language model: `lm-q@base`; the name alone without a model."""
    return f"{name}@{model.rpartition('@')[2]}" if model else name


def watching(session: Session) -> str | None:
    """Whose eyes to see with: a person's who is to move, else of the one who was last, else of the first."""
    people = [seat for seat, agent in session.seats.items() if agent is None and seat not in session.elsewhere]
    if not people or session.to_move in people:
        return session.to_move if people else None
    path = session.timeline.ancestors(session.current.id)
    return next((node.seat for node in path if node.seat in people), people[0])


class Camera:
    """Takes views of a session. Lives on the session's thread, and remembers what it has shown."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._shown = 0
        self._names = worlds.names(session.world)
        self._simultaneous = worlds.simultaneous(session.world)
        self._path: tuple[Turn, ...] = ()
        self._greetings: dict[int, tuple[tuple[str, str], ...]] = {}
        """What was said at each opening: an agent that takes a seat later has greeted nobody there."""
        self._feedback = {
            node.id: said for node in session.timeline.nodes() if (said := session.feedback(node.id))
        }

    def view(self, result: object = None) -> View:
        """A view of the session now, after a job that gave `result`: a turn, or the feedback that was stored."""
        from sandbox.store.feedback import Feedback

        session = self._session
        said = result if isinstance(result, Feedback) else None
        if said is not None:
            self._feedback[said.turn] = session.feedback(said.turn)
        elif isinstance(result, str):  # it may have taken several things back
            for turn, known in self._feedback.items():
                if (stands := session.feedback(turn)) != known:
                    self._feedback[turn] = stands
        fresh = tuple(node for node in session.timeline.nodes() if node.id > self._shown)
        self._shown = max((node.id for node in fresh), default=self._shown)
        watcher = watching(session)
        several = len(session.world.seats) > 1
        marks: dict[int, tuple[Mark, ...]] = {}
        for mark in session.marks():
            marks[mark.turn] = (*marks.get(mark.turn, ()), mark)
        return View(
            world=session.world.title,
            seed=session.episode_seed,
            verbs=session.world.verbs,
            seats=session.world.seats,
            names=self._names,
            elsewhere=session.elsewhere,
            watcher=watcher,
            simultaneous=self._simultaneous,
            agents={
                seat: signature(agent.name, agent.model)
                for seat, agent in session.seats.items()
                if agent is not None
            },
            path=(path := self._walk()),
            greetings=self._greetings.setdefault(path[0].id, greetings(session)),
            vain=frozenset(turn.id for turn in path if turn.intervened and not session.deeds.stepped_in(turn)),
            fresh=fresh,
            to_move=session.to_move,
            wants_key=session.wants_key,
            observation=session.observation(watcher),
            feedback=dict(self._feedback),
            said=said,
            marks=marks,
            tries=tries(session),
            updates=tuple(replace(update, command="…") for update in session.updates)
            if watcher and several
            else session.updates,
        )

    def _walk(self) -> tuple[Turn, ...]:
        """The path to where we stand. Turns that the last view had too are taken from there."""
        timeline = self._session.timeline
        ids = timeline.path_ids(self._session.current.id)
        kept = 0
        for turn, turn_id in zip(self._path, ids, strict=False):
            if turn.id != turn_id:
                break
            kept += 1
        self._path = self._path[:kept] + timeline.turns(ids[kept:])
        return self._path
