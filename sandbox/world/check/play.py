"""What playing shows: seats that cannot win, dead ends, scores that cannot be had."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from sandbox.errors import Finding
from sandbox.world.native import NativeWorld
from sandbox.world.solver import Graph, Solution

SHOWN_DEAD_ENDS = 5


def findings_of_play(
    world: NativeWorld, graph: Graph, solution: Solution | None, best: Mapping[str, float]
) -> Iterator[Finding]:
    """Findings about winning and scoring."""
    won = {seat for node in graph.nodes for seat in node.winners}
    won |= solution.winners if solution is not None else frozenset()
    yield from _hopeless(world, graph, won)
    if won:
        yield from _dead_ends(world, graph)
    yield from _scores(world, graph, best)


def _hopeless(world: NativeWorld, graph: Graph, won: set[str]) -> Iterator[Finding]:
    """Seats that cannot win."""
    for seat in world.seats:
        if seat in won:
            continue
        line, key = world.source.line("seats", seat), f"seats.{seat}"
        named = any({"all", "actor", seat} & set(ending.won) for ending in world.definition.endings.values())
        if not named:
            hint = f"give it an ending: won: {seat}"
            yield Finding(line, key, "no ending is won by this seat", hint, "error")
        elif graph.complete:
            yield Finding(line, key, "this seat cannot win", "see what its endings ask for", "error")
        else:
            hint = "try it by hand, or give the check more states"
            yield Finding(line, key, "no way to win was found for this seat", hint, "warning")


def _dead_ends(world: NativeWorld, graph: Graph) -> Iterator[Finding]:
    """The commands after which nobody can win any more, nearest first."""
    dead = graph.dead_ends()
    inside = set(dead)
    entered: dict[str, int] = {}
    for index in dead:
        node = graph.nodes[index]
        if node.parent not in inside:
            entered.setdefault(node.command, index)
    for command, index in list(entered.items())[:SHOWN_DEAD_ENDS]:
        several = len(world.seats) > 1
        way = ". ".join(f"{m.seat}> {m.command}" if several else m.command for m in graph.path(index))
        if not way:
            yield Finding(None, "", "nobody can win from the start", "see what the endings ask for", "error")
        else:
            message = f"dead end: after {command!r} nobody can win any more: {way}"
            yield Finding(None, "", message, "leave a way back, or end the world there", "warning")
    if len(entered) > SHOWN_DEAD_ENDS:
        more = len(entered) - SHOWN_DEAD_ENDS
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
