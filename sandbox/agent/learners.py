"""The learner that a card names."""

from __future__ import annotations

from sandbox.agent.cards import Card
from sandbox.rl.tabular import TabularQ
from sandbox.types import QFunction


def build_learner(card: Card) -> QFunction | None:
    """A fresh learner with the card's settings; None where the card has none."""
    settings = card.learner
    if settings is None:
        return None
    return TabularQ(
        alpha=settings.alpha,
        gamma=settings.gamma,
        initial=settings.initial,
        alpha_decay=settings.alpha_decay,
        trace=settings.trace,
    )
