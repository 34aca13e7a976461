"""The screen of one who has joined a game: what the seat perceives, and a line to type."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, Label

from sandbox.config import Settings
from sandbox.errors import SandboxError
from sandbox.together import wire
from sandbox.together.guest import Guest, Server
from sandbox.tui import format as fmt
from sandbox.tui.story import BLANK, Block, Paragraph, prose
from sandbox.tui.themes import ThemedApp
from sandbox.tui.widgets.transcript import Transcript

_LEAVING = 2.0
"""Seconds."""
_KEPT = 5000
"""Pieces of the story that can be scrolled back to."""


class SaidLine(Input):
    """A line that is taken and cleared in the same moment, so that keys that follow belong to the next one."""

    async def action_submit(self) -> None:
        line, self.value = self.value, ""
        self.post_message(self.Submitted(self, line, None))


class JoinApp(ThemedApp[SandboxError | str]):
    """`run()` gives the last word of the game, or the error for which it cannot be joined.

    Args:
        game: which.
        server: where it runs; None is this machine.
        wish: which seat.
        settings: the theme is taken from these.
    """

    TITLE = "sandbox join"
    CSS = """
    #heard { height: 1fr; padding: 0 1; }
    #turn { height: 1; padding: 0 1; }
    #said { border: none; height: 1; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "leave", "Leave", priority=True)]

    def __init__(self, game: str, server: Server | None, wish: wire.Join, settings: Settings) -> None:
        super().__init__(settings.theme)
        self._guest = Guest(game, server, wish, self._hear)
        self._blocks: list[Block] = []
        self._last = "You have left."

    def compose(self) -> ComposeResult:
        yield Transcript(id="heard")
        yield Label("Coming in …", id="turn", markup=False)
        yield SaidLine(placeholder="Your command, or /chat WORDS   (/help, /quit)", id="said")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Input).focus()
        self._listen()

    @work
    async def _listen(self) -> None:
        try:
            await self._guest.run()
        except SandboxError as error:
            self.exit(error, return_code=error.exit_code)
        else:
            self.exit(self._last)

    def _hear(self, message: wire.ToGuest) -> None:
        match message:
            case wire.Welcome(world=world, name=name):
                self.title = world
                self._blocks.clear()
                self._show(
                    Content(f"{world}. {f'You are {name}.' if name else 'You watch.'}"), fmt.NOTE, fmt.MUTED
                )
            case wire.SeatStory(lines=lines):
                paragraphs = tuple(_paragraphs(lines))
                self._add(paragraphs)
            case wire.Chat(who=who, words=words):
                self._show(Content.assemble((f"{who}: ", "bold"), words), fmt.CHAT, "$text-accent")
            case wire.Note(text=text):
                self._show(Content.styled(text, fmt.MUTED), fmt.NOTE, fmt.MUTED)
            case wire.WhoseTurn(yours=yours, who=who):
                told = "Your turn." if yours else f"{who} is to move." if who else "The episode is over."
                self.query_one("#turn", Label).update(Content.styled(told, "bold" if yours else fmt.MUTED))
            case wire.Bye(why=why):
                self._last = why

    def _show(self, text: Content, glyph: str, style: str) -> None:
        self._add((Paragraph(text, glyph, style),))

    def _add(self, paragraphs: tuple[Paragraph, ...]) -> None:
        self._blocks = [*self._blocks, Block(object(), lambda: paragraphs)][-_KEPT:]
        self.query_one(Transcript).show(self._blocks)

    @on(Input.Submitted)
    def _typed(self, message: Input.Submitted) -> None:
        line = message.value.strip()
        try:
            if line and not line.startswith("/"):
                self._add(
                    (BLANK, Paragraph(Content.styled(f"> {line}", fmt.COMMAND_STYLES[fmt.PERSON]), fmt.PERSON))
                )
            self._guest.type(line)
        except SandboxError as error:
            self.notify(str(error), severity="warning", markup=False)

    def action_leave(self) -> None:
        self._guest.leave()
        self.set_timer(_LEAVING, lambda: self.exit(self._last))  # where the game does not answer


def _paragraphs(lines: tuple[str, ...]) -> list[Paragraph]:
    told = list(prose("\n".join(lines)))
    return [BLANK, *told] if lines and not lines[0] else told
