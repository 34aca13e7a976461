"""The tree of turns, to look at and to jump in. Draws only the rows in sight: thousands of turns stay smooth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from sandbox.session.view import View
from sandbox.timeline import Node
from sandbox.tui import format as fmt
from sandbox.tui.story import voice

_DEEPEST = 8
"""Branches of branches are indented no further than this."""
_LEAST = 12
"""Cells of a turn's place and command that are shown at least."""


class Row(NamedTuple):
    """One turn in the tree as it is drawn."""

    turn: int
    depth: int
    """How many branches it hangs from."""
    begins: bool = False
    """Whether a branch begins here."""


def rows(openings: Iterable[int], children: Mapping[int, Sequence[int]]) -> list[Row]:
    """Episodes one after the other; in each the turns in a line, every other try under the turn it starts from.

    A turn that was the first to be tried goes on in its parent's line, so that a long game stays flat.
    """
    found: list[Row] = []
    waiting = [Row(opening, 0) for opening in openings][::-1]
    while waiting:
        row = waiting.pop()
        found.append(row)
        first, *others = children.get(row.turn, ()) or (None,)
        if first is not None:
            waiting.append(Row(first, row.depth))
        waiting += [Row(other, row.depth + 1, begins=True) for other in reversed(others)]
    return found


class TimelineTree(ScrollView, can_focus=True, inherit_bindings=False):
    """The turns of all episodes, with who chose them, what they gave, and what people and replays say of them."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"timeline--cursor"}
    DEFAULT_CSS = """
    TimelineTree > .timeline--cursor { background: $block-cursor-blurred-background; }
    TimelineTree:focus > .timeline--cursor {
        background: $block-cursor-background;
        color: $block-cursor-foreground;
    }
    TimelineTree:ansi > .timeline--cursor { text-style: reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action, label, show=label == "Jump", id=f"timeline-{key}", tooltip=tooltip)
        for key, action, label, tooltip in (
            ("enter", "jump", "Jump", "Stand at this turn"),
            ("up", "move(-1)", "Up", "A turn up"),
            ("down", "move(1)", "Down", "A turn down"),
            ("pageup", "page(-1)", "Page up", "A page up"),
            ("pagedown", "page(1)", "Page down", "A page down"),
            ("home", "move(-1000000)", "First", "To the first turn"),
            ("end", "move(1000000)", "Last", "To the last turn"),
        )
    ]

    cursor: reactive[int] = reactive(0)
    """The row that Enter jumps to."""

    @dataclass
    class Jump(Message):
        """A person wants to stand at another turn."""

        turn: int

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.changes: Mapping[int, str] = {}
        """Turns that would not go as they went, with what would be done now; empty where the text is another."""
        self._turns: dict[int, Node] = {}
        self._children: dict[int, list[int]] = {}
        self._scores: dict[int, float] = {}
        self._blessed: set[int] = set()
        self._rows: list[Row] = []
        self._places: dict[int, int] = {}
        self._view: View | None = None

    def show(self, view: View) -> None:
        """Hang new turns into the tree, and mark where we are and what people said of the turns."""
        before, self._view = self._view, view
        for turn in view.fresh:
            self._turns[turn.id] = turn
            if turn.parent is not None:
                self._children.setdefault(turn.parent, []).append(turn.id)
        if before is not None and before.watcher != view.watcher:
            self._scores.clear()
        for turn in view.fresh if self._scores else self._turns.values():
            before_it = 0.0 if turn.parent is None else self._scores[turn.parent]
            self._scores[turn.id] = before_it + _gained(turn, view)
        if before is None or before.marks != view.marks:
            self._blessed = self._lines_to(
                turn for turn, marks in view.marks.items() if any(mark.kind == "blessed" for mark in marks)
            )
        if view.fresh:
            openings = (turn.id for turn in self._turns.values() if turn.parent is None)
            self._rows = rows(openings, self._children)
            self._places = {row.turn: at for at, row in enumerate(self._rows)}
        self._measure()
        self.cursor = self._places[view.current.id]
        self.refresh()
        self.call_after_refresh(self._to_cursor)

    def mark_changes(self, changes: Mapping[int, str]) -> None:
        """Mark the turns that would not go as they went."""
        self.changes = dict(changes)
        self.refresh()

    @property
    def text(self) -> str:
        """All of it, as lines of text."""
        return "\n".join(self._line(row).plain for row in self._rows)

    def _lines_to(self, leaves: Iterable[int]) -> set[int]:
        """All turns on the branches that end in these."""
        found: set[int] = set()
        for leaf in leaves:
            turn: int | None = leaf
            while turn is not None and turn not in found:
                found.add(turn)
                turn = self._turns[turn].parent
        return found

    def _line(self, row: Row) -> Content:
        command, told = self._parts(row)
        return command + told

    def _parts(self, row: Row) -> tuple[Content, Content]:
        """A turn: its place in the tree with its command, and what is to be seen of it even where that is cut."""
        view, turn = self._view, self._turns[row.turn]
        assert view is not None
        changed = turn.id in self.changes
        hidden = view.watcher is not None and turn.seat not in ("", view.watcher)
        guides = "│ " * min(row.depth, _DEEPEST)
        if row.begins:
            guides = guides[:-2] + "├╴"
        tone = "$text-error" if changed else "$text-success" if turn.id in self._blessed else ""
        here = " bold" if turn.id == view.current.id else ""
        parts: list[tuple[str, str]] = [(guides, fmt.FAINT)]
        if turn.parent is None:
            parts.append((f"episode {turn.episode}", f"bold {tone}"))
        elif hidden:
            parts.append((f"{fmt.OTHERS} {view.name(turn.seat)}", fmt.MUTED))
        else:
            name = f"{view.name(turn.seat)}: " if len(view.seats) > 1 and view.watcher is None else ""
            glyph = voice(turn)
            parts += [(f"{glyph} ", fmt.COMMAND_STYLES[glyph]), (f"{name}{turn.command}", tone + here)]
        command, parts = Content.assemble(*parts), []
        if gained := _gained(turn, view):
            parts.append((f" {fmt.gain(gained)}", "$text-success" if gained > 0 else "$text-error"))
            parts.append((f" ={fmt.short(self._scores[turn.id])}", fmt.MUTED))
        if turn.ended:
            parts.append((" ■", ""))
        if here:
            parts.append((" ◂ here", "bold"))
        if (rated := view.ratings.get(turn.id)) is not None:
            parts.append((f" {fmt.REWARD}{fmt.gain(rated) if rated else ''}", "$text-warning"))
        for mark in view.marks.get(turn.id, ()):
            blessed = mark.kind == "blessed"
            parts.append((f" {fmt.BLESSED}" if blessed else f" {fmt.BOOKMARK}{mark.name}", tone or "$text-accent"))
        if changed:
            parts.append((f" {fmt.CHANGED} {self.changes[turn.id]}".rstrip(), "bold $text-error"))
        return command, Content.assemble(*parts)

    # Drawing.

    def _measure(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._rows))

    def on_resize(self) -> None:
        self._measure()

    def render_line(self, y: int) -> Strip:
        at, width = self.scroll_offset.y + y, self.scrollable_content_region.width
        if at >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        command, told = self._parts(self._rows[at])
        command = command.truncate(max(width - told.cell_length, _LEAST), ellipsis=True)
        content = (command + told).truncate(width, ellipsis=True)
        style = self.visual_style
        if at == self.cursor:
            style += self.get_visual_style("timeline--cursor")
            if self.has_focus:
                content = Content(content.plain)
        drawn = Visual.to_strips(self, content, width, 1, style, apply_selection=False)
        return drawn[0].extend_cell_length(width, style.rich_style)

    # Moving about.

    def watch_cursor(self) -> None:
        self.refresh()

    def validate_cursor(self, at: int) -> int:
        return max(0, min(at, len(self._rows) - 1))

    def _to_cursor(self) -> None:
        self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False, force=True)

    def action_move(self, rows: int) -> None:
        self.cursor += rows
        self._to_cursor()

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(self.scrollable_content_region.height - 1, 1))

    def action_jump(self) -> None:
        if self._rows:
            self.post_message(self.Jump(self._rows[self.cursor].turn))

    def on_click(self, event: events.Click) -> None:
        at = self.scroll_offset.y + event.y
        if at < len(self._rows):
            self.cursor = at
            self.action_jump()


def _gained(turn: Node, view: View) -> float:
    """What the world gave the watcher for a turn; without one, what it gave all."""
    return turn.rewards.get(view.watcher, 0.0) if view.watcher else sum(turn.rewards.values())
