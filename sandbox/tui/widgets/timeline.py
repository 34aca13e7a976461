"""The tree of turns, to look at and to jump in."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text
from textual.message import Message
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from sandbox.play.timeline import Node
from sandbox.tui import format as fmt
from sandbox.tui.story import voice
from sandbox.tui.view import View


class TimelineTree(Tree[int]):
    """Episodes; within each the turns in a line, and every other try hanging under the turn it started from.

    A turn that was the first to be tried goes on in its parent's line, so that a long game stays flat.
    """

    class Jump(Message):
        """A person wants to stand at another turn."""

        def __init__(self, turn: int) -> None:
            super().__init__()
            self.turn = turn

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__("", id=id)
        self.show_root = False
        self.guide_depth = 2
        self.auto_expand = False
        self._turns: dict[int, Node] = {}
        self._places: dict[int, TreeNode[int]] = {}
        self._branches: dict[int, TreeNode[int]] = {}
        self._tried: set[int] = set()
        self._view: View | None = None

    def show(self, view: View) -> None:
        """Hang new turns into the tree, and mark where we are and what people said of the turns."""
        before, self._view = self._view, view
        for turn in view.fresh:
            self._hang(turn)
        changed = {turn.id for turn in view.fresh} | {view.current.id}
        if before is not None:
            changed |= {before.current.id, *_differing(before.ratings, view.ratings)}
            changed |= _differing(before.marks, view.marks)
            if before.watcher != view.watcher:
                changed |= self._turns.keys()
        else:
            changed |= self._turns.keys()
        for turn_id in changed & self._places.keys():
            self._places[turn_id].set_label(self._label(self._turns[turn_id], view))
        self.call_after_refresh(self.move_cursor, self._places[view.current.id])

    def _hang(self, turn: Node) -> None:
        self._turns[turn.id] = turn
        if turn.parent is None:
            node = self.root.add("", turn.id, expand=True)
            self._branches[turn.id] = node
        elif turn.parent not in self._tried:
            self._tried.add(turn.parent)
            before, line = self._places[turn.parent], self._branches[turn.parent]
            place = {"after": before} if before is not line else {"before": 0} if line.children else {}
            node = line.add("", turn.id, **place, expand=True, allow_expand=False)
            self._branches[turn.id] = line
        else:
            parent = self._places[turn.parent]
            parent.allow_expand = True
            node = self._branches[turn.id] = parent.add("", turn.id, expand=True, allow_expand=False)
        self._places[turn.id] = node

    def _label(self, turn: Node, view: View) -> Text:
        hidden = view.watcher is not None and turn.seat not in ("", view.watcher)
        if turn.parent is None:
            text = Text(f"episode {turn.episode}", style="bold")
        elif hidden:
            text = Text(f"{fmt.OTHERS} {view.name(turn.seat)}", style="dim")
        else:
            name = f"{view.name(turn.seat)}: " if len(view.seats) > 1 and view.watcher is None else ""
            text = Text(f"{voice(turn)} {name}{turn.command}")
        gained = turn.rewards.get(view.watcher, 0.0) if view.watcher else sum(turn.rewards.values())
        if gained:
            text.append(f" {fmt.gain(gained)}")
        if (rated := view.ratings.get(turn.id)) is not None:
            text.append(f" {fmt.REWARD}{fmt.gain(rated) if rated else ''}")
        for mark in view.marks.get(turn.id, ()):
            text.append(f" {fmt.BLESSED}" if mark.kind == "blessed" else f" {fmt.BOOKMARK}{mark.name}")
        if turn.ended:
            text.append(" ■")
        if turn.id == view.current.id:
            text.stylize("bold")
            text.append(" ◂ here")
        return text

    def on_tree_node_selected(self, event: Tree.NodeSelected[int]) -> None:
        event.stop()
        if event.node.data is not None:
            self.post_message(self.Jump(event.node.data))


def _differing(before: Mapping[int, object], after: Mapping[int, object]) -> set[int]:
    return {turn for turn in {*before, *after} if before.get(turn) != after.get(turn)}
