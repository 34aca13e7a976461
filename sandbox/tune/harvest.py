"""Examples out of saves and worlds: wins, demonstrations, corrections, preferences, ratings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

from sandbox.agent import prompt
from sandbox.agent.cards import Card
from sandbox.paths import Home
from sandbox.play.feedback import FeedbackBook
from sandbox.play.store import Store
from sandbox.play.timeline import Timeline, Turn, history
from sandbox.tune.errors import RoundError
from sandbox.tune.examples import (
    Example,
    Kind,
    Label,
    Moment,
    Origin,
    Pair,
    Transcript,
    context_of,
    play_through,
    transcripts,
)
from sandbox.tune.settings import Method
from sandbox.types import World
from sandbox.world import references

Source = Literal["wins", "feedback", "selfplay", "demonstrations", "all"]

HIGH = 1.0
"""Feedback from which a command is worth imitating."""
ENOUGH: dict[Method, int] = {"sft": 8, "dpo": 8, "kto": 8, "grpo": 1, "rloo": 1}
"""Examples below which a method is refused; worlds, for those that play themselves."""

_RANGE = re.compile(r"([?&]\w+=)(\d+)\.\.(\d+)(?=&|$)")
_MAX_WORLDS = 10_000


def expand(reference: str) -> list[str]:
    """All worlds that a reference with ranges stands for: `tw:custom?quest=3..6&seed=1..20` are 80.

    Raises `RoundError` where a range runs backwards, or it would be too many.
    """
    ranges = [range(int(low), int(high) + 1) for _, low, high in _RANGE.findall(reference)]
    total = 1
    for each in ranges:
        total *= len(each)
    if not 0 < total <= _MAX_WORLDS:
        raise RoundError(f"{reference} stands for {total} worlds", mend="write ranges as in seed=1..20")
    found = []
    for numbers in product(*ranges):
        left = iter(numbers)
        found.append(_RANGE.sub(lambda match: f"{match[1]}{next(left)}", reference))  # noqa: B023
    return found


def open_world(home: Home, reference: str) -> World[Any]:
    """A world by reference. Raises `WorldError`."""
    parsed = references.parse(reference)
    if parsed.kind != "native":
        return references.open_world(parsed)
    from sandbox.world.native import load_world

    path = home.world_file(reference) or Path(reference).expanduser()
    return load_world(path, name=reference)


def from_save(folder: Path, card: Card, source: Source = "all") -> list[Example]:
    """What a save holds. Reads only; works while it is being played. Raises `SaveError`.

    Args:
        folder: `saves/<name>`.
        card: of the agent that is to learn: it says how the prompts are written.
        source: `wins` of agents, `demonstrations` (wins with a person's hand in them), `feedback`, or `all`.
    """
    with Store.open(folder, readonly=True) as store:
        timeline = store.timeline()
        book = FeedbackBook(store.feedback())
        world = store.runs()[-1].world if store.runs() else ""
        found: list[Example] = []
        if source in ("wins", "demonstrations", "all"):
            wanted: set[Kind] = {"wins": {"win"}, "demonstrations": {"demonstration"}}.get(  # type: ignore[assignment]
                source, {"win", "demonstration"}
            )
            found += [each for each in _wins(timeline, card, world) if each.origin.kind in wanted]
        if source in ("feedback", "all"):
            found += _feedback(timeline, book, card, world)
    return found


def _wins(timeline: Timeline, card: Card, world: str) -> list[Transcript]:
    """The shortest won branch of each seed."""
    best: dict[int | None, list[int]] = {}
    for node in timeline.nodes():
        if node.terminated and node.seat and timeline.get(node.id).observations[node.seat].won:
            ids = timeline.path_ids(node.id)
            seed = timeline.node(ids[0]).seed
            if seed not in best or len(ids) < len(best[seed]):
                best[seed] = ids
    found = []
    for ids in best.values():
        path = timeline.turns(ids)
        person = any(turn.chooser == "person" for turn in path)
        moments = [_moment(path[: i + 1], turn) for i, turn in enumerate(path[1:])]
        found += transcripts(card, moments, Origin(kind="demonstration" if person else "win", world=world))
    return found


def _feedback(timeline: Timeline, book: FeedbackBook, card: Card, world: str) -> list[Example]:
    found: list[Example] = []
    for node in timeline.nodes():
        records = book.at(node.id)
        value = book.value(node.id)
        if node.parent is None and not records:
            continue
        path = timeline.path(node.id)
        for record in records:
            origin = Origin(kind="correction", world=world, annotator=record.annotator)
            if record.kind == "correction" and node.parent is not None:
                found += _correction(card, path, record.data["command"], path[-1].command, origin)
            elif record.kind == "preference" and record.data["verdict"] == "better":
                pair = _preference(timeline, card, path, record.data, record.annotator, world)
                found += [pair] if pair else []
        if node.intervened and node.wanted is not None:
            found += _correction(card, path, node.command, node.wanted, Origin(kind="correction", world=world))
        elif value and any(record.kind in ("rating", "credit") for record in records):
            moment = _moment(path[:-1], path[-1])
            origin = Origin(kind="rating", world=world, annotator=records[-1].annotator)
            context = context_of(card, moment.observation, moment.history)
            found.append(
                Label(prompt=context, completion=prompt.option(moment.command), good=value > 0, origin=origin)
            )
            if value >= HIGH:
                found += transcripts(card, [moment], origin)
    return found


def _correction(card: Card, path: Sequence[Turn], right: str, wrong: str, origin: Origin) -> Iterator[Example]:
    """A better command, as something to imitate, as a pair, and as one that is good and one that is bad."""
    moment = _moment(path[:-1], path[-1])._replace(command=right)
    if right == wrong:
        return
    context = context_of(card, moment.observation, moment.history)
    yield from transcripts(card, [moment], origin)
    yield Pair(prompt=context, chosen=prompt.option(right), rejected=prompt.option(wrong), origin=origin)
    yield Label(prompt=context, completion=prompt.option(right), good=True, origin=origin)
    yield Label(prompt=context, completion=prompt.option(wrong), good=False, origin=origin)


def _preference(
    timeline: Timeline, card: Card, path: Sequence[Turn], data: Any, annotator: str, world: str
) -> Pair | None:
    """A preference stands at the parent of the siblings, or at the turn whose proposals are compared."""
    if data["between"] == "turns":
        better, worse = (timeline.node(data[side]).command for side in ("better", "worse"))
        first = timeline.get(data["better"])
        moment = _moment(path, first)
    else:
        decision = path[-1].decision
        if decision is None or max(data["better"], data["worse"]) >= len(decision.proposals):
            return None
        better, worse = (decision.proposals[data[side]].command for side in ("better", "worse"))
        moment = _moment(path[:-1], path[-1])
    if better == worse:
        return None
    return Pair(
        prompt=context_of(card, moment.observation, moment.history),
        chosen=prompt.option(better),
        rejected=prompt.option(worse),
        origin=Origin(kind="preference", world=world, annotator=annotator),
    )


def _moment(before: Sequence[Turn], turn: Turn) -> Moment:
    """What the seat of a turn knew when it acted; `before` is the path up to its parent."""
    return Moment(before[-1].observations[turn.seat], history(before, turn.seat), turn.command)


def from_walkthrough(world: World[Any], card: Card) -> list[Transcript]:
    """The walkthrough that a world knows of itself; empty where it knows none, or it does not win."""
    walkthrough: Callable[[], Sequence[str]] = getattr(world, "walkthrough", tuple)
    moments, last = play_through(world, 0, walkthrough())
    origin = Origin(kind="demonstration", world=world.name)
    return transcripts(card, moments, origin, verbs=world.verbs) if last.won else []


def usable(examples: Sequence[Example], method: Method) -> list[Example]:
    """Those that a method learns from, each once."""
    kind = {"sft": Transcript, "dpo": Pair, "kto": Label}.get(method)
    return list(dict.fromkeys(each for each in examples if kind is not None and isinstance(each, kind)))


def check(examples: Sequence[Example], method: Method) -> None:
    """Raises `RoundError` where there is too little to learn from, or all of it says the same."""
    needed = ENOUGH[method]
    commands = sum(each.commands for each in examples if isinstance(each, Transcript))
    count = commands if method == "sft" else len(examples)
    what = {"sft": "commands from wins or corrections", "dpo": "preferences or corrections", "kto": "ratings"}
    if count < needed:
        raise RoundError(
            f"too little to learn from: {count} {what[method]}, at least {needed} are needed",
            mend="play, correct and rate more, or add --worlds to learn from",
        )
    if method == "kto":
        good = sum(isinstance(each, Label) and each.good for each in examples)
        for side, number in (("good", good), ("bad", len(examples) - good)):
            if number < 2:
                raise RoundError(
                    f"one-sided: only {number} of {len(examples)} ratings are {side}",
                    mend=f"rate some {side} commands too",
                )
    learned = {s.text for e in examples if isinstance(e, Transcript) for s in e.segments if s.learned}
    if method == "sft" and len(learned) < 2:
        raise RoundError("one-sided: all examples give the same command", mend="play on, and rate other commands")


@dataclass(frozen=True, slots=True)
class Survey:
    """What there is to learn from."""

    by_kind: dict[str, int]
    by_world: dict[str, int]
    by_annotator: dict[str, int]
    by_method: dict[str, int]
    """How many examples each method would have."""
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
        by_method={method: len(usable(examples, method)) for method in methods},
        missing=missing,
    )
