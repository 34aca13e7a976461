"""The tree of turns, to look at and to jump in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.text import Text
from textual.message import Message
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from sandbox.play.timeline import Node
from sandbox.tui import format as fmt
from sandbox.tui.story import voice


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
        self._rated: Mapping[int, float] = {}
        self._current = 0

    def add(self, fresh: Iterable[Node]) -> None:
        """Hang new turns into the tree."""
        for turn in fresh:
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
            node.set_label(self._label(turn))

    def stand(self, current: int, rated: Mapping[int, float]) -> None:
        """Mark where we are, and which turns people rated."""
        changed = {self._current, current} | {
            turn for turn in {*rated, *self._rated} if rated.get(turn) != self._rated.get(turn)
        }
        self._current, self._rated = current, rated
        for turn in changed & self._places.keys():
            self._places[turn].set_label(self._label(self._turns[turn]))
        if current in self._places:
            self.call_after_refresh(self.move_cursor, self._places[current])

    def _label(self, turn: Node) -> Text:
        here = turn.id == self._current
        if turn.parent is None:
            text = Text(f"episode {turn.episode}", style="bold")
        else:
            text = Text(f"{voice(turn)} {turn.command}")
        if gained := sum(turn.rewards.values()):
            text.append(f" {fmt.gain(gained)}")
        if turn.id in self._rated:
            text.append(f" {fmt.REWARD}{fmt.gain(self._rated[turn.id]) if self._rated[turn.id] else ''}")
        if turn.ended:
            text.append(" ■")
        if here:
            text.stylize("bold")
            text.append(" ◂ here")
        return text

    def on_tree_node_selected(self, event: Tree.NodeSelected[int]) -> None:
        event.stop()
        if event.node.data is not None:
            self.post_message(self.Jump(event.node.data))
