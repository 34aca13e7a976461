"""The reference of the command line, by Typer's own generator: `python -m sandbox.cli.reference`."""

from __future__ import annotations

from pathlib import Path

import typer
from typer.cli import get_docs_for_click
from typer.main import get_command

FILE = Path("docs/cli.md")


def markdown() -> str:
    """The whole reference as one page."""
    from sandbox.cli import app

    command = get_command(app)
    page = get_docs_for_click(obj=command, ctx=typer.Context(command), name="sandbox", title="Command line")
    # What is called `console` on these pages is meant to be typed as it stands; a usage line is not.
    lines = [line.rstrip() for line in page.replace("```console", "```text").replace("\b", "").splitlines()]
    return "\n".join(lines).strip() + "\n"


if __name__ == "__main__":
    FILE.write_text(markdown(), encoding="utf-8")
