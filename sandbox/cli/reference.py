"""The reference of the command line, written from the commands themselves: `python -m sandbox.cli.reference`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click
import typer

FILE = Path("docs/cli.md")


def markdown() -> str:
    """The whole reference as one page."""
    from sandbox.cli import app

    parts = ["# Command line", "Written from the commands by `make docs`; `--help` behind any of them says the same."]
    for path, command in _walk("sandbox", typer.main.get_command(app)):
        parts += _section(path, command)
    return "\n\n".join(parts) + "\n"


def _walk(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _walk(f"{path} {name}", command.commands[name])


def _section(path: str, command: click.Command) -> Iterator[str]:
    yield f"{'##' if path.count(' ') < 2 else '###'} `{path}`"
    if command.help:
        yield inspect.cleandoc(command.help.replace("\b", ""))
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    options = [p for p in command.params if isinstance(p, click.Option) and "--help" not in p.opts]
    rows = [f"| `{_argument(p)}` | {_cell(getattr(p, 'help', None))} |" for p in arguments]
    rows += [f"| `{_option(p)}` | {_cell(p.help)}{_default(p)} |" for p in options]
    if rows:
        yield "\n".join(["| | |", "| --- | --- |", *rows])


def _argument(parameter: click.Argument) -> str:
    return parameter.metavar or (parameter.name or "").upper()


def _option(option: click.Option) -> str:
    names = ", ".join(option.opts + option.secondary_opts)
    if option.is_flag:
        return names
    return f"{names} {option.metavar or option.type.name.upper()}"


def _default(option: click.Option) -> str:
    if option.is_flag or option.default in (None, "") or callable(option.default) or option.multiple:
        return ""
    return f" Default: `{option.default}`."


def _cell(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").strip().replace("|", "\\|")


if __name__ == "__main__":
    FILE.write_text(markdown(), encoding="utf-8")
