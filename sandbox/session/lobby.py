"""What there is to play: worlds, saves, agents and the language model, as a start page shows them.

All of it is read from files anew at each call, which takes a moment: not for a screen's own thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.agent import cards
from sandbox.config import TOUR as TOUR
from sandbox.errors import CardError, ModelError, SandboxError, WorldError
from sandbox.llm import catalogue, speeds
from sandbox.llm import registry as model_registry
from sandbox.paths import Home, safe_name
from sandbox.store import Store
from sandbox.timeline import Timeline
from sandbox.world import registry
from sandbox.world.native import Adventure, read_source

GENERATED: Mapping[str, tuple[str, str]] = {
    "tw:custom?rooms=5&objects=8&quest=5&seed=3": (
        "A small house",
        "Five rooms, eight things, and a quest that takes five commands.",
    ),
    "tw:simple?seed=18": ("A simple flat", "A locked front door, a flat in disorder, and something to eat."),
    "tw:coin?level=5&seed=1": ("A coin in a maze", "Corridors, and a coin somewhere at the end of them."),
    "tw:cooking?recipe=2&seed=1": ("A kitchen", "A cookbook, a fridge, and a hungry cook."),
}
"""Games that TextWorld makes up, a few to begin with: reference -> title and blurb."""
_TOO_LONG = 20_000
"""Turns from which on a save is not searched for its best score."""


@dataclass(frozen=True, slots=True)
class Best:
    """The highest score that was reached in an episode."""

    score: float
    highest: float | None
    """What can be reached, where that is known."""


@dataclass(frozen=True, slots=True)
class WorldOffer:
    """A world that can be begun."""

    name: str
    """The reference that opens it."""
    title: str = ""
    blurb: str = ""
    seats: int = 1
    difficulty: str = ""
    language: str = "en"
    best: Best | None = None
    problem: str = ""
    """Why it cannot be played."""


@dataclass(frozen=True, slots=True)
class SaveOffer:
    """A game that can be gone on with."""

    name: str
    world: str = ""
    title: str = ""
    who: str = ""
    turns: int = 0
    feedback: int = 0
    last_played: float = 0.0
    """Unix time, seconds."""
    best: Best | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class AgentOffer:
    """A card that can hold a seat."""

    name: str
    description: str = ""
    model: str = ""
    problem: str = ""
    """Why it cannot play now: a mistake in the card, a model that is not here."""


@dataclass(frozen=True, slots=True)
class ModelOffer:
    """A language model of this machine, or one that could be."""

    name: str
    title: str
    state: str
    """`ready`, `not fetched` or `damaged`."""
    memory: str
    """What it takes while it plays, in words; empty where that is not known."""
    decision: str
    """How long it takes to decide here; empty where nothing was measured."""


@dataclass(frozen=True, slots=True)
class Offers:
    """Everything at once. Saves come the latest first."""

    worlds: tuple[WorldOffer, ...] = ()
    saves: tuple[SaveOffer, ...] = ()
    agents: tuple[AgentOffer, ...] = ()
    models: tuple[ModelOffer, ...] = ()


def look(home: Home) -> Offers:
    """All that there is. What cannot be read is offered with what is wrong with it."""
    own = home.folder("saves").resolve()
    files = {name: file for name, file in home.entries("saves").items() if file.parent.parent == own}
    saves = sorted((_save(name, file.parent) for name, file in files.items()), key=lambda s: -s.last_played)
    best: dict[str, Best] = {}
    for save in saves:
        known = best.get(save.world)
        if save.best is not None and (known is None or save.best.score > known.score):
            best[save.world] = save.best
    worlds = [world(name, file, best.get(name)) for name, file in home.entries("worlds").items()]
    worlds.sort(key=lambda each: (each.name != TOUR, each.seats, each.name))
    made = [
        WorldOffer(name, title, blurb, best=best.get(registry.resolve(name, home=home).canonical))
        for name, (title, blurb) in GENERATED.items()
    ]
    return Offers(
        tuple(worlds + made),
        tuple(saves),
        tuple(_agent(name, file) for name, file in home.entries("agents").items()),
        models(),
    )


def models() -> tuple[ModelOffer, ...]:
    """The language models by name, as `sandbox model list` shows them."""
    found = []
    for entry in catalogue.entries():
        weights = speeds.weights_of(entry)
        own = speeds.speed(entry.where, weights)
        memory = speeds.memory_of(weights)
        found.append(ModelOffer(entry.name, entry.title, entry.state, memory, "" if own is None else str(own)))
    return tuple(found)


def best_score(timeline: Timeline) -> float | None:
    """The highest sum of the world's rewards of any seat at any turn; None where nothing was played."""
    sums: dict[int, Mapping[str, float]] = {}
    best: float | None = None
    for node in timeline.nodes():
        before = sums.get(node.parent, {}) if node.parent is not None else {}
        total = {seat: before.get(seat, 0.0) + node.rewards.get(seat, 0.0) for seat in {*before, *node.rewards}}
        sums[node.id] = total
        if node.command:
            best = max(best if best is not None else 0.0, *total.values(), 0.0)
    return best


def world(name: str, file: Path, best: Best | None = None) -> WorldOffer:
    """One of the worlds of `home.entries("worlds")`."""
    try:
        definition = read_source(file).definition
    except WorldError as error:
        line = f"line {error.line}: " if error.line else ""
        return WorldOffer(name, name, problem=f"{line}{error.message}")
    return WorldOffer(
        name,
        definition.title,
        definition.blurb,
        len(definition.seats) if isinstance(definition, Adventure) else 1,
        definition.difficulty,
        definition.language,
        best,
    )


def _save(name: str, folder: Path) -> SaveOffer:
    try:
        safe_name(folder.name, "a save")
        with Store.open(folder, readonly=True) as store:
            run, counts = store.latest_run(), store.counts()
            best = None
            if counts["turns"] <= _TOO_LONG:
                timeline = store.timeline()
                score = best_score(timeline)
                if score is not None:
                    opening = timeline.get(timeline.opening_ids()[0])
                    highest = next((seen.max_score for seen in opening.observations.values()), None)
                    best = Best(score, highest)
            return SaveOffer(
                name,
                run.world,
                run.title,
                ", ".join(f"{seat}: {agent or 'you'}" for seat, agent in run.seats.items()),
                counts["turns"],
                counts["feedback"],
                store.last_written(),
                best,
            )
    except SandboxError as error:
        return SaveOffer(name, problem=error.message)


def _agent(name: str, file: Path) -> AgentOffer:
    try:
        card = cards.load_card(file)
    except CardError as error:
        return AgentOffer(name, problem=error.message)
    model = card.model or (card.remote.model if card.remote else "")
    try:
        if card.model is not None:
            model_registry.check(card.model, relative_to=file.parent)
    except ModelError as error:
        return AgentOffer(name, card.description, model, str(error))
    return AgentOffer(name, card.description, model)
