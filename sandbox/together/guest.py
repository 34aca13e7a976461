"""The side of whoever joins: finds the game, sends lines, hears what comes, and comes back if it is cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs, urlsplit

from pydantic import TypeAdapter, ValidationError

from sandbox.errors import PlayError, UsageError
from sandbox.text import clean_line
from sandbox.together import wire
from sandbox.together.places import GameOffer, GamePlace, key_of

if TYPE_CHECKING:
    import aiohttp

_PATIENCE = 60.0
"""Seconds for which a game that cannot be reached is waited for."""
_PAUSE = 1.0
_CONNECTING = 10.0
_OFFERS = TypeAdapter(list[GameOffer])
_LARGEST_LIST = 1 << 20

HELP = (
    "What you type is your command to the world, when it is your turn; what comes too early waits for it.",
    "/chat WORDS: say something to the people; no agent and no world hears it",
    "/help: this",
    "/quit: leave; your seat goes back to the screen where the game is",
)


@dataclass(frozen=True, slots=True)
class Server:
    """A `sandbox serve`, and the way in."""

    base: str
    """`http://HOST:PORT`."""
    token: str
    game: str = ""
    """Which of its games; empty where the address names none."""

    @classmethod
    def parse(cls, url: str, token: str = "") -> Server:
        """Raises `UsageError`.

        Args:
            url: as `sandbox serve` prints it, with the token; or with `/join/GAME` in it.
            token: where the address has none.
        """
        try:
            parts = urlsplit(url)
            parts.port  # noqa: B018 - read here, as it may raise
        except ValueError as error:
            raise UsageError(f"this is no address: {error}") from error
        path = parts.path.strip("/").split("/")
        game = path[1] if len(path) == 2 and path[0] == "join" and path[1].isalnum() else ""
        if parts.scheme not in ("http", "https") or not parts.hostname or (path != [""] and not game):
            raise UsageError(
                "this is no address of a game", hint="such as http://HOST:8000/?token=..., as `sandbox serve` says"
            )
        found = parse_qs(parts.query).get("token", [token])[0]
        return cls(f"{parts.scheme}://{parts.netloc}", found, game)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def address(self, game: str) -> str:
        """Of one of its games, without the token."""
        return f"{self.base}/join/{game}"


class GuestConnection(Protocol):
    """A connection to a game."""

    async def send(self, message: wire.FromGuest) -> None:
        """Raises `OSError`."""

    async def receive(self) -> wire.ToGuest | None:
        """The next message; None where the connection is over. Raises `OSError`, `PlayError`."""


class _Socket:
    """A socket of this machine."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
        self._reader, self._writer, self._key = reader, writer, key

    async def send(self, message: wire.FromGuest) -> None:
        if isinstance(message, wire.Join):
            message = message.model_copy(update={"key": self._key})
        self._writer.write(wire.packed(message))
        await self._writer.drain()

    async def receive(self) -> wire.ToGuest | None:
        try:
            return wire.to_guest(await self._reader.readuntil())
        except EOFError:
            return None
        except asyncio.LimitOverrunError as error:
            raise PlayError("the game says too much at once") from error


class _Web:
    """A web socket of a server."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, message: wire.FromGuest) -> None:
        await self._socket.send_str(wire.packed(message).decode().rstrip())

    async def receive(self) -> wire.ToGuest | None:
        from aiohttp import WSMsgType

        said = await self._socket.receive()
        if said.type == WSMsgType.TEXT:
            return wire.to_guest(said.data)
        return None


@asynccontextmanager
async def _line_to(game: str, server: Server | None) -> AsyncIterator[GuestConnection]:
    """Raises `OSError` where the game cannot be reached, `UsageError` where it is none or one may not come in."""
    if server is None:
        place, key = GamePlace.of(game), key_of(game)
        reader, writer = await asyncio.open_unix_connection(str(place.socket), limit=wire.TO_GUEST)
        try:
            yield _Socket(reader, writer, key)
        finally:
            with suppress(OSError):
                writer.close()
        return
    import aiohttp

    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(connect=_CONNECTING)) as web,
            web.ws_connect(
                server.address(game), headers=server.headers, max_msg_size=wire.TO_GUEST, heartbeat=15
            ) as socket,
        ):
            yield _Web(socket)
    except aiohttp.WSServerHandshakeError as error:
        raise _refused(error.status, game) from error
    except aiohttp.ClientError as error:
        raise ConnectionError(str(error)) from error


def _refused(status: int, game: str = "") -> UsageError:
    if status == 401:
        return UsageError("the server wants another token", hint="take the address that `sandbox serve` printed")
    if status == 404 and game:
        return UsageError(f"no game {game!r} runs there", hint="`sandbox join ADDRESS` lists those that do")
    return UsageError(f"the server refuses: HTTP {status}", hint="is it a `sandbox serve`?")


async def offers(server: Server) -> list[GameOffer]:
    """The games that run there. Raises `UsageError`."""
    import aiohttp

    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_CONNECTING)) as web,
            web.get(f"{server.base}/games", headers=server.headers, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise _refused(answer.status)
            return _OFFERS.validate_json(await answer.content.read(_LARGEST_LIST))
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        told = clean_line(str(error) or "no answer", 200)
        raise UsageError(f"the server cannot be reached: {told}", where=server.base) from error
    except ValidationError as error:
        raise UsageError("this is no `sandbox serve` that lets people join", where=server.base) from error


class Guest:
    """Somebody who joins one game.

    Args:
        game: which.
        server: where; None is this machine.
        join: which seat, or to watch.
        hear: takes what is to be shown; `Bye` is the last.
    """

    def __init__(
        self, game: str, server: Server | None, join: wire.Join, hear: Callable[[wire.ToGuest], object]
    ) -> None:
        self._game, self._server, self._join, self._hear = game, server, join, hear
        self._outbox: asyncio.Queue[wire.FromGuest] = asyncio.Queue(100)
        self._left = False
        self._lost: float | None = None
        """When the connection was lost, in monotonic seconds; None while there is one."""

    def type(self, text: str) -> None:
        """Take a line that was typed. Raises `UsageError` for a verb that is none, `PlayError` for too many."""
        line = clean_line(text)
        verb, _, words = line.partition(" ")
        if not line:
            return
        if not line.startswith("/"):
            self._send(wire.SeatCommand(text=line))
        elif verb == "/chat" and words:
            self._send(wire.Chat(words=words))
        elif verb == "/help":
            for each in HELP:
                self._hear(wire.Note(text=each))
        elif verb == "/quit":
            self.leave()
        else:
            raise UsageError(f"there is no {verb} here", hint="/help lists what there is")

    def leave(self) -> None:
        """Get up, and hear no more."""
        self._left = True
        self._send(wire.Leave())

    def _send(self, message: wire.FromGuest) -> None:
        try:
            self._outbox.put_nowait(message)
        except asyncio.QueueFull as error:
            raise PlayError("the game does not take so much") from error

    async def run(self) -> None:
        """Until one side has had enough. Raises `SandboxError` where the game cannot be joined, now or again."""
        while True:
            try:
                async with _line_to(self._game, self._server) as line:
                    if await self._talk(line):
                        return
                problem = "the connection was lost"
            except OSError as error:
                problem = clean_line(str(error) or type(error).__name__, 200)
            except UsageError as error:  # it may be opening again
                if not self._join.ticket:
                    raise
                problem = error.message
            if self._left:
                return
            self._lost = self._lost or monotonic()
            if not self._join.ticket or monotonic() - self._lost > _PATIENCE:
                raise PlayError(f"the game cannot be reached: {problem}")
            self._hear(wire.Note(text=f"Waiting for the game, {_PATIENCE:.0f} seconds at most: {problem}"))
            await asyncio.sleep(_PAUSE)

    async def _talk(self, line: GuestConnection) -> bool:
        """Until the connection is over. True where that is for good."""
        await line.send(self._join)
        sending = asyncio.ensure_future(self._pass_on(line))
        try:
            while (message := await line.receive()) is not None:
                if isinstance(message, wire.Welcome):
                    self._join, self._lost = self._join.model_copy(update={"ticket": message.ticket}), None
                self._hear(message)
                if isinstance(message, wire.Bye):
                    return True
            return self._left
        finally:
            sending.cancel()

    async def _pass_on(self, line: GuestConnection) -> None:
        with suppress(OSError):
            while True:
                await line.send(await self._outbox.get())
