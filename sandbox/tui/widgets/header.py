"""The line at the top: where we are, how it goes, who plays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from sandbox.session.view import View
from sandbox.tui import format as fmt


@dataclass(frozen=True, slots=True)
class Title:
    """What is known before anything is loaded."""

    world: str
    """Reference or title of the world."""
    agent: str = ""
    """Card of the agent, if one plays."""
    save: str = ""
    """Name of the save."""


class Header(Widget):
    """World, seed, turn and score to the left; the agent and the share of interventions to the right."""

    view: reactive[View | None] = reactive(None)
    troubles: reactive[Mapping[str, str]] = reactive(dict[str, str])
    """Agents whose language model does not answer, or slowly, and why."""

    def __init__(self, title: Title, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._title = title

    def render(self) -> Content:
        width = self.content_size.width
        facts, right = self._facts(), self._right()
        world = Content.styled(self.view.world if self.view else self._title.world, "bold")
        room = width - facts.cell_length - right.cell_length - 2
        left = world.truncate(max(room, 8), ellipsis=True) + facts
        return left + " " * max(width - left.cell_length - right.cell_length, 2) + right

    def _facts(self) -> Content:
        view = self.view
        if view is None:
            return Content("")
        facts = [f"seed {view.seed}", f"turn {view.current.depth}"]
        if view.current.episode > 1:
            facts.insert(1, f"episode {view.current.episode}")
        number, tried = view.tries
        if tried > 1:
            facts[-1] += f" (try {number} of {tried})"
        facts.append(f"score {fmt.points(view.observation.score, view.observation.max_score)}")
        return Content.styled("".join(f"  {fact}" for fact in facts), fmt.MUTED)

    def _right(self) -> Content:
        view = self.view
        agent = Content(", ".join(dict.fromkeys(view.agents.values())) if view else self._title.agent)
        you = f"you are {view.name(view.watcher)}" if view and view.watcher and len(view.seats) > 1 else ""
        if agent and self.troubles:
            trouble = "; ".join(self.troubles.values())
            agent += Content.assemble(("  ! ", "bold $text-warning"), ("model ", "$text-warning"))
            agent += Content.styled(trouble, "$text-warning").truncate(
                max(self.content_size.width // 4, 8), ellipsis=True
            )
        if not agent:
            return Content.styled(you or "you play", fmt.MUTED)
        if you:
            return Content.assemble((f"{you}  ", ""), (f"{fmt.AGENT} ", "$text-primary"), agent)
        share = f"  {fmt.OVERRIDE} {view.interventions:.0%} yours" if view else ""
        return Content.assemble((f"{fmt.AGENT} ", "$text-primary"), agent, (share, fmt.MUTED))
