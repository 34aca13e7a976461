"""A hub on the loopback interface: as much of the protocol as `huggingface_hub` speaks to get a model."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "c0ffee" + "0" * 34


class HubServer:
    """Serves folders as models.

    Args:
        models: repository -> its folder.
        gated: repositories that need the token `hf_letmein`.
        break_after: bytes after which the connection breaks, the first time a file of weights is asked for.
    """

    def __init__(
        self, models: dict[str, Path], gated: tuple[str, ...] = (), break_after: int | None = None
    ) -> None:
        self.models, self.gated, self.break_after = models, gated, break_after
        self.asked: list[str] = []
        """Method, path, and the range where one was wanted."""
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub._answer(self)

            def do_HEAD(self) -> None:
                hub._answer(self)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path, wanted = request.path.split("?")[0], request.headers.get("Range", "")
        self.asked.append(f"{request.command} {path} {wanted}".strip())
        api = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(?:revision|tree)/([^/]+))?", path)
        file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        named = api or file
        repository = named[1] if named else ""
        if repository not in self.models:
            return self._send(request, 404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if named[2] not in (None, "main", COMMIT):  # type: ignore[index]
            return self._send(request, 404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        folder = self.models[repository]
        if api and "/tree/" in path:
            listed = [
                {"type": "file", "path": each.name, "size": each.stat().st_size, "oid": "b"}
                for each in folder.iterdir()
            ]
            return self._send(request, 200, json.dumps(listed).encode(), {"Content-Type": "application/json"})
        if api:
            files = [
                {"rfilename": each.name, "size": each.stat().st_size, "blobId": "b"} for each in folder.iterdir()
            ]
            said = {
                "id": repository,
                "sha": COMMIT,
                "siblings": files,
                "gated": "auto" if repository in self.gated else False,
                "cardData": {"license": "apache-2.0"},
            }
            return self._send(request, 200, json.dumps(said).encode(), {"Content-Type": "application/json"})
        if repository in self.gated and request.headers.get("Authorization") != "Bearer hf_letmein":
            return self._send(request, 403, b"{}", {"X-Error-Code": "GatedRepo"})
        target = folder / file[3]  # type: ignore[index]
        if not target.is_file():
            return self._send(request, 404, b"{}", {"X-Error-Code": "EntryNotFound"})
        data = target.read_bytes()
        headers = {
            "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
            "X-Repo-Commit": COMMIT,
            "Accept-Ranges": "bytes",
        }
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        if request.command == "GET" and self.break_after is not None and target.suffix == ".safetensors":
            sent, self.break_after = data[start : start + self.break_after], None
            request.send_response(206 if wanted else 200)
            for name, value in {**headers, "Content-Length": str(len(data) - start)}.items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(sent)
            request.wfile.flush()
            request.close_connection = True
            return None
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return self._send(request, 206 if wanted else 200, data[start:], headers)

    def _send(self, request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)
