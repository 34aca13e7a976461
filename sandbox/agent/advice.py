"""What a person says to an agent in words: which part of it still stands, and what a command has to do with it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sandbox.directions import OPPOSITE

_PARTS = re.compile(r"\s*(?:[.;!]\s+|,?\s+(?:and then|then|and)\s+|,\s*then\s+)", re.IGNORECASE)
_FORBIDDING = re.compile(
    r"(?:please |but )?(?P<how>don't|don’t|dont|do not|never|stop|avoid|not) "
    r"(?!forget|miss|worry|hesitate)(?P<deed>.+)",
    re.IGNORECASE,
)
_FROM_ME = {"me": "you", "my": "your", "mine": "yours", "you": "me", "your": "my", "yourself": "myself"}
"""What a person says, as the agent says it back."""
_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")
_EMPTY = frozenset(
    re.findall(
        r"[\w']+",
        """a an the this that these those it them him her its my your our we you i us me please could can
        should would will must have has had do does did be is are was were to of on at with from
        into for by over there here go try take get open look see use put let lets let's just now
        first again maybe perhaps what about how why not don't need needs want wants like think
        better best thing way one some any all so but or if as useful exit room inside back head
        walk grab bring pick leave check drop close unlock lock examine read find yourself might
        forget shall""",
    )
)
"""Words that do not tell what is meant: verbs stand in many commands."""


def parts(words: str) -> tuple[str, ...]:
    """The single wishes in what was said: "open the chest, then take the key" holds two.

    What is forbidden ends at a comma: "don't go north, look first".
    """
    found: list[str] = []
    for part in _PARTS.split(words.strip()):
        found += part.split(",", 1) if forbidden(part) else [part]
    return tuple(part.strip() for part in found if part.strip(" .!?"))


def forbidden(part: str) -> str:
    """What a wish asks an agent not to do; empty where it asks it to do something."""
    found = _FORBIDDING.fullmatch(part.strip())
    return found["deed"] if found else ""


def promises(words: str) -> tuple[str, str]:
    """What an agent answers to all that it is asked not to do, and what else it is asked for.

    A language model that is told "don't go north" promises as readily to go north: these words are not left to it.
    """
    told, rest = [], []
    for part in parts(words):
        if (found := _FORBIDDING.fullmatch(part)) is None:
            rest.append(part)
            continue
        how, deed = found["how"].lower(), found["deed"].strip(" .!")
        deed = " ".join(_FROM_ME.get(word.lower(), word) for word in deed.split())
        told.append(f"I shall {how if how in ('never', 'stop', 'avoid') else 'not'} {deed}.")
    return " ".join(told), ". ".join(rest) if told else words


def topics(words: str) -> frozenset[str]:
    """What is spoken of: things, rooms, directions."""
    return frozenset(word for word in _WORD.findall(words.lower()) if word not in _EMPTY or word in OPPOSITE)


def speaks_for(advice: str, command: str, room: str = "") -> bool:
    """Whether a command does, or leads to, what was advised: both speak of a thing, or the room is meant."""
    wanted = topics(advice)
    if not wanted:
        return advice.lower().strip(" .!?") == command.lower()
    return bool(wanted & topics(command)) or bool(wanted & topics(room))


def first_done(parts: Sequence[str], command: str, room: str = "") -> int | None:
    """Which of some wishes a command, and the room that it led to, fulfils: the first; None for none of them.

    What is forbidden is never done with.
    """
    wishes = enumerate(parts)
    return next((i for i, part in wishes if not forbidden(part) and speaks_for(part, command, room)), None)
