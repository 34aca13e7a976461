"""`sandbox play --plain`: the game in lines, for screen readers and pipes. No colour, nothing is drawn over."""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import TextIOWrapper
from math import inf
from typing import TYPE_CHECKING, TextIO

from rich.console import Console

from sandbox.cli.patience import stopping, waiting
from sandbox.errors import PlayError, SandboxError
from sandbox.render import formatting, transcript
from sandbox.session import authoring, moves, worlds
from sandbox.session.commands import VERBS, Typed, parse
from sandbox.session.view import watching
from sandbox.text import clean_line

if TYPE_CHECKING:
    from sandbox.session.session import Session
    from sandbox.store.feedback import Feedback
    from sandbox.types import Chooser, Decision
    from sandbox.wiring import PlayPlan

_SHOWN = 3
"""Proposals that are told unasked."""
SCREEN_ONLY = frozenset({"author", "start", "map", "learn", "copy"})
"""Verbs that mean nothing in lines."""
_MOST = 100
"""Actions of a run that nobody limited."""


_console = Console(color_system=None, markup=False, emoji=False, highlight=False)


def say(*lines: str) -> None:
    """Print lines: broken between words on a terminal, as they are in a pipe."""
    for line in lines:
        _console.print(line, soft_wrap=not sys.stdout.isatty())


def play(plan: PlayPlan, source: TextIO = sys.stdin) -> bool:
    """Play until the lines end or one says `/quit`; the save is kept. Whether all that was typed could be done."""
    for stream in (source, sys.stdout):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    with waiting("opening the game") as opening:
        session = plan.open(opening.say)
    try:
        return LineGame(session, plan.shown, source).play()
    finally:
        session.close()
        session.world.close()


class LineGame:
    """One game in lines: the verbs are those of the screen.

    Args:
        session: what is played.
        save: the name it is kept under.
        source: where the lines come from.
    """

    def __init__(self, session: Session, save: str, source: TextIO) -> None:
        self._session = session
        self._save = save
        self._source = source
        self._typed_by_hand = source.isatty()
        self._names = worlds.names(session.world)
        self._watcher = watching(session)
        self._decision: Decision | None = None
        self._flowing = True
        """Whether agents in other seats than people's act when it is their turn."""
        self._gave_up = False
        """Whether a person stopped the agent's thinking."""

    def play(self) -> bool:
        """See `play`."""
        well = True
        self._open()
        while True:
            try:
                self._come_to_a_person()
                line = self._next_line()
                typed = Typed("quit") if line is None else parse(line)
                if typed is None:
                    continue
                if typed.verb == "quit":
                    return well
                self._obey(typed)
            except SandboxError as error:
                well = self._typed_by_hand
                print(f"sandbox: {error}", file=sys.stderr, flush=True)

    def _open(self) -> None:
        session = self._session
        say(f"{session.world.title}, kept as {self._save!r}. /help lists what you can type.")
        for seat, agent in session.seats.items():
            say(f"{self._names[seat]}: {'you' if agent is None else agent.name}")
        if session.current.depth:
            say(f"You come back at turn {session.current.depth}.")
        self._look()

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

    # What is typed.

    def _obey(self, typed: Typed) -> None:
        session = self._session
        match typed.verb:
            case "command":
                self._act(typed.argument)
            case "override":
                self._act(typed.argument, overriding=True)
            case "pick":
                self._pick(int(typed.number(1)[0]))
            case "step":
                self._run(1)
            case "run":
                self._run(typed.number(inf)[0])
            case "reward":
                value, reason = typed.number(1)
                self._say_of(session.rate(value, comment=reason))
            case "credit":
                value, reason = typed.number(-1)
                self._say_of(session.credit(value, comment=reason))
            case "prefer":
                self._say_of(moves.prefer(session, int(typed.number(0)[0])))
            case "retract":
                self._say_of(moves.retract(session))
            case "correct":
                self._say_of(session.correct(typed.argument))
            case "tie" | "bad" as verdict:
                self._say_of(moves.compare(session, verdict))
            case "comment":
                self._say_of(session.comment(typed.argument))
            case "bookmark":
                moves.bookmark(session, typed.argument)
                self._tell_marks()
            case "bless":
                moves.bless(session)
                self._tell_marks()
            case "undo":
                self._move(lambda: moves.undo(session))
            case "redo":
                self._move(lambda: moves.redo(session))
            case "other":
                self._move(lambda: moves.sibling(session, int(typed.number(1)[0])))
            case "jump":
                self._move(lambda: session.jump(int(typed.number(-1)[0])))
            case "restart":
                self._move(session.new_episode, flowing=True)
            case "timeline":
                self._tell_timeline()
            case "glimpse":
                self._glimpse(typed.argument)
            case "why":
                self._tell_all()
            case "build":
                self._move(lambda: say(authoring.build(session, typed.argument).line))
            case "script":
                say(moves.script(session, typed.argument, self._watcher, self._names).line)
            case "save":
                say(f"Saved as {self._save!r}: every turn is stored as it is played.")
            case "help":
                self._help()
            case "tune":
                say(f"Leave with /quit first; then:  sandbox tune {self._save}")
            case "speed" | "pause":
                say("Nothing runs by itself here: /run goes as fast as the agent decides, Ctrl+C stops it.")
            case other:
                raise PlayError(f"/{other} needs the screen", hint="`sandbox play` without --plain opens it")

    def _act(self, command: str, *, overriding: bool = False) -> None:
        """A person's command; in the agent's place where an agent is to move."""
        if self._others_move and not overriding:
            raise PlayError("it is the turn of another", hint="/step lets it act, /override acts in its place")
        self._flowing = True
        self._carry_out(command, self._decision, "person")

    def _pick(self, number: int) -> None:
        decision = None if self._others_move else self._decision
        if decision is None or not 1 <= number <= len(decision.proposals):
            raise PlayError(f"there is no proposal {number} now")
        self._act(decision.proposals[number - 1].command)

    def _run(self, actions: float) -> None:
        if self._session.done:
            raise PlayError("the episode is over", hint="/restart plays again, undo goes back")
        if not self._agent_moves:
            raise PlayError("no agent is to move", hint="type a command")
        if self._others_move:
            self._flowing = True
            return
        done = 0.0
        with stopping():
            while done < min(actions, _MOST) and self._agent_moves and not self._others_move:
                self._let_agent_act()
                done += 1
        if actions == inf and done == _MOST and not self._session.done:
            say(f"[{_MOST} actions taken; /run goes on]")

    def _move(self, go: Callable[[], object], *, flowing: bool = False) -> None:
        go()
        self._decision, self._gave_up, self._flowing = None, False, flowing
        self._watcher = watching(self._session)
        say(f"[turn {self._session.current.depth}]")
        self._look()

    def _say_of(self, record: Feedback) -> None:
        """What was said, and how the learner took it."""
        session, several = self._session, len(self._session.seats) > 1
        say(f"[{formatting.said(record, session.timeline.get(record.turn).decision)}]")
        if record.kind == "comment":
            return
        for update in () if self._watcher and several else session.updates:
            say(f"Q({update.command}): {formatting.formula(update)}")
        self._decision = None

    def _glimpse(self, command: str) -> None:
        if self._others_move:
            raise PlayError("nothing can be foreseen now", hint="wait for your turn")
        if not command:
            if self._decision is None:
                raise PlayError("nothing is proposed", hint="name a command, as in /preview go north")
            command = self._decision.command
        seen = moves.preview(self._session, command)
        say(f"If {seen.command}:\n{seen.text.strip()}")
        if seen.reward:
            say(f"[it would bring {formatting.gain(seen.reward)}]")
        if seen.ended:
            say("[it would be the end]")

    # How it goes on.

    @property
    def _agent_moves(self) -> bool:
        to_move = self._session.to_move
        return to_move is not None and self._session.seats[to_move] is not None

    @property
    def _others_move(self) -> bool:
        """Whether an agent in another seat than a person's is to move."""
        return self._agent_moves and None in self._session.seats.values()

    def _come_to_a_person(self) -> None:
        """Let agents in other seats act; then have ready what the agent wants in the seat that is shown."""
        with stopping() as stopped:
            while self._others_move and self._flowing:
                self._let_agent_act()
        if stopped:
            self._flowing = False
        if self._agent_moves and not self._others_move and self._decision is None and not self._gave_up:
            with stopping() as stopped:
                self._think()
                self._tell_wish()
            self._gave_up = bool(stopped)

    def _think(self) -> Decision:
        if self._decision is None:
            with waiting(f"{self._agent} is thinking"):
                self._decision = self._session.decide()
        return self._decision

    @property
    def _agent(self) -> str:
        agent = self._session.seats[self._session.to_move or ""]
        return "nobody" if agent is None else agent.name

    def _let_agent_act(self) -> None:
        decision = self._think()
        self._carry_out(decision.command, decision, decision.chooser)

    def _carry_out(self, command: str, decision: Decision | None, chooser: Chooser) -> None:
        before, watched = self._session.current, self._watcher
        turn = self._session.act(command, decision=decision, chooser=chooser)
        self._decision, self._gave_up = None, False
        self._watcher = watching(self._session)
        if watched != self._watcher:
            self._look()
            return
        by_agent = chooser != "person"
        told = [*(transcript.command(turn, watched, self._names) if by_agent else ())]
        told += transcript.reply(before, turn, watched)
        if told:
            say(*([""] if by_agent else []), *told)

    # What is told.

    def _look(self) -> None:
        """What the watcher perceives."""
        session = self._session
        if self._watcher and list(session.seats.values()).count(None) > 1:
            say(f"\n[{self._names[self._watcher]} has the keyboard]")
        say(f"\n{session.observation(self._watcher).text.strip()}")

    def _tell_wish(self) -> None:
        """What the agent wants, and what else it weighed."""
        decision = self._decision
        if decision is None:
            return
        why = ", to explore" if decision.chooser == "exploration" else ""
        why = why or (", as Q overruled the model" if formatting.overruled(decision) else "")
        say(f"\n{self._agent} wants to: {decision.command}{why}")
        order = list(range(len(decision.proposals)))[:_SHOWN]
        say(*(_proposal(decision, index) for index in dict.fromkeys((*order, decision.chosen))))
        if more := len(decision.proposals) - len({*order, decision.chosen}):
            say(f"  and {more} more; /why tells all")

    def _tell_all(self) -> None:
        decision = None if self._others_move else self._decision
        if decision is None:
            raise PlayError("no agent is thinking aloud here")
        say(decision.reason, *(_proposal(decision, index) for index in range(len(decision.proposals))))
        say(f"Its choice: {decision.command}. {decision.model or decision.agent}, {decision.seconds:.1f} s")

    def _tell_marks(self) -> None:
        here = self._session.current.id
        marks = [mark for mark in self._session.marks() if mark.turn == here]
        names = ["blessed" if mark.kind == "blessed" else mark.name for mark in marks]
        say(f"[this turn is marked: {', '.join(names)}]" if names else "[this turn has no mark]")

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
        secret = self._watcher not in (None, node.seat)
        return f"{turn_id} {('…' if secret else node.command) if node.command else 'opening'}"

    def _help(self) -> None:
        say("Anything else than these is your command to the world; * and a text is a comment on this turn.")
        say(*(f"{verb.usage}: {verb.help}" for verb in VERBS if verb.name not in SCREEN_ONLY))


def _proposal(decision: Decision, index: int) -> str:
    """One proposal as a line that reads well aloud."""
    proposal = decision.proposals[index]
    said = f" (“{proposal.said}”)" if proposal.said and proposal.said != proposal.command else ""
    tried = f", tried {decision.visits[index]} times" if decision.visits else ""
    numbers = (decision.scores[index], proposal.prior, decision.q_values[index])
    score, prior, value = (formatting.signed(number).strip() for number in numbers)
    return f"  {index + 1}. {proposal.command}{said}: score {score}, prior {prior}, Q {value}{tried}"
