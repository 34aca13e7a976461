"""DPO, KTO, GRPO and RLOO through TRL.

The trainers get tokens in place of texts: those that the network reads in play. TRL would add an end-of-text token
to each command, which ends with its newline, and cut long prompts elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from sandbox.llm.local import LocalModel
from sandbox.paths import Home
from sandbox.tune.checkpoint import Checkpoint
from sandbox.tune.episodes import Player, SeededWorld, games
from sandbox.tune.examples import Example, Label, PreferencePair
from sandbox.tune.rounds import RoundPlan
from sandbox.tune.settings import TrainingSettings
from sandbox.tune.sft import TrainingProgress
from sandbox.tune.trainer_loop import TrainerLoop
from sandbox.world import registry


def train(
    tuned: Any,
    model: LocalModel,
    data: Sequence[Example],
    plan: RoundPlan,
    *,
    home: Home,
    checkpoint: Checkpoint | None = None,
    on_step: Callable[[TrainingProgress], None],
    on_note: Callable[[str], None],
    stop: Callable[[], bool],
) -> None:
    """Train the LoRA weights of a network in place, from the checkpoint on. Raises `Stopped` and `RoundError`."""
    settings = plan.settings
    more: dict[str, Any] = {"checkpoint": checkpoint, "on_step": on_step, "on_note": on_note, "stop": stop}
    if settings.method == "dpo":
        pairs = [each for each in data if isinstance(each, PreferencePair)]
        _dpo(tuned, model, TrainerLoop(tuned, settings, pairs, settings.batch, **more))
    elif settings.method == "kto":
        labels = [each for each in data if isinstance(each, Label)]
        _kto(tuned, model, labels, TrainerLoop(tuned, settings, labels, _neighbours(settings), **more))
    else:
        worlds = [registry.open_world(reference, home=home) for reference in plan.worlds]
        try:
            loop = TrainerLoop(tuned, settings, games(worlds, settings.starts), _groups(settings), **more)
            _on_worlds(tuned, model, plan, loop)
        finally:
            for world in worlds:
                world.close()


def _dpo(tuned: Any, model: LocalModel, loop: TrainerLoop[PreferencePair]) -> None:
    """Direct preference optimisation (Rafailov et al. 2023)."""
    import datasets
    import trl

    rows = [
        {
            "prompt_ids": list(model.fit(pair.prompt)),
            "chosen_ids": list(model.encode(pair.chosen)),
            "rejected_ids": list(model.encode(pair.rejected)),
        }
        for pair in loop.rows
    ]

    def make(scratch: str, callback: Any) -> Any:
        trainer = trl.DPOTrainer(
            model=tuned,
            args=trl.DPOConfig(
                **loop.arguments(scratch, loop.settings.batch),
                beta=loop.settings.beta,
                max_length=None,
                train_sampling_strategy="sequential",
            ),
            train_dataset=datasets.Dataset.from_list([{"prompt": ">", "chosen": " yes\n", "rejected": " no\n"}]),
            processing_class=model.tokenizer,
            callbacks=[callback],
            optimizers=loop.optimisers(),
        )
        trainer.train_dataset = datasets.Dataset.from_list(rows)
        return trainer

    loop.run(make)


def _kto(tuned: Any, model: LocalModel, labels: Sequence[Label], loop: TrainerLoop[Label]) -> None:
    """Kahneman-Tversky optimisation (Ethayarajh et al. 2024), the rarer side weighted up.

    KL is estimated from each prompt with the completion of its neighbour in the batch.
    """
    import datasets
    import trl

    batch = _neighbours(loop.settings)
    rows = []
    for start in range(0, len(loop.rows), batch):
        own = loop.rows[start : start + batch]
        rows += [
            {
                "prompt_ids": list(model.fit(label.prompt)),
                "completion_ids": list(model.encode(label.completion)),
                "KL_completion_ids": list(model.encode(own[number - 1].completion)),
                "label": label.good,
            }
            for number, label in enumerate(own)
        ]
    good = sum(each.good for each in labels)
    bad = len(labels) - good

    def make(scratch: str, callback: Any) -> Any:
        trainer = trl.KTOTrainer(
            model=tuned,
            args=trl.KTOConfig(
                **loop.arguments(scratch, batch),
                beta=loop.settings.beta,
                max_length=None,
                desirable_weight=max(1.0, bad / good),
                undesirable_weight=max(1.0, good / bad),
            ),
            train_dataset=datasets.Dataset.from_list([{"prompt": ">", "completion": " yes\n", "label": True}] * 2),
            processing_class=model.tokenizer,
            callbacks=[callback],
            optimizers=loop.optimisers(),
        )
        trainer.train_dataset = datasets.Dataset.from_list(rows)
        return trainer

    loop.run(make)


def _on_worlds(tuned: Any, model: LocalModel, plan: RoundPlan, loop: TrainerLoop[SeededWorld]) -> None:
    """GRPO (Shao et al. 2024) over whole episodes; a group is several episodes of one game.

    RLOO (Ahmadian et al. 2024) is the same without dividing by the group's standard deviation, but for a factor
    that the learning rate takes in. The gradient is summed up episode by episode: a batch of them would need
    several times the memory.
    """
    import datasets
    import trl

    settings = plan.settings
    player = Player(model, plan.parsed_card(), settings)
    group, batch = settings.samples, _groups(settings) * settings.samples

    def rollout(numbers: list[str], trainer: Any) -> dict[str, Any]:
        model.forget()
        model.network.eval()
        seeds = np.random.SeedSequence((settings.seed, loop.done)).spawn(len(numbers))
        with torch.inference_mode():
            played = [
                player.episode(loop.rows[int(number)], np.random.default_rng(seed))
                for number, seed in zip(numbers, seeds, strict=True)
            ]
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

    def make(scratch: str, callback: Any) -> Any:
        return trl.GRPOTrainer(
            model=tuned,
            reward_funcs=[reward],
            args=trl.GRPOConfig(
                **loop.arguments(scratch, 1),
                gradient_accumulation_steps=batch,
                num_generations=group,
                max_completion_length=model.window,
                shuffle_dataset=False,
                beta=settings.beta,
                scale_rewards="none" if settings.method == "rloo" else "group",
            ),
            train_dataset=datasets.Dataset.from_list([{"prompt": str(i)} for i in range(len(loop.rows))]),
            processing_class=model.tokenizer,
            callbacks=[callback],
            optimizers=loop.optimisers(),
            rollout_func=rollout,
        )

    loop.run(make)


def reinforce(
    tuned: Any,
    model: LocalModel,
    prompts: Sequence[str],
    reward_function: Callable[[str, str], float],
    settings: TrainingSettings,
    on_step: Callable[[TrainingProgress], None] = lambda progress: None,
) -> None:
    """GRPO or RLOO on a text task: one prompt, one completion, one reward. Raises `RoundError`."""
    import datasets
    import trl

    def reward(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
        return [reward_function(one, other) for one, other in zip(prompts, completions, strict=True)]

    config, trainer = (
        (trl.RLOOConfig, trl.RLOOTrainer) if settings.method == "rloo" else (trl.GRPOConfig, trl.GRPOTrainer)
    )
    loop = TrainerLoop(
        tuned,
        settings,
        prompts,
        _groups(settings),
        on_step=on_step,
        on_note=lambda text: None,
        stop=lambda: False,
    )

    def make(scratch: str, callback: Any) -> Any:
        return trainer(
            model=tuned,
            reward_funcs=[reward],
            args=config(
                **loop.arguments(scratch, _groups(settings) * settings.samples),
                num_generations=settings.samples,
                max_completion_length=settings.max_tokens,
                shuffle_dataset=False,
                beta=settings.beta,
            ),
            train_dataset=datasets.Dataset.from_list([{"prompt": each} for each in loop.rows]),
            processing_class=model.tokenizer,
            callbacks=[callback],
            optimizers=loop.optimisers(),
        )

    loop.run(make)


def _neighbours(settings: TrainingSettings) -> int:
    """How many ratings a step of KTO takes: each needs another beside it."""
    return max(2, settings.batch)


def _groups(settings: TrainingSettings) -> int:
    """How many groups of samples a step takes."""
    return max(1, settings.batch // settings.samples)
