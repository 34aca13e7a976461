"""A world file that is edited while its game is on the screen."""

from __future__ import annotations

import os
from pathlib import Path

from sandbox import build, config
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
        models = build.Models(config.Settings())
        session = build.open_session(Home(tmp_path), "hut", build.Cast("q-table"), models, save="s")
        session.act("go north")
        return session

    app = SandboxApp(Sitting(factory, Title("hut")))  # type: ignore[arg-type]
    async with app.run_test(size=(100, 30)) as pilot:

        async def until(words: str) -> None:
            for _ in range(400):
                if words in "\n".join(strip.text for strip in app.screen._compositor.render_strips()):
                    return
                await pilot.pause(0.05)
            screen = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
            raise AssertionError(f"never seen: {words}\n{screen}")

        await until("A yard.")
        file.write_text(WORLD.replace("A yard.", "A yard with a pump."), encoding="utf-8")
        os.utime(file, ns=(5, 5))
        await until("The world was edited: 1 of 1 commands given again")
        await until("A yard with a pump.")
        file.write_text("title: [", encoding="utf-8")
        for _ in range(400):
            if any("not YAML" in notice.message for notice in app._notifications):
                break
            await pilot.pause(0.05)
        else:
            raise AssertionError("nothing was said about the broken file")
