"""The screen while the database of its save is away."""

from __future__ import annotations

from pathlib import Path

from conftest import Lighthouse, Weigher, screen_text, sees, settled, typed, until
from database_wire import Wire
from test_together import Caller

from sandbox.config import Settings
from sandbox.session.session import Session
from sandbox.store import Store, upkeep
from sandbox.together import Invitation
from sandbox.together.places import running
from sandbox.tui.app import SandboxApp
from sandbox.tui.screens.start import Sitting
from sandbox.tui.widgets.header import Title
from sandbox.tui.widgets.prompt import Prompt


async def test_the_screen_says_that_it_waits_for_the_database_and_goes_on(url: str, tmp_path: Path) -> None:
    wire = Wire(url)

    def factory(say: object) -> Session:
        store = Store.connect(wire.url, playing=True)
        store.patience = 3600  # nobody who leaves waits for that
        return Session.create(store, Lighthouse(), {"keeper": Weigher()}, seed=7)

    sitting = Sitting(factory, Title("lighthouse", save="friday"))
    app = SandboxApp(sitting, Settings(speed=20.0), None, Invitation(tmp_path))
    async with app.run_test(size=(160, 30)) as pilot:
        await settled(pilot)
        await until(pilot, lambda: running(tmp_path))
        watcher = await Caller.join(running(tmp_path)[0].id, watch=True)
        await watcher.until("turn")
        await typed(pilot, "look")
        wire.cut()
        prompt = app.screen.query_one(Prompt)
        for line in ("take matches", "go north"):
            prompt.value = line
            await pilot.press("enter")
        await sees(pilot, "Waiting for the database postgresql://postgres@127.0.0.1")
        assert "1 waits: go north" in screen_text(app)
        assert "Waiting for the database" in (await watcher.until("note"))["text"]
        wire.mend()
        await watcher.told("The lighthouse stands black against the evening")
        await sees(pilot, "The lighthouse stands black against the evening")
        await settled(pilot)
        assert "Waiting for" not in screen_text(app)
        wire.cut()
        prompt.value = "go up"
        await pilot.press("enter")
        await sees(pilot, "Waiting for the database")
    with Store.connect(url, readonly=True) as store:
        assert upkeep.verify(store) == 4
        assert [node.command for node in store.timeline().nodes()] == ["", "look", "take matches", "go north"]
