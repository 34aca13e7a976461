"""The protocol of TALES (Cui et al. 2025, arXiv:2504.14128) on the families of worlds that are installed.

Each game is played for 100 commands with no list of commands. Where it ends before, with less than the highest
score, it is begun anew, and the transcript goes on. What counts is the highest score, as a share of what can be
reached. One seed, 20241001.

The settings are those of the suite's own files: ten levels of TextWorld's cooking (GATA's, Adhikari et al. 2020),
sixteen games of TextWorldExpress, the thirty tasks of ScienceWorld on their test variations; and whatever stories
there are, in the place of its 54.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any
from urllib.parse import urlencode

from sandbox import plugins
from sandbox.bench.report import Figure, Report, machine
from sandbox.errors import SandboxError, UsageError
from sandbox.types import Agent, Exchange, Observation, Transition, World
from sandbox.world import registry
from sandbox.world.story import SUFFIXES
from sandbox.world.zmachine import ZMachineWorld

STEPS = 100
SEED = 20241001
_QUICK_STEPS, _QUICK_GAMES = 15, 2
_TABLE = "TALES, percent of the highest score"
_GAMES = "game by game"
_AGAIN = "-= Restarting =-"

_COOKING: tuple[dict[str, object], ...] = (
    {},
    {"cook": "true"},
    {"cut": "true"},
    {"go": 6},
    {"go": 9},
    {"go": 12},
    {"cook": "true", "cut": "true"},
    {"recipe": 3, "take": 3, "go": 6},
    {"recipe": 3, "take": 3, "go": 6, "cook": "true", "cut": "true"},
    {"recipe": 3, "take": 3, "go": 12, "cook": "true", "cut": "true"},
)
"""What each level adds to one ingredient that has to be fetched, in one room, behind doors."""
_EXPRESS = {
    "cooking": "cookingworld?locations=1&ingredients=2&distractors=5&doors=false&limited=false",
    "common sense": "twc?locations=1&items=1&doors=false&limited=false",
    "coin collector": "coin?locations=1&distractors=5&limited=false",
    "arithmetic": "arithmetic?",
    "map reader": "mapreader?locations=2&distance=1&distractors=2&doors=false&limited=false",
    "sorting": "sorting?",
    **{f"Simon says {n}": f"simonsays?length={n}&distractors=4" for n in (10, 50, 100)},
    **{f"Simon says {n}, memory": f"simonsays?length={n}&distractors=4&memory=true" for n in (10, 50, 100)},
    **{
        f"Simon says {n}, memory, verbose": f"simonsays?length={n}&distractors=4&memory=true&verbose=true"
        for n in (10, 50, 100)
    },
    "pecking order": "peckingorder?",
}
_SCIENCE = (
    *("boil", "melt", "freeze", "change-the-state-of-matter-of", "use-thermometer"),
    *("measure-melting-point-known-substance", "measure-melting-point-unknown-substance"),
    *("power-component", "power-component-renewable-vs-nonrenewable-energy"),
    *("test-conductivity", "test-conductivity-of-unknown-substances"),
    *("find-living-thing", "find-non-living-thing", "find-plant", "find-animal", "grow-plant", "grow-fruit"),
    *("chemistry-mix", "chemistry-mix-paint-secondary-color", "chemistry-mix-paint-tertiary-color"),
    *("lifespan-longest-lived", "lifespan-shortest-lived", "lifespan-longest-lived-then-shortest-lived"),
    *("identify-life-stages-1", "identify-life-stages-2", "inclined-plane-determine-angle"),
    *("inclined-plane-friction-named-surfaces", "inclined-plane-friction-unnamed-surfaces"),
    *("mendelian-genetics-known-plant", "mendelian-genetics-unknown-plant"),
)

PUBLISHED = {
    "o3 (medium)": (100.0, 91.9, 93.0, 15.7),
    "claude-3.7-sonnet": (97.3, 95.8, 72.4, 13.0),
    "gpt-4o": (83.6, 80.6, 61.4, 5.6),
    "Llama-3.1-70B-Instruct": (65.6, 81.9, 51.9, 5.3),
    "Llama-3.1-8B-Instruct": (29.7, 50.3, 15.7, 2.3),
    "Llama-3.2-3B-Instruct": (21.4, 42.0, 10.0, 1.5),
    "Llama-3.2-1B-Instruct": (0.0, 19.0, 2.4, 0.6),
    "Phi-3.5-mini-instruct": (0.0, 2.0, 2.4, 0.5),
}
"""Percent, from the table on the suite's page, zero-shot; in the order of `FAMILIES`."""
FAMILIES = ("textworld", "express", "science", "stories")


@dataclass(frozen=True, slots=True)
class TalesGame:
    """One game of the suite."""

    family: str
    name: str
    reference: str
    seed: int = SEED


@dataclass(frozen=True, slots=True)
class TalesScore:
    """What came of one game."""

    best: float
    """The highest score as a share of what can be reached, 0 to 1."""
    steps: int
    restarts: int


Build = Callable[[World[Any]], Agent]
Note = Callable[[str], None]


def games(stories: Path | None) -> list[TalesGame]:
    """All games of the families that are installed, and the stories of a folder."""
    found = []
    for level, more in enumerate(_COOKING, 1):
        options = {"recipe": 1, "take": 1, "go": 1, "open": "true", **more, "split": "train", "seed": SEED}
        found.append(TalesGame("textworld", f"cooking {level}", f"tw:cooking?{urlencode(options)}"))
    if plugins.find("worlds", "twx") is not None:
        for name, reference in _EXPRESS.items():
            seeded = f"twx:{reference.rstrip('?&')}{'&' if '=' in reference else '?'}fold=test&seed={SEED}"
            found.append(TalesGame("express", name, seeded))
    if plugins.find("worlds", "scienceworld") is not None:
        for task in _SCIENCE:
            found.append(TalesGame("science", task, f"scienceworld:{task}?fold=test&seed={SEED}"))
    if stories is not None:
        files = sorted(file for file in stories.glob("*") if file.suffix.lower() in SUFFIXES)
        found += [TalesGame("stories", file.stem, str(file), seed=0) for file in files]
    return found


def run(
    agents: Mapping[str, Build],
    stories: Path | None,
    *,
    listed: bool = False,
    quick: bool = False,
    note: Note = lambda message: None,
    progress: Note = lambda message: None,
) -> Report:
    """Play all games with each agent.

    Args:
        agents: makes one for a world, by the names of their rows.
        stories: a folder of story files.
        listed: whether they get the world's list of commands, which is not the protocol.
        quick: two games of each family, 15 commands each.
        note: told what could not be played.
        progress: told what is being played.

    Raises `UsageError` where nothing could be.
    """
    started = time.perf_counter()
    steps = _QUICK_STEPS if quick else STEPS
    wanted = games(stories)
    if quick:
        wanted = [game for family in FAMILIES for game in [g for g in wanted if g.family == family][:_QUICK_GAMES]]
    found: dict[str, dict[TalesGame, TalesScore]] = {agent: {} for agent in agents}
    for number, game in enumerate(wanted, 1):
        try:
            world = _opened(game, listed, progress)
        except SandboxError as error:
            note(f"{game.name}: {error}")
            continue
        try:
            for agent, build in agents.items():
                progress(f"{game.name}, {number} of {len(wanted)}, {agent}")
                found[agent][game] = play(world, build(world), steps, game.seed, listed=listed)
        except SandboxError as error:
            note(f"{game.name}: {error}")
        finally:
            world.close()
    played = sum(score.steps for row in found.values() for score in row.values())
    if not played:
        raise UsageError("no game could be played", hint="see what is said above")
    seconds = time.perf_counter() - started
    return Report(
        machine=machine(),
        seconds=seconds,
        figures=(
            *(figure for agent, row in found.items() for figure in _row(agent, row)),
            *(figure for name, shares in PUBLISHED.items() for figure in _published(name, shares)),
            *(
                Figure(f"{_GAMES}/{game.family}: {game.name}/{agent}", 100 * row[game].best)
                for game in wanted
                for agent, row in found.items()
                if game in row
            ),
            Figure("games_played", sum(len(row) for row in found.values())),
            Figure("commands_a_game", steps),
            Figure("commands_per_second", played / seconds),
        ),
    )


def _opened(game: TalesGame, listed: bool, progress: Note) -> World[Any]:
    """The world, which does not look for its commands where nobody is to see them."""
    if game.family == "stories":
        return ZMachineWorld(Path(game.reference), name=game.name, listing=listed)
    spared = "&commands=false" if game.family == "science" and not listed else ""
    return registry.open_world(game.reference + spared, progress=progress)


def play(world: World[Any], agent: Agent, steps: int, seed: int, *, listed: bool = False) -> TalesScore:
    """One game for so many commands, begun anew where it ends before. Raises `UsageError` where it has no score.

    Args:
        world: for one seat.
        agent: fresh; it learns from what it does as it goes.
        steps: commands.
        seed: of the game, and of the agent's choices.
        listed: whether the agent gets the world's list of commands.
    """
    (seat,) = world.seats
    state = world.initial(seed)
    seen = _shown(world.observe(state, seat), listed)
    highest = seen.max_score
    if not highest or highest <= 0:
        raise UsageError("its highest score is not known")
    history = [Exchange(command="", reply=seen.text)]
    best, restarts, taken = 0.0, 0, 0
    for taken in range(1, steps + 1):
        command = agent.decide(seen, history, seed=seed + taken, explore=False).command
        step = world.step(state, seat, command)
        after = _shown(world.observe(step.state, seat), listed)
        agent.learn(
            Transition(
                observation=seen,
                command=command,
                reward=float(step.rewards.get(seat, 0.0)),
                next_observation=after,
                candidates=after.admissible or (),
                terminated=step.terminated,
            )
        )
        state, seen, reply = step.state, after, after.text
        best = max(best, seen.score)
        if best >= highest:
            break
        if world.to_move(state) is None:
            agent.end_episode()
            restarts += 1
            state = world.initial(seed)
            seen = _shown(world.observe(state, seat), listed)
            reply = f"{reply}\n\n{_AGAIN}\n{seen.text}"
        history.append(Exchange(command=command, reply=reply))
    return TalesScore(best / highest, taken, restarts)


def _shown(seen: Observation, listed: bool) -> Observation:
    return seen if listed else replace(seen, admissible=None)


def _row(agent: str, row: Mapping[TalesGame, TalesScore]) -> Iterator[Figure]:
    """The mean over each family, in percent."""
    for family in FAMILIES:
        shares = [score.best for game, score in row.items() if game.family == family]
        if shares:
            yield Figure(f"{_TABLE}/{agent}/{family}", 100 * fmean(shares))


def _published(name: str, shares: Sequence[float]) -> Iterator[Figure]:
    for family, share in zip(FAMILIES, shares, strict=True):
        yield Figure(f"{_TABLE}/{name} (published)/{family}", share)
