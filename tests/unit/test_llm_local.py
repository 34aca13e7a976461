"""The real default model: every number is held against a plain forward pass over a whole prompt."""

import itertools
import random
import threading

import pytest
import torch
from tiny_gguf import CONTEXT, write_tiny_gguf

from sandbox.errors import ModelError
from sandbox.llm import local, passes
from sandbox.llm.local import LocalModel
from sandbox.llm.plain import score_plainly
from sandbox.types import LanguageModel

ROOM = """You are in a kitchen. There is a lamp and a rusty key here. A door leads north.

> look
You see nothing more.

>"""
REPLY = """ take lamp
Taken. It is dark now.

>"""


@pytest.fixture(autouse=True)
def no_prefixes(local_model):
    local_model.forget()


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))
    return LocalModel.load(write_tiny_gguf(tmp_path / "tiny.gguf"))


def alone(model: LocalModel, prompt: str, option: str) -> float:
    """One option scored by itself: its tokens behind all of the prompt's, one plain forward pass."""
    head, tail = model.tokenizer(prompt)["input_ids"], model.tokenizer(option)["input_ids"]
    with torch.inference_mode():
        logprobs = model.network(input_ids=torch.tensor([head + tail])).logits[0].log_softmax(dim=-1)
    return sum(logprobs[len(head) - 1 + i, token].item() for i, token in enumerate(tail))


def assert_exact(model: LocalModel, prompt: str, options: list[str]) -> None:
    for option, score in zip(options, model.score(prompt, options), strict=True):
        assert score.tokens == len(model.tokenizer(option)["input_ids"])
        expected = alone(model, prompt, option)
        assert score.logprob == pytest.approx(expected, abs=1e-4), option
        assert score.mean == pytest.approx(expected / max(score.tokens, 1), abs=1e-4), option


def made_up_commands(seed: int, n: int) -> list[str]:
    rng = random.Random(seed)
    verbs = ["take", "take the", "open", "put", "unlock", "unlock the old"]
    nouns = ["lamp", "rusty key", "rusty", "door", "door with rusty key", "zxqv 42", "钥匙"]
    return [f" {rng.choice(verbs)} {rng.choice(nouns)}" + rng.choice(["\n", "", " now\n"]) for _ in range(n)]


def test_it_is_a_language_model(local_model):
    assert isinstance(local_model, LanguageModel)
    assert local_model.name == "smollm2-135m-instruct@base"


@pytest.mark.parametrize("seed", [0, 1])
def test_scores_are_those_of_each_option_alone(local_model, seed):
    assert_exact(local_model, ROOM, made_up_commands(seed, 8))


def test_prefixes_duplicates_and_empty_options(local_model):
    options = [" take lamp\n", " take", "", " take lamp", " take lamp\n", " take lamp and rusty key\n", "\n"]
    assert_exact(local_model, ROOM, options)
    scores = local_model.score(ROOM, options)
    assert scores[0] == scores[4]
    assert (scores[2].logprob, scores[2].tokens, scores[2].mean) == (0.0, 0, 0.0)
    assert local_model.score(ROOM, []) == []


def test_a_growing_transcript_encodes_only_what_is_new(local_model):
    options = made_up_commands(2, 6)
    local_model.score(ROOM, options)
    before = local_model.encoded
    local_model.score(ROOM + REPLY, [" go north\n"])
    tokens = len(local_model.encode(REPLY))
    # One token of the prompt before, and the two inner nodes of the option.
    assert tokens < local_model.encoded - before <= tokens + 3
    assert_exact(local_model, ROOM + REPLY, options)


def test_going_back_to_an_earlier_turn_and_to_another_branch(local_model):
    options = [" take lamp\n", " go north\n"]
    for prompt in (ROOM, ROOM + REPLY, ROOM, ROOM + " go north\nIt is closed.\n\n>", ROOM + REPLY, "Hi"):
        assert_exact(local_model, prompt, options)


def test_two_seats_take_turns_without_losing_their_prefixes(local_model):
    prompts = [f"You are {name}. {ROOM}" for name in ("Ada", "Bob")]
    for prompt in prompts:
        local_model.score(prompt, [" wait\n"])
    before = local_model.encoded
    for prompt in prompts:
        local_model.score(prompt, [" wait\n"])
    assert local_model.encoded - before <= 2 * 3


def test_scores_stay_exact_after_sampling(local_model):
    local_model.sample(ROOM, 3, seed=0, max_tokens=5)
    before = local_model.encoded
    assert_exact(local_model, ROOM, [" take lamp\n", " go north\n"])
    assert local_model.encoded - before < 10


def test_more_options_than_fit_one_pass(local_model, monkeypatch):
    monkeypatch.setattr(passes, "NODES_PER_PASS", 8)
    options = [f" {verb} {noun}\n" for verb in ("take", "drop", "eat") for noun in ("lamp", "old key", "red door")]
    assert_exact(local_model, ROOM, options)


def test_the_plain_batch_agrees(local_model):
    options = [" take lamp\n", "", " unlock the door with the rusty key\n"]
    for plain, option in zip(score_plainly(local_model, ROOM, options), options, strict=True):
        assert plain.logprob == pytest.approx(alone(local_model, ROOM, option), abs=1e-4)


def test_sampling_is_seeded_and_leaves_the_global_generator_alone(local_model):
    state = torch.get_rng_state()
    one = local_model.sample(ROOM, 3, seed=7, max_tokens=6)
    assert torch.equal(torch.get_rng_state(), state)
    local_model.forget()
    again = local_model.sample(ROOM, 3, seed=7, max_tokens=6)
    other = local_model.sample(ROOM, 3, seed=8, max_tokens=6)
    assert [sample.text for sample in one] == [sample.text for sample in again]
    assert [sample.text for sample in one] != [sample.text for sample in other]
    assert len({sample.text for sample in one}) > 1


def test_sampled_branches_do_not_see_each_other(local_model):
    samples = local_model.sample(ROOM, 4, seed=3, max_tokens=8, stop=("\n", "."))
    for sample in samples:
        assert "\n" not in sample.text and "." not in sample.text
        assert 1 <= sample.tokens <= 8
    finished = [s for s in local_model.sample(ROOM, 6, seed=5, max_tokens=12) if s.tokens < 12]
    assert finished
    for sample in finished:
        text = sample.text + "\n"
        if len(local_model.encode(text)) == sample.tokens:
            assert sample.logprob == pytest.approx(alone(local_model, ROOM, text), abs=2e-4)


def test_temperature_zero_is_the_likeliest_continuation(local_model):
    (sample,) = local_model.sample(ROOM, 1, seed=0, max_tokens=4, temperature=0, stop=())
    tokens = local_model.tokenizer(ROOM)["input_ids"]
    with torch.inference_mode():
        for _ in range(4):
            tokens.append(local_model.network(input_ids=torch.tensor([tokens])).logits[0, -1].argmax().item())
    assert sample.text == local_model.tokenizer.decode(tokens[-4:])


def test_nothing_to_sample(local_model):
    assert local_model.sample(ROOM, 0, seed=0) == []
    assert [s.text for s in local_model.sample(ROOM, 2, seed=0, max_tokens=0)] == ["", ""]


def test_an_empty_prompt_is_scored_too(tiny):
    score = tiny.score("", [" take"])[0]
    assert score.tokens == 4 and score.logprob < 0


def test_a_prompt_too_long_loses_its_beginning_in_large_steps(tiny):
    assert tiny.window == CONTEXT
    transcript = "".join(f"> look\nRoom {i}.\n" for i in range(60))
    turns = [transcript[:length] for length in range(100, len(transcript), 20)]
    fitted = [tiny.fit(turn) for turn in turns]
    assert all(len(tokens) + local.RESERVE <= CONTEXT for tokens in fitted)
    assert all(tiny.encode(turn)[-len(tokens) :] == tokens for turn, tokens in zip(turns, fitted, strict=True))
    kept = [later[: len(earlier)] == earlier for earlier, later in itertools.pairwise(fitted)]
    assert kept.count(False) * 4 <= len(kept)
    for turn, tokens in zip(turns[::6], fitted[::6], strict=True):
        visible = tiny.tokenizer.decode(tokens)
        assert tiny.score(turn, [" go\n"])[0].logprob == pytest.approx(alone(tiny, visible, " go\n"), abs=1e-4)


def test_options_that_fill_the_window_are_refused(tiny):
    with pytest.raises(ModelError, match="no room"):
        tiny.score("Hi", [" go" * CONTEXT])


def test_threads_share_one_model(tiny):
    prompts = [f"Room {i}\n>" for i in range(8)]
    expected = [alone(tiny, prompt, " go\n") for prompt in prompts]
    found: dict[int, list[float]] = {}

    def work(i: int) -> None:
        found[i] = [tiny.score(prompts[i], [" go\n"])[0].logprob for _ in range(5)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, want in enumerate(expected):
        assert found[i] == pytest.approx([want] * 5, abs=1e-4)
