"""Who may come in to `sandbox serve`, and what becomes of games that cannot be opened."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp
import httpx
import pytest
from aiohttp import WSMsgType
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from conftest import Weigher, open_session

from sandbox.cli.serve import rating_games
from sandbox.errors import UsageError
from sandbox.hosts import is_loopback
from sandbox.paths import Home
from sandbox.store import Store, upkeep
from sandbox.tui.web.server import GameServer, ServedGame, listen
from sandbox.tui.web.service import GameService

TOKEN = "open-sesame-open-sesame"
CLOSED = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)
Client = TestClient[Request, Application]
Visit = Callable[..., Awaitable[Client]]


def fails(visitor: str) -> Sequence[str]:
    """A program that ends at once, with something to say."""
    return (sys.executable, "-c", f"import sys; sys.exit('sandbox: there is no room for {visitor[:0]}you')")


GREETS = """
import os, sys
def say(text):
    os.write(1, b"D" + len(text).to_bytes(4, "big") + text)
os.write(1, b"some library says hello\\n__GANGLION__\\n")
say(sys.argv[1].encode())
while True:
    data = os.read(0, 4096)
    if not data or b'"quit"' in data:
        break
    say(data[5:].upper())
"""


def greets(visitor: str) -> Sequence[str]:
    """A program that says the visitor's name, then everything in capitals, until it is told to quit."""
    return (sys.executable, "-c", GREETS, visitor)


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    opened: list[Client] = []

    async def make(
        token: str | None = None, *, play: Callable[[str], Sequence[str]] = fails, games: int = 1, most: int = 8
    ) -> Client:
        with listen("127.0.0.1", 0) as listening:
            server = GameServer([ServedGame("honey <hive>", play)] * games, listening, token, most)
        opened.append(TestClient(TestServer(server.application())))
        await opened[-1].start_server()
        return opened[-1]

    yield make
    for client in opened:
        await client.close()


async def test_without_the_token_nothing_is_shown(visit: Visit) -> None:
    client = await visit(TOKEN)
    for path in (
        "/",
        "/play/0",
        "/ws/0",
        "/static/js/textual.js",
        "/terminal.js",
        "/?token=",
        "/?token=h%C3%B6ney",
    ):
        answer = await client.get(path)
        assert answer.status == 401, path
        assert TOKEN not in await answer.text()


async def test_the_token_is_kept_in_a_cookie_and_leaves_the_address(visit: Visit) -> None:
    client = await visit(TOKEN)
    answer = await client.get("/", params={"token": TOKEN}, allow_redirects=False)
    assert answer.status == 302
    assert answer.headers["Location"] == "/"
    (cookie,) = (value for name, value in answer.cookies.items() if name.startswith("sandbox-token"))
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    page = await client.get("/")
    assert page.status == 200
    assert "Opening honey &lt;hive&gt;" in await page.text()
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert page.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "192.168.0.7"])
async def test_without_a_token_only_names_of_this_machine_are_served(visit: Visit, host: str) -> None:
    client = await visit()
    assert (await client.get("/play/0")).status == 200
    assert (await client.get("/play/0", headers={"Host": "localhost:8000"})).status == 200
    assert (await client.get("/play/0", headers={"Host": host})).status == 403


@pytest.mark.parametrize("token", [None, TOKEN])
async def test_pages_of_other_sites_cannot_connect(visit: Visit, token: str | None) -> None:
    client = await visit(token)
    await client.get("/", params={"token": TOKEN})
    own = str(client.make_url("/")).rstrip("/")
    for origin in ("http://evil.example", own.replace("127.0.0.1", "127.0.0.2"), "null"):
        assert (await client.get("/ws/0", headers={"Origin": origin})).status == 403, origin
    async with client.ws_connect("/ws/0", headers={"Origin": own}) as socket:
        assert (await socket.receive()).type == WSMsgType.BINARY


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("header", ["Host", "Origin"])
@pytest.mark.parametrize("value", ["[", "[::1", "a:b:c", "localhost:http", "//", ""])
async def test_a_broken_host_or_origin_is_turned_away(
    visit: Visit, token: str | None, header: str, value: str
) -> None:
    client = await visit(token)
    await client.get("/", params={"token": TOKEN})
    answer = await client.get("/play/0", headers={header: value, "Cookie": ""})
    assert 400 <= answer.status < 500
    assert "Traceback" not in await answer.text()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("[]", "no message of a page"),
        ("null", "no message of a page"),
        ("{}", "no message of a page"),
        ('["resize"]', "no message of a page"),
        ('["resize", {}]', "no message of a page"),
        ('["resize", {"width": 20000, "height": 20000}]', "no size of a terminal"),
        ('["resize", {"width": -1, "height": true}]', "no size of a terminal"),
        ('["resize", {"width": 1e9, "height": 24}]', "no size of a terminal"),
        ('["stdin", 5]', "no message of a page"),
        ('["stdin", "\\ud800"]', "keys that are no text"),
        ('["ping", {"much": "more"}]', "no message of a page"),
        (f'["ping", "{"x" * 1000}"]', "no message of a page"),
        ('["quit"]', "no message of a page"),
        ("[" * 100_000, "not JSON"),
        ("look", "not JSON"),
        (b"look", "not text"),
    ],
)
async def test_a_page_that_is_not_ours_loses_its_socket(
    visit: Visit, said: str | bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = await visit(play=greets)
    await client.get("/play/0")
    socket = await client.ws_connect("/ws/0")
    await socket.receive()
    await (socket.send_bytes(said) if isinstance(said, bytes) else socket.send_str(said))
    last = await socket.receive()
    assert (last.type, last.data, last.extra) == (WSMsgType.CLOSE, 1008, f"closed: {reason}")
    assert not caplog.records
    again = await client.ws_connect("/ws/0")  # the game is free again
    assert (await again.receive()).type == WSMsgType.BINARY
    await again.send_json(["resize", {"width": 900, "height": 300}])
    assert b'"WIDTH": 500, "HEIGHT": 200' in (await again.receive()).data
    await again.send_json(["ping", 7])
    assert await again.receive_json() == ["pong", 7]


async def test_what_goes_wrong_is_said_in_the_browser(visit: Visit) -> None:
    client = await visit()
    await client.get("/play/0")
    async with client.ws_connect("/ws/0") as socket:
        assert (await socket.receive()).data == b"sandbox: there is no room for you\r\n"
        assert (await socket.receive()).type in CLOSED


async def test_a_second_window_takes_the_game_over_and_another_browser_gets_its_own(visit: Visit) -> None:
    client = await visit(play=greets, most=1)
    name = (await client.get("/play/0")).cookies.popitem()[1].value
    first = await client.ws_connect("/ws/0")
    assert (await first.receive()).data == name.encode()
    await first.send_json(["stdin", "look"])
    assert (await first.receive()).data == b"LOOK"

    assert not (await client.get("/play/0")).cookies  # it is known
    second = await client.ws_connect("/ws/0")
    assert (await first.receive()).type in CLOSED
    assert (await second.receive()).data == name.encode()

    client.session.cookie_jar.clear()
    await client.get("/play/0")
    async with client.ws_connect("/ws/0") as other:
        assert b"All places are taken" in (await other.receive()).data
    await second.close()


async def test_a_full_house_is_said_and_games_are_chosen(visit: Visit) -> None:
    client = await visit(games=2, most=0)
    assert (await (await client.get("/")).text()).count("honey &lt;hive&gt;</a>") == 2
    assert (await client.get("/play/2")).status == 404
    assert (await client.get("/ws/1")).status == 400
    await client.get("/play/1")
    async with client.ws_connect("/ws/1") as socket:
        assert b"All places are taken" in (await socket.receive()).data


@pytest.mark.parametrize("given", ["", "file", "variable"])
def test_a_token_is_needed_on_this_machine_too_and_none_on_the_command_line(tmp_path: Path, given: str) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    environment = {**os.environ, "SANDBOX_HOME": str(tmp_path)} | (
        {"SANDBOX_TOKEN": TOKEN} if given == "variable" else {}
    )
    more = ["--token-file", str(tmp_path / "token")] if given == "file" else []
    server = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "serve", "tutorial", "--agent", "random", "--port", "0", *more],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert server.stdout is not None
    try:
        address = server.stdout.readline().split()[1]
        page, _, token = address.partition("?token=")
        assert token == TOKEN if given else len(token) >= 32
        assert httpx.get(page, trust_env=False).status_code == 401
        assert httpx.get(address, trust_env=False).status_code == 302
    finally:
        server.terminate()
        assert server.wait(30) == 0


def test_a_visitors_game_does_not_get_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_TOKEN", TOKEN)
    game = GameService("true", write_bytes=None, write_str=None, close=None, download_manager=None)  # type: ignore[arg-type]
    assert TOKEN not in game._build_environment().values()


def test_addresses_of_this_machine() -> None:
    assert [host for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost") if not is_loopback(host)] == []
    assert [
        host for host in ("0.0.0.0", "::", "", "10.0.0.1", "localhost.evil.example") if is_loopback(host)
    ] == []


def test_a_port_that_is_taken_is_an_error_of_the_user() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(UsageError, match="cannot listen on 127"):
        listen("127.0.0.1", taken.getsockname()[1])


async def test_each_rater_has_a_link_and_rates_a_fork_of_their_own(save: Path) -> None:
    session = open_session(save, Weigher())
    for command in ("take matches", "go north", "go up"):
        session.act(command, decision=session.decide())
    session.close()
    home = Home(save.parent.parent)
    games = rating_games(home, [save.name], ["ann", "bo"], None)
    assert [game.title for game in games] == ["ann", "bo"] and games[0].secret != games[1].secret
    with listen("127.0.0.1", 0) as listening:
        server = GameServer(games, listening, None, 8)
    client: Client = TestClient(TestServer(server.application()))
    await client.start_server()
    try:
        for path in ("/", "/play/0", "/play/none"):
            assert (await client.get(path)).status == 404
        assert games[0].secret in await (await client.get(f"/play/{games[0].secret}")).text()
        async with client.ws_connect(f"/ws/{games[0].secret}?width=100&height=30") as socket:
            shown = b""
            while b"Which is best" not in shown:
                message = await asyncio.wait_for(socket.receive(), 60)
                assert message.type not in CLOSED, shown
                shown += message.data if isinstance(message.data, bytes) else b""
            await socket.send_json(["stdin", "1"])
            while b"1 rated" not in shown:
                message = await asyncio.wait_for(socket.receive(), 60)
                shown += message.data if isinstance(message.data, bytes) else b""
    finally:
        await client.close()
    said = {}
    for name in (save.name, f"{save.name}-ann", f"{save.name}-bo"):
        with Store.open(home.save_folder(name), readonly=True) as store:
            said[name] = {record.annotator for record in store.feedback()}
    assert said == {save.name: set(), f"{save.name}-ann": {"ann"}, f"{save.name}-bo": set()}


async def test_raters_of_a_save_on_a_server_rate_it_together_and_games_are_kept_there(
    save: Path, url: str, tmp_path: Path
) -> None:
    session = open_session(save, Weigher())
    for command in ("take matches", "go north"):
        session.act(command, decision=session.decide())
    session.close()
    with Store.open(save, readonly=True) as source, Store.connect(f"{url}#friday") as target:
        upkeep.copy(source, target)
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox", "--home", str(tmp_path), "serve", "--port", "0"),
        *("--rate", f"{url}#friday", "--rater", "ann", "--rater", "bo"),
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as web:
            for _ in range(2):
                link = (await server.stdout.readline()).decode().split(": ", 1)[1].strip()
                await (await web.get(link)).read()
                place = link.partition("?")[0].replace("/play/", "/ws/")
                async with web.ws_connect(f"{place}?width=100&height=30") as socket:
                    for words, key in ((b"Which is best", "1"), (b"1 rated", "")):
                        while words not in ((await asyncio.wait_for(socket.receive(), 90)).data or b""):
                            pass
                        if key:
                            await socket.send_json(["stdin", key])
    finally:
        server.terminate()
        assert await server.wait() == 0
    with Store.connect(f"{url}#friday", readonly=True) as store:
        assert {record.annotator for record in store.feedback()} == {"ann", "bo"}


async def test_visitors_games_are_kept_in_the_database(url: str, tmp_path: Path) -> None:
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox", "--home", str(tmp_path), "serve", "tutorial", "--agent", "q-table"),
        *("--port", "0", "--database", url),
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    try:
        address = (await server.stdout.readline()).decode().split()[1]
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as web:
            await (await web.get(address)).read()
            page = await web.get(address.replace("/?", "/play/0?"))
            visitor = next(cookie.value for cookie in web.cookie_jar if cookie.key.startswith("sandbox-visitor"))
            place = str(page.url).replace("/play/", "/ws/")
            async with web.ws_connect(f"{place}?width=100&height=30") as socket:
                while b"wants" not in ((await asyncio.wait_for(socket.receive(), 90)).data or b""):
                    pass
                await socket.send_json(["stdin", "take badge\r"])
                while b"You take" not in ((await asyncio.wait_for(socket.receive(), 90)).data or b""):
                    pass
    finally:
        server.terminate()
        assert await server.wait() == 0
    with Store.connect(f"{url}#tutorial-{visitor}", readonly=True) as store:
        assert [node.command for node in store.timeline().nodes()] == ["", "take badge"]
    assert not (tmp_path / "saves").exists()
