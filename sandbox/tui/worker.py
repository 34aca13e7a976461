"""What takes time happens on threads of a worker, and what came of it arrives as messages that carry values.

Workers never touch a widget: they post. Nothing is posted once a worker is closed, or its application gone.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event

from textual.message import Message

from sandbox.errors import NoMemoryError, SandboxError


class News(Message, bubble=False):
    """Something has come of work in the background."""


class BackgroundWorker:
    """Threads by name: jobs of one thread run one after the other. Its methods but `tell` are for the screen's.

    Args:
        post: delivers a message to a screen, or to the application, from any thread.
    """

    def __init__(self, post: Callable[[Message], object]) -> None:
        self.closed = Event()
        self._post = post
        self._threads: dict[str, ThreadPoolExecutor] = {}

    def submit(
        self, thread: str, job: Callable[[], object], failed: Callable[[Exception], Message] | None = None
    ) -> None:
        """Have a job run; what it raises is told as the message that `failed` makes of it."""

        def run() -> None:
            try:
                job()
            except Exception as error:
                if failed is not None:
                    self.tell(failed(NoMemoryError.of(error) or error))

        with suppress(RuntimeError):  # closed meanwhile
            self._thread(thread).submit(run)

    def tell(self, message: Message) -> None:
        """Post a message."""
        with suppress(RuntimeError):  # the application's loop may be gone
            if not self.closed.is_set():
                self._post(message)

    def close(self, thread: str = "", last: Callable[[], object] | None = None) -> None:
        """Let what has begun end, its result dropped. With a last job, wait until that is done on its thread."""
        self.closed.set()
        if last is not None:
            self._thread(thread).submit(last)
        for name, each in self._threads.items():
            each.shutdown(wait=last is not None and name == thread, cancel_futures=name != thread)

    def _thread(self, name: str) -> ThreadPoolExecutor:
        if name not in self._threads:
            self._threads[name] = ThreadPoolExecutor(1, name)
        return self._threads[name]


def sentence(error: Exception) -> str:
    """An error as one line."""
    return str(error) if isinstance(error, SandboxError) else f"{type(error).__name__}: {error}"
