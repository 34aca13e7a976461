"""The learner that a card names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.agent import prompt
from sandbox.agent.cards import Card, Drrn, QHeadSettings
from sandbox.errors import CardError
from sandbox.llm.questions import FeatureModel, Features, features_of
from sandbox.types import LanguageModel, Observation, QFunction


def build_learner(
    card: Card, model: LanguageModel | None = None, *, verbs: Sequence[str] = (), seed: int = 0
) -> QFunction | None:
    """A fresh learner with the card's settings; None where the card has none.

    Args:
        card: where the settings are.
        model: the card's language model, for a learner that stands on it.
        verbs: what the world understands, as the agent is told.
        seed: of what the learner draws; the tabular one draws nothing.

    Raises `CardError` where the learner needs more of the model than it can give.
    """
    settings = card.learner
    if settings is None:
        return None
    arguments = settings.model_dump(exclude={"kind"})
    if isinstance(settings, Drrn):
        from sandbox.rl.drrn import DRRN

        return DRRN(**arguments, seed=seed)
    if isinstance(settings, QHeadSettings):
        from sandbox.rl import qhead

        features = features_of(model)
        if features is None:
            raise CardError(
                f"learner.kind: a q-head reads a language model's hidden states, and {_named(model)} gives none",
                where=f"{card.name}.yaml",
                hint="name a local `model`, or choose another learner, such as `drrn`",
            )
        return qhead.QHead(Situations(card, features, tuple(verbs)), **arguments, seed=seed)
    from sandbox.rl.tabular import TabularQ

    return TabularQ(**arguments)


@dataclass(frozen=True, slots=True)
class Situations:
    """What a language model makes of commands behind the situation: the same for the same state as perceived.

    Where the card's prompt shows the situation too, these are the questions that the priors come from.
    """

    card: Card
    model: FeatureModel
    verbs: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        return self.model.name

    @property
    def width(self) -> int:
        return self.model.width

    def __call__(self, observation: Observation, commands: Sequence[str]) -> Features:
        settings = self.card.prompt.model_copy(update={"shows": "situation"})
        context = prompt.build(settings, observation, (), persona=self.card.persona, verbs=self.verbs)
        return self.model.read(context, [prompt.option(command) for command in commands]).features


def _named(model: LanguageModel | None) -> str:
    return "no model" if model is None else model.name
