"""The agent that a card defines: it proposes commands, reranks them by Q, decides, and learns from reward."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sandbox.agent import advice, hearing, prompt, reason, voice
from sandbox.agent.briefing import NOTHING, Briefing
from sandbox.agent.cards import Card, PromptSettings, schedule
from sandbox.agent.combine import EXCLUDED, combine
from sandbox.agent.memory import CommandMemory
from sandbox.agent.notes import Notebook
from sandbox.agent.proposing import Proposer, futile
from sandbox.agent.recall import Recall
from sandbox.errors import SaveError
from sandbox.llm import chatml
from sandbox.llm.questions import Thinking, think
from sandbox.llm.state import ServerState, state_of
from sandbox.rl import exploration
from sandbox.types import (
    Decision,
    History,
    LanguageModel,
    Learner,
    Observation,
    Proposal,
    Transition,
    Update,
)

GUIDANCE = 1.0
"""How much of what a command gains by advice counts once more."""
URGENCY = 4.0
"""Added to the score of a command that advice speaks for with certainty: more than Q, standardised, takes off."""
BAN = 100.0
"""Taken off the score of a command that a person forbids: it is left where there is nothing else."""
FUTILE = 2
"""How many more repeats a command of late that led nowhere counts as."""

_PROGRESS = "progress"
_LEARNER = "learner/"
_MEMORY = "memory/"


@dataclass(frozen=True, slots=True)
class _Weighed:
    """Numbers of proposals, in their order."""

    priors: list[float]
    """Less the penalty on repeats."""
    q_values: list[float]
    visits: list[int]
    scores: list[float]


class CardAgent:
    """Proposes, reranks, decides and learns as its card says; an `Agent`.

    Deciding changes nothing, so it may run on a worker thread; learning is the only thing that does.

    Args:
        card: what the agent is like.
        model: the language model that the card names; None where it names none.
        learner: from `build_learner`; None where the card has none.
        verbs: what the world understands (`World.verbs`), for worlds that list no admissible commands.
    """

    def __init__(
        self,
        card: Card,
        model: LanguageModel | None = None,
        learner: Learner | None = None,
        *,
        verbs: Sequence[str] = (),
    ) -> None:
        self.card = card
        self.learner = learner
        self.language_model = model
        self._shown: PromptSettings | None = None
        self._verbs = tuple(verbs)
        self._memory = CommandMemory()
        self._proposer = Proposer(card, model, self._verbs, self._memory)
        self.notebook = Notebook(card.memory)
        """What it wrote down at the end of earlier episodes."""
        self._prior_weight = schedule(card.combine.prior_weight)
        self._epsilon = schedule(card.explore.epsilon)
        self._temperature = schedule(card.explore.temperature)
        self._steps = 0
        self._episodes = 0
        self._progressed = False

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def model(self) -> str:
        return "" if self.language_model is None else self.language_model.name

    @property
    def model_state(self) -> ServerState:
        """How the language model does: `away` and why, where it is on a server that does not answer."""
        return ServerState() if self.language_model is None else state_of(self.language_model)

    @property
    def epsilon(self) -> float:
        """The probability of a random command now."""
        return self._epsilon.at(steps=self._steps, episodes=self._episodes)

    def decide(
        self,
        observation: Observation,
        history: History,
        *,
        seed: int,
        explore: bool = True,
        briefing: Briefing = NOTHING,
    ) -> Decision:
        """Propose, rerank, choose. The same arguments and the same learned state give the same decision."""
        thinking = self.deciding(observation, history, seed=seed, explore=explore, briefing=briefing)
        return think(thinking, self.language_model)

    def speak(self, decision: Decision, history: History, *, seed: int, also: Sequence[int] = ()) -> Decision:
        """The decision with a sentence for each of its best proposals, and for those named in `also`.

        Nothing else of it changes, so it may come later than the choice, or never.
        """
        if self.card.voice.when == "off" or self.language_model is None:
            return decision
        card, recall = self.card, Recall.of(history)
        thinking = voice.speaking(decision, card.persona, recall, card.voice, seed=seed, also=also)
        return think(thinking, self.language_model)

    def reply(self, observation: Observation, history: History, words: str, *, seed: int) -> str:
        """What it answers when it is spoken to; empty where it has no language model, or nothing to say."""
        if self.language_model is None:
            return ""
        lore = prompt.known(self.card.lorebook, observation)
        told = prompt.beside(prompt.beside(self._prompt(observation, history), lore), prompt.advised([words]))
        return think(voice.replying(told, self.card.voice, seed=seed), self.language_model)

    def deciding(
        self,
        observation: Observation,
        history: History,
        *,
        seed: int,
        explore: bool = True,
        briefing: Briefing = NOTHING,
    ) -> Thinking[Decision]:
        """`decide` as a computation that asks the language model on its way: several can go on together."""
        started = time.perf_counter()
        rng = np.random.default_rng(seed)
        # What is forbidden is kept from the model: to name it would make it likelier.
        wished = [words for words in briefing.advice if not advice.forbidden(words)]
        plain = prompt.beside(self._prompt(observation, history), prompt.known(self.card.lorebook, observation))
        context = prompt.beside(plain, prompt.advised(wished))
        thought = yield from voice.wondering(context, self.card, seed=seed)
        plain, context = prompt.behind(plain, thought), prompt.behind(context, thought)
        proposals, context = yield from self._proposer.propose(observation, history, context, seed, briefing)
        plain = prompt.behind(plain, chatml.thought_in(context))

        proposals, urges = yield from self._heed(proposals, plain, context)
        bans = _bans(proposals, briefing.advice)
        weighed = self._weigh(proposals, observation, history, rng)
        scores = [s + u - b for s, u, b in zip(weighed.scores, urges, bans, strict=True)]
        scores = self._without_refused(proposals, observation, scores)
        best_first = sorted(
            range(len(proposals)), key=lambda i: (-scores[i], -weighed.priors[i], proposals[i].command)
        )
        decision = Decision(
            seat=observation.seat,
            state_key=observation.state_key,
            proposals=tuple(proposals[i] for i in best_first),
            q_values=tuple(weighed.q_values[i] for i in best_first),
            scores=tuple(scores[i] for i in best_first),
            visits=tuple(weighed.visits[i] for i in best_first),
            chosen=0,
            agent=self.name,
            model=self.model,
            prompt=context,
        )
        said = self._said_to_partners(observation, history, decision, briefing)
        if said is not None:
            decision = yield from self._saying(decision, said, observation)
        chosen, explored = self._choose(decision.scores, rng, explore and said is None and not briefing.advice)
        decision = replace(decision, chosen=chosen, chooser="exploration" if explored else "agent")
        repeats = self._repeats([decision.command], history)[0] if self.card.combine.repeat_penalty else 0
        return replace(
            decision,
            reason=reason.reason(decision, repeats=repeats, how=self._how_it_explores()),
            seconds=time.perf_counter() - started,
        )

    def weigh_again(self, decision: Decision, observation: Observation, history: History) -> tuple[float, ...]:
        """The scores that a past decision's proposals would have now: its priors, and Q as it is today."""
        rng = np.random.default_rng(0)
        return tuple(self._weigh(decision.proposals, observation, history, rng).scores)

    def learn(self, transition: Transition) -> Update | None:
        """Learn from one step. A person's feedback on a step is not one more step."""
        if transition.source == "world":
            self._steps += 1
            self._progressed = True
        self.notebook.see(transition)
        if self.card.propose.remember and transition.command not in (transition.observation.admissible or ()):
            self._memory.note(transition)
        return None if self.learner is None else self.learner.update(transition)

    def end_episode(self) -> None:
        self.notebook.end_episode()
        self._episodes += 1
        self._progressed = True

    def dump(self) -> dict[str, bytes]:
        learned = {} if self.learner is None else self.learner.dump()
        return {
            _PROGRESS: self._progress(),
            **self._memory.dump(),
            **self.notebook.dump(),
            **_prefixed(learned),
        }

    def changes(self) -> dict[str, bytes]:
        learned = {} if self.learner is None else self.learner.changes()
        progress = {_PROGRESS: self._progress()} if self._progressed else {}
        self._progressed = False
        return {**progress, **self._memory.changes(), **self.notebook.changes(), **_prefixed(learned)}

    def load(self, records: Mapping[str, bytes]) -> None:
        """Replace everything learned. A card without a learner leaves a learner's records alone."""
        steps, episodes = 0, 0
        if _PROGRESS in records:
            try:
                data = json.loads(records[_PROGRESS])
                steps, episodes = int(data["steps"]), int(data["episodes"])
            except (ValueError, TypeError, KeyError) as error:
                raise SaveError(f"the progress of agent {self.name!r} cannot be read: {error}") from error
        if self.learner is not None:
            self.learner.load(
                {n.removeprefix(_LEARNER): record for n, record in records.items() if n.startswith(_LEARNER)}
            )
        self.notebook.load(records)
        self._memory.load({n: record for n, record in records.items() if n.startswith(_MEMORY)})
        self._steps, self._episodes, self._progressed = steps, episodes, False

    def _weigh(
        self, proposals: Sequence[Proposal], observation: Observation, history: History, rng: np.random.Generator
    ) -> _Weighed:
        commands = [proposal.command for proposal in proposals]
        q_values, visits = self._learned(observation, commands)
        priors = [proposal.prior for proposal in proposals]
        if penalty := self.card.combine.repeat_penalty:
            vain, repeats = futile(history), self._repeats(commands, history)
            counts = [n + FUTILE * vain[command] for n, command in zip(repeats, commands, strict=True)]
            priors = [prior - penalty * count for prior, count in zip(priors, counts, strict=True)]
        weight = self._prior_weight.at(steps=self._steps, episodes=self._episodes)
        return _Weighed(
            priors, q_values, visits, combine(self.card.combine, weight, priors, q_values, visits, rng)
        )

    def _learned(self, observation: Observation, commands: Sequence[str]) -> tuple[list[float], list[int]]:
        """The learner's values of commands, and how often it has updated each; zeros without a learner."""
        if self.learner is None:
            return [0.0] * len(commands), [0] * len(commands)
        return self.learner.values(observation, commands), self.learner.visits(observation, commands)

    def _prompt(self, observation: Observation, history: History) -> str:
        if self.language_model is None:
            return ""
        if self._shown is None:
            self._shown = prompt.settled(self.card, self.language_model)
        persona, notes = self.card.persona, self.notebook.notes
        return prompt.build(self._shown, observation, history, persona=persona, verbs=self._verbs, notes=notes)

    def _heed(
        self, proposals: list[Proposal], plain: str, context: str
    ) -> Thinking[tuple[list[Proposal], list[float]]]:
        """The proposals with advice made much of, and what it adds to their scores.

        What a command gains by the advice counts once more, as in classifier-free guidance of language models
        (Sanchez et al. 2023); and whatever Q says, a command that the advice speaks for comes first.
        """
        if plain == context:
            return proposals, [0.0] * len(proposals)
        without = yield from self._proposer.priors(plain, [proposal.command for proposal in proposals])
        gained = [p.prior - w for p, w in zip(proposals, without, strict=True)]
        heeded = [replace(p, prior=p.prior + GUIDANCE * g) for p, g in zip(proposals, gained, strict=True)]
        likely = exploration.softmax([GUIDANCE * 2 * g + p.prior for g, p in zip(gained, proposals, strict=True)])
        return heeded, [URGENCY * each for each in likely]

    def _said_to_partners(
        self, observation: Observation, history: History, decision: Decision, briefing: Briefing
    ) -> hearing.Reply | None:
        """What it says to the other seats before all else: an answer that one of them waits for, or a question."""
        if briefing.partners == ():  # alone, whoever is quoted is part of the story
            return None
        talk, verbs, partners = self.card.talk, self._verbs, briefing.partners or ()
        answer = hearing.answer_partner(observation, history, talk, verbs, decision)
        return answer or hearing.ask_partner(observation, history, talk, verbs, partners)

    def _saying(self, decision: Decision, said: hearing.Reply, observation: Observation) -> Thinking[Decision]:
        """The decision with the command that says something in front of all others."""
        (prior,) = yield from self._proposer.priors(decision.prompt, [said.command])
        q_values, visits = self._learned(observation, [said.command])
        return replace(
            decision,
            proposals=(
                Proposal(command=said.command, said=said.words, source="known", prior=prior),
                *decision.proposals,
            ),
            q_values=(*q_values, *decision.q_values),
            scores=(decision.scores[0] + 1.0, *decision.scores),
            visits=(*visits, *decision.visits),
        )

    def _without_refused(
        self, proposals: Sequence[Proposal], observation: Observation, scores: Sequence[float]
    ) -> list[float]:
        """The scores; what the world refused, and what is not understood, is left out where it lists commands."""
        listed = set(observation.admissible or ())
        if not any(proposal.command in listed for proposal in proposals):
            return list(scores)
        key = observation.state_key
        return [
            score
            if p.command in listed or (p.understood and not self._memory.refused(key, p.command))
            else EXCLUDED
            for p, score in zip(proposals, scores, strict=True)
        ]

    def _repeats(self, commands: Sequence[str], history: History) -> list[int]:
        """How often each command was given of late."""
        recent = [exchange.command for exchange in history[-self.card.combine.repeat_window :]]
        return [recent.count(command) for command in commands]

    def _choose(self, scores: Sequence[float], rng: np.random.Generator, explore: bool) -> tuple[int, bool]:
        """The index of a proposal, and whether it was explored. Excluded ones, at the end, are never chosen."""
        considered = [score for score in scores if score > EXCLUDED]
        if not explore:
            return exploration.greedy(considered, rng), False
        now = {"steps": self._steps, "episodes": self._episodes}
        if self.card.explore.method == "softmax":
            chosen = exploration.sample_softmax(considered, self._temperature.at(**now), rng)
            return chosen, considered[chosen] < considered[0]
        return exploration.epsilon_greedy(considered, self._epsilon.at(**now), rng)

    def _how_it_explores(self) -> str:
        now = {"steps": self._steps, "episodes": self._episodes}
        if self.card.explore.method == "softmax":
            return f"softmax at temperature {self._temperature.at(**now):.2g}"
        return f"epsilon {self._epsilon.at(**now):.2g}"

    def _progress(self) -> bytes:
        return json.dumps({"steps": self._steps, "episodes": self._episodes}).encode()


def _bans(proposals: Sequence[Proposal], given: Sequence[str]) -> list[float]:
    """What is taken off the score of each proposal for what a person forbids."""
    deeds = [deed for words in given if (deed := advice.forbidden(words))]
    return [BAN * any(advice.speaks_for(deed, proposal.command) for deed in deeds) for proposal in proposals]


def _prefixed(records: Mapping[str, bytes]) -> dict[str, bytes]:
    return {_LEARNER + name: record for name, record in records.items()}
