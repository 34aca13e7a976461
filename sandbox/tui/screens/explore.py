"""Where a player watches how far one can get in the world that is played: a growing map, a rising curve."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import ScrollableContainer
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Label, Static

from sandbox.session.chart import Chart, drawn
from sandbox.text import counted
from sandbox.tui import format as fmt
from sandbox.tui.exploring import ExploreController, ExploredNews, ExploredView
from sandbox.tui.keys import Key
from sandbox.tui.palette import KeyCommands
from sandbox.tui.screens.help import HelpScreen, keys_page
from sandbox.tui.widgets.curve import Curve
from sandbox.tui.widgets.footer import KeyLine
from sandbox.tui.widgets.panes import Map
from sandbox.tui.worker import sentence

KEYS = (
    Key("explore-start", "enter", "start", "Explore", "Explore, from where it was stopped", show=True),
    Key("explore-cancel", "x", "cancel", "Stop", "Stop exploring; what was found is kept", show=True),
    Key("explore-help", "f1", "help", "Help", "Show the keys", show=True, display="F1"),
    Key(
        "explore-leave", "escape", "leave", "Game", "Back to the game; exploring goes on", show=True, display="Esc"
    ),
)


class ExploreScreen(Screen[None]):
    """Start, watch, stop.

    Args:
        controller: explores. What it finds reaches this screen through `show`.
    """

    DEFAULT_CSS = """
    ExploreScreen { background: $background; }
    ExploreScreen > #explore-told { padding: 0 1; margin-bottom: 1; }
    ExploreScreen > .explore-title { color: $text-primary; text-style: bold; margin: 0 1; }
    ExploreScreen > Curve { margin: 0 1 1 1; }
    ExploreScreen > #explore-map { height: 1fr; padding: 0 1; }
    """
    AUTO_FOCUS = ""
    COMMANDS = {KeyCommands}  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in KEYS]

    def __init__(self, controller: ExploreController) -> None:
        super().__init__()
        self._controller = controller

    def compose(self) -> ComposeResult:
        yield Static(id="explore-told")
        yield Label("Best score", id="explore-curve", classes="explore-title")
        yield Curve("primary", first=0)
        yield Label("Places found", classes="explore-title")
        with ScrollableContainer(id="explore-map"):
            yield Map()
        yield KeyLine([key.id for key in KEYS])

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def show(self, news: ExploredNews) -> None:
        """Show what came of the work in the background."""
        if news.error is not None:
            self.notify(sentence(news.error), severity="warning", markup=False)
        self._draw()

    def _draw(self) -> None:
        view = self._controller.view
        self.refresh_bindings()
        if view is None:
            self.query_one("#explore-told", Static).update(Content.styled("Looking at what is kept …", fmt.MUTED))
            return
        self.query_one("#explore-told", Static).update(told(view))
        each = max(view.steps // max(len(view.curve), 1), 1)
        self.query_one("#explore-curve", Label).update(f"Best score, every {counted(each, 'step')}")
        self.query_one(Curve).show(view.curve)
        width = self.query_one("#explore-map").content_size.width or 80
        self.query_one(Map).show(Chart(drawn(view.plan, "", width)))

    # Keys.

    def offered(self) -> list[Key]:
        """The keys that make sense now."""
        return [key for key in KEYS if self.check_action(key.action, ())]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        view, running = self._controller.view, self._controller.running
        if action == "start":
            return view is not None and not running and not view.finished
        return running if action == "cancel" else True

    def action_start(self) -> None:
        self._controller.start()
        self._draw()

    def action_cancel(self) -> None:
        self._controller.cancel()
        self._draw()

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen(keys_page(self.offered()), "Keys"))

    def action_leave(self) -> None:
        self.dismiss()


def told(view: ExploredView) -> Content:
    """How an exploration stands, in words."""
    if view.running:
        doing = "stopping …" if view.stopping else "exploring …"
    elif view.finished:
        doing = "nothing better can be found"
    else:
        doing = "stopped; Enter goes on" if view.steps else "Enter begins"
    facts = f"{counted(view.steps, 'step')}, {counted(view.places, 'place')}, {counted(view.cells, 'cell')}"
    best = f"best score {view.best:g}{', won' if view.won else ''}, in {counted(len(view.way), 'command')}"
    way = "> " + "  > ".join(view.way[-8:]) if view.way else ""
    lines = [
        Content.assemble((f"Exploring {view.title}", "bold"), (f"   {doing}", fmt.MUTED)),
        Content(facts),
        Content.assemble((best, "bold $text-success")),
        Content.styled(("… " if len(view.way) > 8 else "") + way, fmt.MUTED),
    ]
    return Content("\n").join(lines)
