"""The learner `q-head` of a card, and the features that it stands on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sandbox.agent import prompt
from sandbox.agent.section import LearnerContext, NeuralSettings
from sandbox.errors import CardError
from sandbox.llm.questions import FeatureModel, Features, features_of
from sandbox.types import LanguageModel, Learner, Observation


class QHeadSettings(NeuralSettings):
    """Neural Q over the language model's own hidden states: a small network on top of what it makes of a command.

    It reads the situation, without the transcript. Where `prompt.shows` is `situation` too, that takes no pass of
    its own. Needs a local `model`.
    """

    reads_model: ClassVar[bool] = True

    kind: Literal["q-head"] = "q-head"
    """Which learner: `q-head`."""
    hidden: Annotated[int, Field(ge=0, le=1024)] = 64
    """Width of the layer between features and value; 0 makes the head linear."""
    steps: Annotated[int, Field(ge=1, le=100)] = 4
    """Gradient steps at each update: they are cheap, the language model is not."""
    capacity: Annotated[int, Field(ge=1, le=100_000)] = 2000
    """Steps that are remembered for replay, with the features of all their commands."""
    tau: Annotated[float, Field(gt=0, le=1)] = 0.02
    """How far the target network follows at each gradient step."""

    def build(self, context: LearnerContext) -> Learner:
        """A head with random weights on the features of the context's language model."""
        from sandbox.rl import qhead

        features = features_of(context.model)
        if features is None:
            raise CardError(
                "learner.kind: a q-head reads a language model's hidden states, and "
                f"{_named(context.model)} gives none",
                where=f"{context.agent}.yaml",
                hint="name a local `model`, or choose another learner, such as `drrn`",
            )
        encoder = SituationFeatures(context.situation, features)
        return qhead.QHead(encoder, **self.model_dump(exclude={"kind"}), seed=context.seed)


@dataclass(frozen=True, slots=True)
class SituationFeatures:
    """What a language model makes of commands behind the situation: the same for the same state as perceived.

    Where the card's prompt shows the situation too, these are the questions that the priors come from.
    """

    situation: Callable[[Observation], str]
    model: FeatureModel

    @property
    def source(self) -> str:
        return self.model.name

    @property
    def width(self) -> int:
        return self.model.width

    def __call__(self, observation: Observation, commands: Sequence[str]) -> Features:
        options = [prompt.option(command) for command in commands]
        return self.model.read(self.situation(observation), options).features


def _named(model: LanguageModel | None) -> str:
    return "no model" if model is None else model.name
