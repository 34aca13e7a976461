"""Every key of every screen: its name, its help, its place in the palette and in the manual."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from conftest import MakeApp, Weigher, settled

from sandbox.config import Settings
from sandbox.tui import reference
from sandbox.tui.tables import ALL


def test_every_key_has_a_name_of_its_own_and_a_sentence() -> None:
    assert [name for name, times in Counter(key.id for key in ALL).items() if times > 1] == []
    assert all(key.help and key.help[0].isupper() and not key.help.endswith(".") for key in ALL)


@pytest.mark.parametrize("eaten", ["ctrl+b", "ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m", "ctrl+enter", "shift+enter"])
def test_no_action_hangs_on_a_key_that_terminals_eat(eaten: str) -> None:
    assert all(key.key != eaten and not key.key.startswith("alt+") for key in ALL)


def test_the_manual_has_the_current_keys_and_verbs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "playing.md").read_text(encoding="utf-8")
    assert reference.PART.begin in page
    assert reference.updated(page) == page, "run: make docs"


async def test_keys_of_any_screen_can_be_given_another(make_app: MakeApp) -> None:
    app = make_app(Weigher(), keys={"step": "f12", "round-start": "f11", "no-such-key": "x"})
    async with app.run_test() as pilot:
        await settled(pilot)
        told = [note.message for note in app._notifications]
        assert told == ["No key is called no-such-key (F1 shows the names)"]
        await pilot.press("f12")
        await settled(pilot)
        assert app.play.controller.view is not None
        assert app.play.controller.view.current.depth == 1


def test_the_settings_take_keys_by_name() -> None:
    assert Settings(keys={"step": "f12"}).keys == {"step": "f12"}
