"""The adapters of a save: each a folder that is written once, and one file that says which is in use.

    saves/<name>/adapters/
      active.json                    the one in use, and those that were before it
      sft-1/                         as PEFT, transformers and vLLM load it
        adapter_config.json
        adapter_model.safetensors
        adapter.json                 where it comes from and what it was worth

An adapter's folder never changes once it has its name.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from sandbox.errors import SaveError, UsageError
from sandbox.files import new_folder, read_bytes, write_bytes
from sandbox.paths import bundled, safe_name
from sandbox.text import clean_line
from sandbox.tune.gate import GateResult

ABOUT = "adapter.json"
CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
ACTIVE = "active.json"
BASE = "base"
"""What the model is called without any adapter."""

_LIBRARIES = ("torch", "transformers", "peft", "safetensors")
_MAX_BYTES = 1 << 20


_Line = Annotated[str, AfterValidator(clean_line)]
_Number = Annotated[float, Field(allow_inf_nan=False)]


class AdapterInfo(BaseModel):
    """What is known of an adapter: the contents of `adapter.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: _Line
    parent: _Line = BASE
    """The adapter that it was trained on from, or `base`."""
    model: _Line
    """The language model that it belongs to."""
    method: _Line
    created: Annotated[float, Field(ge=0, lt=32_503_680_000)]
    """Unix time, seconds."""
    data: _Line
    """SHA-256 of the examples."""
    examples: dict[_Line, int] = Field(default_factory=dict)
    """How many examples of each kind."""
    worlds: tuple[_Line, ...] = ()
    """The worlds that the examples come from."""
    settings: dict[str, Any] = Field(default_factory=dict)
    outcome: GateResult | None = None
    """What the gate measured; None where it was left out."""
    perplexity: tuple[_Number, _Number] | None = None
    """Of a fixed text, before and after."""
    seconds: _Number = 0.0
    """How long the training took."""
    libraries: dict[_Line, _Line] = Field(default_factory=dict)


class _Active(BaseModel):
    model_config = ConfigDict(extra="forbid")

    adapter: str = ""
    """Empty: as it began."""
    before: Annotated[list[str], Field(max_length=10_000)] = []
    """What was in use before, oldest first."""


class Adapters:
    """The adapters of one save.

    Args:
        folder: `saves/<name>/adapters`; it need not exist yet.
        begins_with: what is in use as long as nothing else was put into use: the adapter of a card, or `base`.
    """

    def __init__(self, folder: Path, begins_with: str = BASE) -> None:
        self.folder = folder
        self.begins_with = begins_with

    @classmethod
    def of(cls, save: Path, begins_with: str | None = None) -> Adapters:
        """Those of a save's folder."""
        return cls(save / "adapters", begins_with or BASE)

    def __iter__(self) -> Iterator[AdapterInfo]:
        """All that can be read, oldest first. Folders that are not whole are passed over."""
        found = [about for about in self.entries().values() if isinstance(about, AdapterInfo)]
        yield from sorted(found, key=lambda about: (about.created, about.id))

    def entries(self) -> dict[str, AdapterInfo | SaveError]:
        """All of them by the name of the folder: what is known, or why that cannot be read."""
        found: dict[str, AdapterInfo | SaveError] = {}
        for file in sorted(self.folder.glob(f"*/{ABOUT}")):
            if not file.parent.name.startswith("."):
                try:
                    found[file.parent.name] = _read(file)
                except SaveError as error:
                    found[file.parent.name] = error
        return found

    def get(self, adapter: str) -> AdapterInfo:
        """Raises `UsageError` where there is none of this name."""
        return _read(self.path(adapter) / ABOUT)

    def path(self, adapter: str) -> Path:
        """The folder of an adapter that exists, here or among those that ship. Raises `UsageError`."""
        folder = self.folder / safe_name(adapter, "an adapter")
        if not folder.exists() and (shipped_folder(adapter) / ABOUT).is_file():
            return shipped_folder(adapter)
        if not (folder / ABOUT).is_file():
            names = [about.id for about in self]
            raise UsageError(
                f"there is no adapter {adapter!r}",
                where=self.folder,
                hint=f"there are: {', '.join(names)}" if names else "`sandbox tune` makes one",
            )
        return folder

    @property
    def active(self) -> str:
        """The one in use; `base` for none."""
        return self._active().adapter or self.begins_with

    @property
    def active_folder(self) -> Path | None:
        """The folder of the one in use, for `LocalModel.use_adapter`."""
        active = self.active
        return None if active == BASE else self.path(active)

    def use(self, adapter: str) -> None:
        """Put an adapter into use, or `base`. Whoever plays the save takes it up at the next turn."""
        if adapter != BASE:
            self.path(adapter)
        active = self._active()
        now = active.adapter or self.begins_with
        if adapter != now:
            self._write(_Active(adapter=adapter, before=[*active.before, now]))

    def rollback(self) -> str:
        """Go back to what was in use before. Returns its name. Raises `UsageError` where nothing was."""
        active = self._active()
        while active.before:
            previous = active.before.pop()
            if previous == BASE or self._there(previous):
                self._write(_Active(adapter=previous, before=active.before))
                return previous
        raise UsageError("no other adapter was in use before", where=self.folder)

    def _there(self, adapter: str) -> bool:
        return any((folder / ABOUT).is_file() for folder in (self.folder / adapter, shipped_folder(adapter)))

    def delete(self, adapter: str) -> None:
        """Remove an adapter. Raises `UsageError` where it is in use, or others were trained on from it."""
        folder = self.path(adapter)
        if folder.parent != self.folder:
            raise UsageError(f"{adapter!r} came with the package", hint="put another into use instead")
        if adapter == self.active:
            raise UsageError(f"{adapter!r} is in use", hint="roll back, or use another first")
        children = [about.id for about in self if about.parent == adapter]
        if children:
            raise UsageError(f"{', '.join(children)} was trained on from {adapter!r}", hint="delete it first")
        condemned = folder.with_name(f".{adapter}-deleted")
        shutil.rmtree(condemned, ignore_errors=True)
        folder.rename(condemned)
        shutil.rmtree(condemned, ignore_errors=True)

    def new_id(self, method: str) -> str:
        """The next free name: `sft-1`, `dpo-2`; numbers go on across methods."""
        numbers = [0]
        if self.folder.is_dir():
            for folder in self.folder.iterdir():
                number = folder.name.rpartition("-")[2]
                numbers.append(int(number) if number.isdecimal() and len(number) < 9 else 0)
        return f"{method}-{max(numbers) + 1}"

    def publish(self, about: AdapterInfo, weights: bytes, config: Mapping[str, Any]) -> Path:
        """Write an adapter: whole, or not at all. Raises `OSError`.

        Args:
            about: where it comes from.
            weights: safetensors, with PEFT's names.
            config: PEFT's.
        """
        folder = self.folder / about.id
        with new_folder(folder) as work:
            (work / WEIGHTS).write_bytes(weights)
            (work / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
            (work / ABOUT).write_text(about.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return folder

    def tree(self) -> list[tuple[int, AdapterInfo]]:
        """All adapters with their depth, each below the one it was trained on from."""
        all_of_them = list(self)
        known = {about.id for about in all_of_them}
        children: dict[str, list[AdapterInfo]] = {}
        for about in all_of_them:
            children.setdefault(about.parent if about.parent in known else BASE, []).append(about)
        lines: list[tuple[int, AdapterInfo]] = []
        waiting = [(0, about) for about in reversed(children.get(BASE, []))]
        while waiting:
            depth, about = waiting.pop()
            lines.append((depth, about))
            waiting += [(depth + 1, child) for child in reversed(children.pop(about.id, []))]
        children.pop(BASE, None)
        return lines + [(0, about) for circle in children.values() for about in circle]

    def _active(self) -> _Active:
        file = self.folder / ACTIVE
        try:
            return _Active.model_validate_json(read_bytes(file, _MAX_BYTES))
        except FileNotFoundError:
            return _Active()
        except (OSError, ValidationError) as error:
            raise SaveError(
                "cannot be read", where=file, hint="remove it: the model then plays without an adapter"
            ) from error

    def _write(self, active: _Active) -> None:
        write_bytes(self.folder / ACTIVE, active.model_dump_json(indent=2).encode() + b"\n")


def shipped_folder(name: str) -> Path:
    """Where an adapter that comes with the package is, if there is one of that name."""
    return bundled() / "agents" / safe_name(name, "an adapter")


def describe(
    adapter: str, *, model: str, method: str, data: str, settings: Mapping[str, Any], **more: Any
) -> AdapterInfo:
    """What is to be written about an adapter that was made just now, by the libraries that are installed."""
    return AdapterInfo(
        id=adapter,
        model=model,
        method=method,
        data=data,
        settings=dict(settings),
        created=time.time(),
        libraries={name: metadata.version(name) for name in _LIBRARIES},
        **more,
    )


def _read(file: Path) -> AdapterInfo:
    try:
        data = read_bytes(file, _MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise SaveError("is far too long", where=file)
        about = AdapterInfo.model_validate_json(data)
    except (OSError, ValidationError) as error:
        raise SaveError(
            "does not describe an adapter", where=file, hint="remove the folder, or restore it from a copy"
        ) from error
    if about.id != file.parent.name:
        raise SaveError(f"it describes {clean_line(about.id)!r}, not {file.parent.name!r}", where=file)
    return about
