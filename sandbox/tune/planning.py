"""From names to the plan of a round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.agent import cards
from sandbox.errors import UsageError
from sandbox.llm import catalogue
from sandbox.paths import Home
from sandbox.store import Store
from sandbox.tune.adapters import BASE, Adapters
from sandbox.tune.rounds import Plan
from sandbox.tune.settings import Settings


def make_plan(
    home: Home,
    saves: list[str],
    settings: Settings,
    *,
    agent: str | None = None,
    parent: str | None = None,
    **more: Any,
) -> Plan:
    """The plan of a round over some saves.

    Args:
        home: where names are looked up.
        saves: the adapter goes to the first, which need not exist where there are `worlds` to learn from.
        settings: of the training.
        agent: the card of the agent that learns; None takes that of the first save, else `lm`.
        parent: the adapter to train on from; None takes the one in use.
        more: fields of `Plan`.

    Raises:
        SandboxError: a name leads nowhere, or the agent has no language model.
    """
    folders = [home.save_folder(name) for name in saves]
    played = tuple(folder for folder in folders if (folder / "save.db").exists())
    missing = [folder.name for folder in folders[1:] if folder not in played]
    if missing or (not played and not more.get("worlds")):
        raise UsageError(
            f"there is no save {(missing or [folders[0].name])[0]!r}", mend="play one, or give --worlds"
        )
    name, text, folder = _card(home, agent, played)
    model = cards.parse_card(text, name).model
    if model is None:
        raise UsageError(f"agent {name!r} has no language model to train", mend="name another with --agent")
    source = catalogue.resolve(model, relative_to=folder)
    cached = catalogue.is_whole(catalogue.folder_of(source.name))
    adapters = Adapters.of(folders[0])
    parent = adapters.active if parent is None else parent
    if parent != BASE:
        adapters.path(parent)
    return Plan(
        home=home.root,
        save=folders[0],
        saves=played,
        card_name=name,
        card=text,
        model=source.name if cached else str(source.folder),
        parent=parent,
        settings=settings,
        **more,
    ).checked()


def _card(home: Home, agent: str | None, played: tuple[Path, ...]) -> tuple[str, str, Path | None]:
    """Name, text and folder of the card: the one named, or the one that a save was last played with."""
    if agent is None and played:
        with Store.open(played[0], readonly=True) as store:
            latest = store.runs()[-1]
        for seat, name in latest.seats.items():
            if name is not None and seat in latest.cards:
                return name, latest.cards[seat], None
    name = agent or "lm"
    file = Path(name).expanduser() if name.endswith((".yaml", ".yml")) else home.card_file(name)
    if file is None or not file.is_file():
        raise UsageError(f"there is no agent {name!r}", mend=f"there are: {', '.join(home.names('agents'))}")
    return file.stem, file.read_text(encoding="utf-8"), file.parent
