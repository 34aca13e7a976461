"""What is said of a command: a fact of the moment and an intention, in the manner of a persona."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from sandbox import marked_yaml
from sandbox.agent.recall import Recall
from sandbox.agent.recollection import Deed, recollect, words

T = TypeVar("T")

_END = ".!?"


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

    recall: Recall
    goal: str = ""
    back: bool = False
    """Whether a detour ends with it."""
    refused: str = ""
    """`closed` or `locked`, where the world has just refused something because of that, or `nothing`."""
    advised: bool = False


BEFORE = 0.6
"""Chance that a persona's own words stand before a sentence, and not behind it."""
WANTED = 0.15
"""Chance that the goal is spoken of, where it names the thing."""


def speak(name: str, command: str, moment: SpeechContext, rng: np.random.Generator) -> str:
    """A sentence or two about a command."""
    persona = book().personas[name]
    remembered = recollect(command, moment.recall)
    occasion = remembered.kind if remembered.kind.startswith("go") else Deed.of(command).occasion
    kind, line = remembered.kind, _pick(persona.lines(occasion), rng)
    if moment.advised:
        line = _pick(persona.lines("advised"), rng)
    elif moment.refused:
        kind = {"closed": "refused_closed", "locked": "refused_locked"}.get(moment.refused, "refused")
    elif moment.back and occasion.startswith("go"):
        kind, line = "go_back", _pick(persona.lines("go_back"), rng)
    elif remembered.words["thing"] and remembered.words["thing"].lower() in moment.goal.lower():
        kind = "wanted" if rng.random() < WANTED else kind
    if moment.refused and "{fact}" not in line:
        line = "{fact} " + line
    fact = _pick(book().facts[kind], rng) if kind else ""
    said = line.replace("{fact}", fact).format_map(remembered.words).strip()
    said = said[:1].upper() + said[1:]
    if rng.random() < BEFORE:
        said = _joined(_pick(persona.before, rng), said)
    else:
        said = _ended(said, _pick(persona.after, rng))
    return re.sub(r"\s+", " ", said).replace('"', "'").strip()


def advise(command: str, rng: np.random.Generator) -> str:
    """What a person might say to have a command carried out."""
    forms, deed = book().advice, Deed.of(command)
    said = _pick(forms.get(deed.occasion, forms["use"]), rng).format_map(words(deed, Recall()))
    if rng.random() < 0.4:
        said = said[:1].upper() + said[1:]
    if rng.random() < 0.4 and said[-1] not in _END:
        said += "."
    return said


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
