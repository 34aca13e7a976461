"""One question after another: what the seat had read, the answers without a hint, a key for each verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Static

from sandbox.errors import SandboxError
from sandbox.tui import format as fmt
from sandbox.tui.keys import Key
from sandbox.tui.palette import KeyCommands
from sandbox.tui.rating import RatingController
from sandbox.tui.screens.help import HelpScreen, keys_page
from sandbox.tui.worker import News

if TYPE_CHECKING:
    from sandbox.feedback.queue import Choice

_EXCHANGES = 6
_TICK = 0.5

KEYS = (
    *(
        Key(
            f"choose-{n}",
            str(n),
            f"choose({n - 1})",
            "Best",
            f"Answer {n} is the best",
            show=n == 1,
            display="1-9" if n == 1 else None,
        )
        for n in range(1, 10)
    ),
    Key("rate-tie", "equals_sign", "same('tie')", "Tie", "None is better than another", show=True, display="="),
    Key("bad", "0", "same('bad')", "All bad", "None is any good", show=True),
    Key("skip", "s", "skip", "Skip", "Say nothing about this one", show=True),
    Key("rate-undo", "u", "undo", "Undo", "Take the last answer back", show=True),
    Key("reveal", "n", "reveal", "Names", "See which is which; ends the comparison", show=True),
    Key("rate-help", "f1", "help", "Help", "Show the keys", show=True, display="F1"),
    Key("leave", "q,escape", "leave", "Leave", "Leave; all answers are saved", show=True, display="q"),
)


class RateScreen(Screen[None]):
    """Shows what a controller asks, and brings it the answers.

    Args:
        controller: knows what is asked, and where answers go.
    """

    CSS_PATH = "../rate.tcss"
    COMMANDS = {KeyCommands}  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in KEYS]

    def __init__(self, controller: RatingController) -> None:
        super().__init__()
        self.controller = controller

    def compose(self) -> ComposeResult:
        yield Static(id="rate-header")
        with VerticalScroll(id="rate-story"):
            yield Static(id="rate-text")
        with Vertical(id="rate-below"):
            yield Static(id="rate-answers")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.controller.open(self.post_message)
        self.set_interval(_TICK, self._tick)
        self._show()

    def on_unmount(self) -> None:
        self.controller.close()

    @on(News)
    def _heard(self, news: News) -> None:
        waited = self.controller.asked is None
        self.controller.take(news)
        if waited and self.controller.asked is not None:
            self._show()
        else:
            self._tick()

    def _tick(self) -> None:
        """What changes while a person looks on."""
        asked = self.controller.asked
        place = f"   {asked.place}" if asked else ""
        header = Content.assemble((f" {self.controller.head}", "bold"), (place, fmt.MUTED))
        self.query_one("#rate-header", Static).update(header)
        if asked is None:
            self.query_one("#rate-text", Static).update(self.controller.told)

    def _show(self) -> None:
        self._tick()
        self.refresh_bindings()
        asked, answers = self.controller.asked, self.query_one("#rate-answers", Static)
        if asked is None:
            answers.update(
                Content.styled("q leaves" if self.controller.over else "q leaves, u goes back", fmt.MUTED)
            )
            return
        story = [Content.styled(f"Goal: {asked.goal}\n", fmt.MUTED)] if asked.goal else []
        if len(asked.exchanges) > _EXCHANGES:
            story.append(Content.styled("...\n", fmt.MUTED))
        for exchange in asked.exchanges[-_EXCHANGES:]:
            if exchange.command:
                story.append(Content.styled(f"> {exchange.command}", "bold"))
            story.append(Content(exchange.reply + "\n"))
        self.query_one("#rate-text", Static).update(Content("\n").join(story))
        lines = [
            Content.assemble((f" {number} ", "bold"), answer)
            for number, answer in enumerate(asked.answers, start=1)
        ]
        answers.update(Content("\n").join([Content.styled(asked.question, fmt.MUTED), *lines]))
        self.call_after_refresh(self.query_one("#rate-story", VerticalScroll).scroll_end, animate=False)

    # Keys.

    def offered(self) -> list[Key]:
        """The keys that make sense now."""
        return [key for key in KEYS if self.check_action(key.action.split("(")[0], ())]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("choose", "same", "skip"):
            return self.controller.asked is not None
        if action == "reveal":
            return self.controller.blind
        return action != "undo" or not self.controller.over

    def action_choose(self, place: int) -> None:
        """The answer at this place is the best."""
        self._answer(place)

    def action_same(self, choice: Choice) -> None:
        """All tie, or all are bad."""
        self._answer(choice)

    def action_skip(self) -> None:
        self._answer(None)

    def action_undo(self) -> None:
        """Back to the question before; what was recorded of it is retracted."""
        try:
            self.controller.undo()
        except SandboxError as error:
            self.notify(str(error), severity="error", markup=False)
        self._show()

    def action_reveal(self) -> None:
        self.controller.reveal()
        self._show()

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen(keys_page(self.offered()), "Keys"))

    def action_leave(self) -> None:
        self.dismiss()

    def _answer(self, choice: Choice | None) -> None:
        try:
            self.controller.answer(choice)
        except SandboxError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self._show()
