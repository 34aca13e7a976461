"""How good a companion the default agent is: how it plays, speaks, listens and answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.agent.cards import Card
from sandbox.bench.companion import listening, speaking, stories
from sandbox.bench.report import Figure, Report, machine
from sandbox.llm.local import LocalModel
from sandbox.tune import collect, gate
from sandbox.tune.adapters import AdapterInfo
from sandbox.tune.starts import EpisodeStart
from sandbox.types import Progress
from sandbox.world import registry

UNSEEN = "tw:custom?quest=3..6&seed=9001..9005"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured."""

    card: Card
    """Of the default agent."""
    model: LocalModel
    voice: Path
    """The adapter that ships."""
    about: AdapterInfo


def run(subject: Subject, folder: Path | None, *, quick: bool, parts: Sequence[str], progress: Progress) -> Report:
    """Measure.

    Args:
        subject: agent, model and adapter.
        folder: where story files are, for what is understood where nothing is listed; None leaves that out.
        quick: fewer games and lines.
        parts: which of `play`, `speech`, `personas`, `advice`, `answers`, `stories`; none for all.
        progress: told what is going on.
    """
    started = time.perf_counter()
    figures: list[Figure] = []
    subject.model.use_adapter(subject.voice)
    card, model = subject.card, subject.model
    measures: dict[str, Callable[[], Iterator[Figure]]] = {
        "play": lambda: _play(subject, quick, progress),
        "speech": lambda: speaking.speech(card, model, subject.voice, quick, progress),
        "personas": lambda: speaking.personas(card, model, quick, progress),
        "advice": lambda: listening.advice(card, model, quick, progress),
        "answers": lambda: listening.answers(card, model, quick, progress),
        "stories": lambda: stories.understood(card, model, folder, quick, progress),
    }
    for name, measure in measures.items():
        if not parts or name in parts:
            figures += measure()
    if subject.about.perplexity is not None:
        before, after = subject.about.perplexity
        figures.append(Figure.at_most("perplexity_ratio", after / before, 1.15))
    return Report(machine(), time.perf_counter() - started, figures)


def _play(subject: Subject, quick: bool, progress: Progress) -> Iterator[Figure]:
    """Games never seen, first episode, nothing learned; the model alone, as in the gate of a round."""
    games = collect.expand(UNSEEN)[:: 3 if quick else 1]
    for name, adapter in (("base", None), ("voice", subject.voice)):
        subject.model.use_adapter(adapter)
        won = steps = 0
        if quick and adapter is None:
            continue
        for number, reference in enumerate(games, start=1):
            progress(f"playing with {name}, {number} of {len(games)}")
            world = registry.open_world(reference)
            (episode,) = gate.play(subject.card, subject.model, world, [EpisodeStart(0)])
            world.close()
            won += episode.won
            steps += episode.steps
        if adapter is None:
            yield Figure(f"base_won_of_{len(games)}_unseen", won, "games")
        else:
            needed = 15 * len(games) / 20
            yield Figure.at_least(f"won_of_{len(games)}_unseen", won, needed, "games")
            yield Figure("steps_on_average", steps / len(games), "commands")
