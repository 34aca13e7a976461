"""Many short runs of Python without the import of other people's packages in each. See `fork_server`."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

LIGHT = (
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.dialects.postgresql",
    "numpy",
    "pydantic_settings",
    "yaml",
    "ssl",
)
"""What all commands import, but for what is quickly had."""
HEAVY = (*LIGHT, "torch", "transformers.models.llama.modeling_llama", "peft", "gymnasium", "pettingzoo")
"""What language models are computed with too."""
SANDBOX = "from sandbox.cli import main; main()"


class Forks:
    """Runs Python code, or the program, each time in a process of its own.

    Args:
        libraries: what is imported once for all of them.
    """

    def __init__(self, libraries: tuple[str, ...] = LIGHT) -> None:
        self._server = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("fork_server.py"), *libraries],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"},  # as `sandbox.llm` has it
        )

    def run(
        self,
        *words: str,
        code: str = SANDBOX,
        cwd: Path | None = None,
        given: str = "",
        env: Mapping[str, str] | None = None,
        timeout: float = 280,
    ) -> subprocess.CompletedProcess[str]:
        """Run code with `words` behind it; as `subprocess.run` with captured output and `given` on standard input.

        `env` is all of the environment. What Python itself reads there when it starts is the server's.
        """
        server, read, write = self._server, os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_APPEND
        assert server.stdin is not None and server.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("given", "told", "errors")]
            files[0].write_text(given, encoding="utf-8")
            asked = {
                "words": words,
                "code": code,
                "cwd": str(cwd or Path.cwd()),
                "env": dict(os.environ if env is None else env),
                "files": [(str(file), flags) for file, flags in zip(files, (read, write, write), strict=True)],
            }
            server.stdin.write(json.dumps(asked) + "\n")
            server.stdin.flush()
            if not select.select([server.stdout], [], [], timeout)[0]:
                self.close()
                raise subprocess.TimeoutExpired(["-c", code, *words], timeout)
            told, errors = (file.read_text(encoding="utf-8") if file.exists() else "" for file in files[1:])
            return subprocess.CompletedProcess(["-c", code, *words], int(server.stdout.readline()), told, errors)

    def close(self) -> None:
        """End the server, and what it runs."""
        os.killpg(self._server.pid, signal.SIGKILL)
        self._server.communicate()
