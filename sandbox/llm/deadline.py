"""A network for httpcore in which a call ends at its deadline, however its bytes trickle.

The timeouts of HTTP clients are for one operation each: a server that sends a byte now and then, or one interim
reply after the other, holds a call for as long as it likes. Here each operation, the look-up of the name included,
gets what is left of the time of the whole call.
"""

from __future__ import annotations

import math
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore

_PIECE = 4096
"""Bytes written at a time: as many as a system that takes any takes at once."""


class DeadlineNetwork(httpcore.NetworkBackend):
    """TCP, within the deadline of the thread. Safe to use from several threads."""

    def __init__(self) -> None:
        self._plain = httpcore.SyncBackend()
        self._own = threading.local()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """All that this thread does on the network in the block takes so long at most.

        Beyond it, operations raise `httpcore.TimeoutException`.
        """
        self._own.until = time.monotonic() + seconds
        try:
            yield
        finally:
            del self._own.until

    def left(self) -> float:
        """Seconds that are left. Raises `httpcore.ReadTimeout` where none is."""
        left = float(getattr(self._own, "until", math.inf)) - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time is up")
        return min(left, threading.TIMEOUT_MAX)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._look_up(host, port)
        while True:
            address, share = addresses.pop(0), self.left() / (len(addresses) + 1)
            try:
                stream = self._plain.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if not addresses:
                    raise
            else:
                return _DeadlineStream(stream, self.left)

    def _look_up(self, host: str, port: int) -> list[str]:
        """The addresses of a host. The system's look-up cannot be told to hurry, so it may be left behind."""
        found: queue.SimpleQueue[list[str] | OSError | UnicodeError] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                found.put(list(dict.fromkeys(str(entry[4][0]) for entry in entries)))
            except (OSError, UnicodeError) as error:
                found.put(error)

        threading.Thread(target=look_up, name="look-up", daemon=True).start()
        try:
            answer = found.get(timeout=self.left())
        except queue.Empty:
            raise httpcore.ConnectTimeout(f"{host} was not found in time") from None
        if isinstance(answer, Exception):
            raise httpcore.ConnectError(str(answer)) from answer
        return answer


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, left: Callable[[], float]) -> None:
        self._stream, self._left = stream, left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            self._stream.write(buffer[start : start + _PIECE], self._left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, self._left()), self._left)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def proxy_for(scheme: str, host: str) -> httpcore.Proxy | None:
    """The proxy that the environment names for a host, as in `HTTPS_PROXY`; None where there is none."""
    proxies = getproxies()
    found = proxies.get(scheme) or proxies.get("all")
    if not found or proxy_bypass(host):
        return None
    parts = urlsplit(found if "://" in found else f"http://{found}")
    auth = None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
    return httpcore.Proxy(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), auth=auth)
