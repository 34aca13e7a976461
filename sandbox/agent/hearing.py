"""What a seat has just heard others say, and the command that answers them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sandbox.agent.advice import topics
from sandbox.agent.answers import about, answer, is_question
from sandbox.agent.cards import LINE, Talk
from sandbox.agent.grounding import looks_refused
from sandbox.agent.recall import Recall
from sandbox.directions import OPPOSITE
from sandbox.text import clean_line
from sandbox.types import Decision, History, Observation

PAUSE = 5
"""Turns of its own that a seat lets pass between two questions, and before it asks about its goal."""
IGNORANT = "I do not know."

_LONGEST = 240
"""Characters of what is said at a time."""
_NEEDED = (
    (re.compile(r"\bpitch dark\b|\btoo dark\b", re.IGNORECASE), "What do you know of a light?"),
    (re.compile(r"\blocked\b", re.IGNORECASE), "Do you know where the key is?"),
)
"""What a reply tells of, and what is asked then."""
_STOP = r"of|in|on|to|and|from|with|at|or|into|before|after|that|is|by|for|out"
_NAMED = re.compile(
    rf"\b(?:the|an?|your|his|her) (?P<thing>[\w'-]+(?: (?!(?:{_STOP})\b)[\w'-]+){{0,2}}?)"
    rf"(?=[.,;:!?]|$| (?:{_STOP})\b)"
)
"""A thing in a sentence, such as a goal."""
_OBJECT = re.compile(rf"[\w'-]+ (?P<thing>(?:(?!(?:{_STOP})\b)[\w'-]+ ?)+)")
"""What a command is about."""

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


def answer_partner(
    observation: Observation,
    history: History,
    talk: Talk,
    verbs: tuple[str, ...],
    decision: Decision | None = None,
) -> Reply | None:
    """What answers the latest that was heard, from what the seat has read and what it weighs.

    A question is always answered. What is no question is answered to its subject, by an agent that asks itself and
    that has not just spoken, so that no answer is answered. None where nothing was said, nothing is known of it,
    or the world has no way to say it.
    """
    if not talk.answers or not _can_speak(talk, verbs):
        return None
    told = heard(observation.text)
    for each in reversed(told):
        if each.asks:
            known = answer(each.words, observation, history, decision)
            return _reply(talk, known or about(each.words, Recall.of(history)) or IGNORANT)
    if told and talk.asks and not _spoken(talk, history[-1].command if history else ""):
        known = about(told[-1].words, Recall.of(history))
        return _reply(talk, known) if known else None
    return None


def ask_partner(
    observation: Observation, history: History, talk: Talk, verbs: tuple[str, ...], partners: Sequence[str]
) -> Reply | None:
    """A question to the other seats, where this one gets no further; None for most turns.

    Nothing is asked twice in an episode, nor within `PAUSE` turns of the last question.

    Args:
        observation: what the seat perceives.
        history: what it has lived through.
        talk: the card's section.
        verbs: what the world understands.
        partners: names of the other seats.
    """
    if not talk.asks or not partners or not _can_speak(talk, verbs):
        return None
    asked = [words for each in history if is_question(words := _spoken(talk, each.command))]
    if len(asked) >= talk.asks or any(is_question(_spoken(talk, each.command)) for each in history[-PAUSE:]):
        return None
    fresh = (question for question in _unknown(observation, history, partners) if question not in asked)
    question = next(fresh, None)
    return None if question is None else _reply(talk, question)


def _unknown(observation: Observation, history: History, partners: Sequence[str]) -> Iterator[str]:
    """Questions about what stands in the way, then about what the goal names and nothing that was read does; of a
    seat that goes round in circles, about what is at hand and was left alone.
    """
    if not history:
        return
    latest = history[-1]
    yield from (question for seen, question in _NEEDED if seen.search(latest.reply))
    thing, before = _thing(latest.command), [each.reply for each in history[:-1]]
    stuck = looks_refused(latest.reply) or latest.reply in before
    if stuck and thing:
        yield f"What do you know of the {thing}?"
    if len(history) > PAUSE:
        read = topics(" ".join((*partners, *(each.reply for each in history))))
        for named in _NAMED.finditer(observation.goal):
            if not topics(named["thing"]) & read:
                yield f"Do you know where the {named['thing']} is?"
    if before.count(latest.reply) > 1:
        done = {_thing(each.command) for each in history}
        things = dict.fromkeys(map(_thing, observation.admissible or ()))
        yield from (f"What do you know of the {each}?" for each in things if each and each not in done)


def _thing(command: str) -> str:
    """What a command is about, in its own words; empty where that is a direction, or nothing."""
    found = _OBJECT.match(command)
    return found["thing"].strip() if found is not None and topics(found["thing"]) - OPPOSITE.keys() else ""


def _can_speak(talk: Talk, verbs: tuple[str, ...]) -> bool:
    verb = talk.command.partition(LINE)[0].split()
    return not verb or not verbs or verb[0] in verbs


def _spoken(talk: Talk, command: str) -> str:
    """The words of a command that says something; empty for any other."""
    before, _, after = talk.command.partition(LINE)
    return command.removeprefix(before).removesuffix(after) if before and command.startswith(before) else ""


def _reply(talk: Talk, words: str) -> Reply:
    words = clean_line(words, _LONGEST)
    return Reply(talk.command.replace(LINE, words), words)
