"""Which commands an agent considers: those that the world lists, what its language model says, what it knows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sandbox.agent import grounding, prompt, voice
from sandbox.agent.briefing import Briefing
from sandbox.agent.cards import LINE, Card
from sandbox.agent.guess import guesses
from sandbox.agent.memory import CommandMemory
from sandbox.llm import chatml
from sandbox.llm.questions import Continue, FeatureScores, Read, ScoreQuestion, Thinking, think
from sandbox.types import History, LanguageModel, Observation, OptionScore, Proposal, Sample

ROUNDS = 3
"""How often an agent says more where too little of what it said makes sense."""
RECENT = 6
"""Turns back in which a command that led nowhere is not written again, or held back where it is listed."""

Proposals = Mapping[str, Proposal]
"""Each by its command."""


@dataclass(frozen=True, slots=True)
class Proposer:
    """Proposes as a card says. Changes nothing.

    Args:
        card: says whether listed commands are scored, or made up and grounded.
        model: the language model; None where the card names none.
        verbs: what the world understands, where it lists no commands.
        memory: what was accepted and refused in each state.
    """

    card: Card
    model: LanguageModel | None
    verbs: tuple[str, ...]
    memory: CommandMemory

    def propose(
        self, observation: Observation, history: History, context: str, seed: int, briefing: Briefing
    ) -> Thinking[tuple[list[Proposal], str]]:
        """The candidates with their priors, each command once, and the prompt behind what was thought unasked."""
        settings, listed = self.card.propose, observation.admissible or ()

        def sensible(command: str) -> bool:
            """Whether a made-up command was not refused here before, nor would be."""
            if self.memory.refused(observation.state_key, command):
                return False
            return bool(listed) or briefing.understood is None or briefing.understood(command)

        found: dict[str, Proposal] = {}
        if settings.mode != "sample" or self.model is None:
            found = {command: Proposal(command=command) for command in listed}
        if self.model is not None and (settings.mode != "score" or not listed):
            sampled, thought = yield from self._sampled(observation, history, context, seed, sensible)
            found |= sampled
            context = prompt.behind(context, thought)
        if not listed or settings.mode == "sample":
            found = _known(self.memory.accepted(observation.state_key)) | found
        if not found or (self.model is None and not listed):
            found |= _known(list(filter(sensible, guesses(observation, self.verbs))) or ["look"])
        if self.model is not None and self.card.talk.lines:
            found |= yield from self._spoken(context, seed)
        if self.card.voice.when == "before" and self.model is not None:
            said = yield from voice.aloud(context, list(found), self.card.voice, seed=seed, value=self._value)
            if said is not None:
                return [
                    replace(proposal, prior=prior, said=proposal.said or line)
                    for proposal, prior, line in zip(found.values(), said.logprobs, said.said, strict=True)
                ], context
        priors = yield from self.priors(context, list(found))
        return [replace(p, prior=prior) for p, prior in zip(found.values(), priors, strict=True)], context

    def priors(self, context: str, commands: Sequence[str]) -> Thinking[list[float]]:
        """The log-probability of each command behind a prompt, in nats; all are alike without a language model."""
        if self.model is None:
            return [-math.log(len(commands))] * len(commands)
        options = tuple(prompt.option(command, context) for command in commands)
        learner = self.card.learner
        if learner is not None and learner.reads_model and self.card.prompt.shows == "situation":
            reading: FeatureScores = yield Read(context, options)  # what the learner is going to ask for anyway
            scored: Sequence[OptionScore] = reading.scores
        else:
            scored = yield ScoreQuestion(context, options)
        return [self._value(each) for each in scored]

    def _sampled(
        self,
        observation: Observation,
        history: History,
        context: str,
        seed: int,
        sensible: Callable[[str], bool],
    ) -> Thinking[tuple[Proposals, str]]:
        """What the model says, grounded to commands, without those known to do nothing here; and what it thought.

        Where too few are left it says more, up to `ROUNDS` times: what is refused, repeated or not understood is
        never shown.
        """
        settings, listed = self.card.propose, observation.admissible
        stale = () if listed else futile(history)
        found: dict[str, Proposal] = {}
        thoughts: list[str] = []
        for number in range(1 if listed else ROUNDS):
            samples: list[Sample] = yield Continue(
                prompt=context,
                n=settings.samples,
                seed=seed + number,
                max_tokens=settings.max_tokens,
                temperature=settings.temperature,
            )
            for sample in samples:
                thought, said = chatml.apart(sample.text)
                thoughts += filter(None, (sample.thought or thought,))
                grounded = grounding.ground(
                    said,
                    listed,
                    verbs=self.verbs,
                    cutoff=settings.cutoff,
                    rate=lambda commands: think(self.priors(context, commands), self.model),
                )
                if grounded is None or grounded.command in found or grounded.command in stale:
                    continue
                if sensible(grounded.command):
                    found[grounded.command] = Proposal(
                        command=grounded.command,
                        said=grounded.said,
                        source="sampled",
                        understood=grounded.understood,
                    )
            if len(found) >= voice.SPEAKERS:
                break
        return found, next(iter(thoughts), "")

    def _spoken(self, context: str, seed: int) -> Thinking[Proposals]:
        """Lines for the others to hear, as the model goes on where the transcript would have it speak."""
        before, _, after = self.card.talk.command.partition(LINE)
        verb = before.split()
        if self.verbs and verb and verb[0] not in self.verbs:
            return {}
        samples: list[Sample] = yield Continue(
            prompt=prompt.speech(context, before),
            n=self.card.talk.lines,
            seed=seed,
            max_tokens=self.card.talk.max_tokens,
            temperature=self.card.propose.temperature,
        )
        said = (chatml.apart(sample.text)[1] for sample in samples)
        lines = dict.fromkeys(line for each in said if (line := grounding.spoken(each)))
        aloud = {f"{before}{line}{after}": line for line in lines}
        return {command: Proposal(command=command, said=line, source="sampled") for command, line in aloud.items()}

    def _value(self, score: OptionScore) -> float:
        """The log-probability that counts."""
        return score.mean if self.card.propose.normalise == "mean" else score.logprob


def futile(history: History) -> Counter[str]:
    """How often each command of late was refused, or got a reply that had been there before."""
    replies = Counter(exchange.reply.strip() for exchange in history)
    return Counter(
        each.command
        for each in history[-RECENT:]
        if each.command and (grounding.looks_refused(each.reply) or replies[each.reply.strip()] > 1)
    )


def _known(commands: Sequence[str]) -> dict[str, Proposal]:
    return {command: Proposal(command=command, source="known") for command in commands}
