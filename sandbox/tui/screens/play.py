"""The screen on which a game is played. It keeps what is shown; the driver keeps the game."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer, Label, TabbedContent

from sandbox.errors import SandboxError
from sandbox.tui import format as fmt
from sandbox.tui import story
from sandbox.tui.driver import Driver, SessionFactory
from sandbox.tui.keys import bindings
from sandbox.tui.messages import Changed, Decided, Failed, Loaded
from sandbox.tui.screens.help import HelpScreen
from sandbox.tui.verbs import VERBS, Typed, parse
from sandbox.tui.widgets.header import Header, Title
from sandbox.tui.widgets.mind import Brief, Mind, overruled
from sandbox.tui.widgets.panes import Learning, WorldFacts, side_pane
from sandbox.tui.widgets.prompt import Prompt
from sandbox.tui.widgets.status import Status
from sandbox.tui.widgets.timeline import TimelineTree
from sandbox.tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from sandbox.play.session import Session
    from sandbox.tui.view import View
    from sandbox.types import Decision

_WIDE = 100
"""Columns from which the side pane stands beside the transcript."""


class PlayScreen(Screen[None]):
    """Transcript, side pane, status, prompt.

    Args:
        factory: opens the session, off the screen's thread.
        title: what is known before it is open.
        speed: actions a second at most while the agent runs.
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (_WIDE, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-high")]  # noqa: RUF012
    CSS_PATH = "../play.tcss"
    AUTO_FOCUS = "#prompt"
    BINDINGS = bindings("anywhere", "decide")

    def __init__(self, factory: SessionFactory, title: Title, speed: float = 1.0) -> None:
        super().__init__()
        self.driver = Driver(factory, self.post_message)
        self.view: View | None = None
        self.decision: Decision | None = None
        self.speed = speed
        self._title = title
        self._wanted = 0.0
        """How many actions the agent is still to take; infinite while it runs."""
        self._on_its_own = False
        self._pending = 0
        """Changes that were asked for and have not been answered."""
        self._since: float | None = monotonic()
        """When the work that is under way began."""
        self._acted_at = 0.0
        self._pace: Timer | None = None
        self._stopped = False
        self._notes: dict[int, list[str]] = {}
        self._remarks: list[story.Block] = []

    # What there is to see.

    def compose(self) -> ComposeResult:
        yield Header(self._title, id="header")
        with Horizontal(id="middle"):
            with Vertical(id="left"):
                yield Transcript(id="transcript")
                with Vertical(id="desk"):
                    yield Status(id="status")
                    yield Brief(id="brief")
                    with Horizontal(id="line"):
                        yield Label(fmt.PERSON, id="sign")
                        yield Prompt(
                            self.candidates, placeholder="what do you do?   /help lists the rest", id="prompt"
                        )
            yield from side_pane()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.driver.load()
        self._show_status()

    @property
    def busy(self) -> bool:
        """Whether an answer of the driver is awaited."""
        return self._since is not None

    def candidates(self, typed: str) -> Sequence[str]:
        """What could be typed now, given how it begins."""
        if typed.startswith("/"):
            return [f"/{verb.name}" for verb in VERBS]
        if self.view is None:
            return ()
        known = self.view.observation.admissible or ()
        wanted = [proposal.command for proposal in self.decision.proposals] if self.decision else []
        return list(dict.fromkeys((*known, *wanted)))

    def _show(self) -> None:
        """Bring all widgets in line with the view."""
        view = self.view
        if view is None:
            self.query_one(Transcript).show(self._remarks)
            return
        self.query_one(Transcript).show([*story.blocks(view, self._notes), *self._remarks])
        self.query_one(Header).view = view
        self.query_one(WorldFacts).observation = view.observation
        timeline = self.query_one(TimelineTree)
        timeline.add(view.fresh)
        timeline.stand(
            view.current.id,
            {
                turn: sum(said.value or 0 for said in all_said)
                for turn, all_said in view.feedback.items()
                if all_said
            },
        )
        self.query_one(Learning).add(view.updates)

    def _show_decision(self) -> None:
        mind = self.query_one(Mind)
        if self.view is None:
            mind.idle = "Still opening the game."
        elif self.view.done:
            mind.idle = "The episode is over."
        elif not self.view.agent_moves:
            mind.idle = "A person holds this seat: no agent is thinking."
        else:
            mind.idle = "Stopped. F5 lets the agent think again." if self._stopped else "Thinking…"
        mind.decision = self.decision
        brief = self.query_one(Brief)
        brief.decision = self.decision
        brief.set_class(self.view is not None and not self.view.agents, "-unused")
        self._show_status()

    def _show_status(self) -> None:
        status, view = self.query_one(Status), self.view
        aside = Content("")
        if self._on_its_own:
            aside = Content.styled(f"running, {fmt.short(self.speed)}/s at most ", "$text-warning")
        elif not self._at_prompt:
            aside = Content.styled(" DECIDE ", "reverse bold")
        since = self._since
        if view is None:
            status.say(f"opening {self._title.world}" if since else "no game is open", aside, since=since)
        elif self._pending:
            status.say("one moment", aside, since=since)
        elif view.done:
            status.say(Content.styled("the episode is over", "$text-muted"), aside)
        elif not view.agent_moves:
            status.say(
                Content.styled(
                    "your turn" if len(view.seats) == 1 else f"your turn, {view.to_move}", "$text-muted"
                ),
                aside,
            )
        elif self.decision is not None:
            status.say(self._wish(self.decision), aside)
        elif since is not None:
            status.say(f"{view.agents[view.to_move or '']} is thinking", aside, since=since)
        else:
            status.say(Content.styled("stopped", "$text-muted"), aside)

    def _wish(self, decision: Decision) -> Content:
        exploring = decision.chooser == "exploration"
        glyph = fmt.EXPLORATION if exploring else fmt.AGENT
        why = "to explore" if exploring else "Q overruled the model" if overruled(decision) else ""
        return Content.assemble(
            (f"{glyph} ", fmt.COMMAND_STYLES[glyph]),
            ("wants ", "$text-muted"),
            (decision.command, fmt.COMMAND_STYLES[glyph]),
            (f"   {why}" if why else "", "$text-muted"),
        )

    # What comes from the driver.

    @on(Loaded)
    def _loaded(self, message: Loaded) -> None:
        self._arrive(message.view)

    @on(Changed)
    def _changed(self, message: Changed) -> None:
        self._pending -= 1
        self._arrive(message.view)

    @on(Decided)
    def _decided(self, message: Decided) -> None:
        if message.generation != self.driver.generation:
            return
        self.decision, self._since = message.decision, None
        self._show_decision()
        self._go_on()

    @on(Failed)
    def _failed(self, message: Failed) -> None:
        if message.doing == "thinking" and message.generation != self.driver.generation:
            return
        if message.doing.startswith("opening"):
            self.app.post_message(message)
        elif message.doing != "thinking":
            self._pending -= 1
        self._halt()
        self._since = None
        self._complain(message.error)
        if message.doing != "thinking" and self.view is not None:
            self._look_ahead()
        self._show_decision()

    def _arrive(self, view: View) -> None:
        """The session stands elsewhere now."""
        self.view, self.decision, self._stopped = view, None, False
        for update in view.updates:
            if update.source == "person":
                self._notes.setdefault(view.current.id, []).append(
                    f"Q(s, {update.command}): {fmt.formula(update)}"
                )
        self._show()
        if view.done:
            self._halt()
        self._look_ahead()
        self._show_decision()

    def _complain(self, error: Exception) -> None:
        if isinstance(error, SandboxError):
            self.notify(str(error), severity="warning", markup=False)
        else:
            self._remark(f"Something went wrong: {type(error).__name__}: {error}", "$text-error")

    def _remark(self, text: str, style: str = "$text-muted") -> None:
        self._remarks = [story.remark(text, style)]
        self._show()

    # How the agent goes on.

    def _look_ahead(self) -> None:
        """Have the decision ready before it is asked for."""
        view = self.view
        self._since = None
        if self._pending:
            self._since = monotonic()
        elif view is not None and view.agent_moves and self.decision is None:
            self._since, self._stopped = monotonic(), False
            self.driver.decide()

    def _go_on(self) -> None:
        """Let the agent act if it is to, at its pace."""
        if self._wanted <= 0 or self._pending:
            return
        if self.decision is None:
            if self._since is None:
                self._look_ahead()
            return
        wait = self._acted_at + 1 / self.speed - monotonic() if self._on_its_own else 0
        if wait > 0:
            self._pace = self.set_timer(wait, self._go_on)
            return
        self._wanted -= 1
        self._on_its_own = self._on_its_own and self._wanted > 0
        self._acted_at = monotonic()
        decision = self.decision
        self._change(lambda: self.driver.act(decision.command, decision=decision, chooser=decision.chooser))

    def _halt(self) -> None:
        """The agent takes no further action."""
        self._wanted, self._on_its_own = 0, False
        if self._pace is not None:
            self._pace.stop()

    def _change(self, submit: Callable[[], None]) -> None:
        if self.view is None:
            self.notify("the game is still being opened", severity="warning")
            return
        self.decision, self._remarks = None, []
        self._pending += 1
        self._since = monotonic()
        submit()
        self._show_status()

    def _do(self, doing: str, job: Callable[[Session], object]) -> None:
        self._change(lambda: self.driver.change(doing, job))

    def _person_acts(self, command: str) -> None:
        self._halt()
        decision = self.decision
        self._change(lambda: self.driver.act(command, decision=decision))

    # Keys.

    @property
    def _at_prompt(self) -> bool:
        return self.focused is not None and self.focused.id == "prompt"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "leave":
            return self._at_prompt or self._wanted > 0 or self._since is not None or self._side_is_over
        return True

    def action_leave(self) -> None:
        """Stop what was asked for and leave the prompt; where that is done already, stop thinking ahead too."""
        if self._wanted > 0 or not self._at_prompt:
            self._stop()
        if self._side_is_over:
            self.remove_class("-side-open")
        self.query_one(Transcript).focus()

    def _stop(self) -> None:
        thinking = self._since is not None and not self._pending and self.view is not None
        self._halt()
        if thinking:
            self.driver.cancel()
            self._since, self._stopped = None, True
        self._show_decision()

    def action_prompt(self) -> None:
        self.query_one(Prompt).focus()

    def action_step(self) -> None:
        self._ask(1)

    def action_run(self) -> None:
        if self._wanted > 0:
            self._halt()
            self._show_status()
        else:
            self._ask(inf)

    def _ask(self, actions: float) -> None:
        if self.view is None or not self.view.agent_moves:
            why = (
                "the episode is over: /restart plays again"
                if self.view and self.view.done
                else "no agent is to move"
            )
            self.notify(why if self.view else "the game is still being opened", severity="warning")
            return
        self._wanted, self._on_its_own = actions, actions > 1
        self._show_status()
        self._go_on()

    def action_pick(self, number: int) -> None:
        if self.decision is None or number > len(self.decision.proposals):
            self.notify(f"there is no proposal {number} now", severity="warning")
        else:
            self._person_acts(self.decision.proposals[number - 1].command)

    def action_reward(self, value: float, comment: str = "") -> None:
        self._do("reward", lambda session: session.rate(value, comment=comment))

    def action_undo(self) -> None:
        self._halt()
        self._do("undo", lambda session: session.undo())

    def action_redo(self) -> None:
        self._halt()
        self._do("redo", lambda session: session.redo())

    def action_restart(self) -> None:
        self._halt()
        self._do("restart", lambda session: session.new_episode())

    def action_faster(self, factor: float) -> None:
        self.speed = max(0.1, min(20.0, self.speed * factor))
        self.notify(f"{fmt.short(self.speed)} actions a second at most")
        self._show_status()

    def action_why(self) -> None:
        self._open_side("mind-tab")

    def action_timeline(self) -> None:
        self._open_side("timeline-tab")
        self.query_one(TimelineTree).focus()

    def action_pane(self) -> None:
        self.toggle_class("-side-open" if self.has_class("-narrow") else "-side-shut")

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen())

    @property
    def _side_is_over(self) -> bool:
        return self.has_class("-narrow") and self.has_class("-side-open")

    def _open_side(self, tab: str) -> None:
        self.remove_class("-side-shut")
        self.set_class(self.has_class("-narrow"), "-side-open")
        self.query_one("#side", TabbedContent).active = tab

    @on(TimelineTree.Jump)
    def _jump(self, message: TimelineTree.Jump) -> None:
        self._halt()
        self._do("jump", lambda session: session.jump(message.turn))

    def on_descendant_focus(self) -> None:
        self.set_class(not self._at_prompt, "-decide")
        self._show_status()

    # What is typed.

    @on(Prompt.Completing)
    def _completing(self, message: Prompt.Completing) -> None:
        self.query_one(Status).complete(message.options, message.chosen)

    @on(Prompt.Submitted)
    def _submitted(self, message: Prompt.Submitted) -> None:
        if self.view is None and not message.value.startswith("/q"):
            self.notify("the game is still being opened; your line waits here", severity="warning")
            return
        try:
            typed = parse(message.value)
            self.query_one(Prompt).remember(message.value.strip())
            if typed is not None:
                self._obey(typed)
        except SandboxError as error:
            self._complain(error)

    def _obey(self, typed: Typed) -> None:
        match typed.verb:
            case "command":
                self._person_acts(typed.argument)
            case "comment":
                if typed.argument:
                    self._do("comment", lambda session: session.comment(typed.argument))
            case "run":
                self._ask(typed.number(inf)[0])
            case "pause":
                self._stop()
            case "pick":
                self.action_pick(int(typed.number(1)[0]))
            case "reward":
                self.action_reward(*typed.number(1))
            case "speed":
                self.action_faster(typed.number(self.speed)[0] / self.speed)
            case "save":
                name = f" as {self._title.save}" if self._title.save else ""
                self._remark(f"Saved{name}: every turn is stored as it is played.")
            case "quit":
                self.app.exit()
            case verb:
                getattr(self, f"action_{verb}")()
