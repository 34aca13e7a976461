"""DPO, KTO, GRPO and `fine_tune` on the real small model, each with as few steps as show an effect."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard_curves import read_curves

from sandbox.agent.cards import parse_card
from sandbox.llm.local import LocalModel
from sandbox.paths import Home
from sandbox.tune import fine_tune, lora, preference, rounds, training
from sandbox.tune.checkpoint import Checkpoint
from sandbox.tune.episodes import Player, SeededWorld
from sandbox.tune.errors import RoundError, Stopped
from sandbox.tune.examples import Example, Label, Origin, PreferencePair
from sandbox.tune.loop import TrainingProgress
from sandbox.tune.network import token_losses
from sandbox.tune.packing import Encoded
from sandbox.tune.settings import Method, TrainingSettings
from sandbox.tune.text_report import TextTaskReport
from sandbox.world import registry

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
    home: Home | None = None,
    **given: object,
) -> None:
    """Train an adapter, which stays in the model."""
    settings = TrainingSettings.for_method(method, rank=4, alpha=8, **given)
    plan = rounds.RoundPlan(
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
        home=home or Home(Path()),
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
        PreferencePair(prompt=PROMPT.format(t), chosen=f" examine {t}\n", rejected=f" take {t}\n", origin=ORIGIN)
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


def test_what_people_judged_counts_more_than_what_facts_did() -> None:
    def labels(**counts: int) -> list[Label]:
        return [
            Label(prompt="> ", completion=f"{n}", good=True, origin=Origin(kind=kind))
            for kind, count in counts.items()
            for n in range(count)
        ]

    assert preference.weights(labels(truth=3)) == [1.0] * 3 and preference.weights(labels(rating=2)) == [1.0] * 2
    assert preference.weights(labels(rating=3, truth=2)) == [1.0] * 3 + [0.5] * 2
    many = preference.weights(labels(rating=2, correction=2, truth=40))
    assert many[:4] == [1.0] * 4 and sum(many[4:]) == pytest.approx(2.0), "half of what people's weigh"


BASKET = """
title: The basket
seats: {picker: {start: yard, goal: Put the apple in the basket., max_score: 2}}
rooms: {yard: {description: A yard.}}
things:
  basket: {at: yard, container: true, fixed: true}
  apple: {at: yard}
  stone: {at: yard}
  bone: {at: yard}
rules:
  - {after: take, thing: apple, once: true, do: {score: 1}}
  - {after: take, thing: stone, do: {end: lost}}
  - {after: take, thing: bone, do: {end: lost}}
  - {after: put, thing: apple, when: {thing: apple, at: basket}, do: [{score: 1}, {end: won}]}
endings:
  won: {won: all, say: Well done.}
  lost: {say: That was no apple.}
"""


def test_grpo_over_several_turns_raises_the_reward_of_the_agent(model: LocalModel, tmp_path: Path) -> None:
    (tmp_path / "worlds" / "basket").mkdir(parents=True)
    (tmp_path / "worlds" / "basket" / "world.yaml").write_text(BASKET)
    home, card = Home(tmp_path), parse_card("model: m", "lm")
    world = registry.open_world("basket", home=home)
    settings = {"steps": 4, "turns": 2, "learning_rate": 2e-3, "warmup": 0}

    def mean_reward() -> float:
        player = Player(model, card, TrainingSettings.for_method("grpo", **settings))
        rewards = [player.episode(SeededWorld(world), np.random.default_rng(i)).reward for i in range(12)]
        return sum(rewards) / len(rewards)

    before, told = mean_reward(), list[str]()
    trained(model, "grpo", [], told, ("basket",), home=home, **settings)
    model.forget()
    assert len([line for line in told if " of 4 reward " in line]) == 4
    assert mean_reward() > before + 0.5


# What every method is held to, on a model that is quickly trained.


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Loading a model sets how many threads the whole process computes with."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


COIN = "tw:coin?level=1&seed=1"


@dataclass
class Lesson:
    """A training of the tiny model, that can be stopped and gone on with."""

    folder: Path
    method: Method
    worlds: tuple[str, ...] = (COIN,)
    given: dict[str, object] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    phases: list[tuple[str, int, int]] = field(default_factory=list)
    fresh: dict[str, torch.Tensor] = field(default_factory=dict)
    """The weights before the training."""

    def run(
        self, *, stop_after: int = 99, checkpoint: Path | None = None, spoil: bool = False, cramped: bool = False
    ) -> dict[str, torch.Tensor]:
        """Train from the beginning, or from the checkpoint on. Returns the weights."""
        model = LocalModel.load(self.folder, threads=1)
        tuned = lora.with_lora(model.network, rank=2, alpha=4, seed=0)
        if cramped:
            model.network.register_forward_pre_hook(_needs_checkpointing)
        if spoil:
            with torch.no_grad():
                next(w for w in tuned.parameters() if w.requires_grad).fill_(float("nan"))
        weights = {name: w for name, w in tuned.named_parameters() if w.requires_grad}
        self.fresh = {name: weight.detach().clone() for name, weight in weights.items()}
        data: list[Example] = [
            PreferencePair(prompt=f"{t}\n>", chosen=f" {t}\n", rejected=" no\n", origin=ORIGIN) for t in THINGS
        ]
        data += [
            Label(prompt=f"{t}\n>", completion=f" {t}\n", good=i % 2 == 0, origin=ORIGIN)
            for i, t in enumerate(THINGS)
        ]
        settings = TrainingSettings.for_method(
            self.method,
            **{"steps": 4, "samples": 2, "batch": 2, "turns": 3, "checkpoint_seconds": 0, **self.given},
        )
        plan = rounds.RoundPlan(
            home=Path(), save=Path("s"), card="model: m", model="m", worlds=self.worlds, settings=settings
        )
        steps: list[int] = []

        def told(progress: TrainingProgress) -> None:
            steps.append(progress.step)
            self.told.append(f"{progress.step} of {progress.steps} {progress.note}")

        training.learn(
            tuned,
            model,
            data,
            plan,
            home=Home(Path()),
            checkpoint=Checkpoint(checkpoint / "checkpoint.safetensors", "data") if checkpoint else None,
            on_step=told,
            on_phase=lambda *phase: self.phases.append(phase),
            on_note=self.told.append,
            stop=lambda: len(steps) == stop_after,
        )
        return {name: weight.detach() for name, weight in weights.items()}


@pytest.mark.parametrize("method", ["dpo", "kto", "grpo", "rloo"])
def test_stopped_and_resumed_it_comes_to_the_same(tiny_model: Path, tmp_path: Path, method: Method) -> None:
    lesson = Lesson(tiny_model, method, given={"learning_rate": 1e-2})
    through = lesson.run()
    with pytest.raises(Stopped, match="after step 2 of 4"):
        lesson.run(stop_after=2, checkpoint=tmp_path)
    lesson.told.clear()
    resumed = lesson.run(checkpoint=tmp_path)
    assert [line[:6] for line in lesson.told if " of 4 " in line] == ["3 of 4", "4 of 4"]
    done = lesson.run(checkpoint=tmp_path)
    for name, weight in through.items():
        assert torch.equal(resumed[name], weight) and torch.equal(done[name], weight)
    assert any((weight - lesson.fresh[name]).abs().max() > 1e-3 for name, weight in through.items())


def _needs_checkpointing(network: Any, _: object) -> None:
    """Run out of memory where what is computed on the way is kept."""
    if network.training and not network.is_activation_checkpointing:
        raise torch.OutOfMemoryError("out of memory. Tried to allocate 2.00 GiB")


@pytest.mark.parametrize("method", ["dpo", "kto"])
def test_where_memory_is_short_activations_are_computed_twice(tiny_model: Path, method: Method) -> None:
    lesson = Lesson(tiny_model, method, given={"learning_rate": 1e-2, "steps": 2})
    roomy = lesson.run()
    lesson.told.clear()
    cramped = lesson.run(cramped=True)
    assert "memory is short" in lesson.told[0]
    assert [line[:6] for line in lesson.told if " of 2 " in line] == ["1 of 2", "2 of 2"]
    for name, weight in roomy.items():
        assert torch.allclose(cramped[name], weight, atol=1e-5)


@pytest.mark.parametrize("method", ["kto", "grpo"])
def test_a_loss_that_is_no_number_stops_it(tiny_model: Path, method: Method) -> None:
    with pytest.raises(RoundError, match="the training has gone astray"):
        Lesson(tiny_model, method).run(spoil=True)


def test_where_all_episodes_end_alike_it_says_that_nothing_was_learned(tiny_model: Path) -> None:
    lesson = Lesson(tiny_model, "grpo", worlds=("tw:coin?level=3&seed=1",), given={"turns": 1, "beta": 0.0})
    with pytest.raises(RoundError, match="nothing was learned: in each of 4 steps, all samples got the same"):
        lesson.run()
    assert all("all samples got the same reward" in line for line in lesson.told)


def test_preferences_are_read_as_the_tokens_of_play(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Encoded] = []

    def look(network: Any, sequences: Sequence[Encoded], room: int = 0) -> torch.Tensor:
        seen.extend(sequences)
        return token_losses(network, sequences, room)

    monkeypatch.setattr(preference, "token_losses", look)
    lesson = Lesson(tiny_model, "dpo")
    lesson.run()
    rated = [(done, of) for what, done, of in lesson.phases if what == "rating the commands before training"]
    assert rated == [(number, 8) for number in range(8)], "what takes long is told"
    assert len(seen) == 8 + 4 * 2, "once before, and two in each of four steps"
    model = LocalModel.load(tiny_model)
    known = {(*model.fit(f"{t}\n>"), *model.encode(f" {t}\n")) for t in THINGS}
    assert {row.tokens[: row.asides[0][1]] for row in seen} == known and len(set(seen)) == 8


LENGTHS = ("a short one", "one that is a good deal longer than the other is", "x", "no more of it")


def losses(folder: Path, method: Method, data: list[Example], **given: object) -> list[float]:
    model, told = LocalModel.load(folder, threads=1), list[TrainingProgress]()
    tuned = lora.with_lora(model.network, rank=2, alpha=4, seed=0)
    settings = TrainingSettings.for_method(method, steps=4, batch=4, learning_rate=3e-2, warmup=0, **given)
    plan = rounds.RoundPlan(home=Path(), save=Path("s"), card="model: m", model="m", settings=settings)
    training.learn(
        tuned, model, data, plan, home=Home(Path()), on_step=told.append, on_note=print, stop=lambda: False
    )
    return [each.loss for each in told]


@pytest.mark.parametrize("method", ["dpo", "kto"])
def test_its_losses_are_those_of_trl(tiny_model: Path, tmp_path: Path, method: Method) -> None:
    """Over four steps, so that the gradients are the same too."""
    import datasets
    import trl

    data: list[Example] = [
        PreferencePair(prompt=f"{text}\n>", chosen=f" {text}\n", rejected=" no\n", origin=ORIGIN)
        if method == "dpo"
        else Label(prompt=f"{text}\n>", completion=f" {text}\n", good=number != 1, origin=ORIGIN)
        for number, text in enumerate(LENGTHS)
    ]
    ours = losses(tiny_model, method, data)
    model = LocalModel.load(tiny_model, threads=1)
    rows = []
    for each, partner in zip(data, kto_partners(len(data)), strict=True):
        row: dict[str, Any] = {"prompt_ids": list(model.fit(each.prompt))}
        if isinstance(each, PreferencePair):
            row |= {
                "chosen_ids": list(model.encode(each.chosen)),
                "rejected_ids": list(model.encode(each.rejected)),
            }
        elif isinstance(each, Label):
            row |= {"completion_ids": list(model.encode(each.completion)), "label": each.good}
            row["KL_completion_ids"] = list(model.encode(data[partner].completion))
        rows.append(row)
    config, trainer = (trl.DPOConfig, trl.DPOTrainer) if method == "dpo" else (trl.KTOConfig, trl.KTOTrainer)
    shape = {"chosen": " y\n", "rejected": " n\n"} if method == "dpo" else {"completion": " y\n", "label": True}
    tuned = lora.with_lora(model.network, rank=2, alpha=4, seed=0)
    optimiser = torch.optim.AdamW(
        [w for w in tuned.parameters() if w.requires_grad], lr=3e-2, betas=(0.9, 0.99), weight_decay=0
    )
    theirs = trainer(
        model=tuned,
        args=config(
            output_dir=str(tmp_path),
            per_device_train_batch_size=4,
            max_steps=4,
            max_grad_norm=1.0,
            beta=0.1,
            max_length=None,
            train_sampling_strategy="sequential",
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            report_to="none",
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            **({"undesirable_weight": 3.0} if method == "kto" else {}),
        ),
        train_dataset=datasets.Dataset.from_list([{"prompt": ">", **shape}] * 2),
        processing_class=model.tokenizer,
        optimizers=(optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: (4 - step) / 4)),
    )
    theirs.train_dataset = datasets.Dataset.from_list(rows)
    theirs.train()
    found = [each["loss"] for each in theirs.state.log_history if "loss" in each]
    assert ours == pytest.approx(found, abs=1e-3) and max(ours) - min(ours) > 0.01


def kto_partners(count: int) -> list[int]:
    """For each rating, the one whose command its prompt is read with to estimate the divergence."""
    order = np.random.default_rng(0).permutation(count).tolist()
    following = dict(zip(order, order[1:] + order[:1], strict=True))
    return [following[number] for number in range(count)]


# Text tasks.

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


def test_fine_tune_raises_the_mean_reward_on_prompts_it_has_not_seen(
    model: LocalModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = mean_reward(model)
    told: list[str] = []
    reports: list[TextTaskReport] = []
    better = fine_tune(
        model,
        [ask(text) for text in TEXTS],
        reward,
        held_out=[ask(text) for text in UNSEEN],
        folder=tmp_path / "adapter",
        report_to="tensorboard",
        logging_dir=tmp_path / "runs",
        on_step=lambda progress: told.append(progress.note),
        on_report=reports.append,
        steps=5,
        samples=8,
        batch=4,
        max_tokens=16,
        rank=8,
        alpha=16,
        learning_rate=3e-3,
    )
    assert better is model and model.name == "m@adapter" and len(told) == 5
    assert mean_reward(better) > before + 0.25
    model.use_adapter(None)
    assert mean_reward(model) == before
    assert sorted(file.name for file in (tmp_path / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    (report,) = reports
    assert report.gain.low > 0 and report.gain.value == pytest.approx(report.after.value - report.before.value)
    shown = capsys.readouterr().out
    assert "Held-out samples" in shown and f"{report.gain.value:+.3f}" in shown
    curves = read_curves(tmp_path / "runs")
    assert curves["held_out/reward"] == pytest.approx({0: report.before.value, 5: report.after.value})
    assert sorted(curves["train/reward"]) == sorted(curves["train/loss"]) == list(range(1, 6))


@pytest.mark.parametrize(
    ("dataset", "function", "said"),
    [
        ("one prompt", reward, "dataset should be a sequence of prompts"),
        ([], reward, "dataset is empty"),
        ([""], reward, "dataset should be a sequence of prompts"),
        ([3], reward, "dataset should be a sequence of prompts"),
        ([ask(TEXTS[0])], lambda prompt, completion: float("nan"), "should give a finite number, not nan"),
        ([ask(TEXTS[0])], lambda prompt, completion: 1.0, "the same reward each time.*`samples`"),
    ],
)
def test_what_fine_tune_cannot_learn_from_is_a_value_error(
    model: LocalModel, dataset: Any, function: Any, said: str
) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        fine_tune(model, dataset, function, steps=1, samples=2, batch=2, max_tokens=2, rank=1, alpha=1)
    assert "--" not in str(caught.value)
    model.use_adapter(None)


def test_fine_tune_says_at_once_that_its_folder_is_taken(model: LocalModel, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine", encoding="utf-8")
    steps: list[TrainingProgress] = []
    with pytest.raises(ValueError, match="is there already"):
        fine_tune(
            model, [ask(TEXTS[0])], reward, folder=tmp_path, on_step=steps.append, steps=1, samples=2, rank=1
        )
    assert not steps and (tmp_path / "taken").read_text(encoding="utf-8") == "mine"
