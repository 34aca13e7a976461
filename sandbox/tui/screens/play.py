"""The screen on which a game is played."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Label

from sandbox.errors import HostError, PlayError, SandboxError
from sandbox.session import moves
from sandbox.session.commands import Typed, parse
from sandbox.session.completion import candidates
from sandbox.session.view import View
from sandbox.tui import format as fmt
from sandbox.tui import story, wishes
from sandbox.tui.author.beside import AuthorsScreen
from sandbox.tui.commands import PlayCommands
from sandbox.tui.driver import Driver, SessionFactory
from sandbox.tui.game import Game
from sandbox.tui.keys import IMPORTANCE, bindings, idle
from sandbox.tui.messages import Answered, Changed, Decided, Failed, Heard, Loaded, Opening, StartWanted
from sandbox.tui.reasons import tags
from sandbox.tui.round_desk import RoundsWanted
from sandbox.tui.screens.curtain import Curtain
from sandbox.tui.screens.help import HelpScreen
from sandbox.tui.screens.permission import PermissionScreen
from sandbox.tui.screens.places import Places
from sandbox.tui.widgets.footer import KeyLine
from sandbox.tui.widgets.header import Header, Title
from sandbox.tui.widgets.lessons import Lessons
from sandbox.tui.widgets.mind import Brief, Mind, Picked
from sandbox.tui.widgets.prompt import Prompt
from sandbox.tui.widgets.round_pages import brief
from sandbox.tui.widgets.side import SidePane
from sandbox.tui.widgets.status import Status, mode, now, why
from sandbox.tui.widgets.timeline import TimelineTree
from sandbox.tui.widgets.transcript import Transcript
from sandbox.tune.round_view import RoundView

_ASK = "What do you do?   (Tab completes, F1 helps)"
_PATIENCE = 0.15
"""Seconds for which what was shown stays, so that quick answers do not flicker."""


class PlayScreen(Places, AuthorsScreen):
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
    COMMANDS = {PlayCommands}  # noqa: RUF012
    BINDINGS = bindings("anywhere", "decide")

    def __init__(self, factory: SessionFactory, title: Title, speed: float = 1.0) -> None:
        super().__init__()
        self.driver = Driver(factory, self.post_message)
        self.game = Game(self.driver, self._show_state, self.set_timer, speed)
        self._title = title
        self._story = story.Story()
        self._later: Timer | None = None
        self._escape_was = ""
        self._watcher: str | None = None
        self._reasons: tuple[str, ...] = ()
        """What a digit would give as the reason of the latest reward."""
        self._notes: dict[int, str] = {}
        """How the learner took each piece of feedback, by its id."""
        self._previews: dict[str, moves.Preview | None] = {}
        """What commands would lead to from here, where that was asked; None until it is known."""
        self._remarks: list[story.Block] = []
        """What it says below the latest turn, until something happens."""

    # What there is to see.

    def compose(self) -> ComposeResult:
        yield Header(self._title, id="header")
        with Horizontal(id="middle"):
            yield Transcript(id="transcript")
            yield SidePane(self.driver, id="side")
        with Vertical(id="desk"):
            yield Status(id="status")
            yield Brief(id="brief")
            with Horizontal(id="line"):
                yield Label(fmt.PERSON, id="sign")
                yield Prompt(self._candidates, placeholder=_ASK, id="prompt")
        yield KeyLine(IMPORTANCE)

    def on_mount(self) -> None:
        self.game.open()
        if self._title.notice:
            self._remark(self._title.notice, "$text-warning")

    def _candidates(self, typed: str) -> Sequence[str]:
        return (*candidates(self.game.view, self.game.shown, typed), *self.build_words(typed))

    def _show(self, view: View) -> None:
        """Bring what is shown of the session in line with it."""
        self._show_story()
        self.query_one(Header).view = view
        self.query_one(SidePane).show(view)

    def _show_story(self) -> None:
        told = self._story.tell(self.game.view, self._notes) if self.game.view else []
        self.query_one(Transcript).show([*told, *self._remarks])

    def _show_state(self) -> None:
        """Bring what is shown of the game's state in line with it."""
        game, status = self.game, self.query_one(Status)
        status.mode = mode(game, deciding=not self.at_prompt)
        if self._escape != self._escape_was:
            self._escape_was = self._escape
            self.refresh_bindings()
        if game.view is not None and game.since is not None and monotonic() - game.since < _PATIENCE:
            if self._later is None:
                self._later = self.set_timer(_PATIENCE, self._show_state_late)
            return
        self.query_one(KeyLine).leave_out(
            idle(
                acted=game.view is not None and game.view.current.parent is not None,
                proposed=game.shown is not None,
                agent=game.view is not None and game.view.agent_moves,
            )
        )
        self.query_one(Mind).show(game, self._previews)
        three = self.query_one(Brief)
        three.decision, three.heard = game.shown, game.heard
        view = game.view
        three.set_class(view is not None and (view.others_move or not view.agent_moves), "-unused")
        if self._reasons and game.since is None:
            status.say(why(self._reasons))
        else:
            status.say(now(game, self._title.world), since=game.since)

    def _show_state_late(self) -> None:
        self._later = None
        self._show_state()

    def _complain(self, error: Exception) -> None:
        if isinstance(error, SandboxError):
            self.notify(str(error), severity="warning", markup=False)
        else:
            self._remark(f"Something went wrong: {type(error).__name__}: {error}", "$text-error")

    def _remark(self, text: str, style: str = fmt.MUTED) -> None:
        self._remarks = [story.remark(text, style)]
        self._show_story()

    # What comes from the driver.

    @on(Opening)
    def _opening(self, message: Opening) -> None:
        self.query_one(Status).say(Content(f"Opening {self._title.world}: {message.doing}"), since=self.game.since)

    @on(Loaded)
    @on(Changed)
    def _arrived(self, message: Loaded | Changed) -> None:
        view = message.view
        if isinstance(message, Loaded):
            self.set_interval(1.0, self._look_around)
        if isinstance(message, Changed):
            self._remarks = []
            self._previews.clear()
        if isinstance(message, Loaded) or message.doing != "reward":
            self._reasons = ()
        if view.watcher != self._watcher:
            self._pass_on(view)
        if said := view.feedback.get(view.current.id):
            whose = "s" if view.watcher is None else view.name(view.current.seat)
            told = [f"Q({whose}, {update.command}): {fmt.formula(update)}" for update in view.updates]
            if told:
                self._notes[said[-1].id] = "\n".join(told)
        self.game.arrive(view)
        self._show(view)

    def _look_around(self) -> None:
        """What may change without anything being done on the screen."""
        self.driver.ask("edited", moves.edited)
        self.driver.ask("troubles", moves.troubles)

    def follow_round(self, round_view: RoundView | None) -> None:
        """Show how a fine-tuning round stands."""
        self.query_one(Status).round = brief(round_view)
        if round_view is not None:
            self.query_one(Lessons).show_loss(round_view.number, round_view.losses)

    def adapter_changed(self) -> None:
        """What the agent has in mind is the former adapter's."""
        if self.game.view is not None:
            self.game.do("adapter", lambda session: None, halting=False)
            self.query_one(SidePane).agents_changed()

    def _pass_on(self, view: View) -> None:
        """Another person sees with the eyes of another seat now. Nothing may be left of what the first one saw."""
        self._watcher = view.watcher
        if len(view.people) > 1 and view.watcher:
            self.query_one(Prompt).belong_to(view.watcher)
            self.app.push_screen(Curtain(view.name(view.watcher)))

    @on(Decided)
    def _decided(self, message: Decided) -> None:
        self.game.decided(message)
        if self.game.shown is not None and not self.game.runs:
            self.query_one(SidePane).idle()

    @on(Heard)
    def _heard(self, message: Heard) -> None:
        self.game.hear(message)

    @on(Answered)
    def _answered(self, message: Answered) -> None:
        match message.answer:
            case moves.Edited():
                self.game.do("reload", lambda session: session.renew())
                self.driver.ask("renewed", moves.renewed)
            case moves.Renewed() as done:
                self._remark(done.line)
                self.query_one(SidePane).world_changed()
            case moves.Scripted() as done:
                self._remark(done.line)
            case moves.Troubles() as troubles:
                self.query_one(Header).troubles = troubles.by_agent
            case moves.Preview() as preview if message.generation == self.driver.generation:
                self._previews[preview.command] = preview
                proposed = self.game.shown.proposals if self.game.shown else ()
                if self.query_one(Mind).is_on_screen and any(p.command == preview.command for p in proposed):
                    self._show_state()
                else:
                    self._remarks = [story.foreseen(preview)]
                    self._show_story()
            case _:
                self.query_one(SidePane).take(message)

    @on(Failed)
    def _failed(self, message: Failed) -> None:
        if self.game.view is None:
            self.app.post_message(message)
        if self.game.failed(message):
            if isinstance(message.error, HostError):
                self._ask_for(message.error)
            else:
                self._complain(message.error)

    def _ask_for(self, error: HostError) -> None:
        """Nothing was sent. The player says whether it may be."""

        def answered(yes: bool | None) -> None:
            if yes:
                error.allow()
                self.game.think_again()
            else:
                self._remark(f"Nothing was sent to {error.host}. Type commands of your own; /step asks again.")

        if not isinstance(self.app.screen, PermissionScreen):
            self.app.push_screen(PermissionScreen(error.host), answered)

    @on(TimelineTree.Jump)
    def _jump(self, message: TimelineTree.Jump) -> None:
        self._try(lambda: self.game.do("jump", lambda session: session.jump(message.turn)))

    @on(Picked)
    def _picked(self, message: Picked) -> None:
        self._try(lambda: self.game.pick(message.number))

    # Keys.

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited."""
        return self.game.since is not None

    @property
    def _escape(self) -> str:
        """What Esc is for now: `leave` the prompt or the pane, `stop` what is under way, or nothing."""
        if self.at_prompt or self.side_is_over:
            return "leave"
        return "stop" if self.game.runs or self.game.since is not None else ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "leave":
            return self._escape == "leave"
        return self._escape == "stop" if (action, parameters) == ("do", ("pause",)) else True

    def on_descendant_focus(self) -> None:
        self.set_class(not self.at_prompt, "-decide")
        self._show_state()

    def action_leave(self) -> None:
        """Stop what was asked for, but not the thinking ahead; leave the prompt and what lies over the story."""
        if self.game.runs:
            self.game.stop()
        self.leave()

    def action_override(self) -> None:
        """To the prompt, for a command in the place of the agent that is to move, whoever's that is."""
        self.action_prompt()
        view = self.game.view
        if view is not None and view.others_move:
            self.query_one(Prompt).fill("/override ")

    def action_rounds(self) -> None:
        self.post_message(RoundsWanted())

    def action_run(self) -> None:
        self._try(lambda: self.game.run_or_pause())

    def action_faster(self, factor: float) -> None:
        self.game.faster(factor)
        self.notify(f"{fmt.short(self.game.speed)} actions a second at most")

    def action_copy(self) -> None:
        """Copy what is selected, else the latest command and its reply."""
        view = self.game.view
        if text := self.get_selected_text() or (story.latest(view) if view is not None else ""):
            self.app.copy_to_clipboard(text)
            self.notify(f"Copied {len(text.splitlines())} lines")

    def action_edit(self) -> None:
        """Give the agent's proposal back in other words; without one, say what the last should have been."""
        if (decision := self.game.shown) is None:
            self.action_correct()
        else:
            self.action_prompt()
            self.query_one(Prompt).fill(decision.command)

    def action_credit(self) -> None:
        self.action_prompt()
        self.query_one(Prompt).fill("/credit -1 ")

    def action_correct(self) -> None:
        view = self.game.view
        if view is not None and view.current.command:
            own = view.watcher in (None, view.current.seat)
            self.action_prompt()
            self.query_one(Prompt).fill(f"/correct {view.current.command if own else ''}")

    def action_do(self, verb: str, argument: str = "") -> None:
        """Do as if the verb had been typed. A digit after a reward gives a reason for it."""
        offered, self._reasons = self._reasons, ()
        if verb == "pick" and offered:
            self._give_reason(offered, int(argument))
            return
        self._try(lambda: self._obey(Typed(verb, argument)))
        if verb == "reward":
            self._reasons = tags(float(argument))
        self._show_state()

    def _look_ahead(self, command: str) -> None:
        """Ask what a command would lead to: the one named, or the proposals one after the other."""
        game = self.game
        if game.view is None or game.view.others_move:
            raise PlayError("nothing can be foreseen now", hint="wait for your turn")
        if not command:
            proposed = [proposal.command for proposal in game.shown.proposals] if game.shown else []
            if not proposed:
                raise PlayError("nothing is proposed", hint="name a command, as in /preview go north")
            fresh = (each for each in proposed if each not in self._previews)
            command = next(fresh, proposed[0])
        self._previews[command] = None
        self.driver.ask("glimpse", lambda session: moves.preview(session, command))

    def _write_script(self, name: str) -> None:
        if (view := self.game.view) is not None:
            self.driver.ask("script", lambda session: moves.script(session, name, view.watcher, view.names))

    def _give_reason(self, offered: Sequence[str], number: int) -> None:
        reasons = offered[number - 1 : number]
        if reasons:
            self._try(lambda: self.game.do("reason", lambda s: s.comment("", reasons=reasons), keeps=True))
        self._show_state()

    # What is typed.

    @on(Prompt.Completing)
    def _completing(self, message: Prompt.Completing) -> None:
        self.query_one(Status).complete(message.options, message.chosen)

    @on(Prompt.Submitted)
    def _submitted(self, message: Prompt.Submitted) -> None:
        def obey() -> None:
            typed = parse(message.value)
            if typed is not None:
                self._obey(Typed("build", typed.argument) if self.builds(typed) else typed)
            self.query_one(Prompt).remember(message.value.strip())

        self._try(obey)

    def _try(self, wish: Callable[[], None]) -> None:
        try:
            wish()
        except SandboxError as error:
            self._complain(error)

    def _obey(self, typed: Typed) -> None:
        match typed.verb:
            case "glimpse":
                self._look_ahead(typed.argument)
            case "speed":
                self.action_faster(typed.number(self.game.speed)[0] / self.game.speed)
            case "save":
                name = f" as {self._title.save}" if self._title.save else ""
                self._remark(f"Saved{name}: every turn is stored as it is played.")
            case "why":
                self.open_tab("mind-tab")
            case "timeline":
                self.action_timeline()
            case "map":
                self.action_map()
            case "learn":
                self.open_tab("learn-tab")
            case "copy":
                self.action_copy()
            case "script":
                self._write_script(typed.argument)
            case "tune":
                self.action_rounds()
            case "build":
                self.build(typed.argument)
            case "author":
                self.author_mode(typed.argument)
            case "help":
                self.app.push_screen(HelpScreen())
            case "start":
                self.post_message(StartWanted())
            case "quit":
                if self.may_leave():
                    self.app.exit()
            case _:
                wishes.obey(self.game, typed)
