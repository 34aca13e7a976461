"""The author's screen: a world's file beside its map and its mistakes, and building at the prompt of the game."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from conftest import MakeApp, screen_text, sees, settled, typed, until
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widgets import OptionList

from sandbox import config, paths, wiring
from sandbox.errors import Finding
from sandbox.paths import Home
from sandbox.session import trials
from sandbox.session.reading import read
from sandbox.tui.app import SandboxApp
from sandbox.tui.author.editor import Editor
from sandbox.tui.author.keys import IMPORTANCE, KEYS
from sandbox.tui.palette import KeyCommands
from sandbox.tui.screens.author import AuthorScreen
from sandbox.tui.screens.help import HelpScreen
from sandbox.tui.screens.start import Sitting
from sandbox.tui.widgets.header import Title

WORLD = """\
title: The hut  # a comment
seats:
  player: {start: hut, goal: Get out.}
rooms:
  hut:
    description: A small hut.
    exits: {north: yard}
  yard:
    description: A yard.
    exits: {south: hut}
things:
  chest: {at: hut, container: true}
  lamp: {at: chest}
endings:
  out: {when: [{room: yard}, {has: lamp}], won: all, say: You are out.}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "worlds" / "hut" / "world.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(WORLD, encoding="utf-8")
    return file


def hut(tmp_path: Path, world: str = "hut") -> SandboxApp:
    def factory(say: Callable[[str], None]) -> object:
        models = wiring.Models(config.Settings())
        return wiring.open_session(Home(tmp_path), world, wiring.Players("human"), models, save="s")

    return SandboxApp(Sitting(factory, Title("hut")))  # type: ignore[arg-type]


def told(app: SandboxApp) -> str:
    return "\n".join(notice.message for notice in app._notifications)


async def open_author(app: SandboxApp, pilot: Pilot[object]) -> Editor:
    await settled(pilot)
    await pilot.press("f8")
    await until(pilot, lambda: isinstance(app.screen, AuthorScreen) and app.play.author.reading.lines)
    await pilot.pause()
    return app.screen.query_one(Editor)


async def test_a_world_is_written_broken_mended_and_played_on(file: Path, tmp_path: Path) -> None:
    app = hut(tmp_path)
    async with app.run_test(size=(120, 34)) as pilot:
        editor = await open_author(app, pilot)
        controller = app.play.author
        assert editor.cursor_location == (4, 2)  # the room where the player stands
        await sees(pilot, "┃ Hut")
        await sees(pilot, "✓ nothing wrong")

        editor.move_cursor((7, 6))
        await pilot.press("x")
        await sees(pilot, "✗ 2 errors")
        await sees(pilot, "● not saved")
        await sees(pilot, "rooms.hut.exits.north")
        await pilot.press("f7", "enter")
        assert editor.has_focus
        assert editor.cursor_location[0] == 6
        await pilot.press("ctrl+z")
        await sees(pilot, "✓ nothing wrong")
        assert editor.text == WORLD

        editor.move_cursor((8, len("    description: A yard.")))
        await pilot.press(*" Hens.", "enter", *"first: Air!")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not controller.unsaved)
        assert file.read_text(encoding="utf-8") == WORLD.replace("A yard.", "A yard. Hens.\n    first: Air!")
        await until(pilot, lambda: app.play.controller.view and app.play.controller.view.path[0].episode == 2)

        await pilot.press("f3", *"dig up Loft", "enter")
        await until(pilot, lambda: "loft" in editor.text)
        assert "Loft lies above now." in told(app)
        await until(pilot, lambda: "Loft" in screen_text(app) and controller.reading.loads)
        assert not controller.unsaved
        assert app.play.controller.view is not None
        assert app.play.controller.view.observation.description.startswith("Loft")
        await pilot.press(*"set loft colour red", "enter")
        await until(pilot, lambda: "rooms.loft.colour: no such key" in told(app))

        await pilot.press("escape", "ctrl+z")
        await until(pilot, lambda: controller.unsaved)
        await pilot.press("f8")
        assert app.screen is app.play
        await typed(pilot, "create old nail")
        assert "  old nail:\n    at: loft\n" in file.read_text(encoding="utf-8")
        await typed(pilot, "take nail")
        await sees(pilot, "You take the old nail.")
        await typed(pilot, "/author off")
        await typed(pilot, "destroy nail")
        assert "old nail" in file.read_text(encoding="utf-8")
        await typed(pilot, "/build destroy nail")
        assert "old nail" not in file.read_text(encoding="utf-8")


async def test_changes_of_another_hand_are_not_written_over(file: Path, tmp_path: Path) -> None:
    app = hut(tmp_path)
    async with app.run_test(size=(120, 30)) as pilot:
        editor = await open_author(app, pilot)
        controller = app.play.author
        other = WORLD.replace("A yard.", "A court.")
        file.write_text(other, encoding="utf-8")
        os.utime(file, ns=(7, 7))
        await until(pilot, lambda: editor.text == other)  # nothing of ours is lost by it
        await pilot.press("z")
        third = WORLD.replace("A yard.", "A garden.")
        file.write_text(third, encoding="utf-8")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Somebody else has changed the file" in told(app))
        assert file.read_text(encoding="utf-8") == third
        mine = editor.text
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not controller.unsaved)
        assert file.read_text(encoding="utf-8") == mine

        await pilot.press("z")
        await until(pilot, lambda: controller.unsaved)
        await pilot.press("ctrl+q")
        await pilot.pause()
        assert "is not saved" in told(app)
        assert app.is_running
        await pilot.press("ctrl+q")
    assert file.read_text(encoding="utf-8") == mine


async def test_at_80_by_24_the_editor_has_the_width_and_map_and_findings_lie_over_it(
    file: Path, tmp_path: Path
) -> None:
    app = hut(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        editor = await open_author(app, pilot)
        assert editor.size.width >= 78
        assert "┃ Hut" not in screen_text(app)
        await pilot.press("f4")
        await sees(pilot, "┃ Hut")
        await sees(pilot, "Build: dig north")
        await pilot.press("f2")
        await until(pilot, lambda: "┃ Hut" not in screen_text(app))
        await pilot.resize_terminal(120, 30)
        await sees(pilot, "┃ Hut")
        assert editor.text == WORLD


async def test_check_finds_what_reading_does_not_and_the_game_goes_on_in_the_room_of_the_line(
    file: Path, tmp_path: Path
) -> None:
    file.write_text(WORLD.replace("chest: {at: hut,", "chest: {at: nowhere,"), encoding="utf-8")
    app = hut(tmp_path)
    async with app.run_test(size=(120, 34)) as pilot:
        editor = await open_author(app, pilot)
        controller = app.play.author
        assert not controller.findings
        await pilot.press("f6")
        await until(pilot, lambda: controller.checked)
        assert any("cannot win" in each.message for each in controller.findings)
        await sees(pilot, "proved over")
        await pilot.press("f7")
        assert app.screen.query_one(OptionList).option_count == len(controller.findings)
        await pilot.press("escape")
        editor.move_cursor((8, 0))
        await pilot.press("enter")
        await sees(pilot, "edited since")
        await pilot.press("f5")
        await until(pilot, lambda: app.screen is app.play)
        await settled(pilot)
        assert app.play.controller.view is not None
        assert app.play.controller.view.observation.description.startswith("Yard")


async def test_worlds_without_a_file_say_what_can_be_done(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, AuthorScreen))
        await pilot.pause()
        await sees(pilot, "sandbox world new")
        assert "Build:" not in screen_text(app)
        await pilot.press("f8")
        await until(pilot, lambda: app.screen is app.play)


async def test_a_world_of_the_program_is_only_read_until_it_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_HOME", str(tmp_path))
    package = Path(paths.__file__).parent / "world" / "starter" / "world.yaml"
    app = hut(tmp_path, str(package))
    async with app.run_test(size=(100, 30)) as pilot:
        editor = await open_author(app, pilot)
        await sees(pilot, "may only be read")
        await pilot.press("x")
        assert editor.text == package.read_text(encoding="utf-8")
        await pilot.press("c")
        await until(pilot, lambda: not editor.read_only)
        assert app.play.author.file == tmp_path / "worlds" / "starter" / "world.yaml"
        await pilot.press("f3", *"dig up Loft", "enter")
        await until(pilot, lambda: "loft" in editor.text)


async def test_keys_have_names_help_and_entries_in_the_palette(file: Path, tmp_path: Path) -> None:
    own = [binding for binding in (*AuthorScreen.BINDINGS, *Editor.BINDINGS) if isinstance(binding, Binding)]
    assert all(binding.id and binding.tooltip for binding in own)
    assert all(hasattr(AuthorScreen, f"action_{key.action}") for key in KEYS)
    assert set(IMPORTANCE) <= {key.id for key in KEYS}
    assert len({key.id for key in KEYS}) == len(KEYS)
    app = hut(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_author(app, pilot)
        offered = {hit.help async for hit in KeyCommands(app.screen).discover()}
        assert {"ctrl+s", "f5", "f8"} <= offered
        assert "c" not in offered  # there is nothing to copy
        await pilot.press("f1")
        assert isinstance(app.screen, HelpScreen)
        await pilot.pause()
        await sees(pilot, 'dig DIRECTION "NAME"')


async def test_lines_keep_their_indentation(file: Path, tmp_path: Path) -> None:
    app = hut(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        editor = await open_author(app, pilot)
        editor.load_text("things:")
        editor.move_cursor((0, 7))
        await pilot.press("enter", *"lamp:", "enter", *"at: hut", "enter", "shift+tab", *"key:", "enter", "tab")
        assert editor.text == "things:\n  lamp:\n    at: hut\n  key:\n      "
        editor.become(editor.text.replace("hut", "yard"))
        assert editor.cursor_location[0] == 2
        await pilot.press("ctrl+z")
        assert "at: hut" in editor.text


def test_a_text_is_read_for_lines_and_rooms_even_where_it_is_no_world() -> None:
    reading = read(WORLD)
    assert reading.loads
    assert [reading.room_at(line) for line in (1, 3, 5, 9, 12, 13, 15)] == [
        "",
        "hut",
        "hut",
        "yard",
        "hut",
        "hut",
        "",
    ]
    broken = read(WORLD.replace("north: yard", "north: yrad") + "rubbish: 1\n")
    assert not broken.loads
    assert broken.room_at(9) == "yard"
    assert {finding.key for finding in broken.findings} == {"rooms.hut.exits.north", "rubbish"}
    moved = read("# one more line\n" + WORLD)
    assert moved.line_of(Finding(9, "rooms.yard.description", "")) == 10
    assert moved.line_of(Finding(9, "rooms.yard.exits.north.otherwise", "")) == 11
    assert read("").findings
    apart = read(WORLD.replace("  yard:\n", "  loft: {}\n  yard:\n"))
    assert [finding.key for finding in apart.findings] == ["rooms.loft"]


def test_agents_play_in_a_process_of_their_own_until_they_are_stopped(file: Path) -> None:
    stop = Event()
    seen = []
    for standing in trials.run(file, stop):
        seen.append(standing)
        if standing.episodes == 1:
            stop.set()
    assert seen[0].agent == "random"
    assert seen[0].progress == "random plays: 0 of 20"
    assert 1 <= seen[-1].episodes < 20
    assert [turns for turns, *_ in seen[-1].won] == [25, 50, 100]
    file.write_text("title: [", encoding="utf-8")
    with pytest.raises(Exception, match="not YAML"):
        list(trials.run(file, Event()))


async def test_where_there_is_no_file_escape_leads_back(make_app: MakeApp) -> None:
    app = make_app(None)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("f8")
        await sees(pilot, "This world has no file")
        await pilot.press("escape")
        assert app.screen is app.play
