"""Whether what is said is so: statements in a sentence, each true, false, or unknown to the seat.

The forms are those that the voice uses: X is locked, X is in Y, I carry X, a way leads to Z, I have not been that
way. Whatever else a sentence holds claims nothing that could be checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from sandbox.abilities import Fact
from sandbox.agent.recall import Recall
from sandbox.directions import OPPOSITE

Verdict = Literal["true", "false", "unknown"]
Claim = Literal["at", "in", "on", "here", "carried", "open", "closed", "locked", "leads", "room", "been"]

_WAYS = "|".join(sorted(OPPOSITE, key=len, reverse=True))
_NO_THING = r"(?!(?:it|this|that|them|nothing|been|to|seen|not|no|always|looked|had|one|a lot)\b)"
_THING = _NO_THING + r"(?:the |an? |my |that )?(?P<thing>[\w'-]+(?: [\w'-]+){0,5}?)"
_PLACE = r"(?:the |an? |my )?(?P<place>[\w'-]+(?: [\w'-]+){0,4})"
_END = r"(?=[,.!?;]|$)"
_SAID: tuple[tuple[Claim, str], ...] = (
    ("been", rf"\bI have (?P<not>not )?been (?P<way>{_WAYS})\b(?:,? in (?:the )?(?P<place>[\w' -]+?){_END})?"),
    ("been", rf"\bNobody has looked (?P<never>(?P<way>{_WAYS}))\b"),
    ("leads", rf"\b(?P<way>{_WAYS}) leads to {_PLACE}{_END}"),
    ("leads", rf"(?:^|[.!?,;:] ?)(?:The )?(?P<place>[\w' -]+?) is (?P<way>{_WAYS}) of here\b"),
    ("carried", rf"\bI (?:carry|have|hold) {_THING}(?=[,.!?;]|$| now| and | with me)"),
    ("room", rf"\b(?:I am in|We are in|This is) the (?P<place>[\w' -]+?){_END}"),
    ("in", rf"{_THING} is in {_PLACE}(?=[,.!?;]|$| and )"),
    ("on", rf"{_THING} is on {_PLACE}(?=[,.!?;]|$| and )"),
    ("in", rf"\bI see {_THING} in {_PLACE}{_END}"),
    ("on", rf"\bI see {_THING} on {_PLACE}{_END}"),
    ("in", rf"\bThere is {_THING}, in {_PLACE}{_END}"),
    ("on", rf"\bThere is {_THING}, on {_PLACE}{_END}"),
    ("locked", rf"{_THING} is (?P<not>not )?locked\b"),
    ("closed", rf"{_THING} is (?:still )?(?P<not>not )?(?:closed|shut)\b"),
    ("closed", rf"\bNobody has opened {_THING}{_END}"),
    ("open", rf"{_THING} (?:is|stands) (?P<not>not )?open\b"),
    ("here", rf"{_THING} is here\b"),
    ("here", rf"(?:\b(?:I see|There is)|^Here is) {_THING}(?: here\b|, within reach|(?=[.!?;]|$))"),
)
_FORMS = tuple((claim, re.compile(form, re.IGNORECASE)) for claim, form in _SAID)
_BREAK = re.compile(
    r"(?<=[.!?;])\s+|,\s+(?=(?:the|I|and|so|because)\b)|\s+(?:because|so that|and)\s+(?=(?:the|I)\b)|:\s+"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """What a sentence claims."""

    claim: Claim
    subject: str
    """A thing, a way, or a room; in small letters."""
    place: str = ""
    holds: bool = True
    """False where it is denied."""


def statements(sentence: str) -> Iterator[Statement]:
    """The claims of a sentence that can be checked."""
    for part in _BREAK.split(sentence.strip()):
        for claim, form in _FORMS:
            found = form.search(part)
            if found is None:
                continue
            groups = found.groupdict()
            subject = groups.get("way") or groups.get("thing") or groups.get("place") or ""
            place = (groups.get("place") or "") if claim in ("in", "on", "leads", "been") else ""
            holds = not (groups.get("not") or groups.get("never"))
            yield Statement(claim, _plain(subject), _plain(place), holds)
            break


def judge(statement: Statement, facts: frozenset[Fact], recall: Recall) -> Verdict:
    """Whether a statement is true. What the seat has never read of is unknown to it, whatever the world says.

    Args:
        statement: the claim.
        facts: what holds in the world, for the seat that speaks.
        recall: what the seat has seen.
    """
    if statement.claim == "been":
        there = recall.been(statement.subject)
        if statement.holds and statement.place:
            return _verdict(there.lower() == statement.place, statement.holds)
        return _verdict(bool(there), statement.holds)
    if statement.claim == "leads":
        known = {fact.subject: fact.place for fact in facts if fact.relation == "leads"}
        if not recall.been(statement.subject) and not _read_of(recall, statement.place):
            return "unknown"
        return _verdict(known.get(statement.subject) == statement.place, statement.holds)
    if not _read_of(recall, statement.subject):
        return "unknown"
    return _verdict(_holds(statement, facts), statement.holds)


def verdicts(sentence: str, facts: frozenset[Fact], recall: Recall) -> list[tuple[Statement, Verdict]]:
    """All claims of a sentence with what is to be thought of them."""
    return [(each, judge(each, facts, recall)) for each in statements(sentence)]


def is_false(sentence: str, facts: frozenset[Fact], recall: Recall) -> bool:
    """Whether a sentence claims something that is not so."""
    return any(verdict == "false" for _, verdict in verdicts(sentence, facts, recall))


def _holds(statement: Statement, facts: frozenset[Fact]) -> bool:
    claim, subject, place = statement.claim, statement.subject, statement.place
    room = next((fact.subject for fact in facts if fact.relation == "room"), "")
    named = [fact for fact in facts if _same(fact.subject, subject)]
    if claim == "room":
        return _same(room, subject)
    if claim == "here":
        return any(_in_room(fact, room, facts) for fact in named)
    if claim in ("in", "on"):
        # "in the kitchen" and "on the floor of it" are said of rooms, too.
        return any(fact.relation in (claim, "at") and _same(fact.place, place) for fact in named) or any(
            _in_room(fact, place, facts) for fact in named if claim == "in"
        )
    return any(fact.relation == claim for fact in named)


def _in_room(fact: Fact, room: str, facts: Iterable[Fact], depth: int = 4) -> bool:
    """Whether a thing is in a room, through whatever holds it, or carried there by whoever speaks."""
    if fact.relation == "carried":
        return True
    if fact.relation == "at":
        return _same(fact.place, room)
    if fact.relation in ("in", "on") and depth:
        holders = [each for each in facts if each.subject == fact.place]
        return any(_in_room(each, room, facts, depth - 1) for each in holders)
    return False


def _same(name: str, said: str) -> bool:
    """Whether a name is meant: all of it, or its last words."""
    return bool(said) and (name == said or name.endswith(f" {said}"))


def _read_of(recall: Recall, name: str) -> bool:
    word = name.lower()
    return word == recall.room.lower() or any(word in each.line.lower() for each in recall.lines)


def _verdict(so: bool, claimed: bool) -> Verdict:
    return "true" if so == claimed else "false"


def _plain(name: str) -> str:
    return re.sub(r"^(?:(?:because|so|and|but) )?(?:(?:the|an?|my|that) )?", "", name.strip().lower())
