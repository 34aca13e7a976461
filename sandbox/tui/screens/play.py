"""The screen on which a game is played."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, cast

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Label

from sandbox.errors import HostError, SandboxError
from sandbox.session import moves
from sandbox.session.authoring import WorldEdit
from sandbox.session.command import Typed
from sandbox.session.commands import TABLE, VERBS, parse, press
from sandbox.session.completion import candidates
from sandbox.session.controller import Controller
from sandbox.session.driver import (
    SESSION,
    Answered,
    Awaiting,
    Changed,
    Decided,
    Driver,
    Failed,
    GameEvent,
    Loaded,
    Opening,
    SessionFactory,
)
from sandbox.session.view import View
from sandbox.tui import format as fmt
from sandbox.tui import story
from sandbox.tui.author.beside import AuthorsScreen
from sandbox.tui.exploring import ExploreController, ExploredNews
from sandbox.tui.hosting import HostingScreen
from sandbox.tui.keys import IMPORTANCE, KEYS, Key, bindings, idle
from sandbox.tui.messages import GameNews, GameOpened, NotOpened, StartWanted
from sandbox.tui.palette import KeyCommands
from sandbox.tui.rounds import RoundsWanted
from sandbox.tui.screens.ask import AskScreen
from sandbox.tui.screens.curtain import Curtain
from sandbox.tui.screens.explore import ExploreScreen
from sandbox.tui.screens.help import HelpScreen
from sandbox.tui.screens.models import ModelScreen
from sandbox.tui.screens.permission import PermissionScreen
from sandbox.tui.screens.places import Places
from sandbox.tui.widgets.footer import KeyLine
from sandbox.tui.widgets.header import Header, Title
from sandbox.tui.widgets.lessons import Lessons
from sandbox.tui.widgets.memory import MemoryList
from sandbox.tui.widgets.mind import Brief, Mind, Picked
from sandbox.tui.widgets.prompt import Prompt
from sandbox.tui.widgets.round_pages import brief
from sandbox.tui.widgets.side import SidePane
from sandbox.tui.widgets.status import Status, mode, now, why
from sandbox.tui.widgets.timeline import TimelineTree
from sandbox.tui.widgets.transcript import Transcript
from sandbox.tui.worker import BackgroundWorker
from sandbox.tune.round_view import RoundView
from sandbox.types import World

_FIRST = 0.05
"""Seconds in which the screen is drawn before the game behind it is opened."""
_ASK = "What do you do?   (Tab completes, F1 helps)"
_PATIENCE = 0.15
"""Seconds for which what was shown stays, so that quick answers do not flicker."""


class PlayScreen(Places, AuthorsScreen, HostingScreen):
    """Transcript, side pane, status, prompt.

    Args:
        factory: opens the session, off the screen's thread.
        title: what is known before it is open.
        speed: actions a second at most while the agent runs.
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-high")]  # noqa: RUF012
    CSS_PATH = "../play.tcss"
    AUTO_FOCUS = "#prompt"
    COMMANDS = {KeyCommands}  # noqa: RUF012
    BINDINGS = bindings("anywhere", "decide")

    def __init__(
        self, factory: SessionFactory, title: Title, speed: float = 1.0, notice: Callable[[], str] = str
    ) -> None:
        super().__init__()
        self._worker = BackgroundWorker(self.post_message)
        self.driver = Driver(factory, self._worker.submit, lambda event: self._worker.tell(GameNews(event)))
        self.controller = Controller(TABLE, self.driver, self, self.set_timer, speed)
        self.save = title.save
        self.explored = ExploreController(self.post_message)
        self._title = title
        self._notice = notice
        self._story = story.Story()
        self._later: Timer | None = None
        self._escape_was = ""
        self._watcher: str | None = None
        self._notes: dict[int, str] = {}
        """How the learner took each piece of feedback, by its id."""
        self._remarks: list[story.Block] = []
        """What it says below the latest turn, until something happens."""

    def close(self) -> None:
        """Close the session, and wait until that is done."""
        self.explored.close()
        self.driver.close()
        self._worker.close(SESSION, self.driver.end)

    # What there is to see.

    def compose(self) -> ComposeResult:
        yield Header(self._title, id="header")
        with Horizontal(id="middle"):
            yield Transcript(id="transcript")
            yield SidePane(self.driver, id="side")
        with Vertical(id="below"):
            yield Status(id="status")
            yield Brief(id="brief")
            with Horizontal(id="line"):
                yield Label(fmt.PERSON, id="sign")
                yield Prompt(self._candidates, placeholder=_ASK, id="prompt")
        yield KeyLine(IMPORTANCE)

    def on_mount(self) -> None:
        self.call_after_refresh(self.set_timer, _FIRST, self.controller.open)

    def _candidates(self, typed: str) -> Sequence[str]:
        return (*candidates(self.controller.view, self.controller.shown, typed), *self.build_words(typed))

    def _show(self, view: View) -> None:
        """Bring what is shown of the session in line with it."""
        self._show_story()
        self.query_one(Header).view = view
        self.query_one(SidePane).show(view)

    def _show_story(self) -> None:
        told = self._story.tell(self.controller.view, self._notes) if self.controller.view else []
        self.query_one(Transcript).show([*self.with_talk(told), *self._remarks])

    def show_talk(self) -> None:
        self._show_story()

    def changed(self) -> None:
        """Bring what is shown of the game's state in line with it."""
        game, status = self.controller, self.query_one(Status)
        status.mode = mode(game, deciding=not self.at_prompt)
        if self._escape != self._escape_was:
            self._escape_was = self._escape
            self.refresh_bindings()
        view = game.view
        unused = idle(
            acted=view is not None and view.current.parent is not None,
            proposed=game.shown is not None,
            agent=view is not None and view.agent_moves,
        )
        digits = {"pick-1": (f"1-{len(game.reasons)}", "Why")} if game.reasons else {}
        self.query_one(KeyLine).leave_out(unused - digits.keys(), digits)
        self.query_one(Prompt).give_keys(on=view is not None and view.wants_key)
        if view is not None and game.since is not None and monotonic() - game.since < _PATIENCE:
            if self._later is None:
                self._later = self.set_timer(_PATIENCE, self._changed_late)
            return
        self.query_one(Mind).show(game)
        three = self.query_one(Brief)
        three.decision, three.streamed = game.shown, game.streamed
        three.set_class(view is not None and (view.others_move or not view.agent_moves), "-unused")
        if game.reasons and not game.pending:
            status.say(why(game.reasons))
        else:
            status.say(now(game, self._title.world), since=game.since)

    def _changed_late(self) -> None:
        self._later = None
        self.changed()

    def complain(self, error: BaseException) -> None:
        if isinstance(error, SandboxError):
            self.notify(str(error), severity="warning", markup=False)
        else:
            self.say(f"Something went wrong: {type(error).__name__}: {error}", "$text-error")

    def say(self, text: str, style: str = fmt.MUTED) -> None:
        self._remarks = [story.remark(text, style)]
        self._show_story()

    # What comes of the work in the background.

    @on(GameNews)
    def _told(self, message: GameNews) -> None:
        event = message.event
        if isinstance(event, Loaded | Changed):
            self._arrive(event)
        elif self.controller.take_in(event):
            self._react(event)

    def _arrive(self, event: Loaded | Changed) -> None:
        view = event.view
        if isinstance(event, Loaded):
            self.set_interval(1.0, self._look_around)
        self._remarks = [] if isinstance(event, Changed) else self._remarks
        if view.watcher != self._watcher:
            self._pass_on(view)
        if (said := view.said) is not None:
            whose = "s" if view.watcher is None else view.name(view.seat_of(said.turn))
            told = [f"{update.quantity}({whose}, {update.command}): {update.formula}" for update in view.updates]
            if told:
                self._notes[said.id] = "\n".join(told)
        self.controller.take_in(event)
        self._show(view)
        if isinstance(event, Loaded):
            self.app.post_message(GameOpened())
            self._give_notice()
            self.host_opens()
            return
        self.host_follows(view)
        if isinstance(event.result, WorldEdit):
            self.built(event.result.line)
        elif isinstance(event.result, str):
            self.say(event.result)
        if event.doing == "reload":
            self.query_one(SidePane).world_changed()

    def _react(self, event: GameEvent) -> None:
        match event:
            case Opening():
                told = Content(f"Opening {self._title.world}: {event.doing}")
                self.query_one(Status).say(told, since=self.controller.since)
                self._give_notice()
            case Decided() if self.controller.shown is not None and not self.controller.runs:
                self.query_one(SidePane).idle()
            case Answered(answer=moves.Preview() as preview):
                proposed = self.controller.shown.proposals if self.controller.shown else ()
                if not (self.query_one(Mind).is_on_screen and preview.command in {p.command for p in proposed}):
                    self._remarks = [story.foreseen(preview)]
                    self._show_story()
            case Answered(about="edited", answer=True):
                self.controller.change("reload", moves.renew)
            case Answered(about="troubles", answer=dict() as troubles):
                self.query_one(Header).troubles = troubles
            case Answered(about="world to explore", answer=world):
                self.explored.prepare(cast("World[Any]", world))
            case Answered(answer=str() as line):
                self.say(line)
            case Answered() if not self.authored(event):
                self.query_one(SidePane).take(event)
            case Failed(error=SandboxError() as error) if self.controller.view is None:
                self.app.post_message(NotOpened(error))
            case Failed(error=HostError() as error):
                self._ask_for(error)
            case Awaiting():
                self.host_waits(event.text)
            case Failed():
                self.host_failed(event)
                self.complain(event.error)

    def _give_notice(self) -> None:
        """Say what the player should know first, once."""
        notice, self._notice = self._notice(), str
        if notice:
            self.say(notice, "$text-warning")

    def _ask_for(self, error: HostError) -> None:
        """Nothing was sent. The player says whether it may be."""

        def answered(yes: bool | None) -> None:
            if yes:
                error.allow()
                self.controller.think_again()
            else:
                self.say(f"Nothing was sent to {error.host}. Type commands of your own; /step asks again.")

        if not isinstance(self.app.screen, PermissionScreen):
            self.app.push_screen(PermissionScreen(error.host), answered)

    def _look_around(self) -> None:
        """What may change without anything being done on the screen."""
        self.driver.ask("edited", moves.edited)
        self.driver.ask("troubles", moves.troubles)

    @on(ExploredNews)
    def _explored(self, news: ExploredNews) -> None:
        """An exploration goes on whatever screen is in front."""
        self.explored.take(news)
        if isinstance(self.app.screen, ExploreScreen):
            self.app.screen.show(news)
        elif news.error is not None:
            self.complain(news.error)

    def _open_explorer(self) -> None:
        if not self.explored.prepared:
            self.driver.ask("world to explore", lambda its: copy.deepcopy(its.world))
        self.app.push_screen(ExploreScreen(self.explored))

    def follow_round(self, round_view: RoundView | None) -> None:
        """Show how a fine-tuning round stands."""
        self.query_one(Status).round = brief(round_view)
        if round_view is not None:
            self.query_one(Lessons).show_loss(round_view.number, round_view.losses)

    def adapter_changed(self) -> None:
        """What the agent has in mind is the former adapter's."""
        if self.controller.view is not None:
            self.controller.change("adapter", lambda session: None, halting=False)
            self.query_one(SidePane).agents_changed()

    def _pass_on(self, view: View) -> None:
        """Another person sees with the eyes of another seat now. Nothing may be left of what the first one saw."""
        self._watcher = view.watcher
        if len(view.people) > 1 and view.watcher:
            self.query_one(Prompt).belong_to(view.watcher)
            self.app.push_screen(Curtain(view.name(view.watcher)))

    @on(TimelineTree.Jump)
    def _jump(self, message: TimelineTree.Jump) -> None:
        self._press("jump", str(message.turn))

    @on(Picked)
    def _picked(self, message: Picked) -> None:
        self._press("pick", str(message.number))

    @on(MemoryList.PieceChosen)
    def _remembered(self, message: MemoryList.PieceChosen) -> None:
        if message.at_once:
            self._enter([message.line])
        else:
            self.fill(message.line)

    # Keys.

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited."""
        return self.controller.since is not None

    @property
    def _escape(self) -> str:
        """What Esc is for now: `leave` the prompt or the pane, `pause` what is under way, or nothing."""
        if self.at_prompt or self.side_is_over:
            return "leave"
        game = self.controller
        return "pause" if game.runs or game.waiting or game.since is not None else ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        verb = parameters[0] if action == "do" and parameters else ""
        return self._escape == verb if verb in ("leave", "pause") else True

    def offered(self) -> Sequence[Key]:
        """What the palette offers: the keys, and the verbs that have none."""
        verbs = (
            Key(verb.name, "", f"type('{verb.name}')", verb.usage, verb.help, display=verb.usage)
            for verb in VERBS
            if all(key.app for key in verb.keys)
        )
        return (*(key for key in KEYS if key.scope != "app"), *verbs)

    def action_type(self, verb: str) -> None:
        """Do as if the verb had been typed, or have what it needs typed."""
        if " " in TABLE[verb].usage:
            self.fill(f"{TABLE[verb].begins} ")
        else:
            self._press(verb)

    def on_descendant_focus(self) -> None:
        self.set_class(not self.at_prompt, "-decide")
        self.changed()

    def action_do(self, verb: str, argument: str = "") -> None:
        """Do as a key of the table of commands says."""
        self._press(verb, argument)

    def _press(self, verb: str, argument: str = "") -> None:
        try:
            press(self, verb, argument)
        except SandboxError as error:
            self.complain(error)
        self.changed()

    def open(self, place: str, argument: str = "") -> None:
        match place:
            case "mind" | "map" | "learn":
                self.open_tab(f"{place}-tab")
            case "timeline":
                self.open_timeline()
            case "memory":
                self.open_memory()
            case "tab":
                self.open_tab(self.query_one(SidePane).neighbour(int(argument)))
            case "scroll":
                self.query_one(SidePane).leaf(int(argument))
            case "pane":
                self.toggle_pane()
            case "prompt":
                self.fill(None)
            case "leave":
                self._leave()
            case "copy":
                self._copy()
            case "speed":
                self.notify(f"{fmt.short(self.controller.speed)} actions a second at most")
            case "help":
                self.app.push_screen(HelpScreen())
            case "models":
                self._choose_model()
            case "rounds":
                self.post_message(RoundsWanted())
            case "explore":
                self._open_explorer()
            case "author":
                self.author_mode(argument)
            case "chat":
                self.chat(argument)
            case "start":
                self.post_message(StartWanted())
            case "quit" if self.may_leave():
                self.app.exit()

    def _choose_model(self) -> None:
        from sandbox.session import lobby

        def chosen(name: str | None) -> None:
            if name:
                self._take(Typed("model", name))

        self.app.push_screen(ModelScreen(lobby.models, ""), chosen)

    def _leave(self) -> None:
        """Stop what was asked for, but not the thinking ahead; leave the prompt and what lies over the story."""
        if self.controller.runs or self.controller.waiting:
            self.controller.stop()
        self.leave()

    def _copy(self) -> None:
        """Copy what is selected, else the latest command and its reply."""
        view = self.controller.view
        if text := self.get_selected_text() or (story.latest(view) if view is not None else ""):
            self.app.copy_to_clipboard(text)
            self.notify(f"Copied {len(text.splitlines())} lines")

    # What is typed.

    def fill(self, text: str | None) -> None:
        self.remove_class("-side-open")
        prompt = self.query_one(Prompt)
        self.set_focus(prompt)
        if text is not None:
            prompt.fill(text)

    @on(Prompt.Completing)
    def _completing(self, message: Prompt.Completing) -> None:
        self.query_one(Status).complete(message.options, message.chosen)

    @on(Prompt.Submitted)
    def _submitted(self, message: Prompt.Submitted) -> None:
        self._enter([message.value])

    @on(Prompt.KeyPressed)
    def _pressed(self, message: Prompt.KeyPressed) -> None:
        self._take(Typed("command", message.key))

    @on(Prompt.Pasted)
    def _pasted(self, message: Prompt.Pasted) -> None:
        """Several lines are several commands, if that is meant."""

        def answered(yes: bool | None) -> None:
            if yes:
                self.query_one(Prompt).remember("")
                self._enter(message.lines)

        self.app.push_screen(AskScreen(f"Play {len(message.lines)} commands?", message.lines), answered)

    def _enter(self, lines: Sequence[str]) -> None:
        for line in lines:
            try:
                typed = parse(line)
            except SandboxError as error:
                self.complain(error)
            else:
                if typed is not None:
                    self._take(self.as_builder(typed))

    def _take(self, typed: Typed) -> None:
        try:
            self.controller.take(typed)
        except SandboxError as error:
            self.complain(error)
        self.changed()
