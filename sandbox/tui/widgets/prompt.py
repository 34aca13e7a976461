"""The line at which a person types: history, and completion from what the world accepts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.keys import REPLACED_KEYS
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input

from sandbox.session.completion import matches

ENTER = ("enter", "ctrl+j")
"""What was typed before the screen took the terminal over has Ctrl+J in the place of Enter."""


_KEY_ASKED = "The story waits for a key: press it   (Esc leaves the prompt)"
_WORLD_KEYS = frozenset({"enter", "space", "up", "down", "left", "right", "backspace"})
"""Keys that a world may wait for by name. Esc stays the screen's."""


class _Suggest(Suggester):
    """The first candidate that begins with what is typed, shown after the cursor."""

    def __init__(self, candidates: Callable[[str], Sequence[str]]) -> None:
        super().__init__(use_cache=False, case_sensitive=False)
        self._candidates = candidates

    async def get_suggestion(self, value: str) -> str | None:
        found = (candidate for candidate in self._candidates(value) if candidate.casefold().startswith(value))
        return next(found, None)


class Prompt(Input):
    """An input with history (up, down) and completion (tab cycles, right accepts what is shown).

    Args:
        candidates: gives what could be typed here, when what is typed so far begins like this.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete(1)", "Complete", show=False, id="complete", tooltip="Next completion"),
        Binding("shift+tab", "complete(-1)", "Back", show=False, id="complete-back", tooltip="Completion before"),
        Binding("up", "recall(-1)", "Earlier", show=False, id="earlier", tooltip="Command typed before"),
        Binding("down", "recall(1)", "Later", show=False, id="later", tooltip="Command typed after"),
    ]

    @dataclass
    class Completing(Message):
        """A completion was chosen out of several; none are left when the list is empty."""

        options: Sequence[str]
        chosen: int

    @dataclass
    class KeyPressed(Message):
        """A key was pressed that the world waits for; as it is called there."""

        key: str

    @dataclass
    class Pasted(Message):
        """Several lines were pasted; the first goes on from what was typed before."""

        lines: Sequence[str]

    def __init__(self, candidates: Callable[[str], Sequence[str]], *, placeholder: str, id: str) -> None:  # noqa: A002
        super().__init__(
            placeholder=placeholder,
            id=id,
            compact=True,
            select_on_focus=False,
            max_length=400,
            suggester=_Suggest(candidates),
        )
        self.cursor_blink = False
        self.gives_keys = False
        self._asks = placeholder
        self._candidates = candidates
        self._options: list[str] = []
        self._chosen = 0
        self._histories: dict[str, list[str]] = {}
        self._history = self._histories.setdefault("", [])
        self._place = 0
        self._draft = ""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return key in REPLACED_KEYS or super().check_consume_key(key, character)

    async def _on_key(self, event: events.Key) -> None:
        """Bindings are looked up later, when what was typed behind Enter would be in the line as well."""
        name = "enter" if event.key in ENTER else "space" if event.character == " " else event.key
        if self.gives_keys and (event.is_printable or name in _WORLD_KEYS):
            event.stop()
            event.prevent_default()
            self.post_message(self.KeyPressed(name if name in _WORLD_KEYS else event.character or name))
        elif event.key in ENTER:
            event.stop()
            event.prevent_default()
            await self.action_submit()

    async def action_submit(self) -> None:
        """Take the line, and clear it in the same moment: keys that follow belong to the next one."""
        line = self.value
        self.remember(line.strip())
        self.post_message(self.Submitted(self, line, None))

    def _on_paste(self, event: events.Paste) -> None:
        lines = [line[: self.max_length] for line in event.text.splitlines() if line.strip()]
        if len(lines) > 1:
            event.stop()
            event.prevent_default()
            self.post_message(self.Pasted([self.value + lines[0], *lines[1:]]))

    def remember(self, line: str) -> None:
        """Put a typed line into the history and empty the prompt."""
        if line and self._history[-1:] != [line]:
            self._history.append(line)
        self._place = len(self._history)
        self.value = ""

    def give_keys(self, *, on: bool) -> None:
        """Whether keys go to the world as they are pressed, and are no text."""
        if on != self.gives_keys:
            self.gives_keys = on
            self.placeholder, self._asks = (_KEY_ASKED if on else self._asks), str(self.placeholder)

    def belong_to(self, seat: str) -> None:
        """Go on for another seat, with nothing of what the last one typed."""
        self._history = self._histories.setdefault(seat, [])
        self._place = len(self._history)
        self._draft = ""
        self.value = ""

    def action_complete(self, step: int) -> None:
        """Fill in the next or the former completion of what was typed."""
        if self._options:
            self._chosen = (self._chosen + step) % len(self._options)
        else:
            self._options = matches(self.value, self._candidates(self.value))
            self._chosen = 0 if step > 0 else len(self._options) - 1
        if self._options:
            self.fill(self._options[self._chosen])
            self.post_message(self.Completing(self._options, self._chosen))

    def action_recall(self, step: int) -> None:
        """Move through what was typed before; what is being typed now waits at the end."""
        if self._place == len(self._history):
            self._draft = self.value
        self._place = max(0, min(len(self._history), self._place + step))
        self.fill(self._draft if self._place == len(self._history) else self._history[self._place])

    def fill(self, text: str) -> None:
        """Put a text in, with the cursor at its end."""
        self.value = text
        self.cursor_position = len(text)

    def watch_value(self, value: str) -> None:
        """Any other change than cycling ends a completion."""
        if self._options and value != self._options[self._chosen]:
            self._options = []
            self.post_message(self.Completing((), 0))
