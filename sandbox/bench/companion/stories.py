"""What a story understands of the lines that are proposed where nothing is listed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import Card
from sandbox.agent.grounding import looks_refused
from sandbox.bench.report import Figure
from sandbox.llm.local import LocalModel
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.types import Progress
from sandbox.world import registry
from sandbox.world.story import SUFFIXES


def understood(
    card: Card, model: LocalModel, folder: Path | None, quick: bool, progress: Progress
) -> Iterator[Figure]:
    """The share of shown lines that the story takes for commands, at states that the agent's own play leads to."""
    if folder is None:
        return
    files = sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES)
    states = 3 if quick else 20
    shares = []
    for file in files:
        world = registry.open_world(str(file))
        agent = CardAgent(card.model_copy(update={"learner": None}), model, verbs=world.verbs)
        shown = fine = 0
        with Store.memory() as store:
            session = Session.create(store, world, {world.seats[0]: agent}, seed=0, learn=False)
            for number in range(states):
                if session.done:
                    session.new_episode()
                progress(f"{file.name}, {number + 1} of {states}")
                decision = session.decide()
                state = world.load(session.current.snapshot)
                for proposal in decision.proposals[:8]:
                    after = world.step(state, world.seats[0], proposal.command).state
                    shown += 1
                    fine += not looks_refused(world.observe(after, world.seats[0]).text)
                session.act(decision.command, decision=decision, chooser=decision.chooser)
        shares.append(fine / max(shown, 1))
        yield Figure(f"understood in {file.name}", shares[-1])
    if shares:
        yield Figure.at_least("understood_unlisted", sum(shares) / len(shares), 0.8)
