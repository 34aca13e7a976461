"""`sandbox play --plain`: the game in lines, for screen readers and pipes. No colour, nothing is drawn over."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from io import TextIOWrapper
from math import inf
from typing import TYPE_CHECKING, NoReturn, TextIO

from rich.console import Console

from sandbox.cli.patience import waiting
from sandbox.errors import PlayError, SandboxError
from sandbox.llm import chatml
from sandbox.render import formatting, transcript
from sandbox.session.authoring import WorldEdit
from sandbox.session.command import Typed
from sandbox.session.commands import TABLE, VERBS, parse
from sandbox.session.controller import Controller
from sandbox.session.driver import MIND, Answered, Awaiting, Changed, Driver, Failed, GameEvent, Loaded
from sandbox.session.moves import Preview
from sandbox.text import clean_line, counted

if TYPE_CHECKING:
    from sandbox.session.session import Session
    from sandbox.session.view import View
    from sandbox.store.feedback import Feedback
    from sandbox.types import Decision
    from sandbox.wiring import PlayPlan

_SHOWN = 3
"""Proposals that are told unasked."""
_MOST = 100
"""Actions of a run that nobody limited."""


_console = Console(color_system=None, markup=False, emoji=False, highlight=False)


def say(*lines: str) -> None:
    """Print lines: broken between words on a terminal, as they are in a pipe."""
    for line in lines:
        _console.print(line, soft_wrap=not sys.stdout.isatty())


def play(plan: PlayPlan, source: TextIO | None = None, *, aloud: bool = False) -> bool:
    """Play until the lines end or one says `/quit`; the save is kept. Whether all that was typed could be done."""
    source = sys.stdin if source is None else source
    for stream in (source, sys.stdout):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    with waiting("opening the game") as opening:
        session = plan.open(opening.say)
    try:
        return LineGame(session, plan.shown, source, aloud=aloud).play()
    finally:
        session.close()
        session.world.close()


class LineGame:
    """One game in lines. It obeys the same controller and the same table of commands as the screen does.

    Args:
        session: what is played.
        save: the name it is kept under.
        source: where the lines come from.
        aloud: whether agents say what they want also where the lines do not come from a terminal.
    """

    def __init__(self, session: Session, save: str, source: TextIO, *, aloud: bool = False) -> None:
        self._session = session
        self.save = save
        self._source = source
        self._typed_by_hand = source.isatty()
        self._jobs: deque[tuple[str, Callable[[], None]]] = deque()
        self._events: deque[GameEvent] = deque()
        driver = Driver(
            lambda _say: session,
            lambda *job: self._jobs.append(job),
            self._post,
            speaks=self._typed_by_hand or aloud,  # a pipe has nobody who would wait for words
        )
        self.controller = Controller(TABLE, driver, self, _never, inf)
        self._told: Decision | None = None
        """What the agent was last said to want."""
        self._greeted: set[int] = set()
        """Openings at which the agents have said their greetings."""
        self._keys_told = False
        self._acted = 0
        """Actions of the run that is under way."""
        self._well, self._over = True, False

    def play(self) -> bool:
        """See `play`."""
        self.controller.open()
        while not self._over:
            try:
                self._settle()
                self._tell_wish()
                self._tell_of_keys()
                if (line := self._next_line()) is None:
                    break
                if (typed := self._key(line) or parse(line)) is not None:
                    self._obey(typed)
            except SandboxError as error:
                self.complain(error)
        return self._well

    def _next_line(self) -> str | None:
        """The next line; None where there is no more."""
        if self._typed_by_hand:
            print("\n> ", end="", flush=True)  # no line, so not `say`
        try:
            line = self._source.readline()
        except KeyboardInterrupt:
            if not self._typed_by_hand:
                raise
            say("", "[/quit leaves]")  # it may have been meant for a run that had just ended
            return "\n"
        if not line:
            if self._typed_by_hand:
                say("")
            return None
        if not self._typed_by_hand and line.strip():
            say(f"\n> {clean_line(line)}")
        return line

    def _key(self, line: str) -> Typed | None:
        """A line of one character or none, where the world waits for a key."""
        view, line = self.controller.view, line.rstrip("\r\n")
        if view is None or not view.wants_key or len(line) > 1:
            return None
        return Typed("command", {"": "enter", " ": "space"}.get(line, line))

    def _obey(self, typed: Typed) -> None:
        command = TABLE[typed.verb]
        if command.screen:
            raise PlayError(f"/{typed.verb} needs the screen", hint="`sandbox play` without --plain opens it")
        if command.lines:
            say(command.lines.format(save=self.save))
        else:
            self._acted = 0
            self.controller.take(typed)

    # How it goes on.

    def _post(self, event: GameEvent) -> None:
        if isinstance(event, Awaiting):  # it is told while it lasts
            say(f"[{event.text or 'It is back.'}]")
        else:
            self._events.append(event)

    def _settle(self) -> None:
        """Do all that there is to do before the next line."""
        while self._jobs or self._events:
            if self._events:
                self._take_in(self._events.popleft())
                continue
            thread, job = self._jobs.popleft()
            if thread == MIND:
                with waiting(f"{self._agent} is thinking"):
                    job()
            else:
                job()

    def _take_in(self, event: GameEvent) -> None:
        before = self.controller.view
        if isinstance(event, Changed) and before is not None:
            self._tell_change(before, event)
        if self.controller.take_in(event):
            match event:
                case Loaded():
                    self._open(event.view)
                case Answered(answer=Preview() as preview):
                    self._tell_preview(preview)
                case Answered(answer=str() as line):
                    say(line)
                case Failed():
                    self.complain(event.error)

    @property
    def _agent(self) -> str:
        agent = self._session.seats[self._session.to_move or self._session.world.seats[0]]
        return "nobody" if agent is None else agent.name

    # What the controller has to tell.

    def say(self, text: str) -> None:
        say(text)

    def complain(self, error: BaseException) -> None:
        if isinstance(error, KeyboardInterrupt):
            print("\n[stopped]", flush=True)
        elif isinstance(error, SandboxError):
            self._well = self._well and self._typed_by_hand
            print(f"sandbox: {error}", file=sys.stderr, flush=True)
        else:
            raise error

    def changed(self) -> None:
        """There is nothing drawn that could be out of date."""

    def open(self, place: str, argument: str = "") -> None:
        match place:
            case "mind":
                self._tell_all()
            case "timeline":
                self._tell_timeline()
            case "help":
                self._help()
            case "models":
                from sandbox.session import lobby

                for each in lobby.models():
                    about = ", ".join(filter(None, (each.memory, each.decision, each.state)))
                    say(f"{each.name}: {about}")
            case "quit":
                self._over = True

    def fill(self, text: str | None) -> None:
        raise PlayError("that is not all of it", hint="/help shows how it is typed")

    # What is told.

    def _open(self, view: View) -> None:
        say(f"{view.world}, kept as {self.save!r}. /help lists what you can type.")
        for seat, agent in self._session.seats.items():
            say(f"{view.name(seat)}: {'you' if agent is None else agent.name}")
        if view.current.depth:
            say(f"You come back at turn {view.current.depth}.")
        self._look(view)

    def _look(self, view: View) -> None:
        """What the watcher perceives."""
        if view.watcher and len(view.people) > 1:
            say(f"\n[{view.name(view.watcher)} has the keyboard]")
        say(f"\n{view.observation.text.strip()}")
        if view.current.parent is None and view.current.id not in self._greeted:
            self._greeted.add(view.current.id)
            say(*(f"\n{transcript.greeting(*each)}" for each in view.greetings))

    def _tell_change(self, before: View, event: Changed) -> None:
        view, result = event.view, event.result
        if event.doing.startswith(">"):
            self._tell_turn(before, view)
        elif view.said is not None:
            self._tell_feedback(view.said, view)
        elif isinstance(result, str):
            say(result)
        else:
            if isinstance(result, WorldEdit):
                say(result.line)
            say(f"[turn {view.current.depth}]")
            self._look(view)

    def _tell_turn(self, before: View, view: View) -> None:
        turn, watcher = view.current, before.watcher
        self._acted += 1
        if self.controller.wanted == inf and self._acted >= _MOST:
            self.controller.halt()
        if watcher != view.watcher:
            self._look(view)
            return
        by_agent = turn.chooser != "person"
        told = [*(transcript.command(turn, watcher, view.names) if by_agent else ())]
        told += transcript.reply(before.current, turn, watcher)
        if told:
            say(*([""] if by_agent else []), *told)
        if self._acted == _MOST and not view.done:
            say(f"[{_MOST} actions taken; /run goes on]")

    def _tell_feedback(self, record: Feedback, view: View) -> None:
        """What was said, and how the learner took it."""
        turn = self._session.timeline.get(record.turn)
        whose = f", for {view.name(turn.seat)}" if len(view.seats) > 1 and turn.seat else ""
        say(f"[{formatting.said(record, turn.decision)}{whose}]")
        if record.kind != "comment" and not (view.watcher and len(view.seats) > 1):
            say(*(f"{update.quantity}({update.command}): {update.formula}" for update in view.updates))

    def _tell_preview(self, seen: Preview) -> None:
        say(f"If {seen.command}:\n{seen.text.strip()}")
        if seen.reward:
            say(f"[it would bring {formatting.gain(seen.reward)}]")
        if seen.ended:
            say("[it would be the end]")

    def _tell_wish(self) -> None:
        """What the agent wants, and what else it weighed, where that has not been told yet."""
        decision = self.controller.shown
        if decision is None or decision is self._told:
            return
        self._told = decision
        why = ", to explore" if decision.chooser == "exploration" else ""
        why = why or (", as Q overruled the model" if formatting.overruled(decision) else "")
        say(f"\n{self._agent} wants to: {decision.command}{why}")
        order = list(range(len(decision.proposals)))[:_SHOWN]
        say(*(self._proposal(decision, index) for index in dict.fromkeys((*order, decision.chosen))))
        if more := len(decision.proposals) - len({*order, decision.chosen}):
            say(f"  and {more} more; /why tells all")
        if thought := chatml.thought_in(decision.prompt):
            say(f"  It thought before, {counted(len(thought.split()), 'word')}; /thought tells what")

    def _proposal(self, decision: Decision, index: int) -> str:
        """One proposal as a line that reads well aloud."""
        proposal = decision.proposals[index]
        false = ", which is not so" if index in self.controller.doubtful else ""
        said = f" (“{proposal.said}”{false})" if proposal.said and proposal.said != proposal.command else ""
        tried = f", tried {decision.visits[index]} times" if decision.visits else ""
        numbers = (decision.scores[index], proposal.prior, decision.q_values[index])
        score, prior, value = (formatting.signed(number).strip() for number in numbers)
        return f"  {index + 1}. {proposal.command}{said}: score {score}, prior {prior}, Q {value}{tried}"

    def _tell_of_keys(self) -> None:
        view = self.controller.view
        wanted = view is not None and view.wants_key and not view.others_move
        if wanted and not self._keys_told:
            say("[The story waits for a key: type one character, nothing for Enter, or a name such as up.]")
        self._keys_told = wanted

    def _tell_all(self) -> None:
        decision = self.controller.shown
        if decision is None:
            raise PlayError("no agent is thinking aloud here")
        say(decision.reason, *(self._proposal(decision, index) for index in range(len(decision.proposals))))
        say(f"Its choice: {decision.command}. {decision.model or decision.agent}, {decision.seconds:.1f} s")

    def _tell_timeline(self) -> None:
        """The way here from the opening, with what else was tried at each fork; others' commands stay theirs."""
        session, timeline = self._session, self._session.timeline
        marks: dict[int, list[str]] = {}
        for mark in session.marks():
            marks.setdefault(mark.turn, []).append("blessed" if mark.kind == "blessed" else mark.name)
        here, way = session.current.id, timeline.path_ids(session.current.id)
        while (below := timeline.redo_target(way[-1])) is not None:
            way.append(below)
        for turn_id in way:
            told = [self._named(turn_id), *(f"[{name}]" for name in marks.get(turn_id, ()))]
            told += ["<- you are here"] if turn_id == here else []
            say(" ".join(told))
            parent = timeline.node(turn_id).parent
            others = [each for each in timeline.child_ids(parent) if each != turn_id] if parent is not None else []
            if others:
                say(f"    also tried: {'; '.join(map(self._named, others))}")
        say("/jump N goes to a turn")

    def _named(self, turn_id: int) -> str:
        node = self._session.timeline.node(turn_id)
        view = self.controller.view
        secret = view is not None and view.watcher not in (None, node.seat)
        return f"{turn_id} {('…' if secret else node.command) if node.command else 'opening'}"

    def _help(self) -> None:
        say("Anything else than these is your command to the world.")
        say(*(f"{verb.usage}: {verb.help}" for verb in VERBS if not verb.screen))


def _never(seconds: float, then: Callable[[], None]) -> NoReturn:
    raise AssertionError("in lines nothing is done at a pace")
