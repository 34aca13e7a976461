"""Demonstrations that speak: what is said of them is true, and training reads to the token what play will read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from sandbox.agent.cards import Card
from sandbox.errors import UsageError
from sandbox.llm.local import LocalModel
from sandbox.paths import bundled
from sandbox.tune import network, packing
from sandbox.tune.adapters import Adapters
from sandbox.tune.examples import TranscriptExample
from sandbox.tune.voice.speech import book
from sandbox.tune.voice.teacher import demonstrations
from sandbox.tune.voice.worlds import MadeWorld, house, pair
from sandbox.world.native import NativeWorld, parse_source
from sandbox.world.native.world import make_world

CARD = Card(name="lm", model="smollm2-135m-instruct")


def opened(made: MadeWorld) -> NativeWorld:
    world = make_world(parse_source(made.text), made.name)
    assert isinstance(world, NativeWorld)
    return world


def spoken(made: MadeWorld, *, name: str = "pirate", seed: int = 1) -> list[TranscriptExample]:
    return list(demonstrations(opened(made), made.turns, CARD, name=name, seed=seed))


def branches(example: TranscriptExample) -> list[tuple[str, str]]:
    """For each learned piece, all that it goes on from, and itself."""
    found = []
    main, aside, number = "", "", 0
    for text, learned, branch in example.segments:
        if branch != number:
            aside, number = "", branch
        if learned:
            found.append((main + aside, text))
        if branch:
            aside += text
        else:
            main += text
    return found


@pytest.mark.parametrize("seed", range(7000, 7008))
def test_made_worlds_are_won_by_their_walkthroughs(seed: int) -> None:
    for made in (house(seed), pair(seed)):
        world = opened(made)
        state = world.initial(0)
        for seat, command in made.turns:
            assert world.to_move(state) == seat, (made.name, command)
            state = world.step(state, seat, command).state
        assert all(world.observe(state, seat).won for seat in world.seats), made.name


def test_the_same_seed_makes_the_same_words_and_another_makes_others() -> None:
    first, again, other = (spoken(house(7001), seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_every_persona_has_words_for_all_that_happens() -> None:
    for name in book().personas:
        for example in spoken(house(7002), name=name) + spoken(pair(7003), name=name):
            said = [text for _, text in branches(example) if text.endswith('"\n')]
            assert said
            assert not any("{" in text or "  " in text for text in said)


def test_what_an_aside_says_has_the_loss_it_would_have_in_play(local_model: LocalModel) -> None:
    example = spoken(house(7001))[0]
    (sequence,) = packing.encode(local_model.tokenizer, example, local_model.window)
    parts = branches(example)
    expected = [local_model.score(before, [said])[0] for before, said in parts]
    fresh = LocalModel.load("smollm2-135m-instruct")
    network.use_packed_attention(fresh.network)
    with torch.no_grad():
        losses = network.token_losses(fresh.network, [sequence])
    assert len(losses) == sum(score.tokens for score in expected)
    for loss, score in zip(torch.split(losses, [score.tokens for score in expected]), expected, strict=True):
        assert loss.sum().item() == pytest.approx(-score.logprob, abs=2e-2)


def test_commands_may_weigh_more_than_words(local_model: LocalModel) -> None:
    example = spoken(house(7001))[0]
    (plain,) = packing.encode(local_model.tokenizer, example, local_model.window)
    (heavy,) = packing.encode(local_model.tokenizer, example, local_model.window, emphasis=6.0)
    assert set(plain.weights) == {1.0} and set(heavy.weights) == {1.0, 6.0}
    commands = {text for _, text in branches(example) if text.startswith(" ")}
    tokens = [token for token, weight in zip(heavy.learned, heavy.weights, strict=True) if weight == 6.0]
    said = local_model.tokenizer.decode([heavy.tokens[i] for i in tokens])
    assert all(command.strip() in said for command in commands)
    assert packing.learned_weight([heavy]) == pytest.approx(len(plain.learned) + 5 * len(tokens))


def test_the_adapter_that_ships_is_in_use_until_another_is(tmp_path: Path) -> None:
    save = tmp_path / "saves" / "mine"
    adapters = Adapters.of(save, "voice")
    assert adapters.active == "voice"
    assert adapters.get("voice").model == "smollm2-135m-instruct"
    weights = adapters.path("voice") / "adapter_model.safetensors"
    assert weights.stat().st_size <= 10_000_000
    adapters.use("base")
    assert Adapters.of(save, "voice").active == "base"
    assert adapters.rollback() == "voice"
    with pytest.raises(UsageError, match="came with the package"):
        adapters.delete("voice")
    assert Adapters.of(save).active == "voice", "it was put into use"


def test_the_adapter_that_ships_was_not_trained_on_what_it_is_measured_on() -> None:
    worlds = Adapters(bundled() / "agents", "voice").get("voice").worlds
    seeds = [int(found[1]) for world in worlds if (found := re.search(r"(?:seed=|house-|pair-)(\d+)$", world))]
    assert len(seeds) == len(worlds) > 20
    assert all(7000 <= seed < 7100 for seed in seeds)
