"""Fine-tuning: from what was played to a better language model.

`rounds` plans, starts and follows a round; `adapters` keeps what rounds make. `fine_tune` is the same machinery
for a text task of one's own. Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from sandbox.llm.local import LocalModel
    from sandbox.tune.loop import TrainingProgress
    from sandbox.tune.text_report import TextTaskReport
    from sandbox.types import LanguageModel

__all__ = ["fine_tune"]


def fine_tune(
    llm: LanguageModel,
    dataset: Iterable[Any],
    reward_function: Callable[..., float],
    *,
    method: Literal["grpo", "rloo"] = "grpo",
    held_out: float | Iterable[Any] = 0.2,
    stop: Sequence[str] = (),
    folder: Path | None = None,
    report_to: str | Sequence[str] = (),
    logging_dir: Path = Path("runs"),
    show: bool = True,
    on_step: Callable[[TrainingProgress], None] = lambda progress: None,
    on_report: Callable[[TextTaskReport], None] = lambda report: None,
    **settings: Any,
) -> LocalModel:
    """Teach a language model to earn more reward, by reinforcement on its own completions.

    Args:
        llm: a local model. It is changed: the adapter is merged into it, until `use_adapter(None)` takes it out.
        dataset: prompts; `(text, label)` pairs; dicts or a `datasets.Dataset` with `prompt` (or `text`) and
            `reference` (or `label`).
        reward_function: what a completion is worth: of `text`, `(text, label)` or `(prompt, text, label)`, where
            `text` is what the model wrote. Parameters with these names are given by name, in any selection.
        method: `grpo` or `rloo`.
        held_out: a share of the dataset that is not learned from, but measured before and after; or rows of their
            own for it. Of fewer than six prompts, none are held out.
        stop: strings that end a completion, and are no part of it: a newline for tasks of one line.
        folder: where the adapter is written, in PEFT's layout; by default it lives in the model alone.
        report_to: `tensorboard`, `wandb`, or several, where they are installed.
        logging_dir: where TensorBoard's files go.
        show: whether a bar and, at the end, a table of samples before and after are printed.
        on_step: told after each step.
        on_report: told what was measured before and after, where something was held out.
        settings: fields of `sandbox.tune.settings.TrainingSettings`, such as `steps`, `samples`, `max_tokens`.

    Returns:
        The same model, better.

    Raises:
        ValueError: the model computes elsewhere, the data set is none, a reward is no finite number, all rewards
            are the same, or the training went astray; or `folder` is taken.
    """
    from sandbox.llm.local import LocalModel
    from sandbox.tune.text_task import fine_tune as run

    if not isinstance(llm, LocalModel):
        raise ValueError(f"{llm.name} computes elsewhere and cannot be trained here: open a local model")
    return run(
        llm,
        dataset,
        reward_function,
        method=method,
        held_out=held_out,
        stop=stop,
        folder=folder,
        report_to=report_to,
        logging_dir=logging_dir,
        show=show,
        on_step=on_step,
        on_report=on_report,
        **settings,
    )
