"""What playing shows: seats that cannot win, dead ends, scores that cannot be had."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from sandbox.errors import Finding
from sandbox.world.check.evidence import Evidence
from sandbox.world.check.tour import DeadEnd
from sandbox.world.native import NativeWorld
from sandbox.world.solver import Graph

SHOWN_DEAD_ENDS = 5


def findings_of_play(
    world: NativeWorld,
    graph: Graph,
    evidence: Evidence,
    won: set[str],
    dead_ends: Sequence[DeadEnd],
    best: Mapping[str, float],
    deadline: float,
) -> Iterator[Finding]:
    """Findings about winning and scoring. `won` are the seats that were seen to win.

    Reasons are looked for up to the deadline, by `time.monotonic`.
    """
    yield from _hopeless(world, graph, evidence, won, deadline)
    if won:
        yield from _dead_ends(world, dead_ends)
    yield from _scores(world, graph, best)


def _hopeless(
    world: NativeWorld, graph: Graph, evidence: Evidence, won: set[str], deadline: float
) -> Iterator[Finding]:
    """Seats that cannot win, and why."""
    for seat in world.seats:
        if seat in won:
            continue
        line, key = world.source.line("seats", seat), f"seats.{seat}"
        named = any({"all", "actor", seat} & set(ending.won) for ending in world.definition.endings.values())
        if not named:
            hint = f"give it an ending: won: {seat}"
            yield Finding(line, key, "no ending is won by this seat", hint, "error")
        elif evidence.hopeless((seat,)):
            yield Finding(line, key, "this seat cannot win", "see what its endings ask for", "error")
            yield from _reasons(world, evidence, seat, deadline)
        elif graph.complete:
            yield Finding(line, key, "this seat cannot win", "see what its endings ask for", "error")
        else:
            hint = "try it by hand, or give the check more states"
            yield Finding(line, key, "no way to win was found for this seat", hint, "warning")


def _reasons(world: NativeWorld, evidence: Evidence, seat: str, deadline: float) -> Iterator[Finding]:
    """What a win waits for in vain."""
    for reason in evidence.why(evidence.goal((seat,)), deadline):
        path = (reason.section, reason.id) if reason.section else ()
        message = (
            f"nobody can win: {reason.text}" if len(world.seats) == 1 else f"{seat} cannot win: {reason.text}"
        )
        yield Finding(world.source.line(*path) if path else None, ".".join(path), message, "", "error")


def _dead_ends(world: NativeWorld, dead_ends: Sequence[DeadEnd]) -> Iterator[Finding]:
    """The commands after which nobody can win any more, nearest first."""
    several = len(world.seats) > 1
    for dead_end in dead_ends[:SHOWN_DEAD_ENDS]:
        way = ". ".join(f"{m.seat}> {m.command}" if several else m.command for m in dead_end.way)
        if not way:
            yield Finding(None, "", "nobody can win from the start", "see what the endings ask for", "error")
        else:
            message = f"dead end: after {dead_end.command!r} nobody can win any more: {way}"
            yield Finding(None, "", message, "leave a way back, or end the world there", "warning")
    if len(dead_ends) > SHOWN_DEAD_ENDS:
        more = len(dead_ends) - SHOWN_DEAD_ENDS
        yield Finding(None, "", f"dead ends are also entered by {more} other commands", "", "note")


def _scores(world: NativeWorld, graph: Graph, best: Mapping[str, float]) -> Iterator[Finding]:
    """The highest score that can be had against the one that is promised."""
    for seat, model in world.definition.seats.items():
        line, key, highest = world.source.line("seats", seat, "max_score"), f"seats.{seat}.max_score", best[seat]
        promised = model.max_score
        if math.isinf(highest):
            message = "points can be earned again and again without end"
            yield Finding(world.source.line("seats", seat), f"seats.{seat}", message, "say once: true", "warning")
        elif promised is None:
            if graph.complete and highest > 0:
                message = f"the highest score that can be reached is {highest:g}"
                yield Finding(
                    world.source.line("seats", seat), key, message, f"say max_score: {highest:g}", "note"
                )
        elif highest > promised:
            message = f"a score of {highest:g} can be reached, more than {promised:g}"
            yield Finding(line, key, message, f"say max_score: {highest:g}", "error")
        elif highest < promised and graph.complete:
            message = f"no more than {highest:g} can be reached, not {promised:g}"
            yield Finding(line, key, message, f"say max_score: {highest:g}", "error")
        elif highest < promised:
            message = f"{highest:g} of {promised:g} points were reached in the states that were seen"
            yield Finding(line, key, message, "", "note")
