"""A save as one page to read: the story, decisions folded in, other tries as branches. Needs no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox.agent.cards import parse_card
from sandbox.errors import CardError
from sandbox.feedback.book import FeedbackBook
from sandbox.render import formatting
from sandbox.render.transcript import greeting
from sandbox.store import Store
from sandbox.text import clean
from sandbox.timeline import Timeline, Turn
from sandbox.types import Decision

_DEEPEST = 40
"""Branches inside of branches, after which they are no longer indented: browsers give up on deep pages."""


@dataclass(frozen=True, slots=True)
class PageItem:
    """What comes next on the page: an `episode`, a `branch` that begins, its `end`, or a `turn`."""

    kind: str
    turn_id: int = 0


def page(store: Store, name: str, *, latest: int | None = None) -> Iterator[str]:
    """The page, piece by piece.

    Whatever comes from a world, a model or a person is escaped; a policy in the page forbids scripts and loading.

    Args:
        store: the save.
        name: what it is called.
        latest: how many episodes, counted from the end; None for all.
    """
    timeline, run = store.timeline(), store.latest_run()
    every = timeline.opening_ids()
    openings = every if latest is None else every[-latest:]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    book = _PageWriter(store, timeline)
    yield from environment.get_template("page.html.j2").generate(
        title=run.title,
        name=name,
        world=run.world,
        seed=run.seed,
        seats=list(run.seats.items()),
        hidden=len(every) - len(openings),
        episodes=[{"number": timeline.node(opening).episode} for opening in openings],
        events=(book.told(event) for opening in openings for event in events(timeline, opening)),
    )


def events(timeline: Timeline, opening: int) -> Iterator[PageItem]:
    """An episode in the order in which it is read.

    The line that was visited last is the main one; what else was tried in place of a turn comes right after it.
    Walks with a stack of its own: branches may nest deeper than calls can.
    """
    yield PageItem("episode", opening)
    yield PageItem("turn", opening)
    waiting = [_below(timeline, opening, 0)]
    while waiting:
        found = next(waiting[-1], None)
        if found is None:
            waiting.pop()
            continue
        depth, event = found
        yield event
        if event.kind in ("branch", "deep"):
            yield PageItem("turn", event.turn_id)
            waiting.append(_branch(timeline, event, depth))


def _branch(timeline: Timeline, event: PageItem, depth: int) -> Iterator[tuple[int, PageItem]]:
    yield from _below(timeline, event.turn_id, depth)
    if event.kind == "branch":
        yield depth, PageItem("end")


def _below(timeline: Timeline, turn_id: int, depth: int) -> Iterator[tuple[int, PageItem]]:
    """The line below a turn, with the beginnings of its branches; the depth is that of what follows."""
    kind = "branch" if depth < _DEEPEST else "deep"
    following = timeline.redo_target(turn_id)
    while following is not None:
        yield depth, PageItem("turn", following)
        for other in timeline.child_ids(turn_id):
            if other != following:
                yield depth + 1, PageItem(kind, other)
        turn_id, following = following, timeline.redo_target(following)


class _PageWriter:
    """Puts events into the words of the page."""

    def __init__(self, store: Store, timeline: Timeline) -> None:
        self._timeline = timeline
        self._runs = store.runs()
        self._feedback = FeedbackBook(store.feedback())
        self._marks: dict[int, list[str]] = {}
        for mark in store.marks():
            self._marks.setdefault(mark.turn, []).append("blessed" if mark.kind == "blessed" else mark.name)

    def told(self, event: PageItem) -> dict[str, Any]:
        """What the template is given."""
        match event.kind:
            case "end":
                return {"kind": "end"}
            case "episode":
                node = self._timeline.node(event.turn_id)
                return {"kind": "episode", "number": node.episode, "seed": node.seed}
            case "branch" | "deep":
                return {"kind": event.kind, **self._branch(event.turn_id)}
        return {"kind": "turn", **self._turn(self._timeline.get(event.turn_id))}

    def _branch(self, first: int) -> dict[str, Any]:
        node, last = self._timeline.node(first), first
        while (below := self._timeline.redo_target(last)) is not None:
            last = below
        turns = self._timeline.node(last).depth - node.depth + 1
        return {"command": node.command, "parent": node.parent, "turns": turns}

    def _turn(self, turn: Turn) -> dict[str, Any]:
        seat = turn.seat or turn.to_move or next(iter(turn.observations))
        observation = turn.observations[seat]
        said = [
            (formatting.said(record, turn.decision), _tone(record.value)) for record in self._feedback.at(turn.id)
        ]
        return {
            "turn": turn,
            "voice": "override" if turn.intervened else "person" if turn.chooser == "person" else "agent",
            "who": formatting.who(turn) if len(turn.observations) == 1 else f"{turn.seat}: {formatting.who(turn)}",
            "text": observation.text.strip(),
            "greetings": list(self._greetings(turn)) if turn.parent is None else [],
            "heard": list(self._heard(turn, seat)),
            "rewards": [
                (
                    f"{formatting.gain(reward)} from the world{_whose(turn, other)}, score "
                    + formatting.points(turn.observations[other].score, turn.observations[other].max_score),
                    _tone(reward),
                )
                for other, reward in turn.rewards.items()
                if reward and other in turn.observations
            ],
            "said": said,
            "marks": self._marks.get(turn.id, []),
            "ending": formatting.ending(turn, observation) if turn.ended else "",
            "overruled": turn.decision is not None and formatting.overruled(turn.decision),
            "proposals": [] if turn.decision is None else _proposals(turn.decision, turn.command),
        }

    def _greetings(self, opening: Turn) -> Iterator[str]:
        """What the agents that played then said before they did anything."""
        run = next((run for run in reversed(self._runs) if run.created <= opening.created), self._runs[0])
        for seat, text in run.cards.items():
            agent = run.seats.get(seat) or seat
            with suppress(CardError):
                if words := clean(parse_card(text, agent, stored=True).greeting).strip():
                    yield greeting(seat if len(run.seats) > 1 else agent, words)

    def _heard(self, turn: Turn, seat: str) -> Iterator[tuple[str, str]]:
        """What the other seats perceived of it."""
        before = None if turn.parent is None else self._timeline.get(turn.parent)
        for other, observation in turn.observations.items():
            if other != seat and (
                text := observation.text.strip() if before is None else formatting.heard(before, turn, other)[0]
            ):
                yield other, text


def _proposals(decision: Decision, done: str) -> Sequence[dict[str, Any]]:
    return [
        {
            "command": proposal.command,
            "said": proposal.said if proposal.said != proposal.command else "",
            "prior": formatting.signed(proposal.prior),
            "q": formatting.signed(decision.q_values[rank]),
            "score": formatting.signed(decision.scores[rank]),
            "chosen": rank == decision.chosen,
            "done": proposal.command == done,
        }
        for rank, proposal in enumerate(decision.proposals)
    ]


def _tone(value: float | None) -> str:
    return "note" if not value else "good" if value > 0 else "bad"


def _whose(turn: Turn, seat: str) -> str:
    return "" if len(turn.observations) == 1 else f" for {seat}"
