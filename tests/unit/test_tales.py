"""The protocol of TALES: nothing listed, 100 commands, begun anew, the highest score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.agent.scripted import ScriptedAgent
from sandbox.bench import tales
from sandbox.errors import UsageError
from sandbox.testing.table import TableWorld, to
from sandbox.types import Decision, History, Observation, World
from sandbox.world.games import Cooking, parse

DITCH = TableWorld(
    {
        "bank": {"jump": to("ditch"), "pick": to("berry", 1.0)},
        "berry": {"jump": to("ditch"), "pick": to("basket", 1.0)},
        "basket": {},
        "ditch": {},
    },
    "bank",
    {"basket": ["player"]},
    name="ditch",
    title="Berries",
)


class Berries(TableWorld):
    """The same, where the highest score is known."""

    def observe(self, state: object, seat: str) -> Observation:
        return replace(super().observe(state, seat), max_score=2.0)  # type: ignore[arg-type]


class Onlooker(ScriptedAgent):
    """A script that keeps what it was shown."""

    seen: list[tuple[Observation, tuple[str, ...]]]

    def __init__(self, commands: Sequence[str]) -> None:
        super().__init__(commands)
        self.seen = []

    def decide(self, observation: Observation, history: History, *, seed: int, explore: bool = True) -> Decision:
        self.seen.append((observation, tuple(each.reply for each in history)))
        return super().decide(observation, history, seed=seed, explore=explore)


def berries() -> World[object]:
    return Berries(DITCH.table, "bank", {"basket": ["player"]}, name="ditch", title="Berries")


def test_a_game_that_is_lost_is_begun_anew_and_the_best_score_counts() -> None:
    agent = Onlooker(["pick", "jump"])
    score = tales.play(berries(), agent, 6, 0)
    assert score == tales.TalesScore(best=0.5, steps=6, restarts=3)
    assert all(observation.admissible is None for observation, _ in agent.seen)
    after = agent.seen[2][1]
    assert len(after) == 3 and after[-1].count("-= Restarting =-") == 1
    assert after[-1].endswith(after[0]), "the transcript goes on with the opening"


def test_a_game_ends_with_its_highest_score() -> None:
    assert tales.play(berries(), Onlooker(["pick", "pick"]), 100, 0) == tales.TalesScore(1.0, 2, 0)
    agent = Onlooker(["pick", "pick"])
    tales.play(berries(), agent, 100, 0, listed=True)
    assert agent.seen[0][0].admissible == ("jump", "pick")


def test_a_world_that_does_not_know_its_highest_score_is_not_measured() -> None:
    with pytest.raises(UsageError, match="highest score is not known"):
        tales.play(DITCH, Onlooker(["pick"]), 5, 0)


def test_the_cooking_levels_are_those_of_gata() -> None:
    levels = [parse(game.reference) for game in tales.games(None) if game.family == "textworld"]
    assert all(isinstance(level, Cooking) and level.open and level.take == level.recipe for level in levels)
    # One point for each ingredient, for cutting and for cooking each, for preparing and for eating the meal.
    highest = [
        level.take + level.recipe * (level.cut + level.cook) + 2 for level in levels if isinstance(level, Cooking)
    ]
    assert highest == [3, 4, 4, 3, 3, 3, 5, 5, 11, 11]
    assert [level.go for level in levels if isinstance(level, Cooking)] == [1, 1, 1, 6, 9, 12, 1, 6, 6, 12]


def test_walkthroughs_score_all_there_is_and_stand_beside_the_published_rows(tmp_path: Path) -> None:
    notes: list[str] = []
    (tmp_path / "broken.z5").write_bytes(b"\x05" * 99)

    def reader(world: World[object]) -> ScriptedAgent:
        return ScriptedAgent(world.walkthrough())  # type: ignore[attr-defined]

    report = tales.run({"reader": reader}, tmp_path, quick=True, note=notes.append)
    shown = {figure.name: figure.value for figure in report.figures}
    table = "TALES, percent of the highest score"
    assert shown[f"{table}/reader/textworld"] == 100.0
    assert shown[f"{table}/Llama-3.2-1B-Instruct (published)/textworld"] == 0.0
    assert f"{table}/reader/stories" not in shown and notes[0].startswith("broken: ")
    assert shown["game by game/textworld: cooking 1/reader"] == 100.0
    assert (shown["games_played"], shown["commands_a_game"]) == (2, 15)
