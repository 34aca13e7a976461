"""One visitor's game: a process that draws, and the browser it draws for."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from textual_serve.app_service import AppService

_PATIENCE = 10.0
"""Seconds that a game may take to leave when it is told to."""
_LAST_WORDS = 1 << 16
_LONGEST = 1 << 24
"""Bytes of one packet."""
TOKEN_VARIABLE = "SANDBOX_TOKEN"
_GREETING = b"__GANGLION__\n"


class GameService(AppService):
    """Like its parent, but says in the browser why a game could not be opened, and closes what has ended."""

    def _build_environment(self, width: int = 80, height: int = 24) -> dict[str, str]:
        """As the parent has it, without the token, which is the server's alone."""
        environment = super()._build_environment(width, height)
        environment.pop(TOKEN_VARIABLE, None)
        return environment

    async def run(self) -> None:
        """Pass on what the process writes until it ends."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        assert process.stderr is not None
        errors = asyncio.create_task(_end_of(process.stderr))
        with suppress(asyncio.IncompleteReadError):
            await self._pass_on(process.stdout)
        code, last_words = await process.wait(), await errors
        with suppress(ConnectionError):
            if code:
                await self.on_data(last_words.replace(b"\n", b"\r\n"))
            await self.remote_close()

    async def stop(self) -> None:
        """Have the game left, and wait until it is; one that does not leave in time is ended."""
        if self._task is None or self._process is None:
            return
        await self._download_manager.cancel_app_downloads(app_service_id=self.app_service_id)
        await self.send_meta({"type": "quit"})
        await asyncio.wait({self._task}, timeout=_PATIENCE)
        with suppress(ProcessLookupError):
            if self._process.returncode is None:
                self._process.kill()
        await self._task

    async def _pass_on(self, stream: asyncio.StreamReader) -> None:
        while (line := await stream.readline()) and line != _GREETING:
            pass
        while True:
            kind, size = await stream.readexactly(1), await stream.readexactly(4)
            length = int.from_bytes(size, "big")
            if length > _LONGEST:
                return
            payload = await stream.readexactly(length)
            with suppress(ConnectionError):  # the browser may be gone; the process must be able to write on
                if kind == b"D":
                    await self.on_data(payload)
                elif kind == b"M":
                    await self.on_meta(payload)
                elif kind == b"P":
                    await self.on_packed(payload)


async def _end_of(stream: asyncio.StreamReader) -> bytes:
    """All of a stream is read, its end is kept."""
    kept = b""
    while part := await stream.read(4096):
        kept = (kept + part)[-_LAST_WORDS:]
    return kept
