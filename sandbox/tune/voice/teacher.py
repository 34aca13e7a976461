"""Who plays for the demonstrations: a way that wins, with detours and refusals on it, each step put into words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sandbox.agent import prompt
from sandbox.agent.cards import Card
from sandbox.agent.recall import Recall, direction
from sandbox.agent.recollection import Deed, recollect
from sandbox.directions import OPPOSITE
from sandbox.tune.examples import Origin, Segment, TranscriptExample, context_of
from sandbox.tune.voice.speech import SpeechContext, advise, book, speak
from sandbox.types import Exchange, Observation, World

Turn = tuple[str, str]

DETOURS = 0.3
"""Chance of a detour before a step."""
ALTERNATIVES = 0.6
"""Chance that another command of a step is spoken of too."""
ADVICE = 0.5
"""Chance that a person says something at a step, and is heeded."""
BEFOREHAND = 0.3
"""Chance that a step is shown the other way round, too: said, then done."""
_DULL = ("look", "inventory", "wait")


@dataclass(frozen=True, slots=True)
class TaughtTurn:
    """One turn of a demonstration."""

    seat: str
    command: str
    learned: bool = True
    """Whether the command is to be imitated."""
    back: bool = False
    refused: str = ""


def demonstrations(
    world: World[Any], turns: Sequence[Turn], card: Card, *, name: str, seed: int
) -> Iterator[TranscriptExample]:
    """A way to win as transcripts, one a seat, each in the voice of a persona. Nothing where it does not win.

    Args:
        world: with listed commands.
        turns: seats and commands that win.
        card: of the agent that is to learn; its persona is replaced.
        name: of a persona.
        seed: of detours and words.
    """
    rng = np.random.default_rng((seed, 41))
    acts = with_detours(world, turns, rng)
    if acts is None:
        acts = [TaughtTurn(*turn) for turn in turns]
        if not _wins(world, acts):
            return
    yield from _spoken(world, acts, card, name, rng)


def with_detours(world: World[Any], turns: Sequence[Turn], rng: np.random.Generator) -> list[TaughtTurn] | None:
    """The same way with wrong turns, tries that are refused and looks around; None where it no longer wins."""
    acts: list[TaughtTurn] = []
    state = world.initial(0)
    for seat, command in turns:
        if len(world.seats) == 1:
            for act in _detour(world, state, seat, command, rng):
                acts.append(act)
                state = world.step(state, seat, act.command).state
        refused = acts[-1].refused if acts and not acts[-1].learned else ""
        acts.append(TaughtTurn(seat, command, refused=refused))
        if world.to_move(state) != seat:
            return None
        state = world.step(state, seat, command).state
    return acts if _wins(world, acts) else None


def _detour(
    world: World[Any], state: Any, seat: str, following: str, rng: np.random.Generator
) -> list[TaughtTurn]:
    listed = world.observe(state, seat).admissible or ()
    refused = _refusal(world, state, seat, following, listed)
    if refused is not None and rng.random() < 0.6:
        return [refused]
    if rng.random() > DETOURS:
        return []
    if rng.random() < 0.5:
        ways = [each for each in listed if direction(each) and each != following]
        for way in rng.permutation(ways):
            away = world.step(state, seat, str(way)).state
            back = f"go {OPPOSITE[str(direction(str(way)))]}"
            if world.to_move(away) == seat and back in (world.observe(away, seat).admissible or ()):
                return [TaughtTurn(seat, str(way), learned=False), TaughtTurn(seat, back, back=True)]
        return []
    idle = [each for each in listed if each.startswith(("examine", "take", "open")) and each != following]
    return [TaughtTurn(seat, str(rng.choice(idle)), learned=False)] if idle else []


def _refusal(world: World[Any], state: Any, seat: str, following: str, listed: Sequence[str]) -> TaughtTurn | None:
    """A try that the world refuses, which the next command of the way sets right."""
    verb, _, rest = following.partition(" ")
    if verb == "unlock":
        tries, kind = [f"open {rest.partition(' with ')[0]}"], "locked"
    elif verb == "open":
        tries, kind = (
            [f"go {way}" for way in ("north", "south", "east", "west") if f"go {way}" not in listed],
            "closed",
        )
    else:
        return None
    for command in tries:
        reply = world.observe(world.step(state, seat, command).state, seat).text.lower()
        if (kind == "locked" and "lock" in reply) or (
            kind == "closed" and ("open the" in reply or "closed" in reply)
        ):
            return TaughtTurn(seat, command, learned=False, refused=kind)
    return None


def _wins(world: World[Any], acts: Sequence[TaughtTurn]) -> bool:
    state = world.initial(0)
    for act in acts:
        if world.to_move(state) != act.seat:
            return False
        state = world.step(state, act.seat, act.command).state
    return any(world.observe(state, seat).won for seat in world.seats)


def _spoken(
    world: World[Any], acts: Sequence[TaughtTurn], card: Card, name: str, rng: np.random.Generator
) -> Iterator[TranscriptExample]:
    introduced = book().personas[name].introduced
    cards = {seat: card.model_copy(update={"persona": str(rng.choice(introduced))}) for seat in world.seats}
    writers = {seat: _Writer(cards[seat], name, world.verbs, rng) for seat in world.seats}
    state = world.initial(0)
    for act in acts:
        writers[act.seat].add(act, world.observe(state, act.seat))
        state = world.step(state, act.seat, act.command).state
    origin = Origin(kind="voice", world=world.name)
    for writer in writers.values():
        if writer.segments:
            yield TranscriptExample(segments=tuple(writer.segments), origin=origin)


class _Writer:
    """Writes down what one seat reads, does and says."""

    def __init__(self, card: Card, name: str, verbs: Sequence[str], rng: np.random.Generator) -> None:
        self.segments: list[Segment] = []
        self._card, self._name, self._verbs, self._rng = card, name, verbs, rng
        self._lived: list[Exchange] = []
        self._recall = Recall()
        self._text = ""
        self._command = ""
        self._asides = 0

    def add(self, act: TaughtTurn, observation: Observation) -> None:
        """One turn."""
        exchange = Exchange(command=self._command, reply=observation.text)
        self._recall.read(exchange, len(self._lived))
        self._lived.append(exchange)
        context = context_of(self._card, observation, self._lived, self._verbs)
        if not context.startswith(self._text):
            self.segments, self._text = [], ""  # the window moved on: what is behind it is not learned twice
        ground = context.removesuffix(prompt.MARK).rstrip()
        self._piece(ground[len(self._text) :])
        plain = SpeechContext(recall=self._recall, goal=observation.goal)
        moment = replace(plain, back=act.back, refused=act.refused)
        others = [each for each in observation.admissible or () if each != act.command and each not in _DULL]
        if others and self._rng.random() < ADVICE:
            self._advice(str(self._rng.choice([*others, act.command])), plain)
        speaks = not act.command.startswith("say ")
        if act.learned and speaks and self._rng.random() < BEFOREHAND:
            said = speak(self._name, act.command, moment, self._rng)
            self._aside(
                prompt.opening_quote(""),
                (said + prompt.QUOTE + "\n" + prompt.MARK, True),
                (prompt.option(act.command), True),
            )
        self._piece(context[len(ground) :])
        if others and self._rng.random() < ALTERNATIVES:
            other = self._another(others)
            self._say(other, plain, before=prompt.option(other))
        self._piece(prompt.option(act.command), learned=act.learned)
        if speaks and (act.learned or act.command in (observation.admissible or ())):
            self._say(act.command, moment)
        self._text = context + prompt.option(act.command)
        self._command = act.command

    def _another(self, commands: Sequence[str]) -> str:
        """A command, of a kind that is drawn first: else it would mostly be things put down."""
        kinds = {command: Deed.of(command).occasion for command in commands}
        kind = self._rng.choice(sorted(set(kinds.values())))
        return str(self._rng.choice([command for command in commands if kinds[command] == kind]))

    def _advice(self, command: str, moment: SpeechContext) -> None:
        heard = prompt.aside_text(prompt.advised([advise(command, self._rng)]))
        said = speak(self._name, command, replace(moment, advised=True), self._rng)
        self._aside(
            heard,
            (prompt.option(command), True),
            (self._remembering(command, moment), False),
            (said + prompt.QUOTE + "\n", True),
        )

    def _say(self, command: str, moment: SpeechContext, *, before: str = "") -> None:
        said = speak(self._name, command, moment, self._rng)
        self._aside(before, (self._remembering(command, moment), False), (said + prompt.QUOTE + "\n", True))

    def _remembering(self, command: str, moment: SpeechContext) -> str:
        return prompt.remembering(self._card.persona, str(recollect(command, moment.recall)))

    def _aside(self, before: str, *pieces: tuple[str, bool]) -> None:
        self._asides += 1
        if before:
            self.segments.append(Segment(before, False, self._asides))
        self.segments += [Segment(text, learned, self._asides) for text, learned in pieces]

    def _piece(self, text: str, *, learned: bool = False) -> None:
        if text:
            self.segments.append(Segment(text, learned))
