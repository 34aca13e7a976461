"""The world as the seat perceives it, and its map."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len
from textual.containers import ScrollableContainer
from textual.content import Content
from textual.geometry import Region
from textual.reactive import reactive
from textual.widgets import Static

from sandbox.session.chart import Chart, WayOut
from sandbox.tui import format as fmt
from sandbox.tui.widgets.board import Board
from sandbox.types import Observation

_BAR = 6
_FAINT = re.compile("[─│┌┐└┘═║┄┆╲╱╳?]+")
_HEAVY = re.compile("[━┃┏┓┗┛]+")


class WorldFacts(Board):
    """What the seat perceives apart from the story: goal, score, surroundings, inventory."""

    observation: reactive[Observation | None] = reactive(None)

    def watch_observation(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        observation, width = self.observation, max(self.content_size.width, 10)
        if observation is None:
            return
        score = fmt.points(observation.score, observation.max_score)
        parts = [_section("Goal", observation.goal or "none is given"), _section("Score", score)]
        if observation.max_score:
            parts[-1] = Content("\n").join(
                [parts[-1], fmt.bar(observation.score / observation.max_score, width, "$success")]
            )
        parts += [
            _section(name, text)
            for name, text in (("Inventory", observation.inventory), ("Here", observation.description))
            if text.strip()
        ]
        if observation.admissible:
            parts.append(_section("What works here", "\n".join(observation.admissible)))
        self.put(Content("\n\n").join(parts))


def _section(name: str, text: str) -> Content:
    return Content.assemble((name, "bold $text-primary"), "\n", text.strip())


class Map(Static):
    """The rooms that the seat has been in, and what its agent thinks of the ways out."""

    def show(self, chart: Chart) -> None:
        """Show a map, with the room where the seat is in sight."""
        lines, scroll = chart.drawing.splitlines(), self.parent
        parts = [Content("\n").join([_walls(line) for line in lines])]
        if not lines:
            parts = [Content.styled("Nothing here tells one room from another: there is no map.", fmt.MUTED)]
        if chart.people:
            names = max(cell_len(each.name) for each in chart.people)
            rooms = max(cell_len(each.room) for each in chart.people)
            rows = [
                Content.assemble(
                    (fmt.fit(each.name, names), "bold"),
                    (f"  {fmt.fit(each.room, rooms)}", fmt.MUTED),
                    (f"  {each.seen}", fmt.MUTED),
                )
                for each in chart.people
            ]
            parts.append(Content("\n").join(rows))
        parts += _ways_out(
            chart.exits, scroll.content_size.width if isinstance(scroll, ScrollableContainer) else 34
        )
        if chart.seen is not None:
            parts.append(Content.styled("{} of {} rooms seen".format(*chart.seen), fmt.MUTED))
        self.update(Content("\n\n").join(parts))
        row = next((at for at, line in enumerate(lines) if "┏" in line), 0)
        column = lines[row].find("┏") if lines else 0
        if isinstance(scroll, ScrollableContainer):
            target = Region(max(column, 0), row, 16, 3)
            self.call_after_refresh(scroll.scroll_to_region, target, animate=False, center=True)


def _ways_out(exits: Sequence[WayOut], width: int) -> list[Content]:
    """Q of each exit, as bars."""
    if not exits:
        return []
    largest = max(abs(exit_.value) for exit_ in exits) or 1.0
    wide = max(len(exit_.direction) for exit_ in exits)
    names = max(1, min(max(cell_len(exit_.room) for exit_ in exits), width - wide - _BAR - 12))
    lines = [Content.styled("Q of the ways out", "bold $text-primary")]
    for at, exit_ in enumerate(exits):
        best = "bold" if at == 0 and exit_.value > exits[-1].value else ""
        tone = "$success" if exit_.value >= 0 else "$error"
        lines.append(
            Content.assemble(
                (f"{exit_.direction:<{wide}}  ", best),
                (fmt.fit(exit_.room or "?", names), fmt.MUTED),
                "  ",
                fmt.bar(abs(exit_.value) / largest, _BAR, tone),
                (f" {fmt.signed(exit_.value)}", best or fmt.MUTED),
            )
        )
    return [Content("\n").join(lines)]


def _walls(line: str) -> Content:
    """A line of a map, its walls and ways faint, the room where somebody is bright."""
    return (
        Content(line).highlight_regex(_FAINT, style=fmt.MUTED).highlight_regex(_HEAVY, style="bold $text-primary")
    )
