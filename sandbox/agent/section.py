"""What the parts of a card are made of, and the part that any package can add a kind to: the learner's."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from sandbox import plugins
from sandbox.errors import UsageError
from sandbox.text import did_you_mean
from sandbox.types import LanguageModel, Learner, Observation

DEFAULT_LEARNER: Final = "tabular"


class Section(BaseModel):
    """Part of a card: nothing but the fields below, and numbers that are numbers."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        str_max_length=8000,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerContext:
    """What a learner is built with besides its own settings."""

    agent: str = ""
    """Name of the card, for messages."""
    model: LanguageModel | None = None
    """The card's language model."""
    verbs: Sequence[str] = ()
    """What the world understands, as the agent is told."""
    seed: int = 0
    """Of whatever the learner draws."""
    situation: Callable[[Observation], str] = lambda observation: observation.text
    """The prompt of a language model for what a seat perceives, without the transcript."""


class LearnerSettings(Section):
    """The `learner` of a card: subclass it for a kind of learner, and name the class in `sandbox.learners`.

    The name of the entry point is the `kind` on the card. The docstrings of the fields are their manual.
    """

    reads_model: ClassVar[bool] = False
    """Whether it reads the hidden states of a local language model, which the card must name then."""

    kind: str
    """Which learner."""

    @abstractmethod
    def build(self, context: LearnerContext) -> Learner:
        """A fresh learner with these settings. Raises `CardError` where the context has not what it needs."""


class NeuralSettings(LearnerSettings):
    """What the learners with a network have in common."""

    gamma: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Discount: what a reward one turn later is worth now."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.001
    """Step size of the optimiser."""
    batch: Annotated[int, Field(ge=1, le=1024)] = 32
    """Remembered steps that each gradient step learns from."""


def learner_kinds(*, bundled: bool = False) -> dict[str, plugins.Plugin]:
    """The kinds of learner by name, the default first; those that come with the program alone, if asked for."""
    found = {n: p for n, p in plugins.offered("learners").items() if not bundled or p.package == plugins.BUNDLED}
    return dict(sorted(found.items(), key=lambda item: (item[0] != DEFAULT_LEARNER, item[0])))


def learner_settings(kind: object) -> type[LearnerSettings]:
    """The settings of a kind of learner. Raises `UsageError` with the near miss, and `PluginError`."""
    known = learner_kinds()
    if not isinstance(kind, str) or kind not in known:
        raise UsageError(f"{kind!r} is none of {', '.join(known)}", hint=did_you_mean(str(kind).lower(), known))
    settings: type[LearnerSettings] = known[kind].load(base=LearnerSettings)
    return settings
