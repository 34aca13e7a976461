"""The learner that a card names. Its kinds are the entry points of `sandbox.learners`."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.agent import prompt
from sandbox.agent.cards import Card
from sandbox.agent.section import LearnerContext
from sandbox.types import LanguageModel, Learner, Observation


def build_learner(
    card: Card, model: LanguageModel | None = None, *, verbs: Sequence[str] = (), seed: int = 0
) -> Learner | None:
    """A fresh learner with the card's settings; None where the card has none.

    Args:
        card: where the settings are.
        model: the card's language model, for a learner that stands on it.
        verbs: what the world understands, as the agent is told.
        seed: of what the learner draws.

    Raises `CardError` where the learner needs more of the model than it can give.
    """
    if card.learner is None:
        return None
    shown = card.prompt.model_copy(update={"shows": "situation", "form": "transcript"})

    def situation(observation: Observation) -> str:
        return prompt.build(shown, observation, (), persona=card.persona, verbs=tuple(verbs))

    context = LearnerContext(agent=card.name, model=model, verbs=tuple(verbs), seed=seed, situation=situation)
    return card.learner.build(context)
