"""Reinforcement on a text task: what is behind `sandbox.tune.fine_tune`."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from sandbox import statistics as intervals
from sandbox.files import new_folder
from sandbox.llm.adapter import CONFIG, WEIGHTS
from sandbox.llm.local import LocalModel
from sandbox.llm.questions import Continue
from sandbox.tune import lora, network, reinforcement, text_data, tracking
from sandbox.tune.errors import NothingLearnedError, RoundError
from sandbox.tune.loop import TrainingProgress
from sandbox.tune.settings import Method, TrainingSettings
from sandbox.tune.text_data import Reward, TextRow
from sandbox.tune.text_report import Follower, TextComparison, TextTaskReport, followed

MOST = 50
"""Held-out prompts, at most, so that measuring takes no longer than learning."""
_TOGETHER = 64
"""Completions that are written side by side."""
_ALIKE = (
    "reward_function gave all completions of a prompt the same reward each time, so that nothing could be "
    "learned: let it tell them apart, or give more `samples` or `max_tokens`"
)


def fine_tune(
    llm: LocalModel,
    dataset: Iterable[Any],
    reward_function: Callable[..., float],
    *,
    method: Method,
    held_out: float | Iterable[Any],
    stop: Sequence[str],
    folder: Path | None,
    report_to: str | Sequence[str],
    logging_dir: Path,
    show: bool,
    on_step: Callable[[TrainingProgress], None],
    on_report: Callable[[TextTaskReport], None],
    **given: Any,
) -> LocalModel:
    """See `sandbox.tune.fine_tune`."""
    settings = TrainingSettings.for_method(method, **{"beta": 0.0, **given})
    rows = text_data.rows_of(dataset)
    reward = Reward(reward_function, labelled=rows[0].label is not None)
    names = tracking.trackers(report_to)
    if isinstance(held_out, int | float):
        if not 0 <= held_out < 1:
            raise ValueError(f"held_out should be a share of the dataset, from 0 to below 1, not {held_out}")
        rows, unseen = text_data.split(rows, held_out, settings.seed, MOST)
    else:
        unseen = text_data.rows_of(held_out)
    if folder is not None and folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ValueError(f"folder is to be new, and {folder} is there already")
    llm.use_adapter(None)
    examiner = _Examiner(llm, unseen, reward, settings, tuple(stop))
    last = 0
    curves = tracking.CurveWriter(names, logging_dir, settings.model_dump())
    try:
        with followed(show) as told:
            before = examiner.examine("measuring before", told)
            if before and all(len(set(each.rewards)) == 1 for each in before):
                raise ValueError(_ALIKE)

            def stepped(progress: TrainingProgress) -> None:
                nonlocal last
                last = progress.step
                told("training", progress.step, progress.steps, progress.note)
                curves.add(progress.step, {"train/loss": progress.loss, **_under("train", progress.measures)})
                on_step(progress)

            _train(llm, rows, reward, settings, tuple(stop), folder, stepped)
            after = examiner.examine("measuring after", told)
        if before:
            report = _report(unseen, before, after)
            curves.add(0, {"held_out/reward": report.before.value})
            curves.add(last, {"held_out/reward": report.after.value})
            if show:
                Console().print(report.table())
            on_report(report)
    finally:
        curves.close()
    return llm


def _train(
    llm: LocalModel,
    rows: Sequence[TextRow],
    reward: Reward,
    settings: TrainingSettings,
    stop: tuple[str, ...],
    folder: Path | None,
    on_step: Callable[[TrainingProgress], None],
) -> None:
    tuned = lora.with_lora(llm.network, rank=settings.rank, alpha=settings.alpha, seed=settings.seed)
    if llm.packs:
        network.use_packed_attention(llm.network)
    try:
        reinforcement.on_prompts(
            tuned,
            llm,
            range(len(rows)),
            lambda number, seed: _question(rows[number], settings.samples, seed, settings, stop),
            lambda number, text: reward(rows[number], text),
            settings,
            on_step=on_step,
        )
        weights, config = lora.exported(tuned, llm.name.rpartition("@")[0])
    except NothingLearnedError as error:
        raise ValueError(_ALIKE) from error
    except RoundError as error:
        raise ValueError(f"{error.message}: give a smaller `learning_rate`") from error
    finally:
        tuned.unload()
        llm.network.eval()
        llm.forget()
    with tempfile.TemporaryDirectory() as scratch:
        target = folder or Path(scratch) / settings.method
        with new_folder(target) as work:
            (work / WEIGHTS).write_bytes(weights)
            (work / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        llm.use_adapter(target)


def _question(row: TextRow, n: int, seed: int, settings: TrainingSettings, stop: tuple[str, ...]) -> Continue:
    return Continue(prompt=row.prompt, n=n, seed=seed, max_tokens=settings.max_tokens, stop=stop)


@dataclass(frozen=True, slots=True)
class _Examined:
    """Completions of one held-out prompt."""

    texts: list[str]
    rewards: list[float]


@dataclass(frozen=True, slots=True)
class _Examiner:
    """Samples completions of the held-out prompts, the same seeds each time."""

    llm: LocalModel
    rows: Sequence[TextRow]
    reward: Reward
    settings: TrainingSettings
    stop: tuple[str, ...]

    def examine(self, doing: str, told: Follower) -> list[_Examined]:
        size, found = max(1, _TOGETHER // self.settings.samples), list[_Examined]()
        for start in range(0, len(self.rows), size):
            told(doing, start, len(self.rows))
            part = self.rows[start : start + size]
            questions = [
                _question(row, self.settings.samples, self.settings.seed + start + i, self.settings, self.stop)
                for i, row in enumerate(part)
            ]
            for row, samples in zip(part, self.llm.answer(questions), strict=True):
                texts = [sample.text for sample in samples]
                found.append(_Examined(texts, [self.reward(row, text) for text in texts]))
        self.llm.forget()
        return found


def _report(rows: Sequence[TextRow], before: Sequence[_Examined], after: Sequence[_Examined]) -> TextTaskReport:
    means = [[statistics.fmean(each.rewards) for each in side] for side in (before, after)]
    return TextTaskReport(
        before=intervals.mean(means[0]),
        after=intervals.mean(means[1]),
        gain=intervals.paired_difference(*means),
        comparisons=tuple(
            TextComparison(prompt=row.prompt, before=a.texts[0], after=b.texts[0], reward_before=x, reward_after=y)
            for row, a, b, x, y in zip(rows, before, after, *means, strict=True)
        ),
    )


def _under(name: str, numbers: Any) -> dict[str, float]:
    return {f"{name}/{key}": value for key, value in numbers.items()}
