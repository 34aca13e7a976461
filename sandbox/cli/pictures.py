"""The pictures in the README, taken of a real game: `python -m sandbox.cli.pictures`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from sandbox import config, wiring
from sandbox.paths import Home
from sandbox.session.replay import RecordedPlay
from sandbox.store import Store

FOLDER = Path("docs/images")


def main() -> None:
    """Play a few turns with the default agent, reward one of them, and write the screen as SVG."""
    from sandbox.tui.screenshot import screenshot

    FOLDER.mkdir(parents=True, exist_ok=True)
    models = wiring.Models(config.Settings(), print)
    for name, size, theme in (
        ("play", (120, 36), "textual-dark"),
        ("play-light", (120, 36), "textual-light"),
        ("play-small", (80, 24), "textual-dark"),
    ):
        session = wiring.open_session(Home.find(), "lighthouse", wiring.Players.parse("lm-q", []), models, seed=3)
        session.step()
        session.act("go north", decision=session.decide())
        session.rate(1)
        session.step()
        asyncio.run(screenshot(session, size, FOLDER / f"{name}.svg", theme=theme))
        session.world.close()
        print(FOLDER / f"{name}.svg")
    _record(models)


def _record(models: wiring.Models) -> None:
    """Play a little more in a save, and write what the screen showed as a recording and as a moving picture."""
    from sandbox.cli.animation import animate
    from sandbox.tui.recording import replay

    with TemporaryDirectory() as folder:
        home, cast = Home(Path(folder)), wiring.Players.parse("lm-q", [])
        session = wiring.open_session(home, "lighthouse", cast, models, save="session", seed=3)
        session.step()
        session.act("go north", decision=session.decide())
        session.rate(1, comment="towards the lamp")
        session.step()
        session.rate(-1, comment="where you came from")
        session.undo()
        session.act("go west", decision=session.decide())
        session.step()
        session.step()
        session.close()
        session.world.close()
        with Store.open(home.save_folder("session"), readonly=True) as store:
            replay(RecordedPlay.of(store), store.feedback(), FOLDER / "session.cast")
    animate(FOLDER / "session.cast", FOLDER / "session.svg")
    print(FOLDER / "session.svg")


if __name__ == "__main__":
    main()
