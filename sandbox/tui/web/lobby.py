"""The running games of a home, for visitors: a list, a seat in a browser, and the way in for `sandbox join`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import quote

from aiohttp import WSCloseCode, WSMsgType, web

from sandbox.errors import PlayError, UsageError
from sandbox.together import wire
from sandbox.together.places import GameOffer, GamePlace, SeatOffer, key_of, running

WATCH = "-"
"""In the place of a seat: no seat."""
_MOST = 64
"""Guests who come in through here at once."""


class WebLobby:
    """Lets visitors into the running games of one home.

    Args:
        home: the folder.
        program: the words with which the command line of this very program begins.
    """

    def __init__(self, home: Path, program: Sequence[str]) -> None:
        self._home = home
        self._program = program
        self._relayed = 0

    def offers(self) -> list[GameOffer]:
        """What there is to join. Reads files."""
        return running(self._home)

    async def list(self, request: web.Request) -> web.StreamResponse:
        """The same for programs."""
        found = await asyncio.to_thread(self.offers)
        return web.json_response([each.model_dump() for each in found])

    # In a browser.

    def seat(self, request: web.Request) -> tuple[GameOffer, SeatOffer | None]:
        """The seat that an address names; None to watch. Raises `HTTPNotFound`."""
        asked = request.match_info["seat"]
        for game in self.offers():
            if game.id == request.match_info["game"]:
                if asked == WATCH:
                    return game, None
                for seat in game.seats:
                    if seat.seat == asked:
                        return game, seat
        raise web.HTTPNotFound(text="There is no such game, or it has no such seat: look into the lobby again.")

    def path(self, game: GameOffer, seat: SeatOffer | None) -> str:
        """The address of a seat, below the server's."""
        return f"sit/{game.id}/{WATCH if seat is None else quote(seat.seat, safe='')}"

    def command(self, game: GameOffer, seat: SeatOffer | None) -> Callable[[str], Sequence[str]]:
        """What is run for a browser that takes a seat."""
        words = (*self._program, "join", game.id, "--watch" if seat is None else f"--seat={seat.seat}")
        return partial(_same, words)

    # For programs.

    async def relay(self, request: web.Request) -> web.StreamResponse:
        """Pass on what a guest and a game have to say to each other, a message at a time, within their bounds."""
        if "Upgrade" not in request.headers:
            raise web.HTTPFound("/lobby")  # a browser that was given the address for `sandbox join`
        game = request.match_info["game"]
        if self._relayed >= _MOST:
            raise web.HTTPServiceUnavailable(text="All places are taken. Come back later.")
        offered = await asyncio.to_thread(self.offers)
        if game not in {each.id for each in offered}:
            raise web.HTTPNotFound(text="There is no such game.")
        socket = web.WebSocketResponse(heartbeat=15, max_msg_size=wire.FROM_GUEST)
        self._relayed += 1
        try:
            await socket.prepare(request)
            with suppress(OSError, UsageError):  # it has just ended
                reader, writer = await asyncio.open_unix_connection(
                    str(GamePlace.of(game).socket), limit=wire.TO_GUEST
                )
                telling = asyncio.ensure_future(_tell(reader, socket))
                try:
                    await _ask(socket, writer, key_of(game))
                finally:
                    writer.close()
                    telling.cancel()
            await socket.close()
        except PlayError as error:
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=f"closed: {error.message}".encode())
        finally:
            self._relayed -= 1
        return socket


async def _ask(socket: web.WebSocketResponse, writer: asyncio.StreamWriter, key: str) -> None:
    """What the guest says. Raises `PlayError` for what is no message, `OSError` where the game is gone."""
    async for said in socket:
        if said.type != WSMsgType.TEXT:
            raise PlayError("not text")
        message = wire.from_guest(said.data)
        if isinstance(message, wire.Join):
            message = message.model_copy(update={"key": key})
        writer.write(wire.packed(message))
        await writer.drain()


async def _tell(reader: asyncio.StreamReader, socket: web.WebSocketResponse) -> None:
    """What the game says."""
    with suppress(OSError, EOFError, asyncio.LimitOverrunError):
        while True:
            await socket.send_str((await reader.readuntil()).decode("utf-8", "replace").rstrip())
    await socket.close()


def _same(words: Sequence[str], visitor: str) -> Sequence[str]:
    return words
