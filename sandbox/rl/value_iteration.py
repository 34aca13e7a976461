"""Value iteration to the Bellman optimum of a finite Markov decision process.

Bellman, *Dynamic Programming*, 1957; Sutton and Barto, *Reinforcement Learning: An Introduction*, 2nd edition,
section 4.4. Random events are expectations: no episode is sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Outcome = tuple[float, int, float, bool]
"""Probability, successor, reward, and whether the episode ends with it, so that no value follows."""


@dataclass(frozen=True, slots=True)
class FiniteMDP:
    """States are numbered from 0; `transitions[s][a]` lists the outcomes of action a in state s.

    A state without actions is absorbing and worth 0.
    """

    transitions: Sequence[Mapping[str, Sequence[Outcome]]]

    def __post_init__(self) -> None:
        for state, actions in enumerate(self.transitions):
            for action, outcomes in actions.items():
                if abs(sum(outcome[0] for outcome in outcomes) - 1.0) > 1e-6:
                    raise ValueError(f"the probabilities of {action!r} in state {state} do not add up to 1")
                if not all(0 <= outcome[1] < len(self.transitions) for outcome in outcomes):
                    raise ValueError(f"{action!r} in state {state} leads to a state that does not exist")


@dataclass(frozen=True, slots=True)
class Optimum:
    """V* and Q*, as near as the residual says."""

    values: tuple[float, ...]
    q_values: tuple[dict[str, float], ...]
    """Parallel to the states: Q*(s, a) of each action."""
    gamma: float
    sweeps: int
    residual: float
    """max over s of |max over a of Q(s, a) - V(s)|: how far the values are from solving Bellman's equation."""
    converged: bool

    @property
    def error_bound(self) -> float:
        """No value is further than this from V* (Puterman 1994, theorem 6.3.3); infinite for gamma = 1."""
        return self.residual / (1 - self.gamma) if self.gamma < 1 else float("inf")

    def greedy(self, state: int) -> str | None:
        """A best action, the first in order among equals; None where the state has none."""
        actions = self.q_values[state]
        return max(actions, key=lambda action: round(actions[action], 9)) if actions else None


def value_iteration(
    mdp: FiniteMDP,
    *,
    gamma: float = 0.9,
    tolerance: float = 1e-10,
    max_sweeps: int = 10_000,
    progress: Callable[[int, float], None] | None = None,
) -> Optimum:
    """Sweep `V(s) <- max_a sum p (r + gamma V(s'))` over all states until the residual is within the tolerance.

    With gamma = 1 it converges only where every loop that pays ends; otherwise it stops after `max_sweeps`.
    `progress` is told the sweep and the residual.
    """
    if not 0 <= gamma <= 1:
        raise ValueError("gamma must lie between 0 and 1")
    pairs = [(state, action) for state, actions in enumerate(mdp.transitions) for action in actions]
    outcomes = [
        (pair, *outcome)
        for pair, (state, action) in enumerate(pairs)
        for outcome in mdp.transitions[state][action]
    ]
    pair_of = np.array([outcome[0] for outcome in outcomes], dtype=np.intp)
    probability = np.array([outcome[1] for outcome in outcomes], dtype=np.float64)
    successor = np.array([outcome[2] for outcome in outcomes], dtype=np.intp)
    reward = np.array([outcome[3] for outcome in outcomes], dtype=np.float64)
    discount = np.array([0.0 if outcome[4] else gamma for outcome in outcomes], dtype=np.float64)
    acting = np.array(sorted({state for state, _ in pairs}), dtype=np.intp)
    first_pair = np.array([i for i, (s, _) in enumerate(pairs) if i == 0 or pairs[i - 1][0] != s], dtype=np.intp)

    def backup(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Q of every pair under these values."""
        expected = probability * (reward + discount * values[successor])
        return np.bincount(pair_of, weights=expected, minlength=len(pairs)).astype(np.float64)

    values = np.zeros(len(mdp.transitions))
    q = backup(values)
    sweeps, residual = 0, 0.0
    while len(pairs):
        best = np.maximum.reduceat(q, first_pair)
        residual = float(np.max(np.abs(best - values[acting])))
        if residual <= tolerance or sweeps == max_sweeps:
            break
        values[acting] = best
        q = backup(values)
        sweeps += 1
        if progress is not None:
            progress(sweeps, residual)

    q_values: list[dict[str, float]] = [{} for _ in mdp.transitions]
    for (state, action), value in zip(pairs, q, strict=True):
        q_values[state][action] = float(value)
    return Optimum(
        values=tuple(float(value) for value in values),
        q_values=tuple(q_values),
        gamma=gamma,
        sweeps=sweeps,
        residual=residual,
        converged=residual <= tolerance,
    )
