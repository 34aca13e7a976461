"""A companion on the screen: its greeting, and the Memory tab, where notes and advice are seen and changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Lighthouse, screen_text, sees, settled, typed, until

from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import Card, PromptSettings
from sandbox.config import Settings
from sandbox.llm.fake import ScriptedModel
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.tui.app import SandboxApp
from sandbox.tui.screens.start import Sitting
from sandbox.tui.widgets.header import Title
from sandbox.tui.widgets.memory import MemoryList
from sandbox.tui.widgets.prompt import Prompt
from sandbox.tui.widgets.side import SidePane

NOTED = ("light lamp in the lamp room won.", "take matches in the kitchen was rewarded.")


def companion(folder: Path, *, memory: int = 3, before: tuple[str, ...] = (), greeting: str = "") -> SandboxApp:
    def factory(_say: object) -> Session:
        card = Card(
            name="scribe", model="m", memory=memory, prompt=PromptSettings(max_chars=500), greeting=greeting
        )
        agent = CardAgent(card, ScriptedModel(samples=['I will."']), verbs=Lighthouse.verbs)
        agent.notebook.write(NOTED)
        session = Session.create(Store.create(folder), Lighthouse(), {"keeper": agent}, seed=7)
        for command in before:
            session.act(command)
        return session

    return SandboxApp(Sitting(factory, Title("lighthouse", save="friday")), Settings())


async def test_it_says_its_greeting_once_an_episode_and_sends_no_command(save: Path) -> None:
    app = companion(save, greeting="*looks up*\n“Who climbs my stairs?”\x1b[31m")
    async with app.run_test(size=(80, 45)) as pilot:
        await settled(pilot)
        await sees(pilot, "scribe: *looks up*")
        assert "\x1b" not in screen_text(app)
        await typed(pilot, "take matches")
        assert screen_text(app).count("Who climbs my stairs?") == 1
        await typed(pilot, "/restart")
        assert screen_text(app).count("Who climbs my stairs?") == 1
        await typed(pilot, "/script tale")
    with Store.open(save) as store:
        assert [node.command for node in store.timeline().nodes() if node.command] == ["take matches"]
    assert "scribe: *looks up*\n“Who climbs my stairs?”" in (save / "tale.txt").read_text()


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_every_tab_is_in_sight_and_memory_says_what_there_is(save: Path, size: tuple[int, int]) -> None:
    app = companion(save)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await typed(pilot, "/tell climb up, then light the lamp")
        await typed(pilot, "/memory")
        await sees(pilot, "Notes, 2 of 3")
        tabs = next(line for line in screen_text(app).split("\n") if "Mind" in line and "Map" in line)
        assert all(name in tabs for name in ("World", "Timeline", "Learn", "Memory"))
        assert isinstance(app.focused, MemoryList)
        for words in ("climb up", "light the lamp", "take matches in the", "Advice in force"):
            await sees(pilot, words)
        await pilot.press("escape", "]")
        assert app.play.query_one(SidePane).tab == "timeline-tab"
        await pilot.press("[")
        assert app.play.query_one(SidePane).tab == "memory-tab"


async def test_a_note_is_changed_at_the_prompt_and_forgotten_with_a_key(save: Path) -> None:
    app = companion(save)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("escape", "n")
        await sees(pilot, "Notes, 2 of 3")
        await pilot.press("down", "enter")
        prompt = app.play.query_one(Prompt)
        assert app.focused is prompt
        assert prompt.value == f"/notes 2 {NOTED[1]}"
        await typed(pilot, "/notes 2 the matches are in the kitchen")
        await pilot.press("escape", "n")
        await sees(pilot, "the matches are in the kitchen")
        await pilot.press("x")
        await sees(pilot, "Notes, 1 of 3")
        await until(pilot, lambda: "Notes, 1 of 3" in screen_text(app))
        await pilot.press("delete")
        await sees(pilot, "None yet")
    with Store.open(save) as store:
        assert store.records("keeper", "scribe")["notes"] == b"[]"


async def test_advice_is_withdrawn_there(save: Path) -> None:
    app = companion(save, memory=0)
    async with app.run_test(size=(160, 45)) as pilot:
        await settled(pilot)
        await typed(pilot, "/tell take the matches")
        await typed(pilot, "/tell climb up")
        await typed(pilot, "/memory")
        await sees(pilot, "It keeps none")
        await pilot.press("down", "x")
        await until(pilot, lambda: "climb up" not in screen_text(app))
        assert "· take the matches" in screen_text(app)


async def test_what_the_prompt_no_longer_holds_is_shown(save: Path) -> None:
    app = companion(save, before=("take matches", "go north", "go up", "go down", "go up", "go down"))
    async with app.run_test(size=(160, 45)) as pilot:
        await settled(pilot)
        await typed(pilot, "/memory")
        await sees(pilot, "No longer in its prompt")
        await sees(pilot, "Done before: take matches")
