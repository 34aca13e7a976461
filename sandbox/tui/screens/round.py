"""Where a player makes the model better: what there is to learn from, a round at work, what it came to."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Input, Label, Sparkline, Static

from sandbox.tui import format as fmt
from sandbox.tui.keys import Key
from sandbox.tui.palette import KeyCommands
from sandbox.tui.rounds import ContestWanted, RoundController, RoundNews
from sandbox.tui.screens.help import HelpScreen, keys_page
from sandbox.tui.widgets import round_pages as pages
from sandbox.tui.widgets.footer import KeyLine
from sandbox.tui.worker import sentence

if TYPE_CHECKING:
    from sandbox.tune.settings import Method

METHODS: tuple[Method, ...] = ("sft", "dpo", "kto")
PREPARE, WORK, RESULT = "round-prepare", "round-work", "round-result"
_TICK = 0.5

KEYS = (
    Key("round-start", "enter", "start", "Start", "Start a round; the game can go on meanwhile", show=True),
    Key("round-time", "t", "time", "Time it", "Time one step, to see what a round would cost", show=True),
    *(
        Key(
            f"round-method-{n}",
            str(n),
            f"choose('{method}')",
            "Method",
            f"Learn by {method}: it {pages.METHODS[method]}",
            show=n == 1,
            display="1-3" if n == 1 else None,
        )
        for n, method in enumerate(METHODS, 1)
    ),
    Key("round-method-before", "up", "next(-1)", "Method above", "Choose the method above"),
    Key("round-method-after", "down", "next(1)", "Method below", "Choose the method below"),
    Key("round-worlds", "w", "worlds", "Worlds", "Say which worlds are played before and after", show=True),
    Key("round-resume", "c", "resume", "Continue", "Go on with the round that stopped", show=True),
    Key("round-latest", "l", "latest", "Latest", "See what the latest round came to, and decide", show=True),
    Key("round-cancel", "x", "cancel", "Cancel", "Stop the round after the step it is at", show=True),
    Key("round-accept", "a", "accept", "Accept", "The agent plays with the new adapter from now on", show=True),
    Key("round-reject", "r", "reject", "Reject", "Delete the new adapter", show=True),
    Key("round-keep", "k", "keep", "Keep for later", "Keep the new adapter, and decide later", show=True),
    Key(
        "round-compare",
        "v",
        "compare",
        "A/B",
        "Judge old and new adapter blindly, on turns of the save",
        show=True,
    ),
    Key("round-roll-back", "b", "roll_back", "Roll back", "Go back to the adapter in use before", show=True),
    Key("round-help", "f1", "help", "Help", "Show the keys", show=True, display="F1"),
    Key("round-leave", "escape", "leave", "Game", "Back to the game; a round goes on", show=True, display="Esc"),
    Key("round-leave-too", "f9", "leave", "Game", "Back to the game; a round goes on"),
)
_IMPORTANCE = (
    *("round-start", "round-accept", "round-reject", "round-cancel", "round-leave", "round-keep", "round-resume"),
    *("round-method-1", "round-compare", "round-roll-back", "round-time", "round-latest", "round-help"),
)
_ON = {
    PREPARE: {"start", "time", "choose", "next", "worlds", "resume", "latest", "compare", "roll_back"},
    WORK: {"cancel"},
    RESULT: {"accept", "reject", "keep", "resume", "compare"},
}
"""Which actions each page has, apart from leaving."""


class MethodLine(Static):
    """A method that can be chosen with a click."""

    @dataclass
    class RowClicked(Message):
        """It was clicked."""

        method: Method

    def __init__(self, method: Method) -> None:
        super().__init__(id=f"round-{method}")
        self.method = method

    def on_click(self, event: Click) -> None:
        event.stop()
        self.post_message(self.RowClicked(self.method))


class RoundScreen(Screen[None]):
    """Prepare, watch, judge.

    Args:
        controller: knows of the rounds. What it learns reaches this screen through `show`.
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-high")]  # noqa: RUF012
    CSS_PATH = "../round.tcss"
    AUTO_FOCUS = ""
    COMMANDS = {KeyCommands}  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in KEYS]

    def __init__(self, controller: RoundController) -> None:
        super().__init__()
        self._controller = controller
        self._method: Method = "sft"
        self._touched = False
        """Whether a person has chosen the method."""
        self._trouble = ""
        """Why the save cannot be looked at."""

    def compose(self) -> ComposeResult:
        yield Static(id="round-header")
        with ContentSwitcher(id="round-pages", initial=PREPARE):
            with VerticalScroll(id=PREPARE, can_focus=False):
                yield Static(Content.styled("Looking at what was played …", fmt.MUTED), id="round-data")
                yield Label("How to learn", classes="round-title")
                for method in METHODS:
                    yield MethodLine(method)
                yield Label("Played before and after, to see whether it helped", classes="round-title")
                yield Input(placeholder="nothing: it is not measured", compact=True, id="round-worlds")
                yield Static(id="round-cost")
            with VerticalScroll(id=WORK, can_focus=False):
                yield Static(id="round-doing")
                yield Sparkline(id="round-loss")
            with VerticalScroll(id=RESULT, can_focus=False):
                yield Static(id="round-outcome")
        yield KeyLine(_IMPORTANCE)

    def on_mount(self) -> None:
        self.set_interval(_TICK, self._tick)
        self._controller.look()
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    # What there is to see.

    def show(self, news: RoundNews) -> None:
        """Show something that the controller has learned."""
        if news.error is not None:
            told = sentence(news.error)
            self._trouble = told if self._controller.offer is None else ""
            if not self._trouble or self.page != PREPARE:  # else it stands there
                self.notify(told, severity="warning", markup=False)
        if news.said:
            self.notify(news.said, markup=False)
            self._controller.look()
        if news.offer is not None:
            if not self._touched:
                self._method = news.offer.suggested or "sft"
            worlds = self.query_one("#round-worlds", Input)
            worlds.value = worlds.value or news.offer.evaluation
        if news.view is not None and news.view.trial and news.view.trouble:
            self.notify(news.view.trouble, severity="warning", markup=False)
        self._draw()

    @property
    def page(self) -> str:
        """Which page there is to show now."""
        view = self._controller.view
        if view is None or (view.trial and view.over):
            return PREPARE
        return RESULT if view.over else WORK

    def _draw(self) -> None:
        switcher = self.query_one("#round-pages", ContentSwitcher)
        if switcher.current != self.page:
            switcher.current = self.page
            self.set_focus(None)
        offer, view = self._controller.offer, self._controller.view
        width = max(switcher.content_size.width - 2, 20)
        header = Content.styled("Make the agent better", "bold")
        if offer is not None:
            facts = f"   {offer.save}   {fmt.AGENT} {offer.card}@{offer.active}   {offer.model}"
            header += Content.styled(facts, fmt.MUTED)
            self.query_one("#round-data", Static).update(pages.data(offer, width))
            for number, choice in enumerate(offer.choices, 1):
                line = pages.method(number, choice, chosen=choice.method == self._method)
                self.query_one(f"#round-{choice.method}", MethodLine).update(line)
        elif self._trouble:
            self.query_one("#round-data", Static).update(Content.styled(self._trouble, "$text-warning"))
        self.query_one("#round-header", Static).update(header)
        self.query_one("#round-cost", Static).update(pages.cost(view, self._method))
        if view is not None and self.page == WORK:
            self._tick()
            loss = self.query_one("#round-loss", Sparkline)
            loss.display = len(view.losses) > 1
            loss.data = view.losses
        if view is not None and self.page == RESULT:
            active = offer.active if offer else view.parent
            self.query_one("#round-outcome", Static).update(pages.result(view, active))
        self.refresh_bindings()

    def _tick(self) -> None:
        view = self._controller.view
        if view is not None and self.page == WORK:
            width = max(self.query_one("#round-pages").content_size.width - 2, 20)
            self.query_one("#round-doing", Static).update(pages.progress(view, time.time(), width))

    # Keys.

    def offered(self) -> list[Key]:
        """The keys that make sense now."""
        return [key for key in KEYS if self.offers(key.action.split("(")[0])]

    def offers(self, action: str) -> bool:
        """Whether an action makes sense now."""
        offer, view = self._controller.offer, self._controller.view
        if action not in set().union(*_ON.values()):
            return True
        if action not in _ON[self.page]:
            return False
        if action == "compare":
            return self.sides is not None
        if self.page == RESULT and view is not None:
            return view.end != "finished" if action == "resume" else view.end == "finished" or action == "keep"
        if action == "resume":
            return offer is not None and offer.unfinished is not None
        if action == "latest":
            return offer is not None and offer.finished is not None
        if action == "roll_back":
            return offer is not None and offer.before is not None
        return action == "worlds" or offer is not None

    @property
    def sides(self) -> tuple[str, str] | None:
        """The adapters that can be compared: what the round made with what it began from, or the one in use."""
        offer, view = self._controller.offer, self._controller.view
        if self.page == RESULT and view is not None:
            return (view.parent, view.adapter) if view.end == "finished" else None
        return (offer.before, offer.active) if offer is not None and offer.before is not None else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.offers(action)

    def action_start(self) -> None:
        self._begin(trial=False)

    def action_time(self) -> None:
        self._begin(trial=True)

    def _begin(self, *, trial: bool) -> None:
        offer = self._controller.offer
        choice = next((each for each in offer.choices if each.method == self._method), None) if offer else None
        if choice is not None and choice.missing:
            text = f"{choice.missing}: {pages.ADVICE[choice.method]}"
            self.notify(text, severity="warning", markup=False)
            return
        self._controller.start(self._method, self.query_one("#round-worlds", Input).value, trial=trial)

    def action_choose(self, method: Method) -> None:
        self._method, self._touched = method, True
        self._draw()

    def action_next(self, step: int) -> None:
        self.action_choose(METHODS[(METHODS.index(self._method) + step) % len(METHODS)])

    @on(MethodLine.RowClicked)
    def _chosen(self, message: MethodLine.RowClicked) -> None:
        self.action_choose(message.method)

    def action_worlds(self) -> None:
        self.query_one("#round-worlds", Input).focus()

    @on(Input.Submitted)
    def _named(self, message: Input.Submitted) -> None:
        message.stop()
        self.set_focus(None)

    def action_resume(self) -> None:
        offer, view = self._controller.offer, self._controller.view
        number = view.number if view is not None and self.page == RESULT else offer.unfinished if offer else None
        if number is not None:
            self._controller.resume(number)

    def action_latest(self) -> None:
        if self._controller.offer is not None and self._controller.offer.finished is not None:
            self._controller.recall(self._controller.offer.finished)

    def action_cancel(self) -> None:
        self._controller.cancel()
        self._draw()

    def action_accept(self) -> None:
        self._controller.accept()

    def action_reject(self) -> None:
        self._controller.reject()

    def action_keep(self) -> None:
        """Decide later: the round is put away, its adapter stays."""
        self._controller.forget()
        self._controller.look()
        self._draw()

    def action_compare(self) -> None:
        if self.sides is not None:
            self.post_message(ContestWanted(self.sides))

    def action_roll_back(self) -> None:
        self._controller.roll_back()

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen(keys_page(self.offered()), "Keys"))

    def action_leave(self) -> None:
        """Out of the input first, then back to the game."""
        if self.focused is not None:
            self.set_focus(None)
        else:
            self.dismiss()
