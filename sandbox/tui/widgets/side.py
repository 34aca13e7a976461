"""The side pane: what its tabs show, and what has to be found out for the one that is looked at."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import ScrollableContainer, Vertical, VerticalScroll
from textual.widgets import TabbedContent, TabPane

from sandbox.session import blessed, optimum
from sandbox.session.chart import Chart, chart
from sandbox.session.curves import Curves, curves
from sandbox.session.driver import Answered, Driver
from sandbox.session.policy_changes import PolicyChanges, policy_changes
from sandbox.session.remembered import Memories, memories
from sandbox.session.view import View
from sandbox.tui.widgets.learned import Learned
from sandbox.tui.widgets.lessons import Changes, Distance, Lessons
from sandbox.tui.widgets.memory import MemoryList
from sandbox.tui.widgets.mind import Mind
from sandbox.tui.widgets.panes import Map, WorldFacts
from sandbox.tui.widgets.timeline import TimelineTree


class SidePane(Vertical):
    """Mind, map, world, memory, timeline and learning, a tab each, and the latest update below them.

    Args:
        driver: asked what the tabs need to know, when it is needed.
    """

    def __init__(self, driver: Driver, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._driver = driver
        self._view: View | None = None
        self._optimum: optimum.WorldOptimum | None = None
        self._sought = False
        """Whether the optimum has been looked for."""
        self._unsure = False
        """Whether the agents have changed, and were not asked about all turns again."""

    def compose(self) -> ComposeResult:
        with TabbedContent(id="tabs", initial="mind-tab"):
            with TabPane("Mind", id="mind-tab"), VerticalScroll(can_focus=False):
                yield Mind(id="mind")
            with TabPane("Map", id="map-tab"), ScrollableContainer(id="map-scroll", can_focus=False):
                yield Map("", id="map")
            with TabPane("World", id="world-tab"), VerticalScroll(can_focus=False):
                yield WorldFacts(id="world")
            with TabPane("Memory", id="memory-tab"):
                yield MemoryList(id="memory")
            with TabPane("Timeline", id="timeline-tab"):
                yield TimelineTree(id="timeline")
            with TabPane("Learn", id="learn-tab"):
                yield Lessons(id="lessons", can_focus=False)
        yield Learned()

    @property
    def tab(self) -> str:
        """Id of the tab that is open."""
        return self.query_one(TabbedContent).active

    def neighbour(self, step: int) -> str:
        """Id of the tab so many places on."""
        tabs = [pane.id or "" for pane in self.query(TabPane)]
        return tabs[(tabs.index(self.tab) + step) % len(tabs)]

    def leaf(self, pages: int) -> None:
        """Scroll what the open tab shows."""
        shown = next(iter(self.query_one(f"#{self.tab}", TabPane).children))
        (shown.scroll_page_down if pages > 0 else shown.scroll_page_up)(animate=False)

    def open(self, tab: str) -> None:
        self.query_one(TabbedContent).active = tab

    def show(self, view: View) -> None:
        """Bring the pane in line with the session."""
        before, self._view = self._view, view
        self.query_one(WorldFacts).observation = view.observation
        self.query_one(TimelineTree).show(view)
        self.query_one(Lessons).learn(view.updates)
        if view.updates or before is None or view.current.id != before.current.id:
            self.query_one(Learned).show(view.updates)
        if view.updates and view.watcher is None and view.feedback.get(view.current.id):
            self._driver.ask("policy changes", policy_changes)
        self._look()

    @on(TabbedContent.TabActivated)
    def _turned(self) -> None:
        self.call_after_refresh(self._look)

    def _look(self) -> None:
        """Have found out what the open tab shows."""
        view = self._view
        if view is None:
            return
        if self.tab == "map-tab":
            width = self.query_one("#map-scroll").content_size.width
            self._driver.ask("map", lambda session: chart(session, view.watcher, width))
        elif self.tab == "learn-tab":
            self._driver.ask("curves", lambda session: curves(session, view.watcher))
            if view.watcher is None:
                self._compare()
        elif self.tab == "memory-tab":
            self._driver.ask("memories", memories)

    def _compare(self) -> None:
        """Have Q compared with the optimum; find that first."""
        known = self._optimum
        if known is not None:
            self._driver.ask("gap", lambda session: optimum.gap(session, known))
        elif not self._sought:
            self._sought = True
            self._driver.study("optimum", optimum.searching)

    # What has changed under the story.

    def world_changed(self) -> None:
        """The world is another now: its optimum too, and what was blessed may read otherwise."""
        self._optimum, self._sought = None, False
        self.query_one(Distance).show(None)
        self._driver.ask("world-replay", blessed.of_world)

    def agents_changed(self) -> None:
        """The agents may choose otherwise now. They are asked when they have nothing better to do."""
        self._unsure = True

    def idle(self) -> None:
        """An agent has made up its mind, and nobody waits for another."""
        if self._unsure:
            self._driver.ponder("agents-replay", blessed.of_agents)

    def take(self, message: Answered) -> None:
        """Show what was found out, unless the game has moved on."""
        current = message.generation == self._driver.generation
        match message.answer:
            case Chart() as drawn if current:
                self.query_one(Map).show(drawn)
            case Curves() as found if current:
                self.query_one(Lessons).show_curves(found)
            case Memories() as found if current:
                self.query_one(MemoryList).show(found)
            case PolicyChanges() as found if current:
                self.query_one(Changes).show(found)
            case optimum.WorldOptimum() as found:
                self._optimum = found
                self._look()
            case optimum.Gap() as found if current:
                self.query_one(Distance).show(found)
            case blessed.ReplayDifference() as found:
                if message.about == "agents-replay":
                    self._unsure = not found.complete
                self.query_one(TimelineTree).mark_changes(found.turns)
