"""Games that others join: a seat at another screen, watching, chat; and what must not come in or go out."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import screen_text, sees, settled, typed, until
from textual.pilot import Pilot

from sandbox import wiring
from sandbox.config import Settings
from sandbox.paths import Home
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.together import Invitation
from sandbox.together.places import GamePlace, key_of, running
from sandbox.tui.app import SandboxApp
from sandbox.tui.screens.start import Sitting
from sandbox.tui.widgets.header import Title

TAMSINS = "You have watched your father start the wheel"
"""What Tamsin alone is told at the beginning."""


class Caller:
    """Somebody at the game's socket, with JSON in hand."""

    def __init__(self, game: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.game, self._reader, self._writer = game, reader, writer

    @classmethod
    async def connect(cls, game: str) -> Caller:
        socket = GamePlace.of(game).socket
        return cls(game, *await asyncio.open_unix_connection(str(socket), limit=1 << 20))

    @classmethod
    async def join(cls, game: str, **wish: object) -> Caller:
        caller = await cls.connect(game)
        await caller.send({"kind": "join", "key": key_of(game), **wish})
        return caller

    async def send(self, *messages: object) -> None:
        for message in messages:
            self._writer.write(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n")
        await self._writer.drain()

    async def next(self) -> dict[str, Any] | None:
        """The next message; None where the game has hung up."""
        try:
            async with asyncio.timeout(20):
                return json.loads(await self._reader.readuntil())
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def until(self, kind: str) -> dict[str, Any]:
        """The next message of a kind; those before it are passed over."""
        while (message := await self.next()) is not None:
            if message["kind"] == kind:
                return message
        raise AssertionError(f"hung up before any {kind}")

    async def told(self, words: str) -> str:
        """The story, until these words have come in it."""
        heard: list[str] = []
        while (message := await self.next()) is not None:
            heard += message.get("lines", [])
            if any(words in line for line in heard):
                return "\n".join(heard)
        raise AssertionError("\n".join(heard))

    async def rest(self) -> list[dict[str, Any]]:
        """All that comes before the game hangs up."""
        found = []
        while (message := await self.next()) is not None:
            found.append(message)
        return found

    def hang_up(self) -> None:
        self._writer.close()


Open = Callable[..., Any]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Opens the mill, two seats of people, on a screen; gives the pilot and the game's id."""

    @asynccontextmanager
    async def make(
        *, watchers: bool = True, seats: tuple[str, ...] = ("human", "human")
    ) -> AsyncIterator[tuple[Pilot[object], str]]:
        home = Home(tmp_path)
        holders = dict(zip(("tamsin", "jory"), seats, strict=True))

        def factory(say: Callable[[str], None]) -> Session:
            players = wiring.Players("human", holders)
            return wiring.open_session(home, "millrace", players, wiring.Models(Settings()), save="friday")

        sitting = Sitting(factory, Title("millrace", save="friday"))
        app = SandboxApp(sitting, Settings(speed=20.0), None, Invitation(tmp_path, watchers))
        async with app.run_test(size=(120, 45)) as pilot:
            await settled(pilot)
            await until(pilot, lambda: running(tmp_path))
            (offer,) = running(tmp_path)
            await pilot.press("enter")  # the curtain
            yield pilot, offer.id
        assert not running(tmp_path)

    return make


async def test_a_guest_plays_a_seat_and_is_told_what_that_seat_perceives(opened: Open, tmp_path: Path) -> None:
    async with opened() as (pilot, game):
        (offer,) = running(tmp_path)
        assert offer.title == "Hollin Mill"
        assert [(each.seat, each.holder) for each in offer.seats] == [("tamsin", "host"), ("jory", "free")]
        jory = await Caller.join(game)
        welcome = await jory.until("welcome")
        assert (welcome["world"], welcome["name"]) == ("Hollin Mill", "Jory")
        opening = "\n".join((await jory.until("story"))["lines"])
        assert "Jory" in opening and TAMSINS not in opening
        assert await jory.until("turn") == {"kind": "turn", "yours": False, "who": "Tamsin"}
        await until(pilot, lambda: running(tmp_path)[0].seats[1].holder == "guest")

        await jory.send({"kind": "line", "text": "go east"})
        assert "Tamsin is to move first" in (await jory.until("note"))["text"]
        await typed(pilot, "go up")
        await jory.until("turn")
        await until(pilot, lambda: pilot.app.play.controller.view.current.seat == "jory")
        view = pilot.app.play.controller.view
        assert [turn.command for turn in view.path[1:]] == ["go up", "go east"]
        assert view.current.chooser == "person"
        perceived = view.current.observations["jory"].text.strip().splitlines()[0]
        await jory.told(perceived)
        assert view.watcher == "tamsin", "nobody at the screen sees with the guest's eyes"
        assert "go east" not in screen_text(pilot.app)
        await sees(pilot, "Your turn, Tamsin")

        await typed(pilot, "undo")
        await jory.told("[turn 1]")
        assert (await jory.until("turn"))["yours"]


async def test_chat_goes_to_people_and_into_nothing_else(opened: Open, tmp_path: Path) -> None:
    async with opened() as (pilot, game):
        await typed(pilot, "/chat anybody?")
        (warning,) = pilot.app._notifications
        assert "nobody has joined" in warning.message
        jory, watcher = await Caller.join(game, seat="jory"), await Caller.join(game, watch=True)
        await jory.until("turn")
        await watcher.until("turn")
        await jory.send({"kind": "chat", "words": "are you \x1b[31mthere\u202e\x07?\nnow", "who": "Tamsin"})
        await sees(pilot, "Jory: are you there? now")
        heard = await watcher.until("chat")
        assert heard == {"kind": "chat", "who": "Jory", "words": "are you there? now"}, "nobody poses as another"
        await typed(pilot, "/chat up here")
        assert (await jory.until("chat"))["words"] == "are you there? now"
        assert await jory.until("chat") == {"kind": "chat", "who": "Tamsin", "words": "up here"}
        await typed(pilot, "go up")
        await sees(pilot, "> go up")
        assert screen_text(pilot.app).index("up here") < screen_text(pilot.app).index("> go up")
    with Store.open(tmp_path / "saves" / "friday", readonly=True) as store:
        assert [node.command for node in store.timeline().nodes()] == ["", "go up"]
        assert store.feedback() == ()
    assert b"up here" not in (tmp_path / "saves" / "friday" / "save.db").read_bytes()


async def test_who_watches_sees_what_the_screen_shows_and_does_nothing(opened: Open) -> None:
    async with opened() as (pilot, game):
        watcher = await Caller.join(game, watch=True)
        assert (await watcher.until("welcome"))["name"] == ""
        assert TAMSINS in "\n".join((await watcher.until("story"))["lines"])
        await sees(pilot, "watcher 1 has joined and sees what you see")
        await watcher.send({"kind": "line", "text": "go up"})
        assert "You watch" in (await watcher.until("note"))["text"]
        await typed(pilot, "look")
        assert "> look" in await watcher.told("Stone floor")
        assert pilot.app.play.controller.view.current.depth == 1
        watcher.hang_up()
        await sees(pilot, "watcher 1 has left")


async def test_a_seat_outlives_its_connection_and_goes_back_when_its_guest_leaves(
    opened: Open, tmp_path: Path
) -> None:
    async with opened() as (pilot, game):
        jory = await Caller.join(game)
        ticket = (await jory.until("welcome"))["ticket"]
        jory.hang_up()
        await sees(pilot, "Jory is away")
        refused = await Caller.join(game, seat="jory")
        assert "no seat is free" in (await refused.until("bye"))["why"]
        again = await Caller.join(game, ticket=ticket)
        assert (await again.until("welcome"))["name"] == "Jory"
        twice = await Caller.join(game, ticket=ticket)
        await twice.until("welcome")
        assert (await again.rest())[-1]["kind"] == "turn", "the former connection is closed"
        await twice.send({"kind": "leave"})
        await sees(pilot, "Jory has left")
        await until(pilot, lambda: running(tmp_path)[0].free)
        other = await Caller.join(game, ticket=ticket)
        assert (await other.until("welcome"))["ticket"] != ticket
        await other.until("turn")
        await typed(pilot, "/agent jory=random")
        assert "an agent plays Jory" in (await other.until("bye"))["why"]
        assert await other.next() is None


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([{"kind": "line", "text": "look"}], "this is not for you"),
        ([{"kind": "join"}], "this is not for you"),
        ([{"kind": "join", "key": "00" * 16}], "this is not for you"),
        ([{"kind": "join", "key": "schlüssel"}], "this is not for you"),
        ([{"kind": "join", "key": "KEY", "seat": "tamsin"}], "the seat 'tamsin' is not free"),
        ([{"kind": "join", "key": "KEY", "seat": "nobody"}], "the seat 'nobody' is not free"),
        ([{"kind": "join", "key": "KEY", "watch": True}], "nobody may watch this game"),
        ([{"kind": "join", "key": "KEY"}, {"kind": "join", "key": "KEY"}], "you have joined already"),
        ([{"kind": "join", "key": "KEY"}, {"kind": "undo"}], "no message that anybody here would send"),
        ([{"kind": "join", "key": "KEY"}, {"kind": "line", "text": "x" * 1001}], "no message that anybody"),
        ([{"kind": "join", "key": "KEY"}, {"kind": "line", "text": 5}], "no message that anybody"),
        ([{"kind": "join", "key": "KEY"}, b'{"kind": "line", "text": "\\ud800"}\n'], "no message that anybody"),
        ([{"kind": "join", "key": "KEY"}, b"\xff\xfe\n"], "no message that anybody"),
        ([{"kind": "join", "key": "KEY"}, b"[" * 4000 + b"\n"], "no message that anybody"),
        ([{"kind": "join", "key": "KEY"}, *[{"kind": "chat", "words": "ha"}] * 60], "too much at once"),
        ([{"kind": "join", "key": "KEY"}, b"x" * 10_000], None),
        ([b"x" * 10_000], None),
    ],
)
async def test_what_no_guest_would_send_is_hung_up_on(opened: Open, messages: list[Any], why: str | None) -> None:
    async with opened(watchers=False) as (pilot, game):
        caller = await Caller.connect(game)
        key = key_of(game)
        given = [
            each | {"key": key} if isinstance(each, dict) and each.get("key") == "KEY" else each
            for each in messages
        ]
        with suppress(ConnectionError):
            await caller.send(*given)
        said = await caller.rest()
        if why is not None:
            assert said and why in said[-1]["why"]
        assert not any(TAMSINS in line for each in said for line in each.get("lines", []))
        await typed(pilot, "look")
        await sees(pilot, "> look")
        nice = await Caller.join(game, seat="jory") if why != "too much at once" else None
        if nice is not None and len(messages) == 1:
            await nice.until("welcome")
    assert stat.S_IMODE(GamePlace.of(game).folder.stat().st_mode) == 0o700


async def test_commands_of_a_guest_are_bounded_and_cleaned(opened: Open) -> None:
    async with opened() as (pilot, game):
        jory = await Caller.join(game)
        await jory.until("turn")
        await jory.send(*({"kind": "line", "text": f"wait {number}"} for number in range(25)))
        notes = [(await jory.until("note"))["text"] for _ in range(25)]
        assert notes[-1] == "20 commands wait already."
        await typed(pilot, "go up")
        await until(pilot, lambda: pilot.app.play.controller.view.current.depth >= 2)
    async with opened() as (pilot, game):
        jory = await Caller.join(game)
        await jory.until("turn")
        while pilot.app.play.controller.view.to_move != "jory":
            await typed(pilot, "wait")
        await jory.send({"kind": "line", "text": "lift\x1b]0;owned\x07 stop\u202e bar"})
        await until(pilot, lambda: pilot.app.play.controller.view.current.seat == "jory")
        assert pilot.app.play.controller.view.current.command == "lift stop bar"


async def test_what_a_game_says_is_cleaned_before_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sandbox.cli.join import _in_lines
    from sandbox.together import wire
    from sandbox.together.places import GameOffer

    said = (
        {"kind": "welcome", "world": "A \x1b]0;owned\x07 mill", "name": "Jory", "ticket": "t"},
        {"kind": "story", "lines": ["red \x1b[31mroom\u202e", "[bold]no markup[/]"]},
        {"kind": "chat", "who": "\x1b[2JAnn", "words": "hi\nthere\x08"},
        {"kind": "bye", "why": "the \x9b31mend"},
    )

    async def pose(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil()
        for each in said:
            writer.write(json.dumps(each).encode() + b"\n")
        await reader.read()
        writer.close()

    place = GamePlace.of("abcdef12")
    server = await asyncio.start_unix_server(pose, place.socket)
    place.write("key", tmp_path, GameOffer(id="abcdef12", title="A mill", seats=(), watchers=True))
    try:
        with (tmp_path / "typed").open("w+") as nothing:
            await _in_lines("abcdef12", None, wire.Join(watch=True), nothing)
    finally:
        place.leave()
        server.close()
    told = capsys.readouterr().out
    assert told.splitlines() == [
        "A mill. You are Jory. /help lists what you can type.",
        "red room",
        "[bold]no markup[/]",
        "[chat] Ann: hi there",
        "[the end]",
    ]
