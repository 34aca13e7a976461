"""A program in a real terminal: a process behind a pseudo-terminal, and an emulator that draws what it prints."""

from __future__ import annotations

import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from fcntl import ioctl
from types import TracebackType

import pyte

_CHUNK = 65536


class Terminal:
    """A program in a terminal of the given size. Killed when the block ends, if it still runs.

    Args:
        words: the program and its arguments.
        columns: width in cells.
        rows: height in cells.
        environment: of the program. `TERM` is set; `COLUMNS` and `LINES`, which outweigh the size, go.
    """

    def __init__(
        self,
        words: Sequence[str],
        columns: int = 80,
        rows: int = 24,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        given = dict(os.environ if environment is None else environment) | {"TERM": "xterm-256color"}
        for size in ("COLUMNS", "LINES"):
            given.pop(size, None)
        self.pid, self._file = pty.fork()
        if self.pid == 0:
            os.execvpe(words[0], list(words), given)
        ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def text(self) -> str:
        """What the screen shows, a line a row."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def modes(self) -> frozenset[int]:
        """Numbers of the private modes (DECSET) that are on, such as 25 for the cursor."""
        return frozenset(mode >> 5 for mode in self._screen.mode if mode >= 1 << 5)

    def type(self, keys: str) -> None:
        os.write(self._file, keys.encode())

    def read(self, seconds: float) -> bytes | None:
        """What is printed next, drawn too; nothing where that takes longer, None where the program has ended."""
        if not select.select([self._file], [], [], seconds)[0]:
            return b""
        try:
            printed = os.read(self._file, _CHUNK)
        except OSError:  # how Linux says that the other side is closed
            return None
        self._stream.feed(printed)
        return printed or None

    def until(self, seen: Callable[[str], bool], seconds: float = 90) -> str:
        """Read until the screen shows something; its text. Raises `TimeoutError` with what it showed instead."""
        end = time.monotonic() + seconds
        while not seen(self.text):
            if time.monotonic() > end or self.read(0.1) is None:
                raise TimeoutError(f"never seen on the screen:\n{self.text}")
        return self.text

    def settle(self, seconds: float) -> None:
        """Read for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self.read(left) is not None:
            pass

    def signal(self, number: int) -> None:
        """Send the program a signal."""
        os.kill(self.pid, number)

    def hang_up(self) -> None:
        """The terminal is closed under the program."""
        os.close(self._file)
        self._file = -1

    def exit_code(self) -> int:
        """Wait for the program's end."""
        while self._file >= 0 and self.read(0.1) is not None:
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def kill(self) -> None:
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        if self._file >= 0:
            os.close(self._file)
