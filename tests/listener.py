"""Somebody on this machine who waits for requests that nobody allowed."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_REPLY = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "wait"}}]}


class Listener:
    """Answers every connection like a chat server, and writes down what came over it."""

    def __init__(self) -> None:
        self.log: list[bytes] = []
        """The beginning of what each connection sent, empty where that was nothing."""
        listener = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.settimeout(5)
                listener.log.append(b"")
                number = len(listener.log) - 1
                while chunk := self.request.recv(65536):
                    listener.log[number] += chunk
                    head, _, body = listener.log[number].partition(b"\r\n\r\n")
                    length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
                    if head and len(body) >= int(length or 0):
                        break
                data = json.dumps(_REPLY).encode()
                self.request.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data))

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def listening() -> Iterator[Listener]:
    """A listener for the time of the block."""
    listener = Listener()
    try:
        yield listener
    finally:
        listener.close()
