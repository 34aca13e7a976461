"""What agents said in a save, judged by the world's facts: true or false, with nobody asked.

What claims nothing that could be checked, or nothing that its seat could know, is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.abilities import Fact, Factual
from sandbox.agent import truth
from sandbox.agent.recall import Recall
from sandbox.timeline import Timeline, history
from sandbox.types import World

_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedLine:
    """What was said of one proposal."""

    state: int
    """The turn at which it was said."""
    seat: str
    command: str
    said: str
    true: bool
    """Whether all of its claims that can be judged are so; else one of them is not."""
    stated: str
    """Those sentences of it that claim what is so: they fit any command of that turn."""


def judged_lines(timeline: Timeline, world: World[object]) -> Iterator[JudgedLine]:
    """The lines of all decisions that claim something true or false, in the order of the turns.

    None in worlds that cannot be asked for their facts.
    """
    if not isinstance(world, Factual):
        return
    for node in timeline.nodes():
        decision = timeline.get(node.id).decision
        if node.parent is None or decision is None or not any(" " in each.said for each in decision.proposals):
            continue
        path = timeline.path(node.parent)
        facts = world.facts(world.load(path[-1].snapshot), decision.seat)
        recall = Recall.of(history(path, decision.seat))
        for proposal in decision.proposals:
            told = {part: _verdict(part, facts, recall) for part in _END.split(proposal.said)}
            if any(told.values()) or False in told.values():
                yield JudgedLine(
                    state=node.parent,
                    seat=decision.seat,
                    command=proposal.command,
                    said=proposal.said,
                    true=False not in told.values(),
                    stated=" ".join(part for part, so in told.items() if so),
                )


def _verdict(sentence: str, facts: frozenset[Fact], recall: Recall) -> bool | None:
    """Whether what a sentence claims is so; None where it claims nothing that can be judged."""
    found = {verdict for _, verdict in truth.verdicts(sentence, facts, recall)} - {"unknown"}
    return "false" not in found if found else None
