"""Feedback as examples in the shapes that TRL documents, and a split in which no world is on both sides.

Prompts are the very texts that the model read when the decision was made. Where none was stored (a person played
alone, or the agent had no language model) the prompt is built from the card that the save holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.agent import cards, prompt
from sandbox.agent.cards import Card, PromptSettings
from sandbox.errors import CardError
from sandbox.feedback.book import FeedbackBook
from sandbox.feedback.judgements import judgements
from sandbox.feedback.kind import Judgement
from sandbox.store import Run, Store, Unplayed
from sandbox.store.feedback import Feedback
from sandbox.timeline import Timeline, history

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

    @classmethod
    def of(cls, store: Store) -> Material:
        """Raises `SaveError` where the save is empty or damaged. Turns are read on demand: keep it open."""
        feedback, unplayed = store.feedback(), dict[int, tuple[Unplayed, ...]]()
        for each in store.unplayed():
            unplayed[each.state] = (*unplayed.get(each.state, ()), each)
        book = FeedbackBook(feedback)
        return cls(store.name, store.latest_run(), store.timeline(), feedback, book, unplayed)

    @property
    def world(self) -> str:
        return self.run.world


@dataclass(frozen=True, slots=True)
class Example:
    """One row, and what the data card tells of where it comes from."""

    row: Row
    world: str
    model: str = ""
    annotator: str = ""
    stored: bool = True
    """Whether the prompt is the stored one."""


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


def examples(material: Material, form: Format) -> list[Example]:
    """All examples of a format in a save, each once."""
    prompts = Prompts(material)
    if form == "prm":
        return list(_steps(material, prompts))
    found: dict[str, Example] = {}
    for judgement in judgements(material.timeline, material.book):
        text, model, stored = prompts.at(judgement.state, judgement.seat, judgement.turn)
        for row in _rows(judgement, form, text):
            found.setdefault(repr(row), Example(row, material.world, model, judgement.annotator, stored))
    return list(found.values())


def _rows(judgement: Judgement, form: Format, text: str) -> Iterator[Row]:
    good = tuple(map(prompt.option, judgement.good))
    bad = tuple(map(prompt.option, judgement.bad))
    if form == "sft" and judgement.imitable:
        for completion in good:
            yield {"prompt": text, "completion": completion}
    elif form == "dpo":
        for chosen in good:
            for rejected in bad:
                yield {"prompt": text, "chosen": chosen, "rejected": rejected}
    elif form == "kto" and judgement.absolute:
        for label, completions in ((True, good), (False, bad)):
            for completion in completions:
                yield {"prompt": text, "completion": completion, "label": label}


def _steps(material: Material, prompts: Prompts) -> Iterator[Example]:
    """Stretches of turns that were all judged. A step is what the world said since the last one, and the command.

    So the prompt and the steps, joined, are the transcript to the letter.
    """
    timeline, book = material.timeline, material.book
    verdicts = {
        each.turn: timeline.node(each.turn).command in each.good
        for each in judgements(timeline, book)
        if each.absolute and timeline.node(each.turn).command in (*each.good, *each.bad)
    }
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
    material: Material, prompts: Prompts, turns: Sequence[int], verdicts: Mapping[int, bool]
) -> Iterator[Example]:
    begun: tuple[str, str, bool] | None = None
    transcript, completions, labels = "", list[str](), list[bool]()
    for turn in turns:
        node = material.timeline.node(turn)
        assert node.parent is not None
        text, model, stored = prompts.at(node.parent, node.seat, turn)
        if begun is not None and not text.startswith(transcript):  # its front was cut off to fit the model
            yield _stepwise(material, begun, completions, labels)
            begun = None
        if begun is None:
            begun, transcript, completions, labels = (text, model, stored), text, [], []
        option = prompt.option(node.command)
        completions.append(text[len(transcript) :] + option)
        labels.append(verdicts[turn])
        transcript = text + option
    if begun is not None:
        yield _stepwise(material, begun, completions, labels)


def _stepwise(
    material: Material, begun: tuple[str, str, bool], completions: list[str], labels: list[bool]
) -> Example:
    text, model, stored = begun
    return Example(
        {"prompt": text, "completions": completions, "labels": labels}, material.world, model, "", stored
    )


def split_worlds(worlds: Sequence[str], *, share: float, seed: int) -> tuple[frozenset[str], frozenset[str]]:
    """Worlds to train on and to test on, drawn by hash: the same names and seed give the same split.

    At least one is for the test where there are two or more and `share` is above 0.
    """
    drawn = sorted(set(worlds), key=lambda world: hashlib.sha256(f"{seed}:{world}".encode()).digest())
    count = min(max(round(share * len(drawn)), 1), len(drawn) - 1) if share > 0 and len(drawn) > 1 else 0
    return frozenset(drawn[count:]), frozenset(drawn[:count])
