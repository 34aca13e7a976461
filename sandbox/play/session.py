"""A session: one save being played. It moves in the tree, asks and teaches the agents, and writes it all down."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sandbox.errors import PlayError, SaveError
from sandbox.play import feedback as fb
from sandbox.play import learning
from sandbox.play.feedback import Feedback, FeedbackBook
from sandbox.play.store import Run, Store
from sandbox.play.timeline import Timeline, Turn, history
from sandbox.text import clean_line
from sandbox.types import Agent, Chooser, Decision, Exchange, Observation, Update, World

Seats = Mapping[str, Agent | None]


class Session:
    """One save being played: the world, who holds the seats, the timeline, and the store all of it is written to.

    Made by `create` or `resume`. Belongs to one thread; only `decide` may run on another, and never while
    another `decide` does. Agents keep what they learn when a person undoes: experience is never lost.
    """

    def __init__(self, store: Store, world: World[Any], seats: Seats, run: Run, timeline: Timeline) -> None:
        self.store = store
        self.world = world
        self.seats: dict[str, Agent | None] = dict(seats)
        """Who holds each seat; None is a person. `hand_over` changes it."""
        self.timeline = timeline
        self.learn = run.learn
        """Whether agents learn, from rewards and from feedback."""
        self.annotator = run.annotator
        self.max_steps = run.max_steps
        """Turns after which an episode is cut off; None for no limit."""
        self.world_changed = False
        """Whether the world's definition is another than when the save was last played."""
        self.updates: tuple[Update, ...] = ()
        """The Bellman updates of the latest act or feedback, newest last."""
        self._run = run
        self._current = 0
        self._state: Any = None
        self._book = FeedbackBook()
        self._unsaved: dict[tuple[str, str], dict[str, bytes]] = {}

    @classmethod
    def create(
        cls,
        store: Store,
        world: World[Any],
        seats: Seats,
        *,
        seed: int,
        learn: bool = True,
        annotator: str = "anonymous",
        max_steps: int | None = None,
        cards: Mapping[str, str] | None = None,
    ) -> Session:
        """Start a save in an empty store, at the opening of its first episode.

        Args:
            store: where it is kept.
            world: what is played.
            seats: who holds each seat; one left out is a person's.
            seed: all randomness of the session follows from it, and it is the seed of the first episode.
            learn: whether agents learn.
            annotator: pseudonym that feedback is recorded under.
            max_steps: turns after which an episode is cut off.
            cards: the text of the card of each seat's agent, for the record.
        """
        run = _run(world, seats, seed=seed, learn=learn, annotator=annotator, max_steps=max_steps, cards=cards)
        session = cls(store, world, _all_seats(world, seats), run, Timeline(load=store.turns))
        session._open_episode(seed, first=True)
        return session

    @classmethod
    def resume(
        cls,
        store: Store,
        world: World[Any],
        seats: Seats,
        *,
        learn: bool | None = None,
        annotator: str | None = None,
        max_steps: int | None = None,
        cards: Mapping[str, str] | None = None,
    ) -> Session:
        """Go on exactly where a save was left. Agents get back what they had learned in the same seat.

        Where an argument is None, it is as in the latest run. Raises `SaveError` where the save is of another
        world, or the world can no longer load its snapshots.
        """
        runs = store.runs()
        if not runs:
            raise SaveError("the save is empty", where=store.file, mend="start a new one")
        latest = runs[-1]
        if latest.world != world.name:
            raise SaveError(f"the save is of the world {latest.world!r}, not {world.name!r}", where=store.file)
        timeline = store.timeline()
        if latest.cursor is None or latest.cursor not in timeline:
            raise SaveError("the save does not say where it was left", where=store.file)
        run = _run(
            world,
            seats,
            seed=latest.seed,
            learn=latest.learn if learn is None else learn,
            annotator=annotator or latest.annotator,
            max_steps=max_steps or latest.max_steps,
            cards=cards,
            cursor=latest.cursor,
        )
        session = cls(store, world, _all_seats(world, seats), run, timeline)
        session.world_changed = latest.fingerprint != world.fingerprint
        session._book = FeedbackBook(store.feedback())
        session._state = world.load(timeline.get(latest.cursor).snapshot)
        session._current = latest.cursor
        with store.transaction():
            session._run = store.add_run(run)
            for seat, agent in session._learners().items():
                session._bring_in(seat, agent)
        return session

    # Where we are.

    @property
    def current(self) -> Turn:
        """The turn we stand at."""
        return self.timeline.get(self._current)

    @property
    def seed(self) -> int:
        """The seed of the session."""
        return self._run.seed

    @property
    def episode(self) -> int:
        """Number of the episode, counted from 1."""
        return self.timeline.node(self._current).episode

    @property
    def episode_seed(self) -> int:
        """The seed that the episode's world started from."""
        opening = list(self.timeline.ancestors(self._current))[-1]
        return opening.seed or 0

    @property
    def to_move(self) -> str | None:
        """The seat whose command comes next; None when the episode is over."""
        return self.timeline.node(self._current).to_move

    @property
    def done(self) -> bool:
        return self.to_move is None

    def observation(self, seat: str | None = None) -> Observation:
        """What a seat perceives: by default the one to move, or at the end the one that moved last."""
        turn = self.current
        return turn.observations[self._seat(seat)]

    def history(self, seat: str | None = None) -> tuple[Exchange, ...]:
        """What a seat has lived through in this episode, oldest first."""
        return history(self.timeline.path(self._current), self._seat(seat))

    def score(self, seat: str | None = None) -> float:
        return self.observation(seat).score

    def alternatives(self) -> tuple[Turn, ...]:
        """What was tried from the same parent, the current turn included, oldest first."""
        return self.timeline.siblings(self._current)

    def _seat(self, seat: str | None) -> str:
        if seat is None:
            node = self.timeline.node(self._current)
            seat = node.to_move or node.seat or self.world.seats[0]
        if seat not in self.seats:
            raise PlayError(f"this world has no seat {seat!r}", mend=f"it has {', '.join(self.seats)}")
        return seat

    # Playing.

    def decide(self, seat: str | None = None) -> Decision:
        """Ask the agent of a seat what it wants. Changes nothing here, and is the same every time it is asked.

        Slow with a language model; may run on a worker thread.
        """
        here = self._current
        seat = self._seat(seat)
        agent = self.seats[seat]
        if agent is None:
            raise PlayError(f"a person holds the seat {seat!r}")
        path = self.timeline.path(here)
        if path[-1].to_move is None:
            raise PlayError("the episode is over", mend="start a new one, or undo")
        seed = _derive(self.seed, path[-1].episode, path[-1].depth, len(self.timeline.child_ids(here)))
        return agent.decide(path[-1].observations[seat], history(path, seat), seed=seed, explore=self.learn)

    def act(self, command: str, *, decision: Decision | None = None, chooser: Chooser = "person") -> Turn:
        """Carry out a command of the seat to move. The turn and all that was learned are saved when this returns.

        Args:
            command: what to do.
            decision: what the agent of the seat wanted, where it was asked; kept whatever the command is.
            chooser: who chose the command.

        Raises `PlayError` where the episode is over, `SaveError` where the turn could not be written: the session
        then stands where it stood.
        """
        parent = self.current
        seat = parent.to_move
        if seat is None:
            raise PlayError("the episode is over", mend="start a new one, or undo")
        command = clean_line(command)
        if not command:
            raise PlayError("there is no command")
        if decision is not None and decision.seat != seat:
            raise PlayError(f"the decision is of the seat {decision.seat!r}, but {seat!r} is to move")
        step = self.world.step(self._state, seat, command)
        depth = parent.depth + 1
        cut_off = self.max_steps is not None and depth >= self.max_steps
        truncated = step.truncated or (cut_off and not step.terminated)
        holder = self.seats[seat]
        turn = Turn(
            id=0,
            parent=parent.id,
            episode=parent.episode,
            depth=depth,
            seat=seat,
            command=command,
            chooser=chooser,
            agent=holder.name if holder is not None else "",
            decision=decision,
            rewards=dict(step.rewards),
            to_move=None if step.terminated or truncated else self.world.to_move(step.state),
            terminated=step.terminated,
            truncated=truncated,
            observations={each: self.world.observe(step.state, each) for each in self.world.seats},
            snapshot=self.world.dump(step.state),
            created=time.time(),
        )
        self._write(turn, step.state)
        return self.current

    def step(self) -> Turn:
        """Let the agent of the seat to move decide, and carry it out."""
        decision = self.decide()
        return self.act(decision.command, decision=decision, chooser=decision.chooser)

    def new_episode(self, seed: int | None = None) -> Turn:
        """Open another episode. Agents keep what they have learned.

        Args:
            seed: of the world; by default one that follows from the session's.
        """
        for agent in self._learners().values():
            agent.end_episode()
        opened = len(self.timeline.opening_ids())
        self._open_episode(self.seed + opened if seed is None else seed)
        return self.current

    def _open_episode(self, seed: int, *, first: bool = False) -> None:
        state = self.world.initial(seed)
        turn = Turn(
            id=0,
            parent=None,
            episode=len(self.timeline.opening_ids()) + 1,
            depth=0,
            seat="",
            command="",
            chooser="opening",
            to_move=self.world.to_move(state),
            observations={each: self.world.observe(state, each) for each in self.world.seats},
            snapshot=self.world.dump(state),
            seed=seed,
            created=time.time(),
        )
        self._write(turn, state, first=first)

    def _write(self, turn: Turn, state: Any, *, first: bool = False) -> None:
        ancestors = () if turn.parent is None else self.timeline.ancestors(turn.parent)
        try:
            with self.store.transaction():
                if first:
                    self._run = self.store.add_run(self._run)
                    for seat, agent in self._learners().items():
                        self.store.put_records(seat, agent.name, agent.dump())
                turn = self.store.add_turn(turn, self._run, ancestors)
                self.timeline.add(turn)
                updates = self._learn_from(turn)
                self._put_changes()
        except BaseException:
            if turn.id in self.timeline:
                self.timeline.forget(turn.id)
            raise
        self._unsaved.clear()
        self.updates = updates
        self._current, self._state = turn.id, state

    # Moving in the tree.

    def undo(self) -> Turn:
        """Back to the parent; what was undone stays in the tree."""
        parent = self.timeline.node(self._current).parent
        if parent is None:
            raise PlayError("there is nothing to undo: this is the opening of the episode")
        return self.jump(parent)

    def redo(self) -> Turn:
        """Down to the child that was visited last."""
        child = self.timeline.redo_target(self._current)
        if child is None:
            raise PlayError("there is nothing to redo: no turn has been played from here")
        return self.jump(child)

    def jump(self, turn_id: int) -> Turn:
        """Stand at any turn of the save, with the world exactly as it was."""
        turn = self.timeline.get(turn_id)
        state = self.world.load(turn.snapshot)
        with self.store.transaction():
            self.store.move(self._run, turn_id, self.timeline.visits(turn_id))
        self.timeline.visit(turn_id)
        self._current, self._state, self.updates = turn_id, state, ()
        return turn

    def close(self) -> None:
        """Write what the agents have learned in full, and let go of the save."""
        try:
            with self.store.transaction():
                for seat, agent in self._learners().items():
                    self.store.replace_records(seat, agent.name, agent.dump())
        finally:
            self.store.close()

    # Learning.

    def _learners(self) -> dict[str, Agent]:
        """Each agent once, under the first seat that it holds."""
        found: dict[str, Agent] = {}
        for seat, agent in self.seats.items():
            if agent is not None and all(agent is not other for other in found.values()):
                found[seat] = agent
        return found

    def _bring_in(self, seat: str, agent: Agent) -> None:
        """Give an agent back what it had learned in a seat, or note what it comes with."""
        if records := self.store.records(seat, agent.name):
            agent.load(records)
        else:
            self.store.put_records(seat, agent.name, agent.dump())

    def hand_over(self, seat: str, agent: Agent | None, *, card: str = "") -> None:
        """Give a seat to another agent, or to a person (None). An agent that held it before knows what it knew.

        Args:
            seat: which.
            agent: who holds it from now on.
            card: the text of the agent's card, for the record.
        """
        self._seat(seat)
        seats = {**self.seats, seat: agent}
        names = {each: None if holder is None else holder.name for each, holder in seats.items()}
        cards = {each: text for each, text in {**self._run.cards, seat: card}.items() if text}
        with self.store.transaction():
            for each, leaving in self._learners().items():
                if leaving is not agent:
                    self.store.replace_records(each, leaving.name, leaving.dump())
            self._run = self.store.add_run(
                replace(self._run, seats=names, cards=cards, cursor=self._current, created=0.0)
            )
            self.seats = seats
            for each, coming in self._learners().items():
                if coming is agent:
                    self._bring_in(each, coming)

    def _learn_from(self, turn: Turn) -> tuple[Update, ...]:
        if not self.learn or turn.parent is None:
            return ()
        updates = []
        for seat, agent in self.seats.items():
            acted = learning.completed_by(self.timeline, turn.id, seat)
            if agent is None or acted is None:
                continue
            transition = learning.transition(self.timeline, acted, self._book.value(acted))
            update = None if transition is None else agent.learn(transition)
            if update is not None:
                updates.append(update)
        return tuple(updates)

    def _put_changes(self) -> None:
        """Write what the agents have learned, and what an earlier failure to write has left over."""
        for seat, agent in self._learners().items():
            waiting = self._unsaved.setdefault((seat, agent.name), {})
            waiting.update(agent.changes())
        for (seat, name), records in self._unsaved.items():
            self.store.put_records(seat, name, records)

    # Feedback.

    def rate(
        self,
        value: float,
        *,
        turn: int | None = None,
        reasons: Sequence[str] = (),
        comment: str = "",
        latency: float | None = None,
    ) -> Feedback:
        """Reward or punish a turn, by default the current one, with -2 to +2. Ratings add up, within +-2.

        The agent of the seat learns at once, from the world's reward plus what all feedback on the turn comes to.
        """
        return self._say(
            "rating", self._acted(turn), value=value, reasons=reasons, comment=comment, latency=latency
        )

    def credit(self, value: float, *, turn: int | None = None, back: int = fb.REACH, **more: Any) -> Feedback:
        """Reward or punish a turn and the seat's turns before it, each earlier one half as much (after TAMER,
        Knox & Stone 2009).

        Args:
            value: -2 to +2, for the turn itself.
            turn: by default the current one.
            back: how many earlier turns of the seat share in it, at most 5.
            more: `reasons`, `comment`, `latency` as in `rate`.
        """
        node = self._acted(turn)
        own = [each.id for each in self.timeline.ancestors(node) if each.seat == self.timeline.node(node).seat]
        shared = {str(each): fb.DECAY**steps for steps, each in enumerate(own[: min(back, fb.REACH) + 1])}
        return self._say("credit", node, value=value, data={"shares": shared}, **more)

    def prefer(self, better: int, worse: int, *, verdict: str = "better", **more: Any) -> Feedback:
        """Say which of two siblings is better, that they tie (`tie`), or that neither is any good (`bad`)."""
        parents = {self.timeline.node(each).parent for each in (better, worse)}
        parent = parents.pop()
        if parents or parent is None or better == worse:
            raise PlayError("only two different turns tried from the same parent can be compared")
        data = {"between": "turns", "better": better, "worse": worse, "verdict": verdict}
        return self._say("preference", parent, data=data, **more)

    def prefer_proposal(
        self, better: int, worse: int, *, turn: int | None = None, verdict: str = "better", **more: Any
    ) -> Feedback:
        """The same of two proposals of a turn's decision, by their place in it."""
        node = self._acted(turn)
        decision = self.timeline.get(node).decision
        if decision is None or not all(0 <= each < len(decision.proposals) for each in (better, worse)):
            raise PlayError("there are no such proposals at this turn")
        data = {"between": "proposals", "better": better, "worse": worse, "verdict": verdict}
        return self._say("preference", node, data=data, **more)

    def correct(self, command: str, *, turn: int | None = None, **more: Any) -> Feedback:
        """Say what should have been done in a turn instead."""
        return self._say("correction", self._acted(turn), data={"command": command}, **more)

    def comment(self, text: str, *, turn: int | None = None, **more: Any) -> Feedback:
        """Note something at a turn, by default the current one."""
        node = self.timeline.node(self._current if turn is None else turn)
        return self._say("comment", node.id, comment=text, **more)

    def retract(self, feedback_id: int) -> Feedback:
        """Take a record back, with a new one. The learner is told what the turn's feedback comes to now."""
        record = self._book.get(feedback_id)
        if record is None:
            raise PlayError(f"there is no feedback {feedback_id} to take back")
        return self._say("retract", record.turn, data={"feedback": feedback_id}, about=fb.shares(record))

    def feedback(self, turn_id: int | None = None) -> tuple[Feedback, ...]:
        """What stands of what was said at a turn, by default the current one; oldest first."""
        return self._book.at(self._current if turn_id is None else turn_id)

    def feedback_value(self, turn_id: int | None = None) -> float:
        """What all feedback comes to as a reward for a turn, in [-2, 2]."""
        return self._book.value(self._current if turn_id is None else turn_id)

    def _acted(self, turn: int | None) -> int:
        node = self.timeline.node(self._current if turn is None else turn)
        if node.parent is None:
            raise PlayError("nobody has acted yet", mend="act first, or choose a turn")
        return node.id

    def _say(
        self,
        kind: fb.Kind,
        turn: int,
        *,
        value: float | None = None,
        data: Mapping[str, Any] | None = None,
        reasons: Sequence[str] = (),
        comment: str = "",
        latency: float | None = None,
        about: Mapping[int, float] | None = None,
    ) -> Feedback:
        """Write a record, and let the agents learn what it changes about the turns it is about."""
        record = fb.checked(
            id=0,
            turn=turn,
            kind=kind,
            value=value,
            data=dict(data or {}),
            reasons=tuple(reasons),
            comment=comment,
            annotator=self.annotator,
            created=time.time(),
            latency=latency,
        )
        try:
            with self.store.transaction():
                record = self.store.add_feedback(record)
                self._book.add(record)
                updates = self._teach(fb.shares(record) if about is None else about)
                self._put_changes()
        except BaseException:
            if record.id:
                self._book.forget(record)
            raise
        self._unsaved.clear()
        self.updates = updates
        return record

    def _teach(self, turn_ids: Iterable[int]) -> tuple[Update, ...]:
        updates = []
        for turn_id in turn_ids if self.learn else ():
            agent = self.seats.get(self.timeline.node(turn_id).seat)
            step = learning.transition(self.timeline, turn_id, self._book.value(turn_id), rated=True)
            update = agent.learn(step) if agent is not None and step is not None else None
            if update is not None:
                updates.append(update)
        return tuple(updates)


def _run(world: World[Any], seats: Seats, *, cards: Mapping[str, str] | None, **more: Any) -> Run:
    return Run(
        world=world.name,
        title=world.title,
        fingerprint=world.fingerprint,
        seats={seat: None if agent is None else agent.name for seat, agent in _all_seats(world, seats).items()},
        cards=dict(cards or {}),
        **more,
    )


def _all_seats(world: World[Any], seats: Seats) -> dict[str, Agent | None]:
    for seat in seats:
        if seat not in world.seats:
            raise PlayError(f"{world.name} has no seat {seat!r}", mend=f"it has {', '.join(world.seats)}")
    return {seat: seats.get(seat) for seat in world.seats}


def _derive(*numbers: int) -> int:
    """A seed of 32 bits that depends on all the numbers."""
    return int.from_bytes(hashlib.sha256(repr(numbers).encode()).digest()[:4], "big")
