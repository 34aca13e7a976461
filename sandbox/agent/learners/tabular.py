"""The learner `tabular` of a card."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sandbox.agent.section import LearnerContext, LearnerSettings
from sandbox.types import Learner


class TabularSettings(LearnerSettings):
    """Tabular Q-learning: a value for each command in each state as perceived."""

    kind: Literal["tabular"] = "tabular"
    """Which learner: `tabular`, or `drrn` or `q-head` with the fields of their own."""
    alpha: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Step size: the share of the error that an update corrects."""
    alpha_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The n-th update of a pair steps by `alpha / n ** alpha_decay`. 0 keeps it constant, 1 averages."""
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Discount: what a reward one turn later is worth now."""
    initial: float = 0.0
    """Value of what was never tried. Above what can be earned it is optimistic: all is tried before anything is
    repeated."""
    trace: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Lambda of Watkins's Q(lambda): how far a surprise reaches back along the way. 0 is plain Q-learning."""

    def build(self, context: LearnerContext) -> Learner:
        """A Q-table; it draws nothing."""
        from sandbox.rl.tabular import TabularQ

        return TabularQ(**self.model_dump(exclude={"kind"}))
