"""The agent that a card defines: it proposes commands, reranks them by Q, decides, and learns from reward."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

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
        plain = self._prompt(observation, history)
        plain = prompt.beside(plain, prompt.known(self.card.lorebook, observation))
        # What is forbidden is kept from the model: to name it would make it likelier.
        banned = list(filter(None, map(advice.forbidden, briefing.advice)))
        wished = [words for words in briefing.advice if not advice.forbidden(words)]
        context = prompt.beside(plain, prompt.advised(wished))
        thought = yield from voice.wondering(context, self.card, seed=seed)
        plain, context = prompt.behind(plain, thought), prompt.behind(context, thought)
        proposals, context = yield from self._proposer.propose(observation, history, context, seed, briefing)
        plain = prompt.behind(plain, chatml.thought_in(context))
        commands = [proposal.command for proposal in proposals]
        proposals, urged = yield from self._heed(proposals, plain, context)
        urged = [
            u - BAN * any(advice.speaks_for(deed, command) for deed in banned)
            for u, command in zip(urged, commands, strict=True)
        ]
        q_values, visits, repeats, held_back, scores = self._weigh(proposals, observation, history, rng)
        scores = self._ranked(proposals, observation, [s + u for s, u in zip(scores, urged, strict=True)])

        best_first = sorted(range(len(commands)), key=lambda i: (-scores[i], -held_back[i], commands[i]))
        decision = Decision(
            seat=observation.seat,
            state_key=observation.state_key,
            proposals=tuple(proposals[i] for i in best_first),
            q_values=tuple(q_values[i] for i in best_first),
            scores=tuple(scores[i] for i in best_first),
            visits=tuple(visits[i] for i in best_first),
            chosen=0,
            agent=self.name,
            model=self.model,
            prompt=context,
        )
        reply = None
        if briefing.partners != ():  # alone, whoever is quoted is part of the story
            talk, verbs = self.card.talk, self._verbs
            reply = hearing.answer_partner(observation, history, talk, verbs, decision) or hearing.ask_partner(
                observation, history, talk, verbs, briefing.partners or ()
            )
        if reply is not None:
            decision = yield from self._answering(decision, reply, observation, context)
            best_first, repeats = [0, *(i + 1 for i in best_first)], [0, *repeats]
        chosen, explored = self._choose(decision.scores, rng, explore and reply is None and not briefing.advice)
        decision = replace(decision, chosen=chosen, chooser="exploration" if explored else "agent")
        return replace(
            decision,
            reason=reason.reason(
                decision,
                repeats=repeats[best_first[chosen]] if self.card.combine.repeat_penalty else 0,
                how=self._how_it_explores(),
            ),
            seconds=time.perf_counter() - started,
        )

    def weigh_again(self, decision: Decision, observation: Observation, history: History) -> tuple[float, ...]:
        """The scores that a past decision's proposals would have now: its priors, and Q as it is today."""
        rng = np.random.default_rng(0)
        return tuple(self._weigh(decision.proposals, observation, history, rng)[-1])

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
    ) -> tuple[list[float], list[int], list[int], list[float], list[float]]:
        """Q-values, visits, repeats, priors less the penalty on repeats, and scores, one for each proposal."""
        commands = [proposal.command for proposal in proposals]
        if self.learner is None:
            q_values, visits = [0.0] * len(commands), [0] * len(commands)
        else:
            q_values = self.learner.values(observation, commands)
            visits = self.learner.visits(observation, commands)
        repeats = self._repeats(commands, history)
        penalty = self.card.combine.repeat_penalty
        vain = futile(history) if penalty else Counter[str]()
        held_back = [
            p.prior - penalty * (n + FUTILE * vain[p.command]) for p, n in zip(proposals, repeats, strict=True)
        ]
        weight = self._prior_weight.at(steps=self._steps, episodes=self._episodes)
        scores = combine(self.card.combine, weight, held_back, q_values, visits, rng)
        return q_values, visits, repeats, held_back, scores

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

    def _answering(
        self, decision: Decision, reply: hearing.Reply, observation: Observation, context: str
    ) -> Thinking[Decision]:
        """The decision with an answer that somebody waits for before all else."""
        (prior,) = yield from self._proposer.priors(context, [reply.command])
        learner, asked = self.learner, [reply.command]
        proposal = Proposal(command=reply.command, said=reply.words, source="known", prior=prior)
        return replace(
            decision,
            proposals=(proposal, *decision.proposals),
            q_values=((learner.values(observation, asked)[0] if learner else 0.0), *decision.q_values),
            scores=(decision.scores[0] + 1.0, *decision.scores),
            visits=((learner.visits(observation, asked)[0] if learner else 0), *decision.visits),
        )

    def _ranked(
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


def _prefixed(records: Mapping[str, bytes]) -> dict[str, bytes]:
    return {_LEARNER + name: record for name, record in records.items()}
