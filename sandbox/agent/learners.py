"""The learner that a card names."""

from __future__ import annotations

from sandbox.agent.cards import Card, Drrn
from sandbox.rl.tabular import TabularQ
from sandbox.types import QFunction


def build_learner(card: Card, *, seed: int = 0) -> QFunction | None:
    """A fresh learner with the card's settings; None where the card has none.

    Args:
        card: where the settings are.
        seed: of what the learner draws; the tabular one draws nothing.
    """
    settings = card.learner
    if settings is None:
        return None
    arguments = settings.model_dump(exclude={"kind"})
    if isinstance(settings, Drrn):
        from sandbox.rl.drrn import DRRN

        return DRRN(**arguments, seed=seed)
    return TabularQ(**arguments)
