"""`sandbox join` and the lobby of `sandbox serve`: real processes, real sockets."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from test_together import Caller, Open, opened  # noqa: F401 - a fixture

from sandbox.bench.terminal import Terminal
from sandbox.errors import UsageError
from sandbox.store import Store
from sandbox.together.guest import Server
from sandbox.together.places import running
from sandbox.tui.web.lobby import WebLobby
from sandbox.tui.web.server import GameServer, ServedGame, listen

TOKEN = "open-sesame-open-sesame"
PROGRAM = (sys.executable, "-m", "sandbox")
Client = TestClient[Request, Application]


def join(home: Path, *words: str, typed: str = "") -> str:
    """What `sandbox join` prints, where these lines are piped in."""
    left_out = ("SANDBOX_TOKEN",)
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    result = subprocess.run(
        [*PROGRAM, "--home", str(home), "join", *words],
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    return result.stdout + result.stderr


def test_a_seat_is_played_from_another_terminal_and_from_a_pipe(
    play: Callable[..., Terminal], tmp_path: Path
) -> None:
    host = play("millrace", "--seat", "tamsin=human", "--seat", "jory=human", "--open", "--save", "x", columns=110)
    host.until(lambda text: "Enter, when nobody else is looking" in text, 60)
    host.type("\r")
    host.until(lambda text: "Your turn, Tamsin" in text, 60)
    while not running(tmp_path):
        host.settle(0.2)
    (offer,) = running(tmp_path)
    listed = join(tmp_path)
    assert "Hollin Mill  (Tamsin: whose game it is, Jory: free)" in listed
    assert f"sandbox join {offer.id} --seat jory" in listed
    assert "no game 'beef' runs here" in join(tmp_path, "beef")
    watched = join(tmp_path, offer.id, "--watch", typed="/chat well?\n")
    assert "Hollin Mill. You watch." in watched and "Stone floor" in watched
    host.until(lambda text: "watcher 1: well?" in text, 30)

    environment = {**os.environ, "SANDBOX_HOME": str(tmp_path)}
    with Terminal([*PROGRAM, "join", offer.id], 100, 30, environment=environment) as guest:
        guest.until(lambda text: "You are Jory" in text and "Tamsin is to move" in text, 60)
        guest.type("go east\r")
        host.type("take lantern\r")
        guest.until(lambda text: "> go east" in text and "Wheelhouse" in text, 60)
        host.until(lambda text: "Your turn, Tamsin" in text and "> take lantern" in text, 60)
        guest.type("/chat at the wheel\r")
        host.until(lambda text: "Jory: at the wheel" in text, 30)
        guest.type("/quit\r")
        host.until(lambda text: "Jory has left" in text, 30)
    with subprocess.Popen(
        [*PROGRAM, "--home", str(tmp_path), "join", offer.id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as pipe:
        assert pipe.stdin is not None
        assert pipe.stdout is not None
        pipe.stdin.write("lift stop bar\n/nonsense\n")
        pipe.stdin.flush()
        pipe.stdin.close()
        host.until(lambda text: text.count("Jory has joined") == 2, 60)
        host.type("say hello\r")
        host.until(lambda text: "> say hello" in text and "Your turn, Tamsin" in text, 60)
        host.type("/quit\r")
        told = pipe.stdout.read()
        assert pipe.wait(60) == 0
    assert "[your turn]" in told and "> take lantern" not in told
    with Store.open(tmp_path / "saves" / "x", readonly=True) as store:
        commands = [node.command for node in store.timeline().nodes()]
    assert commands == ["", "take lantern", "go east", "say hello", "lift stop bar"]
    assert not running(tmp_path)


@pytest.fixture
async def lobby(tmp_path: Path) -> AsyncIterator[Client]:
    with listen("127.0.0.1", 0) as listening:
        games = [ServedGame("mill", lambda visitor: (sys.executable, "-c", ""))]
        server = GameServer(games, listening, TOKEN, 8, WebLobby(tmp_path, (*PROGRAM, "--home", str(tmp_path))))
    client: Client = TestClient(TestServer(server.application()))
    await client.start_server()
    yield client
    await client.close()


async def test_without_the_token_nobody_joins(lobby: Client, opened: Open) -> None:  # noqa: F811
    async with opened() as (_, game):
        paths = ("/lobby", "/games", f"/join/{game}", f"/sit/{game}/jory", f"/ws/sit/{game}/jory")
        for path in paths:
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
                answer = await lobby.get(path, headers=headers)
                assert answer.status == 401, path
                assert game not in await answer.text()
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await lobby.ws_connect(f"/join/{game}")
        assert refused.value.status == 401
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await lobby.ws_connect(
                f"/join/{game}", headers={"Authorization": f"Bearer {TOKEN}", "Origin": "http://evil.example"}
            )
        assert refused.value.status == 403


async def test_the_lobby_lists_running_games_and_lets_programs_in(
    lobby: Client,
    opened: Open,  # noqa: F811
    tmp_path: Path,
) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert "Nobody plays just now" in await (await lobby.get("/lobby", headers=bearer)).text()
    async with opened() as (_, game):
        page = await (await lobby.get("/lobby", headers=bearer)).text()
        assert f'href="/sit/{game}/jory">Play Jory</a>' in page and f'href="/sit/{game}/-">Watch</a>' in page
        (offer,) = await (await lobby.get("/games", headers=bearer)).json()
        assert offer.keys() == {"id", "title", "seats", "watchers"}, "and no key, nor where it is"
        assert (await lobby.get(f"/sit/{game}/nobody", headers=bearer)).status == 404
        assert (await lobby.get("/sit/abcdef/jory", headers=bearer)).status == 404
        assert (await lobby.get(f"/join/{game}", headers=bearer, allow_redirects=False)).status == 302
        address = str(lobby.make_url("/")).rstrip("/")
        words = (f"{address}/join/{game}?token={TOKEN}", "--watch")
        told = await asyncio.to_thread(join, tmp_path, *words, typed="/chat from afar\n")
        assert "Hollin Mill. You watch." in told and "Stone floor" in told and "watcher 1: from afar" in told
        assert f"sandbox join {address}/join/{game} --seat jory" in await asyncio.to_thread(
            join, tmp_path, f"{address}/?token={TOKEN}"
        )
        assert "wants another token" in await asyncio.to_thread(join, tmp_path, f"{address}/?token=wrong")
        assert "no game 'abcdef' runs there" in await asyncio.to_thread(
            join, tmp_path, f"{address}/join/abcdef?token={TOKEN}"
        )
    assert "cannot be reached" in join(tmp_path, "http://127.0.0.1:1/")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("look", "no message that anybody here would send"),
        ('{"kind": "join"}\n{"kind": "leave"}', "no message that anybody here would send"),
        ("[" * 4000, "no message that anybody here would send"),
        (b"look", "not text"),
        ("x" * 5000, ""),
    ],
)
async def test_what_no_program_of_ours_sends_is_not_passed_on(
    lobby: Client,
    opened: Open,  # noqa: F811
    said: str | bytes,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with opened() as (_, game):
        socket = await lobby.ws_connect(f"/join/{game}", headers={"Authorization": f"Bearer {TOKEN}"})
        await (socket.send_bytes(said) if isinstance(said, bytes) else socket.send_str(said))
        last = await asyncio.wait_for(socket.receive(), 20)
        assert last.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        assert reason in str(last.extra)
        assert not caplog.records
        jory = await Caller.join(game)
        await jory.until("welcome")


@pytest.mark.parametrize(
    "url",
    ["ftp://host/", "http://", "http://host:port/", "http://host/play/0", "http://host/join/..%2f", "http://["],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="this is no address"):
        Server.parse(url)
