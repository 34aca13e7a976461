"""The editor of a world file: YAML with colours, line numbers, undo, and lines that keep their indentation."""

from __future__ import annotations

import re
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import TextArea
from textual.widgets.text_area import TextAreaTheme

_TOKENS = {
    "yaml.field": "key",
    "string": "text",
    "string.escape": "value",
    "number": "value",
    "boolean": "value",
    "constant.builtin": "value",
    "comment": "comment",
    "punctuation.delimiter": "mark",
    "punctuation.bracket": "mark",
    "punctuation.special": "mark",
    "error": "error",
}
"""What the grammar tells apart, and what the style sheet calls it."""
_INDENT = 2
_THEME = "sandbox"


class _StyleSheet(TextAreaTheme):
    """Takes the colours of the grammar's tokens from the style sheet, so that every theme of the app fits."""

    def apply_css(self, text_area: TextArea) -> None:
        super().apply_css(text_area)
        self.syntax_styles = {token: _ink(text_area, f"editor--{name}") for token, name in _TOKENS.items()}


def _ink(text_area: TextArea, name: str) -> Style:
    """A style without its background, which is that of the line."""
    style = text_area.get_component_rich_style(name)
    return Style(color=style.color, bold=style.bold, italic=style.italic, underline=style.underline)


def _named(binding: BindingType) -> Binding | None:
    """A binding of Textual's text area with a name and a sentence; None for those of keys that the screen has."""
    if not isinstance(binding, Binding) or binding.key in ("f6", "f7"):
        return None
    name = re.sub(r"\W+", "-", binding.action).strip("-").replace("_", "-")
    return Binding(
        binding.key,
        binding.action,
        binding.description,
        show=False,
        id=f"edit-{name}",
        tooltip=binding.description,
    )


class Editor(TextArea, inherit_bindings=False):
    """Edits YAML. Tab and Enter know of indentation; Esc is left to the screen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"editor--{name}" for name in _TOKENS.values()}
    BINDINGS: ClassVar[list[BindingType]] = [
        *filter(None, map(_named, TextArea.BINDINGS)),
        Binding("tab", "indent", "Indent", show=False, id="edit-indent", tooltip="Further in"),
        Binding("shift+tab", "dedent", "Dedent", show=False, id="edit-dedent", tooltip="Further out"),
    ]

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(
            language="yaml",
            soft_wrap=True,
            show_line_numbers=True,
            max_checkpoints=500,
            id=id,
            tab_behavior="focus",
        )
        self.cursor_blink = False
        self.register_theme(_StyleSheet(_THEME))
        self.theme = _THEME

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter" and not self.read_only:
            event.stop()
            event.prevent_default()
            start, end = self.selection
            self._replace_via_keyboard("\n" + self._indentation(), start, end)

    def _indentation(self) -> str:
        """What a new line begins with: as far in as this one, and further after a colon."""
        row, column = self.selection.start
        before = self.document.get_line(row)[:column]
        indent = len(before) - len(before.lstrip(" "))
        code = before.split(" #")[0].rstrip()
        return " " * (indent + _INDENT * code.endswith((":", "|", ">", "-|", ">-", "|-")))

    def action_indent(self) -> None:
        """To the next even column; the lines that are selected, as a whole."""
        (first, column), (last, _) = sorted(self.selection)
        if first == last:
            self.insert(" " * (_INDENT - column % _INDENT))
        else:
            self._shift(first, last, _INDENT)

    def action_dedent(self) -> None:
        (first, _), (last, _) = sorted(self.selection)
        self._shift(first, last, -_INDENT)

    def _shift(self, first: int, last: int, by: int) -> None:
        lines = [self.document.get_line(row) for row in range(first, last + 1)]
        if by > 0:
            new = [" " * by + line if line else line for line in lines]
        else:
            new = [line[min(-by, len(line) - len(line.lstrip(" "))) :] for line in lines]
        end = (last, len(lines[-1]))
        self.replace("\n".join(new), (first, 0), end)

    def become(self, text: str) -> None:
        """Show another text, as one change that can be undone; the cursor goes to where it differs."""
        old, new = self.text, text
        if old == new:
            return
        start = next(
            (at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new))
        )
        tail = 0
        while tail < min(len(old), len(new)) - start and old[-1 - tail] == new[-1 - tail]:
            tail += 1
        where = _location(old, start)
        self.replace(new[start : len(new) - tail], where, _location(old, len(old) - tail))
        self.go_to(where[0] + 1, centre=False)

    def go_to(self, line: int, *, centre: bool = True) -> None:
        """Put the cursor on a line, counted from 1."""
        row = max(0, min(line, self.document.line_count) - 1)
        text = self.document.get_line(row)
        self.move_cursor((row, len(text) - len(text.lstrip())), center=centre)


def _location(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    row = before.count("\n")
    return row, offset - (before.rfind("\n") + 1)
