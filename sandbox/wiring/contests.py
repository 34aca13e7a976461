"""Two agents, or two adapters, that are to be compared on the recorded states of a save."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sandbox.agent.registry import CardFile
from sandbox.config import Settings
from sandbox.errors import UsageError
from sandbox.feedback.book import FeedbackBook
from sandbox.feedback.contest import Bout
from sandbox.llm.permission import Permission
from sandbox.paths import Home
from sandbox.store import Run, Store
from sandbox.store.server import is_url
from sandbox.tune.adapters import BASE, Adapters
from sandbox.types import Progress, silent
from sandbox.wiring.agents import Models, build_agent
from sandbox.wiring.sessions import stored_cards
from sandbox.world import registry


def check_contest(home: Home, save: str, sides: tuple[str, str], permission: Permission | None = None) -> None:
    """Raises `SandboxError` where there can be no contest: a card or an adapter does not exist, both are the same,
    or one would ask a server that it may not. Loads nothing.
    """
    if sides[0] == sides[1]:
        raise _same(sides)
    for card, adapter in map(_parsed, sides):
        with _opened(home, save) as store:
            run = store.latest_run()
        for file in _cards(home, run, card, tuple(run.seats)).values():
            if permission is not None:
                file.check(permission)
        if adapter is not None and is_url(save):
            raise UsageError(
                "adapters lie beside a save's file", hint="name two agents, or a save of this machine"
            )
        if adapter not in (None, BASE):
            Adapters.of(home.save_folder(save)).path(str(adapter))


@contextmanager
def open_contest(
    home: Home,
    settings: Settings,
    save: str,
    sides: tuple[str, str],
    progress: Progress = silent,
    permission: Permission | None = None,
) -> Iterator[Bout]:
    """Two contestants, with what they have learned in the save, over its states.

    They share neither store nor language model with a game that is being played.

    Args:
        home: where names are looked up.
        settings: how many threads models compute with.
        save: its name, or the address of its database.
        sides: each `CARD`, `CARD@ADAPTER`, or `@ADAPTER` with the cards that the save was last played with.
        progress: told what takes time.
        permission: which servers may be asked; None goes by the settings alone.

    Raises:
        SandboxError: something cannot be found, or both are the same.
    """
    folder = None if is_url(save) else home.save_folder(save)
    with _opened(home, save) as store:
        run, models = store.latest_run(), Models(settings, progress, permission)
        world = registry.open_world(run.world, home=home, progress=progress)
        try:
            made = []
            for side in sides:
                card, adapter = _parsed(side)
                agents = {
                    seat: build_agent(file, models, world, folder, adapter=adapter, seed=run.seed)
                    for seat, file in _cards(home, run, card, world.seats).items()
                }
                for seat, agent in agents.items():
                    if learned := store.records(seat, agent.name):
                        agent.load(learned)
                made.append(agents)
            records = FeedbackBook(store.feedback()).standing()
            bout = Bout(timeline=store.timeline(), sides=(made[0], made[1]), records=records, seed=run.seed)
            if bout.contestants[0] == bout.contestants[1]:
                raise _same(sides)
            yield bout
        finally:
            world.close()


def _opened(home: Home, save: str) -> Store:
    return (
        Store.connect(save, readonly=True) if is_url(save) else Store.open(home.save_folder(save), readonly=True)
    )


def _parsed(side: str) -> tuple[str, str | None]:
    """The card and the adapter that a side names; the card may be empty, the adapter None."""
    card, at, adapter = side.rpartition("@")
    return (card, adapter) if at else (side, None)


def _same(sides: tuple[str, str]) -> UsageError:
    return UsageError(
        f"{sides[0]} and {sides[1]} are the same", hint="name two agents, or two adapters, as in: @base @sft-1"
    )


def _cards(home: Home, run: Run, card: str, seats: Sequence[str]) -> dict[str, CardFile]:
    """The card of each seat: the one named in all of them, or those of the save in the seats that agents held."""
    if card:
        file = CardFile.find(home, card)
        return dict.fromkeys(seats, file)
    found = {seat: file for seat, file in stored_cards(home, run.seats, run.cards).items() if file is not None}
    if not found:
        raise UsageError("no agent played in this save", hint="name a card before the adapter, as in: lm@sft-1")
    return found
