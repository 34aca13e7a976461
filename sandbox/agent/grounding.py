"""From what an agent says to a command: "the iron key may fit the cellar door: take the iron key"."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox import text

MAX_COMMAND = 100
"""Longest command taken from free text, in characters."""

_NEAR = 5
_COLONS = re.compile(r"[:：]\s*")
_SENTENCE_END = re.compile(r"(?<=[\w'\"”’)])\s*[.!?;。！？；]+(?:\s|$)")
_QUOTES = " \t\"'“”‘’`*"
_NOT_WORDS = re.compile(r"[^\w\s'-]")
_ARTICLES = re.compile(r"\b(?:the|an?)\s+")
_OPENERS = re.compile(r"^(?:i(?:'ll| will| would| want to|'d like to)?|let me|let's)\s+", re.IGNORECASE)

_REFUSALS = re.compile(
    r"not a verb|don't (?:know|understand|recogni[sz]e)|didn't understand|can't see any such"
    r"|that's not something|no such (?:thing|word)|beg your pardon|only understood you as far"
    r"|what do you want to|can't (?:see|go) (?:that|any)",
    re.IGNORECASE,
)

Rate = Callable[[Sequence[str]], Sequence[float]]
"""Log-probabilities of commands in the situation at hand."""


@dataclass(frozen=True, slots=True)
class Grounded:
    """A command and the line it came from."""

    command: str
    said: str
    understood: bool
    """Whether the command is one the world listed, or at least begins with a verb the world has."""


def ground(
    line: str,
    admissible: Sequence[str] | None,
    *,
    verbs: Sequence[str] = (),
    cutoff: float = 0.6,
    rate: Rate | None = None,
) -> Grounded | None:
    """The command that a sampled line means; None where it holds no words.

    With a list of admissible commands: the same one, the same but for case, articles and punctuation, or the one
    closest in spelling; where several are about as close, the one that `rate` finds likeliest. Else the words stay
    as they are and count as not understood.
    """
    said = text.clean_line(line).lstrip(">").strip()
    command = parse(said)
    if not command:
        return None
    said = "" if said == command else said
    if admissible is None:
        known = not verbs or any(_begins_with(command, verb) for verb in verbs)
        return Grounded(command, said, known)
    for candidate in (command, said):
        if candidate in admissible:
            return Grounded(candidate, said, True)
    by_form = {normalised(option): option for option in reversed(admissible)}
    if (form := normalised(command)) in by_form:
        return Grounded(by_form[form], said, True)
    near = difflib.get_close_matches(form, list(by_form), n=_NEAR, cutoff=cutoff)
    if not near:
        return Grounded(command, said, False)
    options = [by_form[each] for each in near]
    best = 0
    if rate is not None and len(options) > 1:
        rates = rate(options)
        best = max(range(len(options)), key=lambda i: rates[i])
    return Grounded(options[best], said, True)


def parse(said: str) -> str:
    """The command in a line of speech: what follows the last colon, up to the end of its first sentence.

    More than one sentence would be more than one command, which not every world can take.
    """
    parts = [part for part in _COLONS.split(said) if part.strip()]
    if not parts:
        return ""
    command = _SENTENCE_END.split(parts[-1].strip(), maxsplit=1)[0]
    command = command.strip(_QUOTES + ".,!?。，！？")
    return _OPENERS.sub("", command)[:MAX_COMMAND].strip()


def spoken(line: str) -> str:
    """The first sentence of what a model would say aloud, without marks of speech; empty where it is nothing."""
    said = text.clean_line(line).strip(_QUOTES)
    ended = _SENTENCE_END.search(said)
    return (said[: ended.end()] if ended else said)[:MAX_COMMAND].strip(_QUOTES + ".")


def normalised(command: str) -> str:
    """Lower case, single blanks, no punctuation and no articles: for comparison only."""
    return " ".join(_ARTICLES.sub("", _NOT_WORDS.sub(" ", command.lower())).split())


def looks_refused(reply: str) -> bool:
    """Whether a reply reads as a parser's complaint. Only a hint, for worlds that tell nothing better."""
    return _REFUSALS.search(reply[:300]) is not None


def _begins_with(command: str, verb: str) -> bool:
    command, verb = command.lower(), verb.lower()
    return command == verb or command.startswith(verb + " ") or (not verb.isascii() and command.startswith(verb))
