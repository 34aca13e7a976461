"""One question after another: what the seat had read, the answers without a hint, a key for each verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from sandbox.errors import SandboxError
from sandbox.tui import format as fmt
from sandbox.tui.keys import Key
from sandbox.tui.palette import KeyCommands
from sandbox.tui.rating import NOTHING, RatingController
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
    Key("instead", "e", "write('instead')", "Other", "None of these: say what it should be", show=True),
    Key("remark", "c", "write('comment')", "Comment", "Add words to your next answer", show=True),
    Key("rate-reasons", "w", "write('reasons')", "Why", "Add reasons to your next answer"),
    Key("guidelines", "g", "guidelines", "Guide", "Read the guidelines again"),
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
        self._remark = NOTHING
        """What is added to the next answer."""
        self._writing = ""
        """What is being typed: `comment`, `reasons`, `instead`, `skip`; empty for nothing."""
        self._chosen: int | None = None
        """An answer of which it is still asked how much better it is."""
        self._reading = bool(controller.offered.guidelines)
        """Whether the guidelines are on the screen."""

    def compose(self) -> ComposeResult:
        yield Static(id="rate-header")
        with VerticalScroll(id="rate-story"):
            yield Static(id="rate-text")
        with Vertical(id="rate-below"):
            yield Static(id="rate-answers")
            yield Input(id="rate-entry", max_length=400)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one("#rate-entry", Input).display = False
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
        if asked is None and not self._reading:
            self.query_one("#rate-text", Static).update(self.controller.told)

    def _show(self) -> None:
        self._tick()
        self.refresh_bindings()
        asked, answers = self.controller.asked, self.query_one("#rate-answers", Static)
        if self._reading:
            self.query_one("#rate-text", Static).update(Content(self.controller.offered.guidelines))
            answers.update(Content.styled("g goes on", fmt.MUTED))
            return
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
        notes = [Content.styled(line, fmt.MUTED) for line in self._notes()]
        answers.update(Content("\n").join([Content.styled(asked.question, fmt.MUTED), *lines, *notes]))
        self.call_after_refresh(self.query_one("#rate-story", VerticalScroll).scroll_end, animate=False)

    def _notes(self) -> Iterator[str]:
        """What is asked beside the question, and what has been added to the answer so far."""
        remark, offered = self._remark, self.controller.offered
        if self._chosen is not None:
            yield f"How much better is {self._chosen + 1}? 1 slightly, {offered.scale} much"
        if self._writing in ("reasons", "skip"):
            listed = offered.reasons if self._writing == "reasons" else offered.skip_reasons
            yield "  ".join(f"{number} {reason}" for number, reason in enumerate(listed, start=1))
        yield from filter(None, (", ".join(remark.reasons), remark.comment))

    # Keys.

    def offered(self) -> list[Key]:
        """The keys that make sense now."""
        return [key for key in KEYS if self.check_action(*_parts(key.action))]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        offered = self.controller.offered
        if action == "write":
            what = parameters[0] if parameters else ""
            possible = {"instead": offered.instead, "reasons": bool(offered.reasons)}.get(str(what), True)
            return possible and self.controller.asked is not None and not self._reading
        if action == "guidelines":
            return bool(offered.guidelines)
        if action in ("choose", "same", "skip"):
            return self.controller.asked is not None and not self._reading
        if action == "reveal":
            return self.controller.blind
        return action != "undo" or not self.controller.over

    def action_choose(self, place: int) -> None:
        """The answer at this place is the best; or, where that was said, it is so much better."""
        if self._chosen is not None:
            if place < self.controller.offered.scale:
                self._remark = replace(self._remark, margin=place + 1)
                self._answer(self._chosen)
        elif (
            self.controller.offered.scale > 1
            and self.controller.asked
            and place < len(self.controller.asked.answers)
        ):
            self._chosen = place
            self._show()
        else:
            self._answer(place)

    def action_same(self, choice: Choice) -> None:
        """All tie, or all are bad."""
        self._answer(choice)

    def action_skip(self) -> None:
        """Say nothing; where there are reasons for that, say which."""
        if self.controller.offered.skip_reasons:
            self.action_write("skip")
        else:
            self._answer(None)

    def action_write(self, what: str) -> None:
        """Open the line for a comment, for reasons by their numbers, or for the command that is missing."""
        self._writing = what
        entry = self.query_one("#rate-entry", Input)
        entry.placeholder = {
            "comment": "A comment on your next answer",
            "reasons": "Numbers of the reasons for your next answer",
            "skip": "Number of the reason to skip this",
            "instead": "The command that it should be",
        }[what]
        entry.value = self._remark.comment if what == "comment" else ""
        entry.display = True
        entry.focus()
        self._show()

    @on(Input.Submitted, "#rate-entry")
    def _written(self, event: Input.Submitted) -> None:
        event.stop()
        what, said = self._writing, event.value.strip()
        self._close_entry()
        if what == "comment":
            self._remark = replace(self._remark, comment=said)
        elif what == "reasons":
            self._remark = replace(self._remark, reasons=_picked(said, self.controller.offered.reasons))
        elif what == "instead" and said:
            self._remark = replace(self._remark, instead=said)
            self._answer("bad")
        elif what == "skip" and (reasons := _picked(said, self.controller.offered.skip_reasons)):
            self._remark = replace(self._remark, reasons=reasons)
            self._answer(None)
        self._show()

    def _close_entry(self) -> None:
        self._writing = ""
        self.query_one("#rate-entry", Input).display = False
        self.set_focus(None)

    def action_guidelines(self) -> None:
        """Show the guidelines, or the question again."""
        self._reading = not self._reading
        self._show()

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
        """Leave; or, where something is being typed or is half said, leave that."""
        if self._writing or self._chosen is not None:
            self._chosen = None
            self._close_entry()
            self._show()
        else:
            self.dismiss()

    def _answer(self, choice: Choice | None) -> None:
        try:
            self.controller.answer(choice, self._remark)
        except SandboxError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self._remark, self._chosen = NOTHING, None
        self._show()


def _picked(numbers: str, listed: Sequence[str]) -> tuple[str, ...]:
    """The reasons of these numbers, counted from 1; others are passed over."""
    places = (int(word) - 1 for word in numbers.replace(",", " ").split() if word.isdecimal())
    return tuple(dict.fromkeys(listed[place] for place in places if 0 <= place < len(listed)))


def _parts(action: str) -> tuple[str, tuple[object, ...]]:
    """Name and arguments of an action such as `write('comment')`."""
    name, _, arguments = action.partition("(")
    return name, (arguments.rstrip(")").strip("'"),) if arguments else ()
