"""Keys and verbs on one page, made from their tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from sandbox.session.commands import BLAME, PRAISE, VERBS
from sandbox.tui import format as fmt
from sandbox.tui.keys import KEYS, Key

VOICES = (
    (fmt.AGENT, "the agent"),
    (fmt.EXPLORATION, "the agent, exploring"),
    (fmt.OVERRIDE, "you, in the agent's place"),
    (fmt.PERSON, "you"),
    (fmt.TALK, "what others say"),
    (fmt.OTHERS, "what others do, and what happens meanwhile"),
    (fmt.REWARD, "a person's reward"),
    (fmt.COMMENT, "a comment"),
    (fmt.WRITING, "what the agent's language model is writing"),
)
_LEFT = 26
"""Columns of what is explained."""


_PICK = ("1-9      pick-1 …", "Carry out that proposal of the agent")
MARKS = (
    (fmt.BOOKMARK, "a bookmark, with its name"),
    (fmt.BLESSED, "the end of a branch that is expected"),
    (fmt.REWARD, "a person's reward or remark, and what the rewards come to"),
    (fmt.CHANGED, "what would not go as it went, and what the agent would do now"),
    ("■", "the end of an episode"),
)


def page(width: int | None = None) -> Content:
    """The whole help, in lines of this width; without one they are as long as they are."""
    anywhere = [key for key in KEYS if key.scope != "decide"]
    decide = [key for key in KEYS if key.scope == "decide" and not key.id.startswith("pick-")]
    verbs = ((verb.usage, verb.help) for verb in VERBS)
    sections = [
        ("Anywhere", map(_row, anywhere)),
        (
            "Single keys, after Esc",
            [("1-9      pick-1 …", "Carry out that proposal of the agent"), *map(_row, decide)],
        ),
        ("At the prompt", (("anything else", "your command to the world"),)),
        ("", verbs),
        (
            "Prompt keys",
            (("Tab", "next completion; right accepts the one shown"), ("up, down", "what you typed before")),
        ),
        ("Reasons, as a digit after + or -", (("after +", _numbered(PRAISE)), ("after -", _numbered(BLAME)))),
        ("Voices", VOICES),
        ("Marks in the timeline", MARKS),
    ]
    return Content("\n").join([line for title, rows in sections for line in _section(title, rows, width)])


def _section(title: str, rows: Iterable[tuple[str, str]], width: int | None) -> Iterator[Content]:
    if title:
        yield Content("")
        yield Content.styled(title, "bold $text-primary")
    for left, right in rows:
        told = Content(right)
        lines = [told] if width is None else told.wrap(max(width - _LEFT, 20))
        for number, line in enumerate(lines):
            yield Content.assemble(
                (f"  {'' if number else left:<{_LEFT - 2}}", "bold"), (line.plain.rstrip(), fmt.MUTED)
            )


def _numbered(reasons: tuple[str, ...]) -> str:
    return "  ".join(f"{number} {reason}" for number, reason in enumerate(reasons, 1))


def _row(key: Key) -> tuple[str, str]:
    names = {"escape": "Esc", "enter": "Enter", "comma": ",", "full_stop": "."}
    name = names.get(key.key, key.key if len(key.key) == 1 else key.key.title())
    return f"{name:<9}{key.id}", key.help


def keys_page(keys: Iterable[Key]) -> Content:
    """What some keys do, each on a line; of digits the first speaks for all."""
    told = (key for key in keys if key.show or not key.key.isdigit())
    rows = ((key.display or _row(key)[0].split()[0], key.help) for key in told)
    return Content("\n").join(Content.assemble((f"  {name:<9}", "bold"), (told, fmt.MUTED)) for name, told in rows)


class _Page(Static):
    """The whole help, as wide as there is room."""

    def __init__(self) -> None:
        super().__init__(page())
        self._wrapped_at = 0

    def on_resize(self) -> None:
        if (width := self.content_size.width) != self._wrapped_at:
            self._wrapped_at = width
            self.update(page(width))


class HelpScreen(ModalScreen[None]):
    """Help, until a key closes it.

    Args:
        told: what it says; by default all of the keys and verbs of play.
        title: what it is called.
    """

    CSS_PATH = "../help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q,question_mark", "dismiss", "Close", id="close-help", tooltip="Back to the game"),
    ]

    def __init__(self, told: Content | None = None, title: str = "Keys and verbs") -> None:
        super().__init__()
        self._told, self._title = told, title

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help") as scroll:
            scroll.border_title = self._title
            scroll.border_subtitle = "Esc closes"
            yield _Page() if self._told is None else Static(self._told)
