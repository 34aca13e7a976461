"""Adapters as folders, the gate, and files that are whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.agent.cards import parse_card
from sandbox.errors import SaveError, UsageError
from sandbox.files import new_folder, write_bytes
from sandbox.llm.fake import ScriptedModel
from sandbox.paths import Home
from sandbox.session.runner import Episode
from sandbox.tune import gate, rounds
from sandbox.tune.adapters import ABOUT, Adapters, describe
from sandbox.tune.collect import expand
from sandbox.tune.errors import RoundError
from sandbox.tune.packing import Encoded, epoch, pack
from sandbox.tune.starts import EpisodeStart, is_fixed, starts
from sandbox.world import registry


def publish(adapters: Adapters, parent: str = "base") -> str:
    name = adapters.new_id("sft")
    about = describe(name, parent=parent, model="m", method="sft", data="0" * 64, settings={"rank": 16})
    adapters.publish(about, b"weights", {"peft_type": "LORA"})
    return name


def episodes(*won: bool) -> list[Episode]:
    return [
        Episode(
            world=f"w{i}", seed=0, won=w, score=float(w), max_score=1.0, steps=5 if w else 25, commands=("look",)
        )
        for i, w in enumerate(won)
    ]


def test_an_adapter_is_used_rolled_back_and_deleted(tmp_path: Path) -> None:
    adapters = Adapters(tmp_path / "adapters")
    assert adapters.active == "base" and list(adapters) == []
    one = publish(adapters)
    other = publish(adapters, parent=one)
    assert (one, other) == ("sft-1", "sft-2")
    adapters.use(one)
    adapters.use(other)
    assert adapters.active_folder == tmp_path / "adapters" / "sft-2"
    with pytest.raises(UsageError, match="in use"):
        adapters.delete(other)
    assert adapters.rollback() == one
    assert adapters.rollback() == "base"
    with pytest.raises(UsageError, match="before"):
        adapters.rollback()
    with pytest.raises(UsageError, match="sft-2 was trained on"):
        adapters.delete(one)
    adapters.delete(other)
    assert [about.id for about in adapters] == [one]


def test_the_lineage_is_a_tree(tmp_path: Path) -> None:
    adapters = Adapters(tmp_path)
    first = publish(adapters)
    child = publish(adapters, parent=first)
    second = publish(adapters)
    assert [(depth, about.id) for depth, about in adapters.tree()] == [(0, first), (1, child), (0, second)]


def test_an_adapter_that_could_not_be_written_whole_is_not_there(tmp_path: Path) -> None:
    adapters = Adapters(tmp_path)
    about = describe("sft-1", model="m", method="sft", data="", settings={})
    with pytest.raises(TypeError):
        adapters.publish(about, b"weights", {"odd": object()})
    assert list(adapters) == [] and list(tmp_path.iterdir()) == []


def test_a_damaged_description_is_named(tmp_path: Path) -> None:
    adapters = Adapters(tmp_path)
    name = publish(adapters)
    (tmp_path / name / ABOUT).write_text("{}")
    with pytest.raises(SaveError, match=ABOUT):
        adapters.get(name)
    (tmp_path / "active.json").write_text("[")
    with pytest.raises(SaveError, match=r"active\.json"):
        _ = adapters.active


def test_a_name_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Adapters(tmp_path / "adapters").path("../../elsewhere")


def test_a_file_keeps_its_old_contents_where_the_new_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "active.json"
    write_bytes(file, b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sandbox.files.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_bytes(file, b"new")
    assert file.read_bytes() == b"old" and list(tmp_path.iterdir()) == [file]


def test_a_folder_appears_at_once(tmp_path: Path) -> None:
    with new_folder(tmp_path / "it") as work:
        (work / "a").write_text("x")
        assert not (tmp_path / "it").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


def test_the_gate_tells_better_from_worse_and_says_when_it_cannot() -> None:
    lost, won = [False] * 10, [True] * 10
    better = gate.compare(episodes(*lost), episodes(*won))
    assert better.verdict == "better" and better.passed and better.score.value == 1.0
    assert (better.before.won, better.after.won, better.after.steps_won) == (0, 10, 5.0)
    worse = gate.compare(episodes(*won), episodes(*lost[:5], *won[:5]))
    assert worse.verdict == "worse" and not worse.passed
    assert gate.compare(episodes(*won), episodes(*won)).verdict == "undecided", "ten games tell too little"
    enough = [True] * 45
    assert gate.compare(episodes(*enough), episodes(*enough)).verdict == "not worse"
    assert not gate.compare(episodes(*enough), episodes(*enough), "better").passed
    few = gate.compare(episodes(False), episodes(True))
    assert few.verdict == "too few episodes" and not few.passed and "at least 8" in few.reason


def test_the_gate_compares_the_same_episodes_only() -> None:
    with pytest.raises(ValueError, match="not the same"):
        gate.compare(episodes(True), episodes(True, True))


def test_a_game_without_chance_is_played_from_several_starts() -> None:
    home = Home(Path())
    fixed, chance = (registry.open_world(name, home=home) for name in ("weathercock", "larder"))
    assert is_fixed(fixed, range(8)) and not is_fixed(chance, range(8)) and not is_fixed(fixed, [3])
    assert starts(chance, range(3)) == (EpisodeStart(0), EpisodeStart(1), EpisodeStart(2))
    found = starts(fixed, range(8))
    assert found == starts(fixed, range(8)) and found[0] == EpisodeStart(0)
    assert len(found) == 8 and all(0 < len(start.commands) <= 12 for start in found[1:])

    model = ScriptedModel({"go north": -1.0})
    card = parse_card("model: m\ncombine: {method: prior}\n", "lm")
    played = gate.play(card, model, fixed, found, max_steps=3)
    assert [episode.seed for episode in played] == list(range(8)) and {episode.steps for episode in played} == {3}
    for start, episode in zip(found, played, strict=True):
        assert episode.commands[: len(start.commands)] == start.commands
    assert len({episode.commands for episode in played}) > 4
    assert gate.play(card, model, fixed, found, max_steps=3) == played


def test_a_world_with_fewer_starts_than_seeds_gives_fewer_episodes() -> None:
    coin = registry.open_world("tw:coin?level=2&seed=1", home=Home(Path()))
    assert 1 < len(starts(coin, range(8))) < 8
    coin.close()


def test_ranges_stand_for_many_worlds() -> None:
    found = expand("tw:custom?quest=3..4&seed=1..3")
    assert len(found) == 6 and found[0] == "tw:custom?quest=3&seed=1" and found[-1] == "tw:custom?quest=4&seed=3"
    assert expand("lighthouse") == ["lighthouse"]
    with pytest.raises(RoundError):
        expand("tw:coin?seed=5..1")


def test_packs_hold_everything_once_and_not_too_much() -> None:
    sequences = [Encoded(tuple(range(n)), (n - 1,)) for n in (90, 10, 60, 40, 120, 30)]
    packs = pack(sequences, 100)
    assert sorted(len(s) for group in packs for s in group) == [10, 30, 40, 60, 90, 120]
    assert all(len(group) == 1 or sum(map(len, group)) <= 100 for group in packs)
    assert len(packs) == 4


def test_an_epoch_is_a_permutation_of_its_own() -> None:
    one, other = (list(epoch(10, 4, seed=0, number=n)) for n in (0, 1))
    assert sorted(i for batch in one for i in batch) == list(range(10))
    assert one != other and one == list(epoch(10, 4, seed=0, number=0))
    assert [len(batch) for batch in one] == [4, 4, 2]


def plan(home: Path, **more: object) -> rounds.RoundPlan:
    fields = {"home": home, "save": home / "saves" / "s", "card": "model: m", "model": "m", "worlds": ("a",)}
    return rounds.RoundPlan.model_validate(fields | more)


def test_a_world_cannot_be_learned_from_and_evaluated_on(tmp_path: Path) -> None:
    with pytest.raises(RoundError, match="both"):
        plan(tmp_path, eval_worlds=("a",)).checked()
    with pytest.raises(RoundError, match="nothing to learn from"):
        plan(tmp_path, worlds=()).checked()


def test_two_rounds_at_once_are_refused_from_the_first_moment(tmp_path: Path) -> None:
    first = rounds.start(plan(tmp_path))
    try:
        with pytest.raises(RoundError, match="another round is running"):
            rounds.start(plan(tmp_path))
        assert [each.number for each in rounds.rounds_of(tmp_path / "saves" / "s")] == [1]
        assert rounds.Round(first.folder).state == "running"  # as any other process sees it
        with pytest.raises(RoundError, match="another round is running"):
            rounds.resume(rounds.Round(first.folder))
    finally:
        assert first._process is not None
        first._process.kill()
        first._process.wait()
    assert rounds.Round(first.folder).state == "interrupted"
    second = rounds.start(plan(tmp_path))
    assert second._process is not None and second.number == 2
    second._process.kill()
    second._process.wait()


def test_a_trial_is_no_round_and_leaves_nothing_behind(tmp_path: Path) -> None:
    trial = rounds.start(plan(tmp_path), trial=True)
    assert trial.trial and trial._process is not None
    trial.discard()
    assert trial.folder.is_dir()  # it is running
    trial._process.kill()
    trial._process.wait()
    following = rounds.start(plan(tmp_path))
    assert following._process is not None and not following.trial
    following._process.kill()
    following._process.wait()
    assert [each.trial for each in rounds.rounds_of(tmp_path / "saves" / "s")] == [False]
    following.discard()
    assert following.folder.is_dir()


def test_a_round_without_a_last_word_was_interrupted(tmp_path: Path) -> None:
    round_ = rounds.Round(tmp_path / "1")
    round_.folder.mkdir()
    events = round_.folder / "events.jsonl"
    events.write_text(json.dumps({"event": "started", "at": 1.0}) + "\n" + '{"event": "half')
    assert [event.kind for event in round_.events()] == ["started"]
    assert round_.state == "interrupted" and round_.adapter is None
    with pytest.raises(RoundError, match="made no adapter"):
        round_.accept()
