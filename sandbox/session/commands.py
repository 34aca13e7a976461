"""What a person can type, on the screen and in lines: verbs, comments, and commands to the world."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.errors import UsageError


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb of the screen: what it is called, and how the help explains it."""

    name: str
    usage: str
    help: str


VERBS = (
    Verb("step", "/step", "let the agent act once"),
    Verb("run", "/run [N]", "let the agent act N times, or until it is stopped"),
    Verb("pause", "/pause", "stop the agent"),
    Verb("pick", "/pick N", "carry out the agent's proposal number N"),
    Verb("override", "/override COMMAND", "act in the place of the agent that is to move"),
    Verb("reward", "/reward N [reason]", "reward or punish the last action; the learner steps on it at once"),
    Verb(
        "credit", "/credit N [reason]", "the same for the turns that led here too, each earlier one half as much"
    ),
    Verb("prefer", "/prefer [N]", "this try is better than try N, or than the one before it"),
    Verb("retract", "/retract", "take back what you last said about this turn"),
    Verb("correct", "/correct COMMAND", "say what should have been done instead of the last action"),
    Verb("tie", "/tie", "the two best proposals of the last turn were equally good"),
    Verb("bad", "/bad", "neither of them was any good"),
    Verb("bookmark", "/bookmark [NAME]", "name this turn; without a name, take the name away or give one"),
    Verb("bless", "/bless", "mark the branch up to here as the expected one, or no longer"),
    Verb("other", "/other [-1]", "go to what else was tried in place of the last command"),
    Verb("undo", "undo", "go back one turn; nothing is lost"),
    Verb("redo", "redo", "go forward again"),
    Verb("timeline", "/timeline", "show the tree of turns"),
    Verb("map", "/map", "show the rooms seen so far, and what the agent thinks of the ways out"),
    Verb("learn", "/learn", "show what is learned: updates, curves, the distance to the optimum"),
    Verb("copy", "/copy", "copy what is selected, or the latest turn"),
    Verb("jump", "/jump N", "go to the turn of that number in the tree"),
    Verb("glimpse", "/glimpse [COMMAND]", "what it would lead to, tried on a copy of the world"),
    Verb("why", "/why", "show what the agent weighed"),
    Verb("speed", "/speed N", "decisions a second at most while the agent runs"),
    Verb("restart", "/restart", "begin a new episode; what was learned stays"),
    Verb("tune", "/tune", "make the agent's language model better from what was played"),
    Verb("build", "/build LINE", 'change the world, as in /build dig north "Cave"; see F8 for what can be built'),
    Verb(
        "author", "/author", "edit the world's file beside the game; verbs that build need no slash from then on"
    ),
    Verb("script", "script", "write the story so far into a text file beside the save; /script NAME names it"),
    Verb("save", "/save", "say where the save is; every turn is stored by itself"),
    Verb("help", "/help", "show keys and verbs"),
    Verb("start", "/start", "leave this game for the start screen, to play another"),
    Verb("quit", "/quit", "leave; the game goes on from here next time"),
)
BARE = frozenset({"undo", "redo", "script"})
"""Verbs that need no slash, as in every story."""

_NAMES = {verb.name for verb in VERBS}


@dataclass(frozen=True, slots=True)
class Typed:
    """A line as understood: a verb of the screen, `comment`, or `command` for the world."""

    verb: str
    argument: str = ""

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


def parse(line: str) -> Typed | None:
    """What a typed line means; None for an empty one. Raises `UsageError` for a verb that does not exist."""
    line = line.strip()
    if not line:
        return None
    if line.startswith("*"):
        return Typed("comment", line[1:].strip())
    if line.lower() in BARE:
        return Typed(line.lower())
    if not line.startswith("/"):
        return Typed("command", line)
    name, _, argument = line[1:].partition(" ")
    if name.lower() not in _NAMES:
        raise UsageError(f"there is no /{name}", hint="/help lists the verbs")
    return Typed(name.lower(), argument.strip())
