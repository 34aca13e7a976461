"""The side pane and what its tabs show beside the mind and the timeline."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import ScrollableContainer, VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.reactive import reactive
from textual.widgets import Label, Sparkline, Static, TabbedContent, TabPane

from sandbox.tui import format as fmt
from sandbox.tui.chart import Chart
from sandbox.tui.flips import Flips
from sandbox.tui.widgets.mind import Mind
from sandbox.tui.widgets.timeline import TimelineTree
from sandbox.types import Observation, Update

_FLIPS = 8
_FAINT = re.compile("[─│┌┐└┘═║┄┆╲╱╳?]+")
_HEAVY = re.compile("[━┃┏┓┗┛]+")


class WorldFacts(Static):
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
        self.update(Content("\n\n").join(parts))


def _section(name: str, text: str) -> Content:
    return Content.assemble((name, "bold $text-primary"), "\n", text.strip())


class Map(Static):
    """The rooms that the seat has been in."""

    def show(self, chart: Chart) -> None:
        """Show a map, with the room where the seat is in sight."""
        lines = chart.drawing.splitlines()
        parts = [Content("\n").join([_walls(line) for line in lines])]
        if not lines:
            parts = [Content.styled("Nothing here tells one room from another: there is no map.", fmt.MUTED)]
        if chart.people:
            widest = max(cell_len(name) for name, _ in chart.people)
            rows = [
                Content.assemble((fmt.fit(name, widest), "bold"), (f"  {room}", fmt.MUTED))
                for name, room in chart.people
            ]
            parts.append(Content("\n").join(rows))
        self.update(Content("\n\n").join(parts))
        row = next((at for at, line in enumerate(lines) if "┏" in line), 0)
        column = lines[row].find("┏") if lines else 0
        scroll = self.parent
        if isinstance(scroll, ScrollableContainer):
            target = Region(max(column, 0), row, 16, 3)
            self.call_after_refresh(scroll.scroll_to_region, target, animate=False, center=True)


def _walls(line: str) -> Content:
    """A line of a map, its walls and ways faint, the room where somebody is bright."""
    return (
        Content(line).highlight_regex(_FAINT, style=fmt.MUTED).highlight_regex(_HEAVY, style="bold $text-primary")
    )


class Surprise(Sparkline):
    """How far off the latest estimates were: the size of the temporal-difference errors, oldest first."""

    KEPT = 31

    def add(self, updates: Sequence[Update]) -> None:
        """Show some more updates."""
        errors = [*(self.data or [0.0] * self.KEPT), *(abs(update.error) for update in updates)]
        self.data = errors[-self.KEPT :]


class Learning(Static):
    """The latest Bellman updates with their numbers, newest first."""

    KEPT = 60

    def on_mount(self) -> None:
        self._latest: deque[Update] = deque(maxlen=self.KEPT)
        self.update(Content.styled("Nothing has been learned yet.", fmt.MUTED))

    def add(self, updates: Sequence[Update]) -> None:
        """Show some more updates."""
        if updates:
            self._latest.extendleft(updates)
            self.update(Content("\n\n").join([_entry(update) for update in self._latest]))


class Changes(Static):
    """Past turns in which the agent would now prefer something else."""

    def show(self, flips: Flips) -> None:
        """Show these; the pane takes no room where there are none."""
        self.display = bool(flips.turns)
        lines = [Content.styled("It would now do otherwise", "bold $text-primary")]
        for flip in flips.turns[:_FLIPS]:
            lines.append(
                Content.assemble(
                    (f"turn {flip.depth}  ", fmt.MUTED), (flip.before, fmt.MUTED), " → ", (flip.now, "bold")
                )
            )
        if (more := len(flips.turns) - _FLIPS) > 0:
            lines.append(Content.styled(f"and in {more} more", fmt.MUTED))
        self.update(Content("\n").join(lines))


def _entry(update: Update) -> Content:
    tone = "$text-success" if update.error > 0 else "$text-error" if update.error < 0 else fmt.MUTED
    who = (f"  {fmt.REWARD} yours", "$text-warning") if update.source == "person" else ""
    text, _, result = fmt.formula(update).rpartition(" = ")
    return Content.assemble(
        (f"Q(s, {update.command})", "bold"),
        who,
        (f"\n{text}", fmt.MUTED),
        (f"\n= {result}", f"bold {tone}"),
        (f"   {fmt.signed(update.after - update.before).strip()}", tone),
    )


def side_pane() -> ComposeResult:
    """The side pane with its tabs."""
    with TabbedContent(id="side", initial="mind-tab"):
        with TabPane("Mind", id="mind-tab"), VerticalScroll(can_focus=False):
            yield Mind(id="mind")
        with TabPane("Map", id="map-tab"), ScrollableContainer(id="map-scroll", can_focus=False):
            yield Map("", id="map")
        with TabPane("World", id="world-tab"), VerticalScroll(can_focus=False):
            yield WorldFacts(id="world")
        with TabPane("Timeline", id="timeline-tab"):
            yield TimelineTree(id="timeline")
        with TabPane("Learn", id="learn-tab"), VerticalScroll(can_focus=False):
            yield Label("Errors of Q, update by update", id="surprise-title")
            yield Surprise(id="surprise")
            yield Changes("", id="changes")
            yield Learning(id="learn")
