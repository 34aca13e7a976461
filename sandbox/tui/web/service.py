"""One visitor's game: a process that draws, and the browser it draws for."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from textual_serve.app_service import AppService

_PATIENCE = 10.0
"""Seconds that a game may take to leave."""
_ERRORS = 1 << 16
_LONGEST = 1 << 24
_GREETING = b"__GANGLION__\n"


class GameService(AppService):
    """Like its parent, but says in the browser why a game could not be opened, and closes what has ended."""

    async def run(self) -> None:
        """Pass on what the process writes until it ends."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        assert process.stderr is not None
        errors = asyncio.create_task(_tail(process.stderr))
        try:
            while (line := await process.stdout.readline()) and line != _GREETING:
                pass
            while True:
                kind, size = await process.stdout.readexactly(1), await process.stdout.readexactly(4)
                length = int.from_bytes(size, "big")
                if length > _LONGEST:
                    break
                payload = await process.stdout.readexactly(length)
                if kind == b"D":
                    await self.on_data(payload)
                elif kind == b"M":
                    await self.on_meta(payload)
                elif kind == b"P":
                    await self.on_packed(payload)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            pass
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _PATIENCE)
        if process.returncode is None:
            process.kill()
        with suppress(ConnectionError):
            if process.returncode != 0:
                await self.on_data((await errors).replace(b"\n", b"\r\n"))
            await self.remote_close()


async def _tail(stream: asyncio.StreamReader) -> bytes:
    """All of a stream is read, its end is kept."""
    kept = b""
    while part := await stream.read(4096):
        kept = (kept + part)[-_ERRORS:]
    return kept
