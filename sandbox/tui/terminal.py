"""The terminal that the screen is drawn in, and how it is left: told to end, hung up, or suspended.

Textual's driver leaves SIGTERM and SIGHUP to kill the process, with the terminal as the screen had it. Where the
terminal is gone and SIGHUP is ignored, its input thread reads the end of the input for ever, and the thread that
writes dies, after which the screen waits for it. Suspended, it stops itself alone, so that a shell that waits for
`make play` never hears of it.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread, Timer
from types import FrameType
from typing import Any, TextIO, cast

from textual.drivers.linux_driver import LinuxDriver

_PATIENCE = 0.8
"""Seconds to close the save and to leave the screen in order, once told to end."""
_WATCH = 0.25
"""Seconds between two looks at whether the terminal is still there."""
_ENDINGS = (signal.SIGTERM, signal.SIGHUP)
_MODES = b"?2004l ?7h ?2048l ?1000l ?1003l ?1015l ?1006l <u ?1049l ?25h ?1004l"
"""Paste, wrap, resizing, mouse, keyboard protocol, alternate screen, cursor and focus, as a shell wants them."""
_PUT_BACK = b"".join(b"\x1b[" + mode for mode in _MODES.split())


class TerminalDriver(LinuxDriver):
    """Leaves in order on SIGTERM, SIGHUP, or when the terminal is gone; the app's return code is 128 + the signal.

    What does not end in time is left behind: a turn is in its save as soon as it is played.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._output = _Output(sys.__stderr__ or sys.stderr)
        self._file = cast(Any, self._output)
        self._handlers: dict[int, Any] = {}
        self._left = Event()
        self._suspended = False

    def start_application_mode(self) -> None:
        self._left.set()
        self._left = left = Event()
        loop = asyncio.get_running_loop()
        for number in _ENDINGS:
            if signal.getsignal(number) != signal.SIG_IGN:  # as `nohup` has it
                self._handlers.setdefault(number, signal.signal(number, self._told_to_end(loop)))
        super().start_application_mode()  # type: ignore[no-untyped-call]
        # Brought to the background instead of back to the front, it has been stopped again before it began.
        self._suspended = self._writer_thread is None or not self._writer_thread.is_alive()
        Thread(target=self._watch, args=(loop, left), name="terminal-watch", daemon=True).start()

    def stop_application_mode(self) -> None:
        self._left.set()
        super().stop_application_mode()

    def close(self) -> None:
        super().close()
        while self._handlers:
            signal.signal(*self._handlers.popitem())

    # Told to end.

    def _told_to_end(self, loop: asyncio.AbstractEventLoop) -> Callable[[int, FrameType | None], None]:
        return lambda number, frame: self._leave(loop, number)

    def _leave(self, loop: asyncio.AbstractEventLoop, number: int) -> None:
        """Ask the app to end, from any thread; end the process where that takes too long."""
        late = Timer(_PATIENCE, self._end_now, (128 + number,))
        late.daemon = True
        late.start()
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(lambda: self._app.exit(return_code=128 + number))

    def _end_now(self, code: int) -> None:
        with suppress(OSError, ValueError, termios.error):
            output = self._output.fileno()
            if not self._left.is_set() and select.select([], [output], [], 0)[1]:
                os.write(output, _PUT_BACK)
            if self.attrs_before is not None:
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)
        os._exit(code)

    # The terminal is gone.

    def _watch(self, loop: asyncio.AbstractEventLoop, left: Event) -> None:
        """Until the screen is left, look whether the other side of the terminal is still there."""
        poll = select.poll()
        poll.register(self.fileno, 0)
        while not left.wait(_WATCH):
            if poll.poll(0):  # nothing was asked for, so it is a hang-up or an error
                self.exit_event.set()
                self._leave(loop, signal.SIGHUP)
                return

    def _run_input_thread(self) -> None:
        with suppress(OSError):  # reading from a terminal that is gone: `_watch` sees that too
            self.run_input_thread()

    # Suspended.

    def _sigtstp_application(self, *_: Any) -> None:
        """Stop the process group, as the terminal does it where Ctrl+Z is its own."""
        if self._auto_restart:
            self.suspend_application_mode()
            self._must_signal_resume = self._suspended = True
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.killpg(os.getpgrp(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._sigtstp_application)
        self._sigcont_application()

    def _sigcont_application(self, *_: Any) -> None:
        """Go on; a second screen is not opened where this one was not left."""
        if self._suspended:
            self.resume_application_mode()


class _Output:
    """What the terminal is written to: the thread that writes must not die with the terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()
