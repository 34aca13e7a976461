"""Fine-tuning: from what was played to a better language model.

`rounds` plans, starts and follows a round; `adapters` keeps what rounds make. `fine_tune` is the same machinery
for a text task of one's own. Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from sandbox.llm.local import LocalModel
    from sandbox.tune.sft import TrainingProgress

__all__ = ["fine_tune"]


def fine_tune(
    llm: LocalModel,
    dataset: Sequence[str],
    reward_function: Callable[[str, str], float],
    *,
    method: Literal["grpo", "rloo"] = "grpo",
    folder: Path | None = None,
    on_step: Callable[[TrainingProgress], None] = lambda progress: None,
    **settings: Any,
) -> LocalModel:
    """Teach a language model to earn more reward, by reinforcement on its own completions.

    Args:
        llm: the model. It is changed: the adapter is merged into it, until `use_adapter(None)` takes it out.
        dataset: prompts.
        reward_function: what a completion of a prompt is worth; `reward_function(prompt, completion)`.
        method: `grpo` or `rloo`.
        folder: where the adapter is written, in PEFT's layout; by default it lives in the model alone.
        on_step: told after each step.
        settings: fields of `sandbox.tune.settings.Settings`, such as `steps`, `samples`, `max_tokens`.

    Returns:
        The same model, better.

    Raises:
        ValueError: the data set is none, a reward is no finite number, all rewards are the same, or the training
            went astray.
    """
    from sandbox.tune.text_task import fine_tune as run

    return run(llm, dataset, reward_function, method=method, folder=folder, on_step=on_step, **settings)
