"""The commands at the top, each imported when it is called: `sandbox --help` and one of them wait for no other."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

COMMANDS = {
    "play": "Play a world beside an agent, in the terminal.",
    "join": "Join a game that runs at another screen: take a free seat, or watch, and talk with the people there.",
    "serve": "Show the game in web browsers, until Ctrl+C.",
    "run": "Let agents play whole episodes with no screen, and print what came of it.",
    "tune": "Make the language model itself better, and see whether it worked.",
    "explore": "Explore a world by going back to where it is promising, and keep the best way (Go-Explore).",
    "rate": "Judge the decisions of agents that most need a human, one key each.",
    "league": "Let every agent play with every other, in every seat: ratings, and who does how well with whom.",
    "doctor": "Look at processor, devices, memory, libraries and models: what is wrong, and how to mend it.",
    "plugins": "The kinds of worlds, learners, language models and feedback, and the packages they come from.",
    "world": "The worlds there are, and the tools to write your own.",
    "agent": "The agents that can hold a seat.",
    "model": "The language models that agents take their proposals from.",
    "save": "What is kept of what was played: every turn, what the agent wanted and why, and what people said of "
    "it.",
    "adapter": "The adapters of a save: small sets of weights that a fine-tuning round made.",
    "feedback": "What people said of turns, as data: data sets for training, merging, agreement.",
    "bench": "Measure how fast and how well things work on this machine, each figure beside its target.",
}
"""What each does, in the first words of its own help. It is in the module of its name: `app`, or a function."""


class LazyGroup(TyperGroup):
    """The group of `COMMANDS`."""

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        if self._listing:
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name])
        return _imported(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        # Among these, a name that is wrong finds its neighbour.
        self.commands = {name: TyperCommand(name) for name in COMMANDS}
        return super().resolve_command(ctx, args)


def _imported(name: str) -> Any:
    """A command as its module defines it."""
    module = import_module(f"sandbox.cli.{name}")
    around = typer.Typer(rich_markup_mode="markdown", pretty_exceptions_enable=False, add_completion=False)
    if hasattr(module, "app"):
        around.add_typer(module.app, name=name)
    else:
        around.command(name)(getattr(module, name))
    return get_group(around).commands[name]
