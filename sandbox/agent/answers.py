"""What an agent answers when it is asked: from what its seat has read, and from the numbers of its decision."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from sandbox.agent.advice import topics
from sandbox.agent.combine import EXCLUDED
from sandbox.agent.grounding import looks_refused, normalised
from sandbox.agent.recall import Recall, Sighting, direction
from sandbox.rl.exploration import softmax
from sandbox.types import Decision, History, Observation

_END = r"\s*[?.!]*\s*$"
_ARTICLE = r"(?:the |an? |my |your |that |this )?"
_WHERE_I = re.compile(
    rf"\b(?:where (?:are|'re) (?:you|we)|which room are you in|where do you stand)\b.*{_END}", re.IGNORECASE
)
_WHERE = re.compile(
    rf"\b(?:where(?:'s| is| are| was| did you (?:see|leave|put)| can I find| do I find| has)|"
    rf"(?:have|did) you (?:seen|see|found|find)|do you know where|which room has|who has) {_ARTICLE}"
    rf"(?P<thing>[\w' -]+?)(?: (?:is|gone|anywhere|lately|now|been))*{_END}",
    re.IGNORECASE,
)
_SEE = re.compile(r"\bwhat (?:do|can|did) you (?:see|find)|what is (?:there|here)|\bdescribe\b", re.IGNORECASE)
_CARRY = re.compile(
    rf"\bwhat (?:do you|are you|have you) (?:carry|carrying|have|hold|got|holding)|inventory\b.*{_END}",
    re.IGNORECASE,
)
_SAYS = re.compile(
    rf"\bwhat (?:does|did|is written on|stands on) {_ARTICLE}(?P<thing>[\w' -]+?)(?: say| tell us)?{_END}",
    re.IGNORECASE,
)
_WHY = re.compile(
    rf"\bwhy (?P<not>not|don't you|didn't you|won't you|wouldn't you)?\s*"
    rf"(?:do you want to |would you |did you |are you going to |should we )?"
    rf"(?P<command>[\w' -]+?)(?: instead| first)?{_END}",
    re.IGNORECASE,
)
_KNOW = re.compile(
    rf"\bwhat do (?:you|we) know (?:of|about) {_ARTICLE}(?P<thing>[\w' -]+?){_END}|"
    rf"\btell (?:me|us) (?:of|about) {_ARTICLE}(?P<told>[\w' -]+?){_END}",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"\?\s*$|^(?:where|why|what|which|who|how|have you|did you|do you)\b", re.IGNORECASE)
_HERE = re.compile(
    r"\b(?:you (?:can )?(?:see|make out)|there is|there are|inside (?:is|are)|on the|in the)\b", re.IGNORECASE
)
_JOIN = re.compile(r"^(?:And|But|So|Or) ")
_WORDS = {
    **dict.fromkeys(("trying", "try", "the", "to"), ""),
    **{f"{verb}ing": verb for verb in ("go", "open", "unlock", "drop", "examine", "pull", "eat", "wait")},
    "taking": "take",
    "putting": "put",
    "closing": "close",
    "examining": "examine",
}


def is_question(words: str) -> bool:
    """Whether somebody wants an answer."""
    return _QUESTION.search(words.strip()) is not None


def answer(words: str, observation: Observation, history: History, decision: Decision | None = None) -> str | None:
    """The answer to a question that can be answered from what is known; None for any other.

    Args:
        words: the question.
        observation: what the seat perceives.
        history: what it has lived through.
        decision: the agent's latest, of this turn or the one before it.
    """
    recall = Recall.of(history)
    if observation.description:
        first = observation.description.split("\n", 1)[0].strip("-= ")
        recall.room = recall.room or first
    if (found := _WHY.search(words)) is not None and decision is not None:
        return _why(found["command"], bool(found["not"]), observation, history, decision)
    if _WHERE_I.search(words):
        return f"I am in the {recall.room}." if recall.room else None
    if (found := _KNOW.search(words)) is not None:
        thing = (found["thing"] or found["told"]).strip()
        return about(thing, recall) or f"I know nothing of the {thing}."
    if (found := _WHERE.search(words)) is not None:
        return _where(found["thing"].strip(), observation, recall)
    if _CARRY.search(words):
        return _first_person(observation.inventory)
    if _SEE.search(words):
        seen = [line for line in _sentences(observation.description or observation.text) if _HERE.search(line)]
        return " ".join(map(_first_person, seen[:3])) or f"Nothing but the {recall.room}."
    if (found := _SAYS.search(words)) is not None:
        return _says(found["thing"].strip(), history)
    return None


def _where(thing: str, observation: Observation, recall: Recall) -> str:
    name = re.compile(rf"\b{re.escape(thing.lower())}s?\b")
    if name.search(observation.inventory.lower()):
        return f"I carry the {thing}."
    if name.search(observation.description.lower()):
        line = next(line for line in _sentences(observation.description) if name.search(line.lower()))
        return f"The {thing} is here in the {recall.room}: {_first_person(line)}"
    seen = [each for each in recall.lines if name.search(each.line.lower()) and not _is_talk(each.line)]
    placed = [each for each in seen if each.room and not looks_refused(each.line)]
    if placed:
        last = placed[-1]
        return f"I saw the {thing} in the {last.room}: {_plain(last)}"
    return f"I have not seen the {thing}."


def about(subject: str, recall: Recall) -> str:
    """What was read that has most to do with a subject, and what stood behind it; empty where nothing has."""
    wanted, best, most = _stems(subject), -1, 0
    for i, each in enumerate(recall.lines):
        shared = len(wanted & _stems(each.line))
        if shared > most and not _is_talk(each.line) and not looks_refused(each.line):
            best, most = i, shared
    if best < 0:
        return ""
    first, *after = recall.lines[best : best + 2]
    goes_on = [each for each in after if each.turn == first.turn and each.line.endswith(".")]
    told = _JOIN.sub("", " ".join(map(_plain, (first, *goes_on))))
    return told[:1].upper() + told[1:]


def _stems(words: str) -> frozenset[str]:
    """What is spoken of, one or many of it alike."""
    return frozenset(word.removesuffix("s") for word in topics(words))


def _says(thing: str, history: History) -> str:
    for exchange in reversed(history):
        verb, _, rest = exchange.command.partition(" ")
        if verb in ("read", "examine") and thing.lower() in rest.lower():
            return f"{exchange.reply.strip().splitlines()[0]}"
    return f"I have not read the {thing}."


def _why(asked: str, denied: bool, observation: Observation, history: History, decision: Decision) -> str:
    commands = [proposal.command for proposal in decision.proposals]
    index = _meant(asked, commands)
    best = commands[decision.chosen]
    if index is None:
        tried = next((e for e in reversed(history) if e.command and _meant(asked, [e.command]) == 0), None)
        if tried is not None:
            return f"I tried to {tried.command}, and it said: {tried.reply.strip().splitlines()[0]}"
        return f"To {asked.strip()} is not among what I can do here. I would rather {best}."
    shares = softmax([proposal.prior for proposal in decision.proposals])
    mine = f"the model gives it {shares[index]:.0%}, and Q is {decision.q_values[index]:+.2f}"
    if index == decision.chosen:
        second = next((i for i in range(len(commands)) if i != index), None)
        more = "" if second is None else f"; for {commands[second]} it is {_numbers(second, shares, decision)}"
        how = " I tried it out of curiosity." if decision.chooser == "exploration" else ""
        return f"I want to {best}, because {mine}{more}.{how}"
    if decision.scores[index] <= EXCLUDED:
        return f"I leave out {commands[index]}: the world refused it or does not understand it."
    return f"For {commands[index]}, {mine}; for {best} it is {_numbers(decision.chosen, shares, decision)}."


def _numbers(index: int, shares: Sequence[float], decision: Decision) -> str:
    return f"{shares[index]:.0%} and {decision.q_values[index]:+.2f}"


def _meant(asked: str, commands: Sequence[str]) -> int | None:
    """Which of the commands somebody speaks of: the same way, or the most words in common."""
    words = [_WORDS.get(word, word) for word in normalised(asked).split()]
    said = " ".join(filter(None, words))
    for word in words:
        way = direction(word)
        if way is not None:
            return next((i for i, command in enumerate(commands) if direction(command) == way), None)
    forms = [normalised(command) for command in commands]
    if said in forms:
        return forms.index(said)
    overlap = [len(set(said.split()) & set(form.split())) for form in forms]
    if overlap and max(overlap) > 0:
        best = [i for i, count in enumerate(overlap) if count == max(overlap)]
        return max(best, key=lambda i: difflib.SequenceMatcher(None, said, forms[i]).ratio())
    return None


def _sentences(text: str) -> list[str]:
    return [s.strip() for line in text.split("\n") for s in re.split(r"(?<=[.!?])\s+", line) if s.strip()]


def _plain(sighting: Sighting) -> str:
    return _first_person(sighting.line)


def _first_person(line: str) -> str:
    """The world speaks to the seat; the seat speaks of itself."""
    line = re.sub(r"\b(by|with|for|to|of|on|at|behind|from|around|past|beside|below|above) you\b", r"\1 me", line)
    for you, me in (
        ("You are", "I am"),
        ("You can see", "I see"),
        ("You see", "I see"),
        ("You", "I"),
        ("your", "my"),
    ):
        line = re.sub(rf"\b{you}\b", me, line)
    return line.strip()


def _is_talk(line: str) -> bool:
    return "“" in line or line.endswith("?")
