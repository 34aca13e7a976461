"""From names to the plan of a round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.agent.registry import CardFile
from sandbox.errors import UsageError
from sandbox.llm import catalogue
from sandbox.llm import registry as model_registry
from sandbox.paths import Home
from sandbox.store import Store
from sandbox.tune.adapters import BASE, Adapters
from sandbox.tune.rounds import RoundPlan
from sandbox.tune.settings import TrainingSettings
from sandbox.world import registry


def make_plan(
    home: Home,
    saves: list[str],
    settings: TrainingSettings,
    *,
    agent: str | None = None,
    model: str | None = None,
    parent: str | None = None,
    **more: Any,
) -> RoundPlan:
    """The plan of a round over some saves.

    Args:
        home: where names are looked up.
        saves: the adapter goes to the first, which need not exist where there are `worlds` to learn from.
        settings: of the training.
        agent: the card of the agent that learns; None takes that of the first save, else `lm`.
        model: the language model in place of the one that its card names.
        parent: the adapter to train on from; None takes the one in use.
        more: fields of `RoundPlan`; references to worlds in any spelling.

    Raises:
        SandboxError: a name leads nowhere, or the agent has no language model.
    """
    folders = [home.save_folder(name) for name in saves]
    played = tuple(folder for folder in folders if (folder / "save.db").exists())
    missing = [folder.name for folder in folders[1:] if folder not in played]
    if missing or (not played and not more.get("worlds")):
        raise UsageError(
            f"there is no save {(missing or [folders[0].name])[0]!r}", hint="play one, or give --worlds"
        )
    for field in ("worlds", "eval_worlds"):
        if field in more:
            more[field] = tuple(dict.fromkeys(registry.resolve(each, home=home).canonical for each in more[field]))
    file = _card(home, agent, played)
    if model is not None:
        file = file.with_model(model)
    if file.card.model is None:
        raise UsageError(
            f"agent {file.card.name!r} has no language model to train",
            hint="name another: --agent, or /agent in the game",
        )
    source = model_registry.resolve(file.card.model, relative_to=file.folder)
    cached = catalogue.is_whole(catalogue.folder_of(source.name))
    adapters = Adapters.of(folders[0], file.card.adapter)
    parent = adapters.active if parent is None else parent
    if parent != BASE:
        adapters.path(parent)
    return RoundPlan(
        home=home.root,
        save=folders[0],
        saves=played,
        card_name=file.card.name,
        card=file.text,
        model=source.name if cached else str(source.folder),
        parent=parent,
        settings=settings,
        **more,
    ).checked()


def begins_with(home: Home, save: str) -> str | None:
    """The adapter that the agents of a save began with; None for none, or where there is no save."""
    folder = home.save_folder(save)
    return _card(home, None, (folder,)).card.adapter if (folder / "save.db").exists() else None


def _card(home: Home, agent: str | None, played: tuple[Path, ...]) -> CardFile:
    """The card that is named, or the one that a save was last played with."""
    if agent is None and played:
        with Store.open(played[0], readonly=True) as store:
            latest = store.runs()[-1]
        for seat, name in latest.seats.items():
            if name is not None and seat in latest.cards:
                return CardFile.stored(home, name, latest.cards[seat])
    return CardFile.find(home, agent or "lm")
