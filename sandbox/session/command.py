"""What an entry of the table of commands is, and what was typed or pressed, as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Literal

from sandbox.errors import UsageError

When = Literal["always", "now", "idle", "move", "turn", "choice"]
"""When a command can be carried out. `always`: before all that waits. `now`: whatever is under way. `idle`: when
nothing that was asked for is unanswered. `move`: when the agent has also taken the actions it was told to. `turn`:
when no agent in another seat is about to act either. `choice`: when the agent has also made up its mind."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A line as understood: a verb of the table, `comment`, or `command` for the world."""

    verb: str
    argument: str = ""
    turn: int | None = None
    """The turn that was in sight when it was typed, of which it speaks; None until that is settled."""

    @property
    def about(self) -> int:
        """The turn of which it speaks, once that is settled."""
        assert self.turn is not None, "the controller settles it before it has anything done"
        return self.turn

    @property
    def line(self) -> str:
        """As it was typed, or could have been."""
        verb = "" if self.verb in ("command", "comment", "reason") else f"/{self.verb} "
        return f"{verb}{self.argument}".strip()

    def number(self, default: float) -> tuple[float, str]:
        """The number that the argument begins with, and what follows. Raises `UsageError`."""
        first, _, rest = self.argument.partition(" ")
        if not first:
            return default, ""
        try:
            value = float(first.replace("−", "-"))
        except ValueError:
            value = float("nan")
        if not -1000 <= value <= 1000:
            raise UsageError(f"{first!r} is not a number that /{self.verb} can take", hint="such as /reward +1")
        return value, rest.strip()


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A key that gives a command."""

    id: str
    key: str
    label: str
    """In the footer."""
    help: str = ""
    argument: str = ""
    _: KW_ONLY
    app: Literal["", "app", "process"] = ""
    """Whether it is the application's or the process's, whatever screen is in front."""
    shown: bool = False
    """Whether the footer shows it, where there is room; those that act anywhere it always does."""
    display: str | None = None

    @property
    def scope(self) -> Literal["decide", "anywhere", "app", "process"]:
        """`decide`: only where letters are not text."""
        anywhere = self.key == "escape" or (self.key[0] == "f" and self.key[1:].isdigit())
        return self.app or ("anywhere" if anywhere else "decide")

    def explained(self, help: str) -> Shortcut:  # noqa: A002
        """With this sentence, where it has none of its own."""
        return replace(self, help=self.help or help[:1].upper() + help[1:])


@dataclass(frozen=True, slots=True)
class Command:
    """What can be typed or pressed: how it is called, explained, and carried out."""

    name: str
    usage: str
    """As it is typed; empty for what only keys do."""
    help: str
    do: Callable[[Any, Typed], object]
    """Carries it out, given a `Surface`, or has it carried out. Raises `SandboxError` where that cannot be."""
    keys: tuple[Shortcut, ...]
    when: When
    overtakes: bool
    """Whether it does not wait behind what waits for another seat's turn to be over."""
    screen: bool
    """Whether it means nothing in lines."""
    lines: str
    """What the game in lines says in its place; `{save}` is the save's name."""
    prefix: str
    """What a line begins with to be this, in place of a name."""

    @property
    def begins(self) -> str:
        """What is typed of it at least."""
        return self.prefix or f"{'/' if self.usage.startswith('/') else ''}{self.name}"
