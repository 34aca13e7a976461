"""DPO, KTO, GRPO and `fine_tune` on the real small model, each with as few steps as show an effect."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sandbox.llm.local import LocalModel
from sandbox.paths import Home
from sandbox.tune import fine_tune, lora, rounds, training
from sandbox.tune.errors import Stopped
from sandbox.tune.examples import Example, Label, Origin, Pair
from sandbox.tune.settings import Method, Settings

ORIGIN = Origin(kind="preference")
PROMPT = "Goal: Find the {0}.\n\nYou see a {0} here.\n\n>"
THINGS = ("lamp", "coin", "key", "rope", "cup", "map", "bell", "ring")


@pytest.fixture
def model(local_model: LocalModel) -> Iterator[LocalModel]:
    """A model of its own: training changes it."""
    yield LocalModel(copy.deepcopy(local_model.network), local_model.tokenizer, name="m@base", window=2048)
    torch.set_grad_enabled(True)


def trained(
    model: LocalModel,
    method: Method,
    data: list[Example],
    told: list[str],
    worlds: tuple[str, ...] = (),
    **given: object,
) -> None:
    """Train an adapter and merge it into the model."""
    settings = Settings.for_method(method, rank=4, alpha=8, **given)
    plan = rounds.Plan(
        home=Path(),
        save=Path("saves/s"),
        card="model: smollm2-135m-instruct",
        model="m",
        worlds=worlds,
        settings=settings,
    )
    training.train(
        model,
        data,
        plan,
        parent=None,
        home=Home(Path()),
        checkpoint=None,
        on_step=lambda progress: told.append(f"{progress.step} of {progress.steps} {progress.note}"),
        on_note=told.append,
        stop=lambda: False,
    )


def margin(model: LocalModel, thing: str) -> float:
    """How much likelier `examine` is than `take`, in nats."""
    examine, take = model.score(PROMPT.format(thing), [f" examine {thing}\n", f" take {thing}\n"])
    return examine.logprob - take.logprob


def test_dpo_makes_the_preferred_command_likelier_on_things_it_has_not_seen(model: LocalModel) -> None:
    pairs: list[Example] = [
        Pair(prompt=PROMPT.format(t), chosen=f" examine {t}\n", rejected=f" take {t}\n", origin=ORIGIN)
        for t in THINGS
    ]
    before, told = margin(model, "sword"), list[str]()
    trained(model, "dpo", pairs, told, steps=4, batch=4, learning_rate=1e-3, warmup=0)
    model.forget()
    assert margin(model, "sword") > before + 1
    assert told[-1].startswith("4 of 4")


def test_kto_learns_from_single_ratings(model: LocalModel) -> None:
    labels: list[Example] = []
    for thing in THINGS[:6]:
        prompt = PROMPT.format(thing)
        labels.append(Label(prompt=prompt, completion=f" examine {thing}\n", good=True, origin=ORIGIN))
        labels.append(Label(prompt=prompt, completion=f" take {thing}\n", good=False, origin=ORIGIN))
    before, told = margin(model, "sword"), list[str]()
    trained(model, "kto", labels, told, steps=4, batch=4, learning_rate=2e-3, warmup=0)
    model.forget()
    assert margin(model, "sword") > before + 0.5


def test_grpo_plays_whole_episodes_and_says_when_nothing_is_to_be_learned(model: LocalModel) -> None:
    told: list[str] = []
    trained(
        model,
        "grpo",
        [],
        told,
        worlds=("tw:coin?level=1&seed=1",),
        steps=2,
        samples=3,
        turns=2,
        batch=3,
        learning_rate=1e-3,
    )
    steps = [line for line in told if " of 2 " in line]
    assert len(steps) == 2 and "reward" in steps[0]
    assert all(("same reward" in step) == (f"step {step[0]}:" in " ".join(told)) for step in steps)


def test_a_trainer_of_trl_can_be_stopped(model: LocalModel) -> None:
    from sandbox.tune import trl_methods

    tuned = lora.with_lora(model.network, rank=4, alpha=8, seed=0)
    pairs: list[Example] = [Pair(prompt="a\n>", chosen=f" {t}\n", rejected=" no\n", origin=ORIGIN) for t in THINGS]
    plan = rounds.Plan(
        home=Path(), save=Path("s"), card="model: m", model="m", settings=Settings.for_method("dpo", batch=1)
    )
    steps: list[int] = []
    with pytest.raises(Stopped):
        trl_methods.train(
            tuned,
            model,
            pairs,
            plan,
            home=Home(Path()),
            on_step=lambda progress: steps.append(progress.step),
            on_note=print,
            stop=lambda: len(steps) == 1,
        )
    assert len(steps) <= 2


TEXTS = (
    "The lighthouse keeper found an old map in the cellar and sailed at dawn.",
    "A baker in the valley made bread for the whole village every morning.",
    "The river rose in spring and carried the wooden bridge away.",
    "Two foxes crossed the frozen lake while the hunters slept.",
    "The clock in the tower stopped on the night of the great storm.",
    "Her brother planted apple trees along the road to the mill.",
)
UNSEEN = ("The ship lost its mast near the northern islands.", "A stranger left a silver coin on the table.")


def ask(text: str) -> str:
    return f"Text: {text}\nSummary:"


def reward(prompt: str, completion: str) -> float:
    """A summary of about six words, with words of the text in it."""
    words = re.findall(r"\w+", completion.strip().split("\n")[0].lower())
    key_words = set(re.findall(r"\w{4,}", prompt.lower())) & set(words)
    return min(len(key_words), 3) / 3 + max(0.0, 1 - abs(len(words) - 6) / 6)


def mean_reward(model: LocalModel) -> float:
    earned = [
        reward(ask(text), sample.text)
        for text in UNSEEN
        for sample in model.sample(ask(text), 12, seed=1, max_tokens=16)
    ]
    return sum(earned) / len(earned)


def test_fine_tune_raises_the_mean_reward_on_prompts_it_has_not_seen(model: LocalModel, tmp_path: Path) -> None:
    before = mean_reward(model)
    told: list[str] = []
    better = fine_tune(
        model,
        [ask(text) for text in TEXTS],
        reward,
        folder=tmp_path / "adapter",
        on_step=lambda progress: told.append(progress.note),
        steps=8,
        samples=8,
        batch=8,
        max_tokens=16,
        rank=8,
        alpha=16,
        learning_rate=2e-3,
    )
    assert better is model and model.name == "m@adapter" and len(told) == 8
    assert mean_reward(better) > before + 0.25
    model.use_adapter(None)
    assert mean_reward(model) == before
    assert sorted(file.name for file in (tmp_path / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
