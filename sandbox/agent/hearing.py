"""What a seat has just heard others say, and the command that answers them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.agent.answers import answer, is_question
from sandbox.agent.cards import LINE, Talk
from sandbox.types import Decision, History, Observation

_HEARD = re.compile(
    r"(?P<who>[A-Z][\w' -]{0,40}?)(?: from (?:afar|[\w ]{1,30}))?(?: says| asks| calls| shouts)?:? "
    r"[“\"](?P<words>[^”\"]{1,400})[”\"]"
)
_OWN = re.compile(r"^You (?:say|call|shout|ask)\b")
_HEAR = re.compile(r"^You hear ")


@dataclass(frozen=True, slots=True)
class Heard:
    """A line of somebody else."""

    who: str
    words: str

    @property
    def asks(self) -> bool:
        return is_question(self.words)


def heard(text: str) -> list[Heard]:
    """The lines that others said, oldest first."""
    found = []
    for line in text.split("\n"):
        if _OWN.match(line.strip()):
            continue
        for match in _HEARD.finditer(_HEAR.sub("", line.strip())):
            found.append(Heard(match["who"].strip(), match["words"].strip()))
    return found


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and the command that gives it."""

    command: str
    words: str


def answering(
    observation: Observation,
    history: History,
    talk: Talk,
    verbs: tuple[str, ...],
    decision: Decision | None = None,
) -> Reply | None:
    """What answers the latest question heard, from what the seat has read and what it weighs.

    None where nothing was asked, nothing is known, or the world has no way to say it.
    """
    before, _, after = talk.command.partition(LINE)
    verb = before.split()
    if not talk.answers or (verb and verbs and verb[0] not in verbs):
        return None
    for each in reversed(heard(observation.text)):
        if each.asks:
            known = answer(each.words, observation, history, decision)
            return None if known is None else Reply(f"{before}{known}{after}", known)
    return None
