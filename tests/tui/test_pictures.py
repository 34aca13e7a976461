"""What the screens look like, against pictures that a person has looked at.

`pytest tests/tui/test_pictures.py --snapshot-update` takes them anew; look at each before it is kept.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from conftest import MakeApp, Weigher, settled, typed, until
from test_author import WORLD, hut, open_author
from test_round import OpenApp, Stage, open_app, opened, stage  # noqa: F401
from textual.pilot import Pilot
from textual.widgets import Static

from sandbox.config import Settings
from sandbox.llm.catalogue import Entry
from sandbox.paths import Home
from sandbox.session import lobby
from sandbox.session.lobby import AgentOffer, Best, Offers, SaveOffer
from sandbox.tui.app import SandboxApp
from sandbox.tui.screens.start import Lobby

Compare = Callable[..., bool]
Prepare = Callable[[Pilot[object]], Awaitable[None]]

SIZES = pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 36)], ids=lambda size: f"{size[0]}x{size[1]}")
THEMES = pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])


@pytest.fixture(autouse=True)
def one_time_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Dates are told in the player's own time."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


async def still(pilot: Pilot[object]) -> None:
    """Wait until nothing moves."""
    pilot.app.animation_level = "none"
    await pilot.wait_for_scheduled_animations()
    await pilot.pause()


async def played(pilot: Pilot[object]) -> None:
    """A few turns, a reward, a branch."""
    await settled(pilot)
    for line in ("take matches", "go north", "/reward +1 good idea", "go south", "undo", "go up"):
        await typed(pilot, line)
    await still(pilot)


@THEMES
@SIZES
def test_the_game(make_app: MakeApp, snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    app = make_app(Weigher(), theme=theme)
    assert snap_compare(app, terminal_size=size, run_before=played)


@pytest.mark.parametrize("theme", ["high-contrast", "colour-blind-safe", "ansi-dark"])
def test_the_game_in_other_themes(make_app: MakeApp, snap_compare: Compare, theme: str) -> None:
    app = make_app(Weigher(), theme=theme)
    assert snap_compare(app, terminal_size=(100, 30), run_before=played)


@pytest.mark.parametrize("key", ["f4", "f7"])
def test_a_pane_over_the_story(make_app: MakeApp, snap_compare: Compare, key: str) -> None:
    async def opened(pilot: Pilot[object]) -> None:
        await played(pilot)
        await pilot.press(key)
        await settled(pilot)
        await still(pilot)

    assert snap_compare(make_app(Weigher()), terminal_size=(80, 24), run_before=opened)


def test_the_help(make_app: MakeApp, snap_compare: Compare) -> None:
    async def helped(pilot: Pilot[object]) -> None:
        await settled(pilot)
        await pilot.press("f1")
        await still(pilot)

    assert snap_compare(make_app(Weigher()), terminal_size=(80, 24), run_before=helped)


@pytest.mark.parametrize(
    "look", [((80, 24), "textual-dark"), ((120, 36), "textual-light")], ids=lambda look: look[1]
)
def test_the_start(snap_compare: Compare, tmp_path: Path, look: tuple[tuple[int, int], str]) -> None:
    size, theme = look
    save = SaveOffer("friday", "lighthouse", "The Gannet Rock Light", "relief: lm-q", 41, 3, best=Best(12, 30))
    agent = AgentOffer("lm-q", "The language model proposes, Q-learning reranks", "smollm2-135m-instruct")
    model = Entry("smollm2-135m-instruct", "SmolLM2-135M-Instruct", "ready", 540_000_000, tmp_path)
    offers = Offers(lobby.look(Home(tmp_path)).worlds, (save,), (agent,), (model,))
    start = Lobby(lambda: offers, choose=None, fetch=None, agent="lm-q", tour="tutorial")  # type: ignore[arg-type]
    app = SandboxApp(start, Settings(theme=theme))

    async def down_to_a_world(pilot: Pilot[object]) -> None:
        details = app.screen.query_one("#start-details", Static)
        await until(pilot, lambda: "Gannet" in str(details.render()))
        await pilot.press("down", "down")
        await still(pilot)

    assert snap_compare(app, terminal_size=size, run_before=down_to_a_world)


@THEMES
def test_the_author(snap_compare: Compare, tmp_path: Path, theme: str) -> None:
    file = tmp_path / "worlds" / "hut" / "world.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(WORLD, encoding="utf-8")
    app = hut(tmp_path)

    async def mistaken(pilot: Pilot[object]) -> None:
        app.theme = theme
        editor = await open_author(app, pilot)
        editor.text = WORLD.replace("at: chest", "at: chset")
        await until(pilot, lambda: "chset" in "".join(str(f) for f in app.play.author.reading.findings))
        await still(pilot)

    assert snap_compare(app, terminal_size=(120, 36), run_before=mistaken)


@THEMES
def test_before_a_round(open_app: OpenApp, stage: Stage, snap_compare: Compare, theme: str) -> None:  # noqa: F811
    app = open_app()

    async def before(pilot: Pilot[object]) -> None:
        app.theme = theme
        await opened(pilot)
        await still(pilot)

    assert snap_compare(app, terminal_size=(100, 30), run_before=before)
