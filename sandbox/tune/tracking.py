"""Curves of a training for TensorBoard or Weights & Biases, through the trackers of `accelerate`."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

Tracker = Literal["tensorboard", "wandb"]
_PACKAGES: dict[str, tuple[str, ...]] = {"tensorboard": ("tensorboard", "tensorboardX"), "wandb": ("wandb",)}


def trackers(report_to: str | Sequence[str]) -> tuple[Tracker, ...]:
    """The trackers that are named. Raises `ValueError` where there is no such, or it is not installed."""
    given = (report_to,) if isinstance(report_to, str) else tuple(report_to)
    names = tuple(name for name in given if name != "none")
    for name in names:
        if name not in _PACKAGES:
            raise ValueError(f"report_to takes {', '.join(get_args(Tracker))}, not {name!r}")
        if not any(importlib.util.find_spec(package) for package in _PACKAGES[name]):
            package = "tensorboardX" if name == "tensorboard" else name
            raise ValueError(f"report_to={name!r} needs a package that is not installed: pip install {package}")
    return names  # type: ignore[return-value]


class CurveWriter:
    """Where the numbers of a training go, besides the screen.

    Args:
        report_to: trackers that are installed; none is fine.
        folder: of TensorBoard's files.
        about: the settings of the training.
    """

    def __init__(
        self, report_to: Sequence[Tracker] = (), folder: Path = Path(), about: Mapping[str, Any] | None = None
    ) -> None:
        self._trackers: list[Any] = []
        if not report_to:
            return
        from accelerate import PartialState, tracking

        PartialState(cpu=True)
        for name in report_to:
            tracker = tracking.LOGGER_TYPE_TO_CLASS[name]
            if name == "tensorboard":
                self._trackers.append(tracker("", logging_dir=folder))
            else:
                self._trackers.append(tracker("sandbox", dir=folder.parent, config=dict(about or {})))
        for each in self._trackers:
            each.start()

    def add(self, step: int, numbers: Mapping[str, float]) -> None:
        """Points of some curves, by name."""
        for each in self._trackers:
            each.log(dict(numbers), step=step)

    def close(self) -> None:
        """Write what is left."""
        for each in self._trackers:
            each.finish()
