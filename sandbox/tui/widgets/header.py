"""The line at the top: where we are, how it goes, who plays."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from sandbox.tui import format as fmt
from sandbox.tui.view import View


@dataclass(frozen=True, slots=True)
class Title:
    """What is known before anything is loaded."""

    world: str
    """Reference or title of the world."""
    agent: str = ""
    """Card of the agent, if one plays."""
    save: str = ""
    """Name of the save."""
    notice: str = ""
    """Something the player should know first."""


class Header(Widget):
    """World, seed, turn and score to the left; the agent and the share of interventions to the right."""

    view: reactive[View | None] = reactive(None)

    def __init__(self, title: Title, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._title = title

    def render(self) -> Content:
        width = self.content_size.width
        right = self._right()
        left = self._left().truncate(max(width - right.cell_length - 2, 12), ellipsis=True)
        room = width - left.cell_length - right.cell_length
        return Content("").join([left, Content(" " * room), right]) if room > 0 else left

    def _left(self) -> Content:
        view, title = self.view, self._title
        facts = []
        if view is not None:
            facts.append(f"seed {view.seed}")
            if view.current.episode > 1:
                facts.append(f"episode {view.current.episode}")
            facts.append(f"turn {view.current.depth}")
            facts.append(f"score {fmt.points(view.observation.score, view.observation.max_score)}")
        return Content.assemble(
            (view.world if view else title.world, "bold"), ("".join(f"  {fact}" for fact in facts), fmt.MUTED)
        )

    def _right(self) -> Content:
        view = self.view
        agent = ", ".join(dict.fromkeys(view.agents.values())) if view else self._title.agent
        if not agent:
            return Content.styled("you play", fmt.MUTED)
        share = f"  {fmt.OVERRIDE} {view.interventions:.0%} yours" if view else ""
        return Content.assemble((f"{fmt.AGENT} ", "$text-primary"), (agent, ""), (share, fmt.MUTED))
