"""The learner `drrn` of a card."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sandbox.agent.section import LearnerContext, NeuralSettings
from sandbox.errors import MissingExtraError
from sandbox.types import Learner


class DrrnSettings(NeuralSettings):
    """Neural Q over text (DRRN): what is learned of one room and command serves others that read alike."""

    kind: Literal["drrn"] = "drrn"
    """Which learner: `drrn`."""
    n_step: Annotated[int, Field(ge=1, le=100)] = 3
    """How many rewards are added up before the rest is estimated."""
    hidden: Annotated[int, Field(ge=4, le=1024)] = 64
    """Width of the network."""
    capacity: Annotated[int, Field(ge=1, le=1_000_000)] = 5000
    """Steps that are remembered for replay."""
    target_every: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Updates between copies of the network to the one that estimates what follows."""

    def build(self, context: LearnerContext) -> Learner:
        """A network with random weights. Raises `MissingExtraError`."""
        MissingExtraError.check("the learner drrn")
        from sandbox.rl.drrn import DRRN

        return DRRN(**self.model_dump(exclude={"kind"}), seed=context.seed)
