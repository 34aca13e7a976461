"""The server behind `sandbox serve`."""

from __future__ import annotations

import asyncio
import re
import secrets
import shlex
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import textual_serve
from aiohttp import WSCloseCode, WSMsgType, web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from textual_serve.app_service import AppService
from textual_serve.server import Server, to_int

from sandbox.errors import UsageError
from sandbox.tui.web.guard import add_headers, guard
from sandbox.tui.web.lobby import WebLobby
from sandbox.tui.web.service import GameService
from sandbox.tui.web.wire import WireError, clamped, read

_HERE = Path(__file__).parent
_VISITOR = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class ServedGame:
    """Something that visitors can open."""

    title: str
    command: Callable[[str], Sequence[str]]
    """The words of the command that plays it, for a visitor of this name."""
    secret: str = ""
    """Where it is only for whoever has its link: the part of the address that leads there."""


class GameServer(Server):
    """Shows games in browsers. A browser keeps its games: coming back, or in another window, it goes on with them.

    Args:
        games: what there is to open.
        listening: the socket to serve on.
        token: what visitors have to bring; None lets everybody on this machine in.
        most: games that may be open at once.
        lobby: where running games are joined; None where there is no such place.
    """

    def __init__(
        self,
        games: Sequence[ServedGame],
        listening: socket.socket,
        token: str | None,
        most: int,
        lobby: WebLobby | None = None,
    ) -> None:
        host, port = listening.getsockname()[:2]
        super().__init__("sandbox", host, port, title="sandbox")
        self._games = games
        self._listening = listening
        self._most = most
        self._cookies = (f"sandbox-token-{port}", f"sandbox-visitor-{port}")
        self._token = token
        self._lobby = lobby
        self._open: dict[tuple[str, str], GameService] = {}
        self._templates = Environment(
            loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )

    def run(self, ready: Callable[[], None]) -> None:
        """Serve until the process is told to end; `ready` is called when it does."""

        async def say(app: web.Application) -> None:
            ready()

        app = self.application()
        app.on_startup.append(say)
        web.run_app(app, sock=self._listening, print=None, access_log=None, shutdown_timeout=5)

    def application(self) -> web.Application:
        """All routes, guarded."""
        app = web.Application(middlewares=[guard(self._token, self._cookies[0])])
        app.on_response_prepare.append(add_headers)
        app.on_shutdown.append(self.on_shutdown)
        statics = Path(textual_serve.__file__).parent / "static"
        app.add_routes(
            [
                web.get("/", self._index),
                web.get(r"/play/{game:[\w-]{1,64}}", self._play),
                web.get(r"/ws/{game:[\w-]{1,64}}", self.handle_websocket),
                *([] if self._lobby is None else self._lobby_routes(self._lobby)),
                web.get("/download/{key}", self.handle_download),
                web.get("/terminal.js", self._script),
                web.static("/static", statics),
            ]
        )
        return app

    async def on_shutdown(self, app: web.Application) -> None:
        await asyncio.gather(*(game.stop() for game in self._open.values()), return_exceptions=True)

    # Pages.

    def _lobby_routes(self, lobby: WebLobby) -> list[web.RouteDef]:
        async def page(request: web.Request) -> web.StreamResponse:
            return self._page("lobby.html.j2", games=await asyncio.to_thread(lobby.offers))

        async def sit(request: web.Request) -> web.StreamResponse:
            game, seat = await asyncio.to_thread(lobby.seat, request)
            return self._terminal(
                request, f"{game.title}: {seat.name if seat else 'watching'}", lobby.path(game, seat)
            )

        async def play(request: web.Request) -> web.WebSocketResponse:
            game, seat = await asyncio.to_thread(lobby.seat, request)
            return await self._show(request, lobby.path(game, seat), lobby.command(game, seat))

        return [
            web.get("/lobby", page),
            web.get("/games", lobby.list),
            web.get(r"/join/{game:[0-9a-f]{6,16}}", lobby.relay),
            web.get(r"/sit/{game:[0-9a-f]{6,16}}/{seat:[^/]{0,200}}", sit),
            web.get(r"/ws/sit/{game:[0-9a-f]{6,16}}/{seat:[^/]{0,200}}", play),
        ]

    async def _index(self, request: web.Request) -> web.StreamResponse:
        if any(game.secret for game in self._games):
            raise web.HTTPNotFound(text="Everybody has a link of their own: ask for yours.")
        if len(self._games) == 1:
            raise web.HTTPFound("/play/0")
        return self._page("choose.html.j2", games=self._games, lobby=self._lobby is not None)

    async def _play(self, request: web.Request) -> web.StreamResponse:
        number = self._number(request)
        game = self._games[number]
        return self._terminal(request, game.title, game.secret or str(number))

    def _terminal(self, request: web.Request, title: str, place: str) -> web.Response:
        """The page with a terminal, whose program is behind a place of `/ws`."""
        size = max(8, min(40, to_int(request.query.get("fontsize", "16"), 16)))
        page = self._page("terminal.html.j2", title=title, number=place, font_size=size)
        if not _VISITOR.fullmatch(request.cookies.get(self._cookies[1], "")):
            page.set_cookie(
                self._cookies[1], secrets.token_hex(8), httponly=True, samesite="Lax", max_age=365 * 24 * 3600
            )
        return page

    async def _script(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(_HERE / "terminal.js")

    def _page(self, name: str, **values: object) -> web.Response:
        return web.Response(text=self._templates.get_template(name).render(values), content_type="text/html")

    def _number(self, request: web.Request) -> int:
        asked = request.match_info["game"]
        for number, game in enumerate(self._games):
            if secrets.compare_digest((game.secret or str(number)).encode(), asked.encode()):
                return number
        raise web.HTTPNotFound

    # Games.

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Play one game with one browser, until either leaves."""
        number = self._number(request)
        game = self._games[number]
        return await self._show(request, str(number), game.command, private=bool(game.secret))

    async def _show(
        self, request: web.Request, place: str, command: Callable[[str], Sequence[str]], *, private: bool = False
    ) -> web.WebSocketResponse:
        """Run a program for one browser, until either leaves.

        Args:
            request: of the browser.
            place: what it is; a browser has each place once.
            command: the words of the program, for a visitor of this name.
            private: whether one who has the link goes on in another browser.
        """
        visitor = request.cookies.get(self._cookies[1], "")
        if not _VISITOR.fullmatch(visitor):
            raise web.HTTPBadRequest(text="open the page first")
        if private:
            visitor = "the one who has the link"
        socket = web.WebSocketResponse(heartbeat=15, max_msg_size=1 << 20)
        await socket.prepare(request)
        if (visitor, place) not in self._open and len(self._open) >= self._most:
            await socket.send_bytes(b"All places are taken. Come back later.\r\n")
            await socket.close()
            return socket
        game = GameService(
            "exec " + shlex.join(command(visitor)),
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=lambda: _close(socket),
            download_manager=self.download_manager,
        )
        before, self._open[visitor, place] = self._open.get((visitor, place)), game
        try:
            if before is not None:
                await before.stop()
            await game.start(*_size(request))
            await self._process_messages(socket, game)
        except WireError as error:
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=f"closed: {error}".encode())
        finally:
            await asyncio.shield(game.stop())
            if self._open.get((visitor, place)) is game:
                del self._open[visitor, place]
        return socket

    async def _process_messages(self, websocket: web.WebSocketResponse, app_service: AppService) -> None:
        """Pass on what the page says, until it leaves. Raises `WireError`."""
        async for message in websocket:
            if message.type != WSMsgType.TEXT:
                raise WireError("not text")
            said = read(message.data)
            match said.kind:
                case "stdin":
                    await app_service.send_bytes(said.keys)
                case "resize":
                    await app_service.set_terminal_size(*said.size)
                case "ping":
                    await websocket.send_json(["pong", said.ping])
                case "blur":
                    await app_service.blur()
                case "focus":
                    await app_service.focus()


async def _close(socket: web.WebSocketResponse) -> None:
    await socket.close()


def _size(request: web.Request) -> tuple[int, int]:
    width, height = (to_int(request.query.get(side, ""), 0) for side in ("width", "height"))
    return clamped(width or 80, height or 24)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes any that is free. Raises `UsageError`."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}",
            hint="choose another --port; --port 0 takes any that is free",
        ) from error
