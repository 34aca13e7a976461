"""A server of the tests: it answers as a function says, and notes what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes | Iterator[bytes]]


def said(*lines: str, tokens: int = 10) -> Answer:
    """A chat reply."""
    choices = [{"index": i, "message": {"role": "assistant", "content": line}} for i, line in enumerate(lines)]
    return 200, {}, json.dumps({"choices": choices, "usage": {"total_tokens": tokens}}).encode()


def problem(status: int, message: str = "", **headers: str) -> Answer:
    return status, headers, json.dumps({"error": {"message": message}}).encode()


class Server:
    """A server on loopback whose every reply is decided by a function of path and body.

    Args:
        answer: the function.
        owner: whose the model is said to be, where the server lists its models.
    """

    def __init__(self, answer: Callable[[str, Body], Answer], owner: str = "") -> None:
        self.asked: list[tuple[str, Body]] = []
        self.authorisations: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listed = json.dumps({"data": [{"id": "parrot", "owned_by": owner}]}).encode()
                self.send_response(200 if owner and self.path == "/v1/models" else 404)
                self.send_header("Content-Length", str(len(listed)))
                self.end_headers()
                self.wfile.write(listed)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.asked.append((self.path, body))
                server.authorisations.append(self.headers["Authorization"])
                status, headers, data = answer(self.path, body)
                self.send_response(status)
                length = {"Content-Length": str(len(data))} if isinstance(data, bytes) else {}
                for name, value in {**length, **headers}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                with suppress(BrokenPipeError, ConnectionResetError):
                    for chunk in [data] if isinstance(data, bytes) else data:
                        self.wfile.write(chunk)

            def log_message(self, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def paths(self) -> list[str]:
        return [path.removeprefix("/v1/") for path, _ in self.asked]


@contextmanager
def serving(answer: Callable[[str, Body], Answer], owner: str = "") -> Iterator[Server]:
    server = Server(answer, owner)
    try:
        yield server
    finally:
        server.close()


def in_turn(*answers: Answer) -> Callable[[str, Body], Answer]:
    """These answers one after the other, the last for ever."""
    left = list(answers)
    return lambda path, body: left.pop(0) if len(left) > 1 else left[0]
