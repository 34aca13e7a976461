"""DPO, KTO, GRPO and RLOO through TRL.

TRL prepares pairs and ratings itself, and adds an end-of-text token to each completion; in play a command ends
with its newline, so that token is taken off again.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import PrinterCallback, TrainerCallback

from sandbox.agent import prompt
from sandbox.llm.local import LocalModel
from sandbox.paths import Home
from sandbox.rl import exploration
from sandbox.tune import harvest
from sandbox.tune.errors import RoundError, Stopped
from sandbox.tune.examples import Example, Label, Moment, Origin, Pair, context_of, transcripts
from sandbox.tune.rounds import Plan
from sandbox.tune.settings import Settings
from sandbox.tune.sft import Progress
from sandbox.types import Exchange, World

_ENDED = ("chosen_ids", "rejected_ids", "completion_ids", "KL_completion_ids")
STEP_COST = 0.01
"""Taken off an episode's reward for each command, so that of two wins the shorter one counts more."""


def train(
    tuned: Any,
    model: LocalModel,
    data: Sequence[Example],
    plan: Plan,
    *,
    home: Home,
    on_step: Callable[[Progress], None],
    on_note: Callable[[str], None],
    stop: Callable[[], bool],
) -> None:
    """Train the LoRA weights of a network in place. Raises `Stopped` and `RoundError`."""
    settings = plan.settings
    told = _Told(on_step, on_note, stop)
    with tempfile.TemporaryDirectory() as scratch:
        if settings.method == "dpo":
            trainer = _dpo(
                tuned, model, [each for each in data if isinstance(each, Pair)], settings, scratch, told
            )
        elif settings.method == "kto":
            trainer = _kto(
                tuned, model, [each for each in data if isinstance(each, Label)], settings, scratch, told
            )
        else:
            worlds = [harvest.open_world(home, reference) for reference in plan.worlds]
            try:
                _run(_on_worlds(tuned, model, worlds, plan, scratch, told), told)
            finally:
                for world in worlds:
                    world.close()
            return
        _run(trainer, told)


def _dpo(
    tuned: Any, model: LocalModel, pairs: Sequence[Pair], settings: Settings, scratch: str, told: _Told
) -> Any:
    """Direct preference optimisation (Rafailov et al. 2023)."""
    import datasets
    import trl

    rows = [{"prompt": p.prompt, "chosen": p.chosen, "rejected": p.rejected} for p in pairs]
    trainer = trl.DPOTrainer(
        model=tuned,
        args=trl.DPOConfig(
            **_common(settings, scratch),
            beta=settings.beta,
            max_length=model.window,
            truncation_mode="keep_end",
        ),
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=model.tokenizer,
        callbacks=[told],
    )
    return _without_end(trainer, model)


def _kto(
    tuned: Any, model: LocalModel, labels: Sequence[Label], settings: Settings, scratch: str, told: _Told
) -> Any:
    """Kahneman-Tversky optimisation (Ethayarajh et al. 2024), the rarer side weighted up."""
    import datasets
    import trl

    rng = np.random.default_rng(settings.seed)
    rows = [
        {"prompt": each.prompt, "completion": each.completion, "label": each.good}
        for each in (labels[i] for i in rng.permutation(len(labels)))  # TRL takes them in order
    ]
    good = sum(each.good for each in labels)
    bad = len(labels) - good
    trainer = trl.KTOTrainer(
        model=tuned,
        args=trl.KTOConfig(
            **_common(settings, scratch),
            beta=settings.beta,
            max_length=model.window,
            desirable_weight=max(1.0, bad / good),
            undesirable_weight=max(1.0, good / bad),
        ),
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=model.tokenizer,
        callbacks=[told],
    )
    return _without_end(trainer, model)


def _without_end(trainer: Any, model: LocalModel) -> Any:
    end = model.tokenizer.eos_token_id

    def shortened(row: dict[str, Any]) -> dict[str, Any]:
        return {
            name: row[name][:-1] if row[name] and row[name][-1] == end else row[name]
            for name in _ENDED
            if name in row
        }

    trainer.train_dataset = trainer.train_dataset.map(shortened)
    return trainer


def _on_worlds(
    tuned: Any, model: LocalModel, worlds: Sequence[World[Any]], plan: Plan, scratch: str, told: _Told
) -> Any:
    """GRPO (Shao et al. 2024) over whole episodes; a group is several episodes of one world.

    RLOO (Ahmadian et al. 2024) is the same without dividing by the group's standard deviation, but for a factor
    that the learning rate takes in.
    """
    import datasets
    import trl

    settings = plan.settings
    by_name = {world.name: world for world in worlds}
    player = _Player(model, plan, np.random.default_rng(settings.seed))

    def rollout(names: list[str], trainer: Any) -> dict[str, Any]:
        model.forget()
        model.network.eval()
        with torch.inference_mode():
            played = [player.episode(by_name[name]) for name in names]
        model.network.train()
        return {
            "prompt_ids": [each.prompt for each in played],
            "completion_ids": [each.completion for each in played],
            "logprobs": None,
            "env_mask": [each.mask for each in played],
            "episode_reward": [each.reward for each in played],
        }

    def reward(completions: list[str], episode_reward: list[float], **_: Any) -> list[float]:
        return episode_reward

    args = trl.GRPOConfig(
        **_common(settings, scratch, group=settings.samples),
        num_generations=settings.samples,
        max_completion_length=model.window,
        beta=settings.beta if plan.settings.method == "rloo" else 0.0,
        scale_rewards="none" if settings.method == "rloo" else "group",
    )
    return trl.GRPOTrainer(
        model=tuned,
        reward_funcs=[reward],
        args=args,
        train_dataset=datasets.Dataset.from_list([{"prompt": world.name} for world in worlds]),
        processing_class=model.tokenizer,
        callbacks=[told],
        rollout_func=rollout,
    )


@dataclass(frozen=True, slots=True)
class _Played:
    prompt: list[int]
    completion: list[int]
    mask: list[int]
    """1 for the tokens of commands, 0 for what the world said."""
    reward: float


class _Player:
    """Plays episodes by drawing commands as likely as the model finds them, among the admissible ones."""

    def __init__(self, model: LocalModel, plan: Plan, rng: np.random.Generator) -> None:
        self._model = model
        self._card = plan.parsed_card()
        self._turns = plan.settings.turns
        self._rng = rng

    def episode(self, world: World[Any]) -> _Played:
        state = world.initial(0)
        lived: list[Exchange] = []
        moments: list[Moment] = []
        said, total, seat = "", 0.0, world.seats[0]
        while world.to_move(state) == seat and len(moments) < self._turns:
            observation = world.observe(state, seat)
            if not observation.admissible:
                break
            lived.append(Exchange(command=said, reply=observation.text))
            context = context_of(self._card, observation, lived, world.verbs)
            scored = self._model.score(context, [prompt.option(each) for each in observation.admissible])
            chosen = exploration.sample_softmax([each.mean for each in scored], 1.0, self._rng)
            said = observation.admissible[chosen]
            moments.append(Moment(observation, tuple(lived), said))
            step = world.step(state, seat, said)
            state, total = step.state, total + step.rewards.get(seat, 0.0)
        if not moments:
            raise RoundError(
                f"{world.name} lists no admissible commands to draw from", mend="choose other --worlds"
            )
        first, *rest = transcripts(self._card, moments, Origin(kind="selfplay"), verbs=world.verbs)[0].segments
        completion, mask = list[int](), list[int]()
        for text, learned in rest:
            tokens = self._model.encode(text)
            completion += tokens
            mask += [int(learned)] * len(tokens)
        return _Played(list(self._model.fit(first.text)), completion, mask, total - STEP_COST * len(moments))


def reinforce(
    tuned: Any,
    model: LocalModel,
    prompts: Sequence[str],
    reward_function: Callable[[str, str], float],
    settings: Settings,
    on_step: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """GRPO or RLOO on a text task: one prompt, one completion, one reward."""
    import datasets
    import trl

    def reward(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
        return [reward_function(one, other) for one, other in zip(prompts, completions, strict=True)]

    told = _Told(on_step, lambda text: None, lambda: False)
    config, trainer = (
        (trl.RLOOConfig, trl.RLOOTrainer) if settings.method == "rloo" else (trl.GRPOConfig, trl.GRPOTrainer)
    )
    with tempfile.TemporaryDirectory() as scratch:
        args = config(
            **_common(settings, scratch, group=settings.samples),
            num_generations=settings.samples,
            max_completion_length=settings.max_tokens,
            beta=settings.beta,
        )
        _run(
            trainer(
                model=tuned,
                reward_funcs=[reward],
                args=args,
                train_dataset=datasets.Dataset.from_list([{"prompt": each} for each in prompts]),
                processing_class=model.tokenizer,
                callbacks=[told],
            ),
            told,
        )


def _common(settings: Settings, scratch: str, *, group: int = 0) -> dict[str, Any]:
    """Arguments that all trainers share, for a CPU. `group` completions are compared with each other."""
    steps = {"max_steps": settings.steps} if settings.steps else {"num_train_epochs": settings.epochs}
    return {
        "output_dir": scratch,
        "per_device_train_batch_size": group * max(1, settings.batch // group) if group else settings.batch,
        "learning_rate": settings.learning_rate,
        "warmup_steps": settings.warmup,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.clip,
        "lr_scheduler_type": "linear",
        "seed": settings.seed,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "report_to": "none",
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        **steps,
    }


def _run(trainer: Any, told: _Told) -> None:
    trainer.remove_callback(PrinterCallback)  # it prints what `_Told` tells
    trainer.train()
    if told.stopped:
        raise Stopped("stopped while it was trained")
    if told.broken:
        raise RoundError(told.broken, mend="try again with a lower --learning-rate")


class _Told(TrainerCallback):  # type: ignore[misc]
    """Passes on what a trainer logs, and stops it."""

    def __init__(
        self, on_step: Callable[[Progress], None], on_note: Callable[[str], None], stop: Callable[[], bool]
    ) -> None:
        self._on_step, self._on_note, self._stop = on_step, on_note, stop
        self._since = 0.0
        self.stopped = False
        self.broken = ""

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._since = time.perf_counter()
        if self._stop():
            self.stopped = control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if not logs or "loss" not in logs:
            return
        loss = float(logs["loss"])
        if not np.isfinite(loss):
            self.broken = f"the loss is {loss} at step {state.global_step}: the training has gone astray"
            control.should_training_stop = True
            return
        notes = [f"{name} {logs[name]:.3g}" for name in ("reward", "rewards/accuracies") if name in logs]
        if logs.get("frac_reward_zero_std", 0) == 1:
            notes.append("all samples got the same reward: nothing to learn from")
            self._on_note(f"step {state.global_step}: all samples got the same reward, nothing is learned from it")
        self._on_step(
            Progress(
                step=state.global_step,
                steps=state.max_steps,
                loss=loss,
                tokens=0,
                seconds=time.perf_counter() - self._since,
                note=", ".join(notes),
            )
        )
