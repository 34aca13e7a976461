"""What is said: how soon, how truly, how variously, and in whose manner."""

from __future__ import annotations

import math
import re
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.agent import truth, voice
from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import Card
from sandbox.agent.recall import Recall
from sandbox.bench.companion.moments import moments
from sandbox.bench.report import Figure
from sandbox.llm.local import LocalModel
from sandbox.llm.streaming import streaming
from sandbox.types import Progress

PERSONAS = {
    "pirate": "You are a pirate, loud and greedy, and you talk like one.",
    "butler": "You are a perfect butler, formal, discreet and never in a hurry.",
    "detective": "You are a hard-boiled detective who talks in short, dry sentences.",
    "scholar": "You are an absent-minded professor who explains everything with learning.",
    "child": "You are a cheerful child of seven who finds everything exciting.",
}


def speech(card: Card, model: LocalModel, adapter: Path, quick: bool, progress: Progress) -> Iterator[Figure]:
    """Lines of the best three proposals at moments of games: their share, time, truth and variety."""
    count = 20 if quick else 67
    said, seconds, first, shown = list[str](), list[float](), list[float](), 0
    verdicts: Counter[str] = Counter()
    for number, moment in enumerate(moments(count), start=1):
        progress(f"speaking, {number} of {count}")
        agent = CardAgent(card.model_copy(update={"learner": None}), model, verbs=moment.world.verbs)
        decision = agent.decide(moment.observation, moment.history, seed=number, explore=False)
        started = time.perf_counter()
        heard: list[float] = []

        def hear(texts: Any, heard: list[float] = heard, started: float = started) -> None:
            if any(texts) and not heard:
                heard.append(time.perf_counter() - started)

        with streaming(hear):
            spoken = agent.speak(decision, moment.history, seed=number)
        seconds.append(time.perf_counter() - started)
        first += heard
        best = spoken.proposals[: voice.SPEAKERS]
        shown += len(best)
        said += [proposal.said for proposal in best if " " in proposal.said]
        recall = Recall.of(moment.history)
        verdicts.update(v for p in best for _, v in truth.verdicts(p.said, moment.facts, recall))
    yield Figure.at_least("spoken_share", len(said) / shown, 1.0)
    yield Figure.at_least("true_share", _true(verdicts), 0.9)
    yield Figure("checkable_statements", verdicts["true"] + verdicts["false"])
    yield Figure("unknown_statements", verdicts["unknown"])
    yield Figure.at_least("distinct_share", len(set(said)) / len(said), 0.6)
    yield Figure.at_most("first_word_seconds", statistics.median(first), 0.6, "s")
    yield Figure.at_most("spoken_decision_seconds", statistics.median(seconds), 1.5, "s")
    model.use_adapter(None)
    plain: Counter[str] = Counter()
    for number, moment in enumerate(moments(count // 3), start=1):
        progress(f"speaking without the adapter, {number} of {count // 3}")
        agent = CardAgent(card.model_copy(update={"learner": None}), model, verbs=moment.world.verbs)
        spoken = agent.speak(
            agent.decide(moment.observation, moment.history, seed=number, explore=False),
            moment.history,
            seed=number,
        )
        recall = Recall.of(moment.history)
        plain.update(v for p in spoken.proposals[:3] for _, v in truth.verdicts(p.said, moment.facts, recall))
    model.use_adapter(adapter)
    yield Figure("base_true_share", _true(plain))
    yield Figure("base_checkable_statements", plain["true"] + plain["false"])


def personas(card: Card, model: LocalModel, quick: bool, progress: Progress) -> Iterator[Figure]:
    """Which of five personas speaks, told by a naive Bayes classifier over words.

    It is trained on the lines of all other moments: a line is never told by what was said of the same.
    """
    each = 6 if quick else 16
    lines: dict[str, list[list[str]]] = {}
    for name, persona in PERSONAS.items():
        for number, moment in enumerate(moments(each, first=9100), start=1):
            progress(f"speaking as a {name}, {number} of {each}")
            own = card.model_copy(update={"persona": persona, "learner": None})
            agent = CardAgent(own, model, verbs=moment.world.verbs)
            decision = agent.decide(moment.observation, moment.history, seed=number, explore=False)
            spoken = agent.speak(decision, moment.history, seed=number)
            lines.setdefault(name, []).append([p.said for p in spoken.proposals[: voice.SPEAKERS]])
    yield Figure.at_least("persona_identified", identified(lines), 0.8)


def identified(lines: Mapping[str, Sequence[Sequence[str]]]) -> float:
    """The share of lines whose speaker is told rightly.

    Args:
        lines: of each speaker, what it says at each moment.
    """
    right = asked = 0
    for moment in range(max(map(len, lines.values()))):
        words = {who: _counted([*said[:moment], *said[moment + 1 :]]) for who, said in lines.items()}
        for who, said in lines.items():
            asked += len(said[moment])
            right += sum(_who(words, line) == who for line in said[moment])
    return right / asked


def _counted(lines: Sequence[Sequence[str]]) -> Counter[str]:
    return Counter(word for said in lines for line in said for word in _words(line))


def _who(words: dict[str, Counter[str]], line: str) -> str:
    vocabulary = {word for counted in words.values() for word in counted}

    def likelihood(counted: Counter[str]) -> float:
        total = counted.total() + len(vocabulary)
        return sum(math.log((counted[word] + 1) / total) for word in _words(line))

    return max(words, key=lambda name: likelihood(words[name]))


def _words(line: str) -> list[str]:
    return re.findall(r"[a-z']+", line.lower())


def _true(verdicts: Counter[str]) -> float:
    checkable = verdicts["true"] + verdicts["false"]
    return verdicts["true"] / checkable if checkable else 0.0
