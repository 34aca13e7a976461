"""A list to choose from."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import OptionList


class Entries(OptionList, inherit_bindings=False):
    """The list moves its cursor and nothing else: all other keys are the screen's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action, told, show=False, id=f"start-{action}", tooltip=told)
        for key, action, told in (
            ("up", "cursor_up", "The entry above"),
            ("down", "cursor_down", "The entry below"),
            ("home", "first", "The first entry"),
            ("end", "last", "The last entry"),
            ("pageup", "page_up", "A page up"),
            ("pagedown", "page_down", "A page down"),
        )
    ]
