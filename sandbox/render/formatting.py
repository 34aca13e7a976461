"""What happened, in words and numbers that need no screen: for lines, for pages, and for the screen as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.text import gain as gain
from sandbox.text import short as short

if TYPE_CHECKING:
    from sandbox.store.feedback import Feedback
    from sandbox.timeline import Node, Turn
    from sandbox.types import Decision, Observation

# Numbers.


def signed(value: float) -> str:
    """Two decimals with a sign, and a real minus: `+0.50`, `−1.00`. Zero has no sign but keeps its place."""
    text = f"{abs(value):.2f}"
    return (" " if float(text) == 0 else "+" if value > 0 else "−") + text


def points(score: float, maximum: float | None) -> str:
    """A score, out of how much where that is known: `3/10`."""
    return short(score) if maximum is None else f"{short(score)}/{short(maximum)}"


# Turns.


def who(node: Node) -> str:
    """Who chose the command of a turn, and how."""
    if node.intervened:
        return f"a person, in place of “{node.wanted}”" if node.wanted else "a person, in the agent's place"
    agent = node.agent or "an agent"
    return {
        "person": "a person",
        "exploration": f"{agent}, exploring",
        "script": "a script",
        "author": "the author",
        "opening": "nobody",
    }.get(node.chooser, agent)


def words(turn: Turn) -> str:
    """What the agent said of the command that it gave in a turn; empty where it said no more than the command."""
    decision = turn.decision
    if decision is None or turn.chooser not in ("agent", "exploration"):
        return ""
    said = decision.proposals[decision.chosen].said
    return "" if said == turn.command else said


def overruled(decision: Decision) -> bool:
    """Whether the agent wants something that Q puts above what the language model found likeliest."""
    likeliest = max(range(len(decision.proposals)), key=lambda index: decision.proposals[index].prior)
    values = decision.q_values
    return decision.chooser == "agent" and values[decision.chosen] > values[likeliest]


def outcome(turn: Node, won: bool) -> str:
    """How an episode ended: `Won`, `Lost`, or `Out of time`."""
    if turn.truncated and not turn.terminated:
        return "Out of time"
    return "Won" if won else "Lost"


def ending(turn: Node, observation: Observation) -> str:
    """The same with the score and the length: `Won, 3/3 in 12 turns`."""
    turns = "1 turn" if turn.depth == 1 else f"{turn.depth} turns"
    score = points(observation.score, observation.max_score)
    return f"{outcome(turn, observation.won)} · {score} in {turns}"


def heard(before: Turn, turn: Turn, seat: str) -> tuple[str, bool]:
    """What a seat perceived in somebody else's turn, and whether that goes on from what it had read before."""
    old, new = before.observations[seat].text, turn.observations[seat].text
    return (new[len(old) :].strip(), True) if new.startswith(old) else (new, False)


# Feedback.


def said(record: Feedback, decision: Decision | None) -> str:
    """A record in one line: the value or the verdict, whose it is, the reasons.

    Args:
        record: what a person said.
        decision: of the turn it is about; preferences between proposals speak of it.
    """
    from sandbox.feedback.kind import reasons

    return ": ".join(filter(None, (verdict(record, decision), reasons(record))))


def verdict(record: Feedback, decision: Decision | None) -> str:
    """The same without the reasons; empty where the comment is all."""
    from sandbox.feedback import kinds

    return kinds.read(record).text(record, decision)
