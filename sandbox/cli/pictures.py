"""The pictures in the README, taken of a real game: `python -m sandbox.cli.pictures`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sandbox import build, config
from sandbox.paths import Home

FOLDER = Path("docs/images")


def main() -> None:
    """Play a few turns with the default agent, reward one of them, and write the screen as SVG."""
    from sandbox.tui.screenshot import screenshot

    FOLDER.mkdir(parents=True, exist_ok=True)
    models = build.Models(config.Settings(), print)
    for name, size, theme in (
        ("play", (120, 36), "textual-dark"),
        ("play-light", (120, 36), "textual-light"),
        ("play-small", (80, 24), "textual-dark"),
    ):
        session = build.open_session(Home.find(), "lighthouse", build.Cast.parse("lm-q", []), models, seed=3)
        session.step()
        session.act("go up", decision=session.decide())
        session.rate(1)
        session.step()
        asyncio.run(screenshot(session, size, FOLDER / f"{name}.svg", theme=theme))
        session.world.close()
        print(FOLDER / f"{name}.svg")


if __name__ == "__main__":
    main()
