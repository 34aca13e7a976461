"""A world file that is edited while its game is on the screen."""

from __future__ import annotations

import os
from pathlib import Path

from conftest import sees, until

from sandbox import config, wiring
from sandbox.paths import Home
from sandbox.tui.app import SandboxApp
from sandbox.tui.screens.start import Sitting
from sandbox.tui.widgets.header import Title

WORLD = """
title: The hut
seats: {player: {start: hut, goal: Get out.}}
rooms:
  hut: {description: A small hut., exits: {north: yard}}
  yard: {description: A yard., exits: {south: hut}}
things: {lamp: {at: hut}}
endings: {out: {when: [{room: yard}, {has: lamp}], won: all, say: You are out.}}
"""


async def test_an_edited_world_is_gone_on_with(tmp_path: Path) -> None:
    file = tmp_path / "worlds" / "hut" / "world.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(WORLD, encoding="utf-8")

    def factory(say: object) -> object:
        models = wiring.Models(config.Settings())
        session = wiring.open_session(Home(tmp_path), "hut", wiring.Players("q-table"), models, save="s")
        session.act("go north")
        return session

    app = SandboxApp(Sitting(factory, Title("hut")))  # type: ignore[arg-type]
    async with app.run_test(size=(100, 30)) as pilot:
        await sees(pilot, "A yard.")
        file.write_text(WORLD.replace("A yard.", "A yard with a pump."), encoding="utf-8")
        os.utime(file, ns=(5, 5))
        await sees(pilot, "The world was edited: 1 of 1 commands given again")
        await sees(pilot, "A yard with a pump.")
        file.write_text("title: [", encoding="utf-8")
        await until(pilot, lambda: any("not YAML" in notice.message for notice in app._notifications))
