"""The clipboard of the desktop that the terminal is on, where a tool for it is at hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

_TOOLS = (
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard")),
    ("DISPLAY", ("xsel", "--input", "--clipboard")),
    ("WSL_DISTRO_NAME", ("clip.exe",)),
)
"""What there has to be in the environment, and the tool that then reaches the clipboard."""
_PATIENCE = 2.0


def tool() -> tuple[str, ...] | None:
    """The tool that copies; None where there is none, and over SSH, where the clipboard is another machine's."""
    if "SSH_CONNECTION" in os.environ:
        return None
    if sys.platform == "darwin":
        return ("pbcopy",)
    found = (command for needed, command in _TOOLS if needed in os.environ and shutil.which(command[0]))
    return next(found, None)


def copy(text: str) -> bool:
    """Copy a text with that tool; False where that did not work."""
    command = tool()
    if command is None:
        return False
    try:
        # Tools that serve the clipboard until the next copy leave a process behind: its output may not be awaited.
        subprocess.run(
            command,
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True
