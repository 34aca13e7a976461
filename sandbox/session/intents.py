"""What a save would do if it were opened: told from what is in it, with nothing of it opened."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox import marked_yaml
from sandbox.agent import cards
from sandbox.errors import CardError
from sandbox.hosts import names_of
from sandbox.llm import catalogue
from sandbox.store import Run
from sandbox.text import clean_line


def intents(run: Run) -> Iterator[str]:
    """What playing on from a run would do beyond computing, a line for each thing.

    Servers that would be asked, keys that are named (and never read), language models and worlds that would be
    loaded from files.
    """
    for seat, agent in run.seats.items():
        text = run.cards.get(seat)
        if agent is None:
            continue
        if text is None:
            yield f"{seat}: would be played by your agent {agent!r}"
            continue
        yield from (f"{seat}: {told}" for told in _of_card(text, agent))
    if "/" in run.world or run.world.endswith((".yaml", ".yml")):
        yield f"would read the world in the file {run.world}"


def _of_card(text: str, agent: str) -> Iterator[str]:
    try:
        card = cards.parse_card(text, agent, stored=True)
    except CardError as error:
        yield f"has a card that cannot be used: {error.message}"
        return
    if card.remote is not None:
        host = names_of(card.remote.base_url)[0]
        yield f"would ask the server {host} for the model {clean_line(card.remote.model, 80)!r}, once you allow it"
        if (key := _named_key(text)) is not None:
            yield f"names {clean_line(key, 80)!r} as the key for it, which is not read"
    for model in (card.model, card.remote.fallback if card.remote else None):
        if model is not None and model != "uniform" and not catalogue.is_known(model):
            yield f"would load the language model in {clean_line(model, 200)}"


def _named_key(text: str) -> str | None:
    data = marked_yaml.read(text).data
    remote = data.get("remote") if isinstance(data, dict) else None
    key = remote.get("key") if isinstance(remote, dict) else None
    return None if key is None else str(key)
