"""Feedback as examples in the shapes that TRL documents, and a split in which no world is on both sides.

Prompts are the very texts that the model read when the decision was made. Where none was stored (a person played
alone, or the agent had no language model) the prompt is built from the card that the save holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from sandbox.agent import cards, prompt
from sandbox.agent.cards import Card, PromptSettings
from sandbox.errors import CardError
from sandbox.feedback.book import FeedbackBook
from sandbox.feedback.deeds import Deeds, Opened
from sandbox.feedback.judgements import judgements
from sandbox.feedback.kind import Judgement
from sandbox.feedback.votes import Settled, Votes, columns, polls
from sandbox.paths import Home
from sandbox.store import Run, Store, Unplayed
from sandbox.store.feedback import Feedback
from sandbox.timeline import Timeline, history
from sandbox.world import registry

Format = Literal["sft", "dpo", "kto", "prm"]
Row = Mapping[str, Any]
"""One example: the columns of its format and no others.

sft: prompt, completion. dpo: prompt, chosen, rejected. kto: prompt, completion, label. prm (stepwise supervision):
prompt, completions, labels.
"""


@dataclass(frozen=True, slots=True)
class Material:
    """What is read of one save."""

    name: str
    run: Run
    """The latest."""
    timeline: Timeline
    feedback: tuple[Feedback, ...]
    """All records, oldest first, those taken back included."""
    book: FeedbackBook
    unplayed: Mapping[int, tuple[Unplayed, ...]]
    """The decisions that nobody acted on, by the turn at which they were made."""
    opened: Opened
    """The world of the save; whoever made this closes it."""
    deeds: Deeds

    @classmethod
    def of(cls, store: Store, home: Home | None = None) -> Material:
        """Raises `SaveError` where the save is empty or damaged. Turns are read on demand: keep it open.

        Args:
            store: the save.
            home: where its world is looked up, to compare what commands come to.
        """
        feedback, unplayed = store.feedback(), dict[int, tuple[Unplayed, ...]]()
        for each in store.unplayed():
            unplayed[each.state] = (*unplayed.get(each.state, ()), each)
        book = FeedbackBook(feedback)
        timeline, run = store.timeline(), store.latest_run()
        opened = Opened(partial(registry.open_world, run.world, home=home))
        return cls(store.name, run, timeline, feedback, book, unplayed, opened, Deeds(timeline, opened))

    @property
    def world(self) -> str:
        return self.run.world


@dataclass(frozen=True, slots=True)
class Example:
    """One row, and what the data card tells of where it comes from."""

    row: Row
    world: str
    model: str = ""
    raters: tuple[str, ...] = ()
    """Who said so; an empty name for what follows from an intervention."""
    stored: bool = True
    """Whether the prompt is the stored one."""
    votes: Mapping[str, Any] = field(default_factory=dict)
    """Further columns, see `votes.columns`."""


@dataclass(slots=True)
class Prompts:
    """The prompt that a seat had before it in a state."""

    material: Material
    _cards: dict[str, Card | None] = field(default_factory=dict)

    def at(self, state: int, seat: str, turn: int) -> tuple[str, str, bool]:
        """The prompt, the model that read it, and whether it is the stored one.

        Args:
            state: the turn at which a command was to be given.
            seat: whose.
            turn: the turn below it that is preferred where several decisions were made there; the state itself
                prefers those that nobody acted on.
        """
        timeline = self.material.timeline
        below = (child for child in timeline.child_ids(state) if child != turn)
        played = [timeline.get(each).decision for each in ((turn, *below) if turn != state else below)]
        asked = [each.decision for each in self.material.unplayed.get(state, ())]
        for decision in (*played, *asked) if turn != state else (*asked, *played):
            if decision is not None and decision.seat == seat and decision.prompt:
                return decision.prompt, decision.model, True
        path = timeline.path(state)
        card = self._card(seat)
        form, persona = (PromptSettings(), "") if card is None else (card.prompt, card.persona)
        built = prompt.build(form, path[-1].observations[seat], history(path, seat), persona=persona)
        return built, "", False

    def _card(self, seat: str) -> Card | None:
        if seat not in self._cards:
            try:
                text = self.material.run.cards.get(seat)
                self._cards[seat] = None if text is None else cards.parse_card(text, seat, stored=True)
            except CardError:
                self._cards[seat] = None  # a card of another version: the plain form will do
        return self._cards[seat]


def examples(material: Material, form: Format, how: Votes = "majority") -> list[Example]:
    """All examples of a format in a save, each once."""
    return gathered([material], form, how).examples


@dataclass(frozen=True, slots=True)
class Gathered:
    """The examples of some saves, and what of the votes made none."""

    examples: list[Example]
    ties: int = 0
    """Pairs, or commands by themselves, of which as many said one thing as the other."""
    disputed: tuple[tuple[str, Settled], ...] = ()
    """What not all agreed about, ties among them, each with its prompt; the closest first."""


def gathered(materials: Sequence[Material], form: Format, how: Votes = "majority") -> Gathered:
    """All examples of a format in some saves, all votes brought together by the prompt that they are about."""
    told = _PromptWriter()
    found = polls(told.judged(materials))
    kept = [(text, each) for text, poll in found.items() for each in poll.settled(how)]
    if form == "prm":
        labels = {
            (text, each.better or each.worse): each for text, each in kept if not (each.better and each.worse)
        }
        rows = {
            repr(example.row): example
            for material in materials
            for example in _steps(material, told.prompts(material), labels)
        }
        return Gathered(list(rows.values()))
    made: list[Example] = []
    for text, each in kept:
        row = _row(each, form, text)
        if row is not None:
            material, model, stored = told.places[text]
            made.append(Example(row, material.world, model, each.raters, stored, columns(each)))
    disputes = ((text, each) for text, poll in found.items() for each in poll.disputes())
    about = [
        (text, each) for text, each in disputes if (bool(each.better) and bool(each.worse)) == (form == "dpo")
    ]
    return Gathered(
        made,
        sum(poll.ties(pairs=form == "dpo") for poll in found.values()),
        tuple(sorted(about, key=lambda item: len(item[1].raters) - item[1].against)),
    )


class _PromptWriter:
    """Puts what was judged into prompts, and keeps whose the prompts are."""

    def __init__(self) -> None:
        self.places: dict[str, tuple[Material, str, bool]] = {}
        """Prompt -> where it comes from, the model that read it, whether it is a stored one."""
        self._prompts: dict[int, Prompts] = {}

    def prompts(self, material: Material) -> Prompts:
        return self._prompts.setdefault(id(material), Prompts(material))

    def judged(self, materials: Sequence[Material]) -> Iterator[tuple[str, Judgement, Callable[[str], Hashable]]]:
        for material in materials:
            prompts = self.prompts(material)
            for judgement in judgements(material.timeline, material.book, material.deeds):
                text, model, stored = prompts.at(judgement.state, judgement.seat, judgement.turn)
                self.places.setdefault(text, (material, model, stored))
                yield text, judgement, partial(material.deeds.effect, judgement.state, judgement.seat)


def _row(settled: Settled, form: Format, text: str) -> Row | None:
    """The example as a row; None where it makes none in this format."""
    better, worse = prompt.option(settled.better, text), prompt.option(settled.worse, text)
    both = bool(settled.better) and bool(settled.worse)
    if form == "sft" and settled.imitable:
        return {"prompt": text, "completion": better}
    if form == "dpo" and both:
        return {"prompt": text, "chosen": better, "rejected": worse}
    if form == "kto" and not both:
        return {"prompt": text, "completion": better if settled.better else worse, "label": bool(settled.better)}
    return None


def _steps(material: Material, prompts: Prompts, labels: Mapping[tuple[str, str], Settled]) -> Iterator[Example]:
    """Stretches of turns that were all judged. A step is what the world said since the last one, and the command.

    So the prompt and the steps, joined, are the transcript to the letter.
    """
    timeline = material.timeline
    verdicts: dict[int, Settled] = {}
    for node in timeline.nodes():
        if node.parent is not None and material.deeds.counts(node):
            label = labels.get((prompts.at(node.parent, node.seat, node.id)[0], node.command))
            if label is not None:
                verdicts[node.id] = label
    taken: set[int] = set()
    for leaf in sorted(verdicts, key=lambda turn: -timeline.node(turn).depth):
        if leaf in taken:
            continue
        seat = timeline.node(leaf).seat
        segment: list[int] = []
        for node in timeline.ancestors(leaf):
            if node.seat == seat and node.id not in verdicts:
                break
            if node.seat == seat:
                segment.append(node.id)
        taken.update(segment)
        yield from _segment(material, prompts, segment[::-1], verdicts)


def _segment(
    material: Material, prompts: Prompts, turns: Sequence[int], verdicts: Mapping[int, Settled]
) -> Iterator[Example]:
    begun: tuple[str, str, bool] | None = None
    transcript, completions, labels = "", list[str](), list[Settled]()
    for turn in turns:
        node = material.timeline.node(turn)
        assert node.parent is not None
        text, model, stored = prompts.at(node.parent, node.seat, turn)
        if begun is not None and not text.startswith(transcript):  # its front was cut off to fit the model
            yield _stepwise(material, begun, completions, labels)
            begun = None
        if begun is None:
            begun, transcript, completions, labels = (text, model, stored), text, [], []
        option = prompt.option(node.command, text)
        completions.append(text[len(transcript) :] + option)
        labels.append(verdicts[turn])
        transcript = text + option
    if begun is not None:
        yield _stepwise(material, begun, completions, labels)


def _stepwise(
    material: Material, begun: tuple[str, str, bool], completions: list[str], labels: list[Settled]
) -> Example:
    """One row; of its votes it tells those of the step that has fewest."""
    text, model, stored = begun
    row = {"prompt": text, "completions": completions, "labels": [bool(each.better) for each in labels]}
    raters = tuple(dict.fromkeys(name for each in labels for name in each.raters))
    told = columns(min(labels, key=lambda each: (len(each.raters) - each.against, each.weight)))
    told |= {"raters": list(raters), "created": max(each.created for each in labels)}
    return Example(row, material.world, model, raters, stored, told)


def split_worlds(worlds: Sequence[str], *, share: float, seed: int) -> tuple[frozenset[str], frozenset[str]]:
    """Worlds to train on and to test on, drawn by hash: the same names and seed give the same split.

    At least one is for the test where there are two or more and `share` is above 0.
    """
    drawn = sorted(set(worlds), key=lambda world: hashlib.sha256(f"{seed}:{world}".encode()).digest())
    count = min(max(round(share * len(drawn)), 1), len(drawn) - 1) if share > 0 and len(drawn) > 1 else 0
    return frozenset(drawn[count:]), frozenset(drawn[:count])
