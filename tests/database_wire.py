"""A wire to a PostgreSQL server that can be cut and mended: what is sent over it is real."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


class Wire:
    """Passes connections to a port of this machine on to the socket of a server.

    Args:
        url: of a database on the server.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = Path(parse_qs(parts.query)["host"][0]) / ".s.PGSQL.5432"
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._port = self._listening.getsockname()[1]
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}{parts.path}"
        """Of the same database, over the wire."""
        self._attend()

    def cut(self) -> None:
        """Drop all connections, and refuse others."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def mend(self) -> None:
        """Pass connections on again."""
        self._listening = socket.create_server(("127.0.0.1", self._port))
        self._attend()

    def _attend(self) -> None:
        listening = self._listening

        def accept() -> None:
            with suppress(OSError):
                while True:
                    near = listening.accept()[0]
                    far = socket.socket(socket.AF_UNIX)
                    far.connect(str(self._target))
                    self._open += [near, far]
                    for one, other in ((near, far), (far, near)):
                        threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    for each in (one, other):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
