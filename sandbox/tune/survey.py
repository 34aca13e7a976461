"""What a save offers for a round: what there is to learn from, how its rounds stand, what to evaluate on.

Takes its time: not for a screen's own thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict

from sandbox.tune.noninferiority import CONFIDENCE, TOLERANCE, fewest
from sandbox.tune.round_view import MethodChoice, RoundData

if TYPE_CHECKING:
    from sandbox.paths import Home
    from sandbox.tune.examples import Example
    from sandbox.tune.rounds import RoundPlan
    from sandbox.tune.settings import Method

EPISODES = fewest(TOLERANCE, CONFIDENCE) + 1
"""Games that are played before and after by default: the fewest that can tell, made even."""
UNSEEN = 1001
"""Seed from which games for the evaluation are taken."""


class Evaluation(TypedDict):
    """What is played before and after."""

    eval_worlds: tuple[str, ...]
    eval_seeds: tuple[int, ...]
    max_steps: int
    """Commands that an episode may take."""


def survey(plan: RoundPlan) -> RoundData:
    """What there is to learn from in the save of a plan, and how its rounds and adapters stand."""
    from sandbox.paths import Home
    from sandbox.store import Store
    from sandbox.tune import collect, rounds
    from sandbox.tune.adapters import BASE, Adapters

    home, card = Home(plan.home), plan.parsed_card()
    found = collect.from_saves(home, plan.saves, card, votes=plan.settings.votes)
    counted = collect.survey(collect.occasions(found))
    with Store.open(plan.save, readonly=True) as store:
        world = store.latest_run().world
    adapters = Adapters.of(plan.save, card.adapter)
    latest = next((each for each in reversed(rounds.rounds_of(plan.save)) if not each.trial), None)
    state = latest.state if latest is not None else ""
    made = latest.adapter if latest is not None else None
    kept = made is not None and made != adapters.active and made in {about.id for about in adapters}
    return RoundData(
        save=plan.save.name,
        card=plan.card_name,
        model=model_name(plan.model),
        active=adapters.active,
        before=None if adapters.active == BASE else adapters.get(adapters.active).parent,
        by_kind=counted.by_kind,
        by_world=counted.by_world,
        by_annotator=counted.by_annotator,
        choices=tuple(_choice(found, method) for method in ("sft", "dpo", "kto")),
        evaluation=suggested(world, counted.by_world),
        unfinished=latest.number if latest and state in ("cancelled", "interrupted", "failed") else None,
        finished=latest.number if latest and state == "finished" and kept else None,
    )


def suggested(world: str, seen: Mapping[str, int]) -> str:
    """The worlds to evaluate on: a world of our own itself, and else games that were generated and never seen."""
    from sandbox.world import games, story

    if not world.startswith(games.PREFIX) and not world.lower().endswith(story.SUFFIXES):
        return world
    options = {option for each in seen for option in each.replace("?", "&").split("&")}
    first = UNSEEN
    while options & {f"seed={seed}" for seed in range(first, first + EPISODES // 2)}:
        first += EPISODES // 2
    return f"tw:custom?quest=3..4&seed={first}..{first + EPISODES // 2 - 1}"


def evaluated(text: str, home: Home | None = None) -> Evaluation:
    """How to evaluate on worlds that are named with spaces between; ranges stand for several.

    Generated games are played once each. Worlds of our own are few: they are played with several seeds, none of
    which is likely to have been played, and take longer.
    """
    from sandbox.tune import collect
    from sandbox.world import registry

    named = [each for reference in text.split() for each in collect.expand(reference)]
    meant = [registry.resolve(each, home=home) for each in named]
    worlds = tuple(dict.fromkeys(each.canonical for each in meant))
    own = bool(meant) and all(each.kind in registry.AUTHORED for each in meant)
    seeds = -(-EPISODES // len(worlds)) if own else 1
    return {
        "eval_worlds": worlds,
        "eval_seeds": tuple(range(UNSEEN, UNSEEN + seeds)) if own else (0,),
        "max_steps": 50 if own else 25,
    }


def model_name(model: str) -> str:
    """A model without its folder."""
    return model.rpartition("/")[2]


def _choice(found: list[Example], method: Method) -> MethodChoice:
    from sandbox.tune import collect
    from sandbox.tune.errors import RoundError
    from sandbox.tune.examples import TranscriptExample

    usable = collect.usable(found, method)
    count = sum(each.commands if isinstance(each, TranscriptExample) else 1 for each in usable)
    try:
        collect.check(usable, method)
    except RoundError as error:
        return MethodChoice(method, count, error.message.removeprefix("too little to learn from: "))
    return MethodChoice(method, count)
