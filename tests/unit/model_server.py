"""`transformers serve`, the real OpenAI-compatible server, on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx


class ModelServer:
    """Serves any model folder that a request names. It starts when it is needed, and again after it was stopped.

    Args:
        folder: for its log and its cache.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    @property
    def url(self) -> str:
        """Where it answers, up to `/v1`."""
        if self._process is None:
            self._start()
        return f"http://127.0.0.1:{self.port}/v1"

    def _start(self) -> None:
        command = Path(sys.executable).parent / "transformers"
        log = self._folder / "log"
        with log.open("w") as output:
            self._process = subprocess.Popen(
                [command, "serve", "--host", "127.0.0.1", "--port", str(self.port), "--device", "cpu"],
                env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(self._folder)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        for _ in range(1200):
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/health", trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
            assert self._process.poll() is None, log.read_text()
        raise AssertionError(log.read_text())

    def stop(self) -> None:
        """As if it had crashed."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None
