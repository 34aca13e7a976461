"""Whether it listens: advice in words it was never trained on, and questions about what it has seen and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from sandbox import marked_yaml
from sandbox.agent import hearing
from sandbox.agent.agent import CardAgent
from sandbox.agent.answers import answer
from sandbox.agent.briefing import Briefing
from sandbox.agent.cards import Card, Talk
from sandbox.agent.recall import Recall
from sandbox.agent.recollection import Deed
from sandbox.bench.companion.moments import PlayMoment, moments
from sandbox.bench.report import Figure
from sandbox.llm.local import LocalModel
from sandbox.types import Decision, Progress


@cache
def paraphrases() -> dict[str, list[str]]:
    """Advice by what it is about."""
    found: dict[str, list[str]] = marked_yaml.read(Path(__file__).with_name("paraphrases.yaml").read_bytes()).data
    return found


def advice(card: Card, model: LocalModel, quick: bool, progress: Progress) -> Iterator[Figure]:
    """The share of advice whose command becomes the top proposal, and how often it is so without any."""
    left = [(occasion, line) for occasion, lines in paraphrases().items() for line in lines]
    total = len(left) // (2 if quick else 1)
    rng = np.random.default_rng(9000)
    followed = unbidden = asked = 0
    for moment in moments(400, first=9200):
        found = _fitting(moment, left, rng)
        if found is None or rng.random() < 0.3:
            continue
        left.remove(found[0])
        deed, words = found[1], found[2]
        asked += 1
        progress(f"advising, {asked} of {total}")
        agent = CardAgent(card.model_copy(update={"learner": None}), model, verbs=moment.world.verbs)
        followed += _top(agent, moment, words) == deed.command
        unbidden += _top(agent, moment) == deed.command
        if asked == total:
            break
    yield Figure.at_least("advice_followed", followed / max(asked, 1), 0.8)
    yield Figure("advised_command_without_advice", unbidden / max(asked, 1))
    yield Figure("paraphrases", asked)


def _top(agent: CardAgent, moment: PlayMoment, *advice: str) -> str:
    told = Briefing(advice=advice)
    decision = agent.decide(moment.observation, moment.history, seed=0, explore=False, briefing=told)
    return decision.proposals[0].command


def _fitting(
    moment: PlayMoment, left: list[tuple[str, str]], rng: np.random.Generator
) -> tuple[tuple[str, str], Deed, str] | None:
    """A paraphrase that is left, for a command of this moment that is not the one to do anyway."""
    commands = [c for c in moment.observation.admissible or () if c not in (moment.following, "wait", "look")]
    for command in rng.permutation(commands):
        deed = Deed.of(str(command))
        fitting = [each for each in left if each[0] == deed.occasion]
        if fitting:
            chosen = fitting[int(rng.integers(len(fitting)))]
            words = {"thing": deed.thing, "way": deed.way, "holder": deed.holder, "key": deed.key}
            return chosen, deed, chosen[1].format_map(words)
    return None


def answers(card: Card, model: LocalModel, quick: bool, progress: Progress) -> Iterator[Figure]:
    """Where-is questions to the companion and to a partner, and why questions, against the facts of the world."""
    right = asked = 0
    for number, moment in enumerate(moments(12 if quick else 40, first=9300), start=1):
        progress(f"asking, {number}")
        agent = CardAgent(card.model_copy(update={"learner": None}), model, verbs=moment.world.verbs)
        decision = agent.decide(moment.observation, moment.history, seed=number, explore=False)
        for question, judge in _questions(moment, decision):
            for reply in (answer(question, moment.observation, moment.history, decision),
                          _partner(question, moment, decision)):  # fmt: skip
                asked += 1
                right += reply is not None and judge(reply)
    yield Figure.at_least("answers_right", right / max(asked, 1), 0.8)
    yield Figure("questions", asked)


def _questions(moment: PlayMoment, decision: Decision) -> Iterator[tuple[str, Callable[[str], bool]]]:
    """Questions with what an answer has to say to be right."""
    recall = Recall.of(moment.history)
    read = " ".join(each.line.lower() for each in recall.lines)
    for fact in sorted(moment.facts, key=str)[:: max(1, len(moment.facts) // 3)]:
        if fact.relation == "carried":
            yield f"where is the {fact.subject}?", lambda reply: "carry" in reply
        elif fact.relation in ("in", "on") and fact.subject in read:
            yield f"have you seen the {fact.subject}?", _names(fact.place)
    yield "where are you?", lambda reply: recall.room.lower() in reply.lower()
    other = next((i for i in range(len(decision.proposals)) if i != decision.chosen), None)
    if other is not None:
        numbers = f"{decision.q_values[other]:+.2f}"
        yield f"why not {decision.proposals[other].command}?", lambda reply: numbers in reply and "%" in reply


def _names(place: str) -> Callable[[str], bool]:
    return lambda reply: place in reply.lower()


def _partner(question: str, moment: PlayMoment, decision: Decision) -> str | None:
    """What a partner says who hears the question in the world."""
    heard = replace(moment.observation, text=f"You hear Ann from afar: “{question}”")
    reply = hearing.answer_partner(heard, moment.history, Talk(), ("say",), decision)
    return None if reply is None else reply.words
