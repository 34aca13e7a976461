"""Examples out of saves and worlds: wins, demonstrations, corrections, preferences, ratings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Literal

from sandbox.abilities import Guided
from sandbox.agent import prompt
from sandbox.agent.cards import Card
from sandbox.agent.recall import Recall
from sandbox.agent.recollection import recollect
from sandbox.feedback.dataset import Material
from sandbox.feedback.judgements import judgements
from sandbox.feedback.kind import Judgement
from sandbox.feedback.sentences import JudgedLine, judged_lines
from sandbox.feedback.votes import Settled, Votes, polls
from sandbox.paths import Home
from sandbox.store import Store
from sandbox.timeline import Turn, history
from sandbox.tune.errors import RoundError
from sandbox.tune.examples import (
    Example,
    Label,
    Moment,
    Origin,
    PreferencePair,
    Segment,
    TranscriptExample,
    context_of,
    play_through,
    transcripts,
)
from sandbox.tune.settings import Method
from sandbox.types import World
from sandbox.world import registry

Source = Literal["wins", "feedback", "selfplay", "explore", "demonstrations", "truth", "voice", "all"]

ENOUGH: dict[Method, int] = {"sft": 8, "dpo": 8, "kto": 8, "grpo": 1, "rloo": 1}
"""Examples below which a method is refused; worlds, for those that play themselves."""

_RANGE = re.compile(r"([?&]\w+=)(\d+)\.\.(\d+)(?=&|$)")
_MAX_WORLDS = 10_000
_ANY = Origin(kind="rating")


def expand(reference: str) -> list[str]:
    """All worlds that a reference with ranges stands for: `tw:custom?quest=3..6&seed=1..20` are 80.

    Raises `RoundError` where a range runs backwards, or it would be too many.
    """
    ranges = [range(int(low), int(high) + 1) for _, low, high in _RANGE.findall(reference)]
    total = 1
    for each in ranges:
        total *= len(each)
    if not 0 < total <= _MAX_WORLDS:
        raise RoundError(f"{reference} stands for {total} worlds", hint="write ranges as in seed=1..20")
    found = []
    for numbers in product(*ranges):
        left = iter(numbers)
        found.append(_RANGE.sub(lambda match: f"{match[1]}{next(left)}", reference))  # noqa: B023
    return found


def from_save(home: Home, folder: Path, card: Card, source: Source = "all") -> list[Example]:
    """What one save holds, see `from_saves`."""
    return from_saves(home, [folder], card, source)


def from_saves(
    home: Home, folders: Sequence[Path], card: Card, source: Source = "all", votes: Votes = "majority"
) -> list[Example]:
    """What saves hold. Reads only; works while they are being played. Raises `SaveError` and `WorldError`.

    Args:
        home: where the saves' worlds are looked up.
        folders: each `saves/<name>`.
        card: of the agent that is to learn: it says how the prompts are written.
        source: `wins` of agents, `demonstrations` (wins with a person's hand in them), `feedback`,
            `truth` (what they said that is so or not), or `all`.
        votes: how the feedback of several people is brought together.
    """
    with ExitStack() as stack:
        stores = [stack.enter_context(Store.open(folder, readonly=True)) for folder in folders]
        saves = []
        for store in stores:
            material = Material.of(store, home)
            stack.callback(material.opened.close)
            verbs = _verbs(home, material.world) if "{verbs}" in card.prompt.head else ()
            saves.append(_Save(material, card, verbs))
        found: list[Example] = []
        if source in ("wins", "demonstrations", "all"):
            won = [each for save in saves for each in save.wins()]
            found += [each for each in won if source in ("all", f"{each.origin.kind}s")]
        if source in ("feedback", "all"):
            found += _feedback(saves, votes)
        if source in ("truth", "all"):
            found += [each for save in saves for each in _truths(save)]
    return found


@dataclass(frozen=True, slots=True)
class _Save:
    """A save, and how its prompts are written."""

    material: Material
    card: Card
    verbs: Sequence[str]

    def moment(self, state: int, seat: str, command: str = "") -> Moment:
        """What a seat knew when it was to act."""
        return _moment(self.material.timeline.path(state), seat, command)

    def context(self, moment: Moment) -> str:
        return context_of(self.card, moment.observation, moment.history, self.verbs)

    def wins(self) -> list[TranscriptExample]:
        """The shortest won branch of each seed. What a person typed in vain is read, and not learned."""
        timeline, deeds = self.material.timeline, self.material.deeds
        best: dict[int | None, list[int]] = {}
        for node in timeline.nodes():
            if node.terminated and node.seat and timeline.get(node.id).observations[node.seat].won:
                ids = timeline.path_ids(node.id)
                if any(timeline.node(each).chooser == "author" for each in ids):
                    continue
                seed = timeline.node(ids[0]).seed
                if seed not in best or len(ids) < len(best[seed]):
                    best[seed] = ids
        found = []
        for ids in best.values():
            path = timeline.turns(ids)
            person = any(turn.chooser == "person" for turn in path)
            moments = [
                _moment(path[: i + 1], turn.seat, turn.command)._replace(learned=deeds.counts(turn))
                for i, turn in enumerate(path[1:])
            ]
            origin = Origin(kind="demonstration" if person else "win", world=self.material.world)
            found += transcripts(self.card, moments, origin, verbs=self.verbs)
        return found


def _verbs(home: Home, reference: str) -> tuple[str, ...]:
    world = registry.open_world(reference, home=home)
    try:
        return world.verbs
    finally:
        world.close()


def _feedback(saves: Sequence[_Save], votes: Votes) -> Iterator[Example]:
    """What people said, as something to imitate, as pairs, and as commands that are good or bad.

    What it means is read by `judgements` and brought together by `votes`, as for the data sets that are exported.
    """
    places: dict[str, _Save] = {}

    def judged() -> Iterator[tuple[str, Judgement, Callable[[str], Hashable]]]:
        for save in saves:
            material = save.material
            for judgement in judgements(material.timeline, material.book, material.deeds):
                context = save.context(save.moment(judgement.state, judgement.seat))
                places.setdefault(context, save)
                yield context, judgement, partial(material.deeds.effect, judgement.state, judgement.seat)

    for context, poll in polls(judged()).items():
        save = places[context]
        for settled in poll.settled(votes):
            for said in settled.sources:
                origin = Origin(kind=said.kind, world=save.material.world, annotator=said.annotator)
                yield from _examples(save, context, settled, origin)


def _examples(save: _Save, context: str, settled: Settled, origin: Origin) -> Iterator[Example]:
    better, worse = prompt.option(settled.better, context), prompt.option(settled.worse, context)
    if settled.better and settled.worse:
        yield PreferencePair(prompt=context, chosen=better, rejected=worse, origin=origin)
        return
    if settled.imitable:
        yield TranscriptExample(segments=(Segment(context, False), Segment(better, True)), origin=origin)
    good = bool(settled.better)
    yield Label(prompt=context, completion=better if good else worse, good=good, origin=origin)


def _truths(save: _Save) -> Iterator[Example]:
    """What was said, as good or bad continuations, and as pairs: what is so before what is not.

    Nothing where the world cannot be asked for its facts, or is another than was played. In a pair stands a line
    that was said of the same command, or else what another line of that turn claims and no more: that fits any.
    """
    world, material = save.material.opened(), save.material
    if world is None or world.fingerprint != material.run.fingerprint:
        return
    told: dict[tuple[int, str], list[JudgedLine]] = {}
    for line in judged_lines(material.timeline, world):
        told.setdefault((line.state, line.seat), []).append(line)
    origin = Origin(kind="truth", world=material.world)
    for (state, seat), lines in told.items():
        moment = save.moment(state, seat)
        context, recall = save.context(moment), Recall.of(moment.history)
        for line in lines:
            remembered = str(recollect(line.command, recall))
            before = prompt.why(context, line.command, save.card.persona, remembered)
            said = prompt.words(line.said, context)
            yield Label(prompt=before, completion=said, good=line.true, origin=origin)
            true = [each for each in lines if each.true]
            same = next((each.said for each in true if each.command == line.command), None)
            better = same or next((each.stated for each in true), None)
            if not line.true and better:
                chosen = prompt.words(better, context)
                yield PreferencePair(prompt=before, chosen=chosen, rejected=said, origin=origin)


def _moment(before: Sequence[Turn], seat: str, command: str) -> Moment:
    """What a seat knew when it was to act; `before` is the path that led there."""
    return Moment(before[-1].observations[seat], history(before, seat), command)


def from_walkthrough(world: World[Any], card: Card) -> list[TranscriptExample]:
    """The walkthrough that a world knows of itself; empty where it knows none, or it does not win."""
    moments, last = play_through(world, 0, world.walkthrough() if isinstance(world, Guided) else ())
    origin = Origin(kind="demonstration", world=world.name)
    return transcripts(card, moments, origin, verbs=world.verbs) if last.won else []


def usable(examples: Sequence[Example], method: Method) -> list[Example]:
    """Those that a method learns from, each once: who said the same twice, or where, makes no difference."""
    kind = {"sft": TranscriptExample, "dpo": PreferencePair, "kto": Label}.get(method)
    found: dict[Example, Example] = {}
    for each in examples:
        if kind is not None and isinstance(each, kind):
            found.setdefault(replace(each, origin=_ANY), each)
    return list(found.values())


def occasions(examples: Sequence[Example]) -> list[Example]:
    """One example of each win and each judgement: a correction is a command to imitate, a pair and two ratings."""
    return list({_occasion(each): each for each in examples}.values())


def _occasion(example: Example) -> tuple[Any, ...]:
    if not isinstance(example, TranscriptExample):
        return example.origin, example.prompt
    return example.origin, example.segments if example.commands > 1 else example.segments[0].text


def check(examples: Sequence[Example], method: Method) -> None:
    """Raises `RoundError` where there is too little to learn from, or all of it says the same."""
    needed = ENOUGH[method]
    commands = sum(each.commands for each in examples if isinstance(each, TranscriptExample))
    count = commands if method == "sft" else len(examples)
    what = {
        "sft": "different commands from wins or corrections",
        "dpo": "different preferences or corrections",
        "kto": "different ratings",
    }
    if count < needed:
        raise RoundError(
            f"too little to learn from: {count} {what[method]}, at least {needed} are needed",
            hint="play, correct and rate more, or add --worlds to learn from",
        )
    if method == "kto":
        good = sum(isinstance(each, Label) and each.good for each in examples)
        for side, number in (("good", good), ("bad", len(examples) - good)):
            if number < 2:
                raise RoundError(
                    f"one-sided: only {number} of {len(examples)} ratings are {side}",
                    hint=f"rate some {side} commands too",
                )
    learned = {s.text for e in examples if isinstance(e, TranscriptExample) for s in e.segments if s.learned}
    if method == "sft" and len(learned) < 2:
        raise RoundError("one-sided: all examples give the same command", hint="play on, and rate other commands")


@dataclass(frozen=True, slots=True)
class Survey:
    """What there is to learn from."""

    by_kind: dict[str, int]
    by_world: dict[str, int]
    by_annotator: dict[str, int]
    missing: dict[str, str]
    """Why a method cannot be used, in one line; those that can are left out."""


def survey(examples: Sequence[Example]) -> Survey:
    """Count examples for a person to look at."""
    missing: dict[str, str] = {}
    methods: tuple[Method, ...] = ("sft", "dpo", "kto")
    for method in methods:
        try:
            check(usable(examples, method), method)
        except RoundError as error:
            missing[method] = str(error)
    return Survey(
        by_kind=dict(Counter(each.origin.kind for each in examples)),
        by_world=dict(Counter(each.origin.world for each in examples)),
        by_annotator=dict(Counter(each.origin.annotator for each in examples if each.origin.annotator)),
        missing=missing,
    )
