"""A session: one save being played. It moves in the tree, asks and teaches the agents, and writes it all down."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

from sandbox.abilities import Keyed
from sandbox.errors import PlayError, SaveError
from sandbox.feedback.book import FeedbackBook
from sandbox.feedback.deeds import Deeds
from sandbox.session import batch, told, transitions
from sandbox.session.batch import Perceived
from sandbox.session.players import Seating, Seats
from sandbox.session.renewal import Renewal, RenewalOutcome
from sandbox.session.review import Review
from sandbox.store import Run, Store
from sandbox.text import clean_line
from sandbox.timeline import Timeline, Turn, decision_seed, history
from sandbox.types import Agent, Chooser, Decision, Exchange, Observation, Update, World
from sandbox.world.reload import Given, replay


class Session(Review):
    """One save being played: the world, who holds the seats, the timeline, and the store all of it is written to.

    Made by `create` or `resume`; what can be said about turns is in `Review`. Belongs to one thread: only `decide`
    may run on another, and never while another `decide` does.

    Agents keep what they learn when a person undoes: experience is never lost.
    """

    def __init__(
        self, store: Store, world: World[Any], seats: Seats, run: Run, timeline: Timeline, book: FeedbackBook
    ) -> None:
        seating = Seating.of(world, seats)
        deeds = Deeds(timeline, lambda: self.world)
        super().__init__(
            store, timeline, book, annotator=run.annotator, seating=seating, learn=run.learn, deeds=deeds
        )
        self.world = world
        self.max_steps = run.max_steps
        """Turns after which an episode is cut off; None for no limit."""
        self.world_changed = False
        """Whether the world's definition is another than when the save was last played."""
        self.elsewhere: frozenset[str] = frozenset()
        """Seats whose people sit at another screen; see `moves.sit`."""
        self.casting: Callable[[str], tuple[Agent | None, str]] | None = None
        """Set by whoever opened it: a fresh agent of a card by name, and the card's text; nobody for `human`."""
        self.remodelling: Callable[[str, str], tuple[Agent, str]] | None = None
        """Set by whoever opened it: the agent of a seat anew, with another language model, and its card's text."""
        self.renewal: Renewal | None = None
        """Set by whoever opened a world from a file that may be edited; see `renew`."""
        self._run = run
        self._state_here: Any = None
        """The world's state; None where it is to be loaded from the turn first."""
        self._cut_short = False
        """Whether a signal ended the writing of a turn, as it may where the save is on a server."""

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
        """Start a save in a new store, at the opening of its first episode. Where that fails the store is closed.

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
        try:
            run = _run(world, seats, seed=seed, learn=learn, annotator=annotator, max_steps=max_steps, cards=cards)
            session = cls(store, world, seats, run, Timeline(load=store.turns), FeedbackBook())
            session._open_episode(seed, first=True)
            store.publish()
        except BaseException:
            store.close()
            raise
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
        latest = store.latest_run()
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
        session = cls(store, world, seats, run, timeline, FeedbackBook(store.feedback()))
        session.world_changed = latest.fingerprint != world.fingerprint
        session._state_here = world.load(timeline.get(latest.cursor).snapshot)
        session._current = latest.cursor
        with store.transaction():
            session._run = store.add_run(run)
            session._seating.bring_in(store)
        return session

    # Where we are.

    @property
    def seats(self) -> Seats:
        """Who holds each seat; None is a person. `hand_over` changes it."""
        return self._seating.seats

    @property
    def _state(self) -> Any:
        if self._state_here is None:
            self._state_here = self.world.load(self.current.snapshot)
        return self._state_here

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

    @property
    def wants_key(self) -> bool:
        """Whether the world waits for one key, and takes the next command as that."""
        return isinstance(self.world, Keyed) and self.world.wants_key(self._state)

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
            raise PlayError(f"this world has no seat {seat!r}", hint=f"it has {', '.join(self.seats)}")
        return seat

    # Playing.

    def decide(self, seat: str | None = None, *, again: int = 0) -> Decision:
        """Ask the agent of a seat what it wants. Changes nothing here, and is the same every time it is asked.

        Slow with a language model; may run on a worker thread.

        Args:
            seat: whose; the one to move.
            again: how often it was asked anew: another number gives another seed.
        """
        here = self._current
        seat = self._seat(seat)
        if self.seats[seat] is None:
            raise PlayError(f"a person holds the seat {seat!r}")
        path = self.timeline.path(here)
        if path[-1].to_move is None:
            raise PlayError("the episode is over", hint="start a new one, or undo")
        tried = len(self.timeline.child_ids(here))

        def perceived(each: str, ahead: int) -> Perceived:
            seed = decision_seed(self.seed, path[-1], 0 if ahead else tried, ahead=ahead)
            briefing = told.briefing(self.world, self._book.at, path, each)
            return path[-1].observations[each], history(path, each), seed + again, briefing

        return batch.decide(self.world, self.seats, seat, perceived, explore=self.learn)

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
            raise PlayError("the episode is over", hint="start a new one, or undo")
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

    def adopt(self, turn: Turn) -> Turn:
        """Go on with a turn that another session of this world played from where this one stands.

        Written and learned from as by `act`. Its id is ignored.
        """
        here = self.current
        if (turn.episode, turn.depth) != (here.episode, here.depth + 1) or turn.seat != here.to_move:
            raise PlayError(f"turn {turn.depth} of episode {turn.episode} does not follow on {here.depth}")
        self._write(replace(turn, id=0, parent=here.id), None)
        return self.current

    def new_episode(self, seed: int | None = None, *, number: int | None = None) -> Turn:
        """Open another episode. Agents keep what they have learned.

        Args:
            seed: of the world; by default one that follows from the session's.
            number: of the episode; by default the next one.
        """
        opened = self.timeline.latest_episode
        with self.store.undisturbed():
            self._seating.end_episode()
            self._open_episode(self.seed + opened if seed is None else seed, number=number)
        return self.current

    def drop_earlier(self) -> None:
        """Hold no other episode than this one in memory: for runs without end, in which nobody goes back.

        A store that is kept still has them, and the next session over it too.
        """
        opening = self.timeline.path_ids(self._current)[0]
        if not self.store.kept:
            with self.store.transaction():
                self.store.drop_before(opening)
        self.timeline.drop_before(opening)

    def renew(self) -> RenewalOutcome:
        """Go on in the world as its file is now, with the commands of this episode given again, as far as they go.

        They become an episode of their own, from which nobody learns; the old one stays in the tree. Raises
        `WorldError` where the file cannot be used, `PlayError` where it has other seats now; nothing has changed
        then.
        """
        if self.renewal is None:
            raise PlayError("this world does not come from a file that could be edited")
        world = self.renewal.world()
        if set(world.seats) != set(self.seats):
            raise PlayError(
                f"the seats are {', '.join(world.seats)} now", hint="start a new save to play with these"
            )
        path, seed = self.timeline.path(self._current), self.episode_seed
        given = [
            Given(turn.seat, turn.command, before.observations[turn.seat].text) for before, turn in pairwise(path)
        ]
        replayed = replay(world, given, seed=seed, reading=self.observation().text)
        run = replace(self._run, title=world.title, fingerprint=world.fingerprint, created=0.0)
        with self.store.transaction():
            self._run = self.store.add_run(run)
        self.world, learn, self.learn = world, self.learn, False
        try:
            self._open_episode(seed)
            for turn in path[1 : 1 + replayed.carried]:
                self.act(turn.command, decision=turn.decision, chooser=cast(Chooser, turn.chooser))
        finally:
            self.learn = learn
        self.renewal.outcome = RenewalOutcome(len(given), replayed.carried, replayed.difference)
        return self.renewal.outcome

    def _open_episode(self, seed: int, *, first: bool = False, number: int | None = None) -> None:
        if not -(2**63) <= seed < 2**63:
            raise PlayError(f"{seed} is no seed", hint="use a whole number of at most 63 bits")
        state = self.world.initial(seed)
        turn = Turn(
            id=0,
            parent=None,
            episode=self.timeline.latest_episode + 1 if number is None else number,
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
        with self.store.undisturbed():
            try:
                with self.store.transaction():
                    if first:
                        self._run = self.store.add_run(self._run)
                        self._seating.write_all(self.store)
                    turn = self.store.add_turn(turn, self._run, ancestors)
                    self.timeline.add(turn)
                    updates = self._learn_from(turn)
                    self._seating.write_changes(self.store)
            except BaseException as error:
                if turn.id in self.timeline:
                    self.timeline.forget(turn.id)
                self._cut_short = not isinstance(error, Exception)
                raise
            self._seating.written()
            self.updates = updates
            self._current, self._state_here = turn.id, state

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
        self._current, self._state_here, self.updates = turn_id, state, ()
        return turn

    def close(self) -> None:
        """Write what the agents have learned in full, and let go of the save.

        Where a signal ended the program amid a turn, agents have learned from a turn that the save does not have:
        then it stays at what was written with the turn before.
        """
        try:
            if not self._cut_short:
                with self.store.transaction(durable=True):
                    self._seating.write_all(self.store)
        finally:
            self.store.close()

    # Learning.

    def keep_learned(self) -> None:
        """Write down what changed about the agents outside of a turn."""
        with self.store.transaction():
            self._seating.write_changes(self.store)
        self._seating.written()

    def hand_over(self, seat: str, agent: Agent | None, *, card: str = "") -> None:
        """Give a seat to another agent, or to a person (None). An agent that held it before knows what it knew.

        Args:
            seat: which.
            agent: who holds it from now on.
            card: the text of the agent's card, for the record.
        """
        self._seat(seat)
        seating = Seating({**self.seats, seat: agent})
        cards = {each: text for each, text in {**self._run.cards, seat: card}.items() if text}
        run = replace(self._run, seats=seating.names(), cards=cards, cursor=self._current, created=0.0)
        with self.store.transaction():
            self._seating.write_all(self.store)
            run = self.store.add_run(run)
            seating.bring_in(self.store, [] if agent in self._seating.agents().values() else [agent])
        self._seating, self._run = seating, run
        self.elsewhere -= {seat}

    def _learn_from(self, turn: Turn) -> tuple[Update, ...]:
        if not self.learn or turn.parent is None:
            return ()
        updates = []
        for seat in self.seats:
            acted = transitions.completed_by(self.timeline, turn.id, seat)
            if acted is not None:
                step = transitions.transition(self.timeline, acted, self._book.value(acted))
                updates.append(self._seating.learn(seat, step))
        return tuple(update for update in updates if update is not None)


def _run(world: World[Any], seats: Seats, *, cards: Mapping[str, str] | None, **more: Any) -> Run:
    return Run(
        world=world.name,
        title=world.title,
        fingerprint=world.fingerprint,
        seats=Seating.of(world, seats).names(),
        cards=dict(cards or {}),
        **more,
    )
