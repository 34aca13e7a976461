"""What agents remember, to read, change and forget: notes, advice in force, what the prompt no longer holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from sandbox.session.remembered import Memories, Piece, RememberedSeat
from sandbox.tui import format as fmt


class MemoryList(OptionList):
    """The Memory tab: a line for each note and piece of advice, under headings."""

    DEFAULT_CSS = """
    MemoryList { height: 1fr; }
    MemoryList > .option-list--option-disabled { color: $foreground; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Edit", id="memory-enter", tooltip="Put it into the prompt, to change it"),
        Binding("x", "drop", "Forget", id="memory-drop", tooltip="Forget the note, or withdraw the advice"),
        Binding("delete", "drop", "Forget", show=False, id="memory-delete", tooltip="The same as x"),
    ]

    @dataclass
    class PieceChosen(Message):
        """A person wants something done about a piece."""

        line: str
        """What is typed to do it."""
        at_once: bool
        """Whether it is to be done, and not only to be typed."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, markup=False, compact=True)
        self._pieces: dict[str, Piece] = {}

    def show(self, memories: Memories) -> None:
        """Show what is remembered; the cursor stays where it is."""
        former = self.highlighted_option
        self._pieces.clear()
        options = [option for seat in memories.seats for option in self._of(seat, several=len(memories.seats) > 1)]
        self.set_options(options or [_line("No agent plays here.")])
        if self._pieces:
            at = min(int((former.id if former is not None else None) or 0), len(self._pieces) - 1)
            self.highlighted = self.get_option_index(str(at))

    def _of(self, memory: RememberedSeat, *, several: bool) -> Iterator[Option]:
        if several:
            yield _line(f"{memory.name}, {memory.agent}", "bold $text-accent")
        kept = f", {len(memory.notes)} of {memory.most}" if memory.most else ""
        yield _line(f"Notes{kept}", "bold $text-primary")
        if not memory.most:
            yield _line("It keeps none: `memory: 5` on its card keeps five from one episode to the next.")
        elif not memory.notes:
            yield _line("None yet: they are written when an episode ends.")
        yield from map(self._piece, memory.notes)
        yield _line("\nAdvice in force", "bold $text-primary")
        if not memory.advice:
            yield _line("None: /tell gives some.")
        yield from map(self._piece, memory.advice)
        if memory.lost:
            yield _line("\nNo longer in its prompt", "bold $text-primary")
            yield _line(memory.lost)
        yield _line("")

    def _piece(self, piece: Piece) -> Option:
        name = str(len(self._pieces))
        self._pieces[name] = piece
        return Option(Content(f"· {piece.words}"), id=name)

    def action_drop(self) -> None:
        self._choose(at_once=True)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._choose(at_once=False)

    def _choose(self, *, at_once: bool) -> None:
        option = self.highlighted_option
        piece = self._pieces.get(option.id or "") if option is not None else None
        if piece is not None:
            self.post_message(self.PieceChosen(piece.drop if at_once else piece.edit, at_once))


def _line(text: str, style: str = fmt.MUTED) -> Option:
    return Option(Content.styled(text, style), disabled=True)
