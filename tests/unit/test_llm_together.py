"""Several questions at once: the numbers are those of one by one, for the real model and for several saves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save
from tiny_chat import tiny_chat
from tiny_gguf import write_tiny_gguf

from sandbox.agent import prompt
from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import Card, parse_card
from sandbox.agent.grounding import ground
from sandbox.llm import passes
from sandbox.llm.cached import CachedModel
from sandbox.llm.fake import ScriptedModel
from sandbox.llm.local import LocalModel
from sandbox.llm.questions import Continue, Question, Read, ScoreQuestion, ask, features_of, think_together
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.tune.adapters import Adapters, describe
from sandbox.tune.live import LiveModel
from sandbox.types import Observation
from sandbox.world.native import NativeWorld, parse_source

ROOM = "You are {}. You are in a kitchen. There is a lamp and a rusty key here.\n\n>"
PROMPTS = [ROOM.format(name) for name in ("Ada", "a tired old baker", "Bob")] + ["Hi >"]
OPTIONS = [
    (" take lamp\n", " take rusty key\n", " go north\n"),
    (" take lamp\n", "", " look"),
    (" unlock the door with the rusty key\n",),
    tuple(f" {verb} {noun}\n" for verb in ("take", "drop", "eat") for noun in ("lamp", "old key", "red door")),
]


@pytest.fixture(autouse=True)
def no_prefixes(local_model: LocalModel) -> None:
    local_model.forget()


def one_by_one(model: LocalModel, questions: list[Question]) -> list[object]:
    answers = []
    for question in questions:
        model.forget()
        answers.append(question.put(model))
    model.forget()
    return answers


def assert_same(found: list[object], expected: list[object]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert [each.tokens for each in one] == [each.tokens for each in other]  # type: ignore[attr-defined]
        numbers = [[each.logprob for each in answer] for answer in (one, other)]  # type: ignore[attr-defined]
        assert numbers[0] == pytest.approx(numbers[1], abs=1e-4)


@pytest.mark.parametrize("nodes", [passes.NODES_PER_PASS, 8])
def test_four_agents_at_once_get_the_scores_of_one_by_one(
    local_model: LocalModel, monkeypatch: pytest.MonkeyPatch, nodes: int
) -> None:
    monkeypatch.setattr(passes, "NODES_PER_PASS", nodes)
    asked = list(zip(PROMPTS, OPTIONS, strict=True))
    expected = one_by_one(local_model, [ScoreQuestion(*each) for each in asked])
    assert_same(local_model.score_many(asked), expected)
    # The second time all prefixes are known; what they hold must be each prompt's own.
    before = local_model.encoded
    assert_same(local_model.score_many(asked[::-1]), expected[::-1])
    assert local_model.encoded - before < 60


def test_samples_of_several_agents_are_those_of_each_alone(local_model: LocalModel) -> None:
    questions = [
        Continue(prompt=PROMPTS[0], n=2, seed=3, max_tokens=5, stop=()),
        Continue(prompt=PROMPTS[1], n=3, seed=3, max_tokens=2),
        Continue(prompt=PROMPTS[3], n=1, seed=4, max_tokens=6, temperature=0.5, stop=(".",)),
        Continue(prompt=PROMPTS[2], n=0, seed=4),
    ]
    expected, found = one_by_one(local_model, [*questions]), local_model.answer(questions)
    assert [[s.text for s in each] for each in found] == [[s.text for s in each] for each in expected]  # type: ignore[attr-defined]
    assert_same(found, expected)


def test_games_of_one_world_read_their_opening_once_and_ask_the_same_once(local_model: LocalModel) -> None:
    model = tiny_chat(local_model, None)
    opening = "\n".join(f"There is a room behind door {number}." for number in range(20)) + "\n\n>"
    prompts = [opening, f"{opening} go east\nA cave.\n\n>", f"{opening} go west\nA hut.\n\n>"]
    questions: list[Question] = [ScoreQuestion(each, (" go up\n", " look\n")) for each in prompts]
    questions += [Continue(prompt=each, n=2, seed=1, max_tokens=3, stop=()) for each in prompts]
    length, expected = len(model.fit(opening)), one_by_one(model, questions)
    assert length > 100
    for some in (slice(3), slice(3, 6)):
        model.forget()
        before = model.encoded
        assert_same(model.answer(questions[some] * 4), expected[some] * 4)
        assert model.encoded - before < length + 60


def test_features_are_the_hidden_state_that_has_read_the_command(local_model: LocalModel) -> None:
    options = (" take rusty key\n", " look\n", "")
    reading = local_model.read(PROMPTS[0], options)
    assert reading.features.shape == (3, local_model.width)
    for option, row in zip(options, reading.features, strict=True):
        tokens = local_model.tokenizer(PROMPTS[0] + option.rstrip("\n"))["input_ids"]
        with torch.inference_mode():
            output = local_model.network(input_ids=torch.tensor([tokens]), output_hidden_states=True)
        assert row == pytest.approx(output.hidden_states[-1][0, -1].numpy(), abs=1e-3)
    assert [s.logprob for s in reading.scores] == pytest.approx(
        [s.logprob for s in local_model.score(PROMPTS[0], options)], abs=1e-4
    )


def test_features_are_remembered_by_the_option_and_let_go_of(
    local_model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.llm.cached.ROWS", 4)
    cached = CachedModel(local_model, size=1)
    whole = cached.read(PROMPTS[0], OPTIONS[0])
    encoded = local_model.encoded
    part = cached.read(PROMPTS[0], OPTIONS[0][::-1][:2])
    assert local_model.encoded == encoded
    assert np.array_equal(part.features, whole.features[[2, 1]])
    assert list(part.scores) == [whole.scores[2], whole.scores[1]]
    cached.read(PROMPTS[1], OPTIONS[0])
    assert cached.info.entries == 4
    assert features_of(cached) is cached
    assert features_of(CachedModel(ScriptedModel())) is None


def test_models_that_answer_one_by_one_are_asked_one_by_one() -> None:
    model = ScriptedModel({"wait": -1.0}, ["look"])
    questions = [
        ScoreQuestion("a", (" wait\n",)),
        Continue(prompt="b", n=1, seed=0),
        ScoreQuestion("a", (" wait\n",)),
    ]
    first, sampled, again = CachedModel(model).answer(questions)
    assert first == again == model.score("", [" wait\n"])
    assert sampled == ask(model, questions)[1]
    assert model.prompts[:2] == ["a", "b"]
    with pytest.raises(AttributeError):
        ask(model, [Read("a", (" wait\n",))])


# Seats that decide at once.

RACE = """\
title: A race
turns: simultaneous
seats:
  ann: {start: a, goal: Ring first.}
  bob: {start: a, goal: Be ringing.}
  cyd: {start: b, goal: Hear it ring.}
rooms:
  a: {description: The start., exits: {north: b}}
  b: {description: The tower.}
"""


def race(model: CachedModel, card: Card, seed: int = 5) -> Session:
    world = NativeWorld(parse_source(RACE, "test"), "race")
    seats = {seat: CardAgent(card, model, verbs=world.verbs) for seat in world.seats}
    return Session.create(Store.memory(), world, seats, seed=seed)


@pytest.mark.parametrize("mode", ["score", "hybrid"])
def test_seats_that_move_at_once_decide_in_one_go_what_they_would_decide_alone(
    local_model: LocalModel, mode: str
) -> None:
    card = parse_card(f"model: m\npropose: {{mode: {mode}, samples: 2, max_tokens: 3}}", "racer")
    session = race(CachedModel(local_model), card)
    for number in range(3):
        before = local_model.encoded
        decision = session.decide()
        asked = local_model.encoded - before
        assert (asked > 0) == (number == 0), "the first seat to move has the others think along"
        alone = CardAgent(card, local_model, verbs=session.world.verbs).decide(
            session.observation(), session.history(), seed=5, explore=False
        )
        if mode == "score":
            priors = {p.command: p.prior for p in alone.proposals}
            assert {p.command: p.prior for p in decision.proposals} == pytest.approx(priors, abs=1e-4)
        session.act("wait", decision=decision)  # what the model wrote may be nothing the world knows
    session.close()


def test_in_sample_mode_all_comes_from_what_the_model_writes(local_model: LocalModel) -> None:
    card = parse_card("model: m\npropose: {mode: sample, samples: 3, max_tokens: 5}", "writer")
    agent = CardAgent(card, local_model, verbs=("look", "go"))
    admissible = ("go north", "take lamp", "take rusty key", "wait")
    seen = Observation(seat="you", turn=0, text=PROMPTS[0][:-3], goal="Find the key.", admissible=admissible)
    decision = agent.decide(seen, (), seed=1, explore=False)
    written = local_model.sample(decision.prompt, 3, seed=1, max_tokens=5, temperature=0.9)
    lines = [grounded for each in written if (grounded := ground(each.text, admissible, verbs=("look", "go")))]
    assert {p.command for p in decision.proposals} == {line.command for line in lines} != set()
    assert {p.source for p in decision.proposals} == {"sampled"}
    for proposal in decision.proposals:
        option = prompt.option(proposal.command, decision.prompt)
        (score,) = local_model.score(decision.prompt, [option])
        assert proposal.prior == pytest.approx(score.mean, abs=1e-4)


def test_in_turns_nobody_thinks_ahead() -> None:
    model = ScriptedModel()
    world = NativeWorld(parse_source(RACE.replace("simultaneous", "round-robin"), "test"), "race")
    agents = {seat: CardAgent(parse_card("model: m", "racer"), CachedModel(model)) for seat in world.seats}
    session = Session.create(Store.memory(), world, agents, seed=0)
    session.decide()
    assert len(model.prompts) == 1
    session.close()


def test_thoughts_of_different_lengths_and_models_all_come_to_an_end() -> None:
    one, other = ScriptedModel({"wait": -1.0}, ["go"]), ScriptedModel({"wait": -2.0}, name="other@base")

    def thought(questions: int) -> Iterator[object]:
        found = []
        for _ in range(questions):
            found.append((yield ScoreQuestion("?", (" wait\n",)))[0].logprob)
        return found

    thoughts = [(thought(2), one), (thought(0), None), (thought(1), other), (thought(1), one)]
    assert think_together(thoughts) == [[-1.0, -1.0], [], [-2.0], [-1.0]]  # type: ignore[arg-type]


# Saves that share a base model.


def adapter(save_folder: Path, model: LocalModel, seed: int) -> Adapters:
    """A save with an adapter in use that changes a lot."""
    adapters = Adapters.of(save_folder)
    name = "model.layers.0.mlp.down_proj"
    out, into = model.network.get_submodule(name).weight.shape
    generator = torch.Generator().manual_seed(seed)
    weights = {
        f"base_model.model.{name}.lora_A.weight": torch.randn(2, into, generator=generator),
        f"base_model.model.{name}.lora_B.weight": torch.randn(out, 2, generator=generator),
    }
    about = describe(f"sft-{seed}", parent="base", model="tiny", method="sft", data="0" * 64, settings={})
    adapters.publish(about, save(weights), {"peft_type": "LORA", "r": 2, "lora_alpha": 4})
    adapters.use(about.id)
    return adapters


def test_two_saves_in_two_threads_never_answer_with_each_others_adapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))
    base = LocalModel.load(write_tiny_gguf(tmp_path / "tiny.gguf"))
    saves = [LiveModel(base, adapter(tmp_path / f"save-{n}", base, n)) for n in (1, 2)]
    asked = (PROMPTS[3], OPTIONS[0])
    expected = [live.score(*asked) for live in saves]
    assert [live.name for live in saves] == ["tiny@sft-1", "tiny@sft-2"]
    assert abs(expected[0][0].logprob - expected[1][0].logprob) > 0.1
    barrier = threading.Barrier(2, timeout=20)
    wrong: list[int] = []

    def work(number: int) -> None:
        barrier.wait()
        for _ in range(40):
            found = saves[number].score(*asked)
            if [s.logprob for s in found] != pytest.approx([s.logprob for s in expected[number]], abs=1e-4):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_rollback_is_taken_up_at_the_next_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))
    base = LocalModel.load(write_tiny_gguf(tmp_path / "tiny.gguf"))
    plain = base.score(*(PROMPTS[3], OPTIONS[0]))
    adapters = adapter(tmp_path / "save", base, 1)
    cached = CachedModel(LiveModel(base, adapters))
    tuned = cached.score(PROMPTS[3], OPTIONS[0])
    assert abs(tuned[0].logprob - plain[0].logprob) > 0.1
    adapters.rollback()
    assert cached.name == "tiny@base"
    assert [s.logprob for s in cached.score(PROMPTS[3], OPTIONS[0])] == pytest.approx(
        [s.logprob for s in plain], abs=1e-4
    )
