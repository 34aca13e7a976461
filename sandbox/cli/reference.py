"""The reference of the command line, written from the commands themselves: `python -m sandbox.cli.reference`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

FILE = Path("docs/cli.md")

_KINDS = {"int": "NUMBER", "float": "NUMBER", "Path": "PATH"}


def markdown() -> str:
    """The whole reference as one page."""
    from sandbox.cli import app

    parts = ["# Command line", "Written from the commands by `make docs`; `--help` says the same."]
    for path, command in _walk("sandbox", typer.main.get_command(app)):
        parts += _section(path, command)
    return "\n\n".join(parts) + "\n"


def _walk(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, child in sorted(getattr(command, "commands", {}).items()):
        yield from _walk(f"{path} {name}", child)


def _section(path: str, command: Any) -> Iterator[str]:
    yield f"{'##' if path.count(' ') < 2 else '###'} `{path}`"
    if command.help:
        yield inspect.cleandoc(command.help.replace("\b", ""))
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and "--help" not in p.opts]
    rows = [f"| `{_argument(p)}` | {_cell(getattr(p, 'help', None))} |" for p in arguments]
    rows += [f"| `{_option(p)}` | {_cell(p.help)}{_default(p)} |" for p in options]
    if rows:
        yield "\n".join(["| | |", "| --- | --- |", *rows])


def _argument(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _option(option: Any) -> str:
    names = ", ".join(option.opts + option.secondary_opts)
    if option.is_flag:
        return str(names)
    kind = getattr(option.type_descriptor.annotation, "__name__", "text")
    return f"{names} {option.metavar or _KINDS.get(kind, 'TEXT')}"


def _default(option: Any) -> str:
    if option.is_flag or option.default in (None, "") or callable(option.default) or option.multiple:
        return ""
    return f" Default: `{option.default}`."


def _cell(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").strip().replace("|", "\\|")


if __name__ == "__main__":
    FILE.write_text(markdown(), encoding="utf-8")
