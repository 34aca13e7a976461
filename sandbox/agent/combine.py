"""How a language model's prior and a learner's Q become one score for each candidate. Pure functions.

Every function takes lists that run parallel to the candidates of one state. A candidate that a method leaves out
gets `EXCLUDED`, a finite number, so that scores can be stored and sorted like any other.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

from sandbox.agent.cards import Combine
from sandbox.rl.exploration import softmax

EXCLUDED = -1e6
"""Score of a candidate that the method does not consider."""


def combine(
    settings: Combine,
    weight: float,
    priors: Sequence[float],
    q_values: Sequence[float],
    visits: Sequence[int],
    rng: np.random.Generator,
) -> list[float]:
    """The scores by the method that the card names.

    Args:
        settings: the card's section.
        weight: the prior's weight now, before visits make it fall.
        priors: log-probability of each candidate.
        q_values: Q of each candidate.
        visits: how often the learner has learned of each candidate in this state.
        rng: for `sample-k`, the one method that draws.
    """
    w, b = fading_weight(weight, sum(visits), settings.visit_decay), settings.q_weight
    match settings.method:
        case "additive":
            return additive(priors, q_values, w, b)
        case "standardised":
            return additive(priors, standardised(q_values), w, b)
        case "puct":
            return additive(puct(priors, visits, settings.even_share), standardised(q_values), w, b)
        case "prior":
            return list(priors)
        case "q":
            return list(q_values)
        case "top-k":
            return only(top_k(priors, settings.top_k), [b * q for q in q_values])
        case "sample-k":
            return only(sample_k(priors, settings.top_k, rng), [b * q for q in q_values])


def additive(priors: Sequence[float], q_values: Sequence[float], w: float, b: float = 1.0) -> list[float]:
    """w * log p + b * Q.

    The soft-optimal policy under a KL penalty to the prior has the log-probability log p + Q / tau, up to a
    constant (Todorov 2009; Fox et al. 2016); ILQL (Snell et al. 2023) decodes by log p + b * A.
    """
    return [w * prior + b * q for prior, q in zip(priors, q_values, strict=True)]


def puct(priors: Sequence[float], visits: Sequence[int], even_share: float = 0.0) -> list[float]:
    """p * sqrt(1 + N) / (1 + n): a bonus for what the prior likes and what was tried little (Silver et al. 2017).

    It needs no chance to explore: each command's turn comes, the likelier the sooner. A share of p may be spread
    evenly, as AlphaZero spreads a quarter of it at random over the moves of the root (Silver et al. 2018): a small
    model finds some right command a hundred times less likely than a wrong one.
    """
    root, even = (1 + sum(visits)) ** 0.5, even_share / max(len(priors), 1)
    likely = [(1 - even_share) * p + even for p in softmax(priors)]
    return [p * root / (1 + n) for p, n in zip(likely, visits, strict=True)]


def standardised(values: Sequence[float]) -> list[float]:
    """Mean 0 and standard deviation 1 over the candidates, so that b does not depend on the scale of rewards.

    The idea of GRPO's group-relative advantage (Shao et al. 2024). All zero where the values are equal: a learner
    that knows nothing here says nothing.
    """
    spread = statistics.pstdev(values)
    if spread <= 1e-9 * max(1.0, *(abs(value) for value in values)):
        return [0.0] * len(values)
    mean = statistics.fmean(values)
    return [(value - mean) / spread for value in values]


def fading_weight(w: float, visits: int, decay: float) -> float:
    """w / (1 + decay * N): the prior guides at first and yields to experience, as in PUCT (Silver et al. 2017)."""
    return w / (1 + decay * visits)


def top_k(priors: Sequence[float], k: int) -> list[int]:
    """Indices of the k likeliest candidates: CALM (Yao et al. 2020) lets DRRN choose among these."""
    return sorted(range(len(priors)), key=lambda i: (-priors[i], i))[:k]


def sample_k(priors: Sequence[float], k: int, rng: np.random.Generator) -> list[int]:
    """Indices of k candidates drawn from the prior without replacement.

    Choosing among them with probability proportional to exp(b * Q) approximates the posterior policy
    p(a|s) * exp(b * Q) (Yan et al., *Efficient RL with LLM Priors*, ICLR 2025).
    """
    likely = np.asarray(softmax(priors))
    k = min(k, int(np.count_nonzero(likely)))
    return [int(i) for i in rng.choice(len(priors), size=k, replace=False, p=likely)]


def only(kept: Sequence[int], scores: Sequence[float]) -> list[float]:
    """The scores of the kept candidates; the others are excluded."""
    return [score if i in kept else EXCLUDED for i, score in enumerate(scores)]
