"""Every key of the screen in one table: bindings, help and palette are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

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


KEYS = (
    Key("act", "enter", "do('step')", "Act", "Let the agent act once", show=True, display="⏎"),
    *(
        Key(
            f"pick-{n}",
            str(n),
            f"do('pick', '{n}')",
            "Pick",
            f"Carry out the agent's proposal {n}",
            show=n == 1,
            display="1-9" if n == 1 else None,
        )
        for n in range(1, 10)
    ),
    Key("praise", "+", "do('reward', '1')", "Reward", "Reward the last action by 1; again for more", show=True),
    Key("punish", "-", "do('reward', '-1')", "Punish", "Punish the last action by 1; again for more", show=True),
    Key(
        "credit",
        "c",
        "credit",
        "Credit",
        "Reward or punish the turns that led here, each earlier one half as much",
    ),
    Key("prefer", "p", "do('prefer')", "Prefer", "Say that this try is better than the one before it"),
    Key("retract", "r", "do('retract')", "Take back", "Take back what you last said about this turn"),
    Key("tie", "=", "do('tie')", "Tie", "Say that the two best proposals of the last turn were equally good"),
    Key("all-bad", "0", "do('bad')", "All bad", "Say that neither of them was any good"),
    Key("edit", "e", "edit", "Edit", "Put the agent's proposal into the prompt and change it"),
    Key("correct", "E", "correct", "Correct", "Say what should have been done instead of the last action"),
    Key("undo", "u", "do('undo')", "Undo", "Go back one turn; nothing is lost", show=True),
    Key("redo", "U", "do('redo')", "Redo", "Go forward again"),
    Key(
        "try-before",
        "left",
        "do('other', '-1')",
        "Former try",
        "What was tried before in place of the last command",
    ),
    Key("try-after", "right", "do('other', '1')", "Later try", "Go to what was tried in place of it afterwards"),
    Key("bookmark", "m", "do('bookmark')", "Bookmark", "Bookmark this turn, or take the bookmark away"),
    Key("bless", "b", "do('bless')", "Bless", "Mark the branch up to here as the expected one, or no longer"),
    Key("override", "o", "override", "Override", "Type a command in place of the agent's choice"),
    Key("prompt", "i", "prompt", "Prompt", "Go back to the prompt", show=True),
    Key("act-once", "a", "do('step')", "Act once", "Let the agent act once"),
    Key("act-on", "A", "run", "Run", "Let the agent run, or pause it"),
    Key("why", "w", "do('why')", "Why", "Show what the agent weighed"),
    Key("lessons", "l", "look_at('learn-tab')", "Lessons", "Show what is learned: updates, curves, the optimum"),
    Key("tab-before", "[", "turn_tab(-1)", "Former tab", "Turn to the tab before in the side pane"),
    Key("tab-after", "]", "turn_tab(1)", "Next tab", "Turn to the next tab in the side pane"),
    Key("side-up", "comma", "scroll_side(-1)", "Pane up", "Scroll the side pane up", display=","),
    Key("side-down", "full_stop", "scroll_side(1)", "Pane down", "Scroll the side pane down", display="."),
    Key("copy", "y", "copy", "Copy", "Copy what is selected, or the latest turn"),
    Key("glimpse", "g", "do('glimpse')", "Glimpse", "See what the next proposal would lead to", show=True),
    Key("slower", "<", "faster(0.5)", "Slower", "Halve the speed of a run"),
    Key("faster", ">", "faster(2)", "Faster", "Double the speed of a run"),
    Key("keys", "?", "do('help')", "Help", "Show keys and verbs"),
    Key("restart", "R", "do('restart')", "Restart", "Begin a new episode; what was learned stays"),
    Key("leave-prompt", "escape", "leave", "Decide", "Stop what runs and go to single keys", "anywhere", True),
    Key("stop", "escape", "do('pause')", "Stop", "Stop the agent, its thinking ahead too", "anywhere", True),
    Key("help", "f1", "do('help')", "Help", "Show keys and verbs", "anywhere", True),
    Key("pane", "f2", "pane", "Pane", "Show or hide the side pane", "anywhere", True),
    Key(
        "act-instead",
        "f3",
        "override",
        "Override",
        "Type a command in place of the agent's choice",
        "anywhere",
        True,
    ),
    Key("map", "f4", "map", "Map", "Show the rooms seen so far", "anywhere", True),
    Key("step", "f5", "do('step')", "Step", "Let the agent act once", "anywhere", True),
    Key("run", "f6", "run", "Run", "Let the agent run, or pause it", "anywhere", True),
    Key("timeline", "f7", "timeline", "Timeline", "Go to the tree of turns", "anywhere", True),
    Key("author", "f8", "author", "Author", "Edit the world's file beside the game, and build", "anywhere", True),
    Key(
        "rounds",
        "f9",
        "rounds",
        "Learn",
        "Make the agent's language model better from what was played",
        "anywhere",
        True,
    ),
    Key("palette", "ctrl+p", "command_palette", "Palette", "Find and run anything by name", "app", True),
    Key("start", "f10", "start", "Start", "Leave this game for the start screen; it goes on from here", "app"),
    Key("quit", "ctrl+q", "quit", "Quit", "Leave; the game goes on from here next time", "app"),
    Key(
        "suspend",
        "ctrl+z",
        "suspend_process",
        "Suspend",
        "Go back to the shell; `fg` comes back here",
        "process",
    ),
)


def bindings(*scopes: Scope) -> list[BindingType]:
    """Bindings of these scopes, in the order of the table."""
    return [key.binding() for key in KEYS if key.scope in scopes]


IMPORTANCE = (
    *("act", "pick-1", "praise", "punish", "undo", "leave-prompt", "stop", "prompt", "timeline-enter", "help"),
    *("step", "run", "rounds", "timeline", "pane", "map", "glimpse", "author", "act-instead", "palette"),
)
"""Names of the keys in the order in which a narrow footer has room for them."""

_ACTED = frozenset({"praise", "punish", "undo"})
_PROPOSED = frozenset({"pick-1", "glimpse"})
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
