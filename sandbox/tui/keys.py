"""The keys of the screen of a game, made from the table of commands; and what a key of any screen is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

from sandbox.session.command import Shortcut
from sandbox.session.commands import TABLE

Scope = Literal["anywhere", "decide", "app", "process"]


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its action, its short label in the footer and the sentence in help and palette."""

    id: str
    key: str
    action: str
    label: str
    help: str
    scope: Scope = "decide"
    show: bool = False
    display: str | None = None

    def binding(self) -> Binding:
        return Binding(
            self.key,
            self.action,
            self.label,
            show=self.show,
            key_display=self.display,
            tooltip=self.help,
            id=self.id,
            priority=self.scope == "app",
        )


def _keys() -> Iterator[Key]:
    """The keys of the table of commands: single ones in its order, then Esc and function keys, then the rest."""
    bound = [(command.name, each) for command in TABLE.values() for each in command.keys]
    for name, each in sorted(bound, key=lambda pair: _place(pair[1])):
        argument = f", '{each.argument}'" if each.argument else ""
        action = name.replace("-", "_") if each.app else f"do('{name}'{argument})"
        shown = each.shown or each.scope == "anywhere"
        yield Key(each.id, each.key, action, each.label, each.help, each.scope, shown, each.display)


def _place(key: Shortcut) -> tuple[int, int]:
    number = key.key[1:] if key.scope == "anywhere" and key.key != "escape" else "0"
    return ("decide", "anywhere", "app", "process").index(key.scope), int(number)


KEYS = tuple(_keys())


def bindings(*scopes: Scope) -> list[BindingType]:
    """Bindings of these scopes, in the order of the table."""
    return [key.binding() for key in KEYS if key.scope in scopes]


IMPORTANCE = (
    *("act", "pick-1", "praise", "punish", "undo", "leave-prompt", "stop", "prompt", "timeline-enter", "help"),
    *("memory-enter", "memory-drop"),
    *("step", "run", "rounds", "timeline", "pane", "map", "preview", "author", "act-instead", "palette"),
)
"""Names of the keys in the order in which a narrow footer has room for them."""

_ACTED = frozenset({"praise", "punish", "undo"})
_PROPOSED = frozenset({"pick-1", "preview"})
_AGENTS = frozenset({"act", "step", "run", "act-instead"})


def idle(*, acted: bool, proposed: bool, agent: bool) -> frozenset[str]:
    """Names of keys that would come to nothing now.

    Args:
        acted: whether there is a latest action to speak of or to take back.
        proposed: whether there are proposals to choose from.
        agent: whether an agent is to move.
    """
    return (
        (frozenset() if acted else _ACTED)
        | (frozenset() if proposed else _PROPOSED)
        | (frozenset() if agent else _AGENTS)
    )
