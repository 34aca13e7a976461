"""What agents remember, as values to show: notes, advice in force, and what their transcript no longer holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.session import worlds

# What an agent is told, and what it is, need the store and a language model's arithmetic: imported when used.

if TYPE_CHECKING:
    from sandbox.agent.agent import CardAgent
    from sandbox.session.session import Session


@dataclass(frozen=True, slots=True)
class Piece:
    """A note, or a piece of advice."""

    words: str
    edit: str
    """What is typed to change it, or to be rid of it where it cannot be changed."""
    drop: str
    """What is typed to be rid of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedSeat:
    """What the agent of one seat remembers."""

    seat: str
    name: str
    """What the world calls the seat."""
    agent: str
    most: int
    """How many notes it keeps; 0 keeps none."""
    notes: tuple[Piece, ...]
    advice: tuple[Piece, ...]
    lost: str
    """What stands in its prompt for the part of the transcript that no longer fits; empty where all of it does.
    Where a person holds another seat it is kept from them, and empty."""


@dataclass(frozen=True, slots=True)
class Memories:
    """What all agents of a session remember, seat by seat."""

    seats: tuple[RememberedSeat, ...]


def memories(session: Session) -> Memories:
    """What the agents of a session remember where it stands. Changes nothing."""
    from sandbox.agent import prompt

    names, people = worlds.names(session.world), None in session.seats.values()
    notes, advice = numbered_notes(session), advice_in_force(session)
    books = dict(writers(session))
    found = []
    for seat, agent in session.seats.items():
        if agent is None:
            continue
        card, lost = getattr(agent, "card", None), ""
        if card is not None and not people:
            lost = prompt.forgotten(card.prompt, session.history(seat))
        found.append(
            RememberedSeat(
                seat=seat,
                name=names.get(seat, seat),
                agent=agent.name,
                most=books[seat].notebook.most if seat in books else 0,
                notes=tuple(
                    Piece(words, f"/notes {i} {words}", f"/notes -{i}")
                    for i, (whose, words) in enumerate(notes, 1)
                    if whose == seat
                ),
                advice=tuple(
                    Piece(words, f"/withdraw {i}", f"/withdraw {i}")
                    for i, (whose, _, words) in enumerate(advice, 1)
                    if whose == seat
                ),
                lost=lost,
            )
        )
    return Memories(tuple(found))


def writers(session: Session) -> list[tuple[str, CardAgent]]:
    """The agents that keep notes, each by the first seat that it holds."""
    from sandbox.agent.agent import CardAgent

    found: list[tuple[str, CardAgent]] = []
    for seat, agent in session.seats.items():
        if isinstance(agent, CardAgent) and agent.notebook.most and all(agent is not each for _, each in found):
            found.append((seat, agent))
    return found


def numbered_notes(session: Session) -> list[tuple[str, str]]:
    """All notes, each with the seat of its agent; their numbers are their places, from 1."""
    return [(seat, note) for seat, agent in writers(session) for note in agent.notebook.notes]


def advice_in_force(session: Session) -> list[tuple[str, int, str]]:
    """All advice that stands: to which seat, in which record, and the words. Their numbers are their places."""
    from sandbox.session import told

    path = session.timeline.path(session.current.id)
    return [
        (seat, record, words)
        for seat, agent in session.seats.items()
        if agent is not None
        for record, words in told.standing(session.feedback, path, seat)
    ]
