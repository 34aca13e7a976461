"""Simulators that run on Java, for kinds of worlds that packages add: a process of its own, reached through py4j.

py4j is theirs to ask for: nothing that comes with the sandbox needs it.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from sandbox.errors import WorldError

_MEMORY = "-Xmx1g"


def java_program(what: str) -> str:
    """The program `java`, of `$JAVA_HOME` where that is set. Raises `WorldError` where there is none.

    Args:
        what: what needs it, for the message.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    if found is None:
        raise WorldError(
            f"{what} runs on Java, and there is none {'in $JAVA_HOME' if home else 'on the PATH'}",
            hint="install Java 8 or newer, such as the package default-jre-headless",
        )
    return found


def simulator_version(what: str, package: str) -> str:
    """The version of a simulator that is installed. Raises `WorldError` where it, or Java, is missing.

    Args:
        what: its name, for messages.
        package: what is installed for it.
    """
    java_program(what)
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError as error:
        raise WorldError(f"{what} is missing", hint=f"pip install {package}") from error


class JavaProcess:
    """A Java process that serves the classes of one jar.

    It listens on the loopback alone and wants a token, has 1 GiB of memory, and ends when this process does.

    Args:
        jar: the classes; its folder is where they look for their data.
        what: what it is, for messages.
    """

    def __init__(self, jar: Path, what: str) -> None:
        program = java_program(what)
        try:
            from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway
        except ImportError as error:
            raise WorldError(f"{what} needs py4j", hint="pip install py4j") from error
        logging.getLogger("py4j").setLevel(logging.CRITICAL + 1)  # it logs what it raises
        self._process: subprocess.Popen[bytes]
        try:
            port, token, self._process = launch_gateway(
                classpath=str(jar),
                cwd=str(jar.parent),
                java_path=program,
                javaopts=[_MEMORY],
                die_on_exit=True,
                enable_auth=True,
                create_new_process_group=True,  # Ctrl+C is for the sandbox, which ends it in order
                return_proc=True,
            )
        except (OSError, ValueError) as error:  # no port is printed where Java stops at once
            raise WorldError("Java does not start", where=program, hint="try `java -version`") from error
        parameters = GatewayParameters(port=port, auth_token=token, auto_field=True)
        self.classes: Any = JavaGateway(gateway_parameters=parameters).jvm
        """What the jar holds, by dotted names."""

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
