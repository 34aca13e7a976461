"""Why an agent wants what it wants, in one line for a person."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.agent.combine import EXCLUDED
from sandbox.types import Decision


def reason(decision: Decision, *, repeats: int = 0, how: str = "") -> str:
    """One line about the chosen proposal.

    Args:
        decision: complete but for its reason.
        repeats: how often the chosen command was given lately, where that counts against it.
        how: the way of exploring, with its number now.
    """
    chosen = decision.chosen
    priors = [proposal.prior for proposal in decision.proposals]
    if len(priors) == 1:
        return "the only command there is"
    if decision.chooser == "exploration":
        return f"explored ({how}); the best score had {_named(decision, 0)}"
    informed = [i for i, score in enumerate(decision.scores) if score > EXCLUDED]
    by_model = _favourite(priors, informed)
    by_q = _favourite(decision.q_values, informed)
    prior, q = f"log prior {_number(priors[chosen])}", f"Q {_number(decision.q_values[chosen])}"
    if by_model is None and by_q is None:
        return "drawn at random: nothing tells the commands apart"
    if by_model is None:
        return (
            f"highest Q ({_number(decision.q_values[chosen])})" if by_q == chosen else f"among the highest Q ({q})"
        )
    if by_q is None:
        again = f", though given {repeats} times lately" if repeats > 1 else ""
        if by_model == chosen:
            return f"the model's favourite ({prior}){again}; Q cannot tell them apart"
        return f"the model's favourite {_named(decision, by_model)} has had its turn ({prior})"
    if by_model == chosen and by_q == chosen:
        return f"the model and Q agree ({prior}, {q})"
    if by_model == chosen:
        return (
            f"the model overruled Q, which preferred {_named(decision, by_q)} ({_number(decision.q_values[by_q])})"
        )
    if by_q == chosen:
        return f"Q overruled the model, which preferred {_named(decision, by_model)} ({_number(priors[by_model])})"
    return f"best of both ({prior}, {q}), before the model's {_named(decision, by_model)}"


def _favourite(values: Sequence[float], among: Sequence[int]) -> int | None:
    """Index of the highest value, the first of equals; None where all are equal."""
    considered = [values[i] for i in among]
    if max(considered) - min(considered) < 1e-9:
        return None
    return max(among, key=lambda i: values[i])


def _named(decision: Decision, index: int) -> str:
    return f"'{decision.proposals[index].command}'"


def _number(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
