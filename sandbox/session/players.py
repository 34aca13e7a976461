"""Who holds the seats of a world, and what the agents among them have learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.errors import PlayError
from sandbox.store import Store
from sandbox.types import Agent, Transition, Update, World

Seats = Mapping[str, Agent | None]
"""Who holds each seat; None is a person."""


class Seating:
    """The holders of all seats. An agent may hold several; its records stand under the first.

    Writing is in two steps, so that nothing learned is lost where a transaction fails: `write_changes` inside it,
    `written` once it has been committed.
    """

    def __init__(self, seats: Seats) -> None:
        self.seats: dict[str, Agent | None] = dict(seats)
        self._unwritten: dict[tuple[str, str], dict[str, bytes]] = {}

    @classmethod
    def of(cls, world: World[Any], seats: Seats) -> Seating:
        """All seats of a world; those not named are a person's. Raises `PlayError` where one does not exist."""
        for seat in seats:
            if seat not in world.seats:
                raise PlayError(f"{world.name} has no seat {seat!r}", hint=f"it has {', '.join(world.seats)}")
        return cls({seat: seats.get(seat) for seat in world.seats})

    def names(self) -> dict[str, str | None]:
        """Seat -> name of its agent; None for a person."""
        return {seat: None if agent is None else agent.name for seat, agent in self.seats.items()}

    def agents(self) -> dict[str, Agent]:
        """Each agent once, by the first seat that it holds."""
        found: dict[str, Agent] = {}
        for seat, agent in self.seats.items():
            if agent is not None and all(agent is not other for other in found.values()):
                found[seat] = agent
        return found

    def learn(self, seat: str, transition: Transition | None) -> Update | None:
        """Tell the agent of a seat what its turn led to, if there is one and its turn has led somewhere yet."""
        agent = self.seats.get(seat)
        return None if agent is None or transition is None else agent.learn(transition)

    def end_episode(self) -> None:
        for agent in self.agents().values():
            agent.end_episode()

    def bring_in(self, store: Store, only: Sequence[Agent | None] | None = None) -> None:
        """Give agents back what they had learned in their seats, or note what they come with."""
        for seat, agent in self.agents().items():
            if only is not None and all(agent is not each for each in only):
                continue
            if records := store.records(seat, agent.name):
                agent.load(records)
            else:
                store.put_records(seat, agent.name, agent.dump())

    def write_all(self, store: Store) -> None:
        """Write everything that the agents have learned."""
        for seat, agent in self.agents().items():
            store.replace_records(seat, agent.name, agent.dump())

    def write_changes(self, store: Store) -> None:
        """Write what changed since it was last written."""
        for seat, agent in self.agents().items():
            self._unwritten.setdefault((seat, agent.name), {}).update(agent.changes())
        for (seat, name), records in self._unwritten.items():
            store.put_records(seat, name, records)

    def written(self) -> None:
        """The changes have reached the store."""
        self._unwritten.clear()
