"""What is said of a command: a fact of the moment and an intention, in the manner of a persona."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from sandbox import marked_yaml
from sandbox.agent.recall import Recall, direction
from sandbox.types import Fact

T = TypeVar("T")

_FORMS = (
    ("take", re.compile(r"take (?P<thing>.+?) from (?P<holder>.+)")),
    ("take", re.compile(r"take (?P<thing>.+)")),
    ("unlock", re.compile(r"unlock (?P<thing>.+) with (?P<key>.+)")),
    ("lock", re.compile(r"lock (?P<thing>.+) with (?P<key>.+)")),
    ("put", re.compile(r"(?:put|insert) (?P<thing>.+?) (?P<on>on|in|into) (?P<holder>.+)")),
    ("open", re.compile(r"open (?P<thing>.+)")),
    ("close", re.compile(r"close (?P<thing>.+)")),
    ("drop", re.compile(r"drop (?P<thing>.+)")),
    ("look", re.compile(r"(?:examine|read) (?P<thing>.+)")),
    ("look", re.compile(r"look|inventory|examine")),
    ("wait", re.compile(r"wait")),
    ("pull", re.compile(r"(?:pull|push|press|turn|ring) (?P<thing>.+)")),
    (
        "use",
        re.compile(r"(?:eat|drink|cook|slice|chop|dice|give|wear|light) (?P<thing>[\w ]+?)(?: (?:with|to) .+)?"),
    ),
)
_END = ".!?"


@dataclass(frozen=True, slots=True)
class Deed:
    """A command as far as it can be spoken of."""

    command: str
    occasion: str
    """A key of a persona's lines."""
    thing: str = ""
    holder: str = ""
    key: str = ""
    way: str = ""
    on: str = "on"

    @classmethod
    def of(cls, command: str, facts: frozenset[Fact] = frozenset()) -> Deed:
        """What a command does; how a thing is held, in or on, is looked up in the facts."""
        way = direction(command)
        if way is not None:
            return cls(command, "go", way=way)
        for occasion, form in _FORMS:
            found = form.fullmatch(command)
            if found is None:
                continue
            deed = replace(cls(command, occasion), **{k: v for k, v in found.groupdict().items() if v})
            if deed.holder and occasion == "take":
                inside = Fact("in", deed.thing.lower(), deed.holder.lower()) in facts
                deed = replace(deed, on="in" if inside else "on")
            return replace(deed, on="in") if deed.on == "into" else deed
        return cls(command, "use", thing=command.partition(" ")[2])


class Persona(BaseModel):
    """How somebody speaks."""

    model_config = ConfigDict(extra="allow", frozen=True)

    introduced: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]

    def lines(self, occasion: str) -> Sequence[str]:
        """Its lines for an occasion."""
        found = (self.model_extra or {}).get(occasion) or (self.model_extra or {})["use"]
        return tuple(found)


class Book(BaseModel):
    """All that `personas.yaml` holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    facts: dict[str, tuple[str, ...]]
    personas: dict[str, Persona]
    advice: dict[str, tuple[str, ...]]


@cache
def book() -> Book:
    """The lines that ship with the package."""
    return Book.model_validate(marked_yaml.read(Path(__file__).with_name("personas.yaml").read_bytes()).data)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechContext:
    """What a sentence may speak of besides the command."""

    facts: frozenset[Fact]
    recall: Recall
    goal: str = ""
    back: bool = False
    """Whether a detour ends with it."""
    refused: str = ""
    """`closed` or `locked`, where the world has just refused something because of that, or `nothing`."""
    advised: bool = False


def speak(name: str, deed: Deed, moment: SpeechContext, rng: np.random.Generator) -> str:
    """A sentence or two about a command."""
    persona = book().personas[name]
    key, fact = _fact(deed, moment, rng)
    words = _words(deed, moment)
    line = _pick(persona.lines(key), rng)
    if moment.advised:
        # The line of the occasion follows half of the time, so that it is plain what is meant.
        line = _pick(persona.lines("advised"), rng)
    elif moment.refused and "{fact}" not in line:
        line = "{fact} " + line
    said = line.replace("{fact}", fact).format_map(words)
    said = said[:1].upper() + said[1:]
    if rng.random() < 0.55:
        said = _joined(_pick(persona.before, rng), said)
    if rng.random() < 0.4:
        said = _ended(said, _pick(persona.after, rng))
    return re.sub(r"\s+", " ", said).replace('"', "'").strip()


def advise(deed: Deed, rng: np.random.Generator) -> str:
    """What a person might say to have a command carried out."""
    forms = book().advice
    words = _pick(forms.get(deed.occasion, forms["use"]), rng).format_map(_words(deed, None))
    if rng.random() < 0.4:
        words = words[:1].upper() + words[1:]
    if rng.random() < 0.4 and words[-1] not in _END:
        words += "."
    return words


def _fact(deed: Deed, moment: SpeechContext, rng: np.random.Generator) -> tuple[str, str]:
    """The occasion in full, and a fact that speaks for the command."""
    facts, occasion = book().facts, deed.occasion
    words = _words(deed, moment)
    if occasion == "go":
        occasion = "go_back" if moment.back else "go_known" if words["room"] else "go_new"
    if moment.refused:
        kind = {"closed": "refused_closed", "locked": "refused_locked"}.get(moment.refused, "refused")
        return occasion, _pick(facts[kind], rng).format_map(words)
    if deed.thing and deed.thing.lower() in moment.goal.lower() and rng.random() < 0.3:
        return occasion, _pick(facts["wanted"], rng).format_map(words)
    carried = Fact("carried", deed.thing.lower()) in moment.facts
    kind = {"drop": "use", "wait": "look"}.get(occasion, occasion)
    if occasion == "take" and deed.holder:
        kind = "take_from"
    if occasion in ("use", "look", "pull", "wait"):
        here = any(fact.subject == deed.thing.lower() and fact.relation != "leads" for fact in moment.facts)
        if not here:
            return occasion, f"This is the {words['here']}." if words["here"] else ""
        kind = "use" if carried else "pull"
    return occasion, _pick(facts[kind], rng).format_map(words)


def _words(deed: Deed, moment: SpeechContext | None) -> Mapping[str, str]:
    recall = moment.recall if moment else Recall()
    return {
        "command": _with_articles(deed),
        "thing": deed.thing,
        "holder": deed.holder,
        "key": deed.key,
        "on": deed.on,
        "way": deed.way,
        "Way": deed.way.capitalize(),
        "room": recall.been(deed.way).lower() if deed.way else "",
        "here": recall.room.lower(),
    }


def _with_articles(deed: Deed) -> str:
    """The command as part of a sentence: `open the chest`."""
    words = deed.command
    for name in filter(None, dict.fromkeys((deed.thing, deed.holder, deed.key))):
        words = words.replace(f" {name}", f" the {name}", 1)
    return words


def _joined(before: str, said: str) -> str:
    """Words put before a sentence; after a comma it goes on in small letters."""
    if before.endswith(", ") and not re.match(r"I\b", said):
        said = said[:1].lower() + said[1:]
    return before + said


def _ended(said: str, after: str) -> str:
    """Words put after a sentence; a comma or a mark joins it."""
    if after[:1] in (",", "!"):
        mark = said[-1] if said[-1:] in _END else "."
        said = said.rstrip(_END)
        return said + after + (mark if after[0] == "," else "")
    return said + after


def _pick(options: Sequence[T], rng: np.random.Generator) -> T:
    return options[int(rng.integers(len(options)))]
