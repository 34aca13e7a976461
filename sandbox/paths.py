"""Where things are: the only path logic there is.

Content (worlds, agents, saves) is looked for in this order: the folder given with `--home`, `$SANDBOX_HOME`,
the current folder, and last the copy bundled with the package. Writing goes to the first of the three that
is set: content of the user's own never lands inside the package.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

import platformdirs

from sandbox.errors import UsageError
from sandbox.text import clean_line, did_you_mean

Kind = Literal["worlds", "agents", "saves"]

_NAME = re.compile(r"[\w][\w.-]{0,63}", re.UNICODE)


def bundled() -> Path:
    """The content that comes with the package: inside the wheel, or the checkout around `sandbox/`."""
    packaged = Path(__file__).parent / "_bundled"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent


def cache_dir() -> Path:
    """Where compiled games and converted models are kept: `$SANDBOX_CACHE`, or the platform's own place."""
    given = os.environ.get("SANDBOX_CACHE")
    return Path(given) if given else Path(platformdirs.user_cache_dir("sandbox", appauthor=False))


def settings_file() -> Path:
    """The settings file: `$SANDBOX_SETTINGS`, or `settings.toml` in the platform's own place."""
    given = os.environ.get("SANDBOX_SETTINGS")
    return (
        Path(given) if given else Path(platformdirs.user_config_dir("sandbox", appauthor=False)) / "settings.toml"
    )


def safe_name(name: str, what: str) -> str:
    """The name, if it can be a file's: letters, digits, `_ . -`. Raises `UsageError` otherwise."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise UsageError(
            f"{name!r} cannot be the name of {what}", hint="use letters, digits, '_', '-' and '.', 64 at most"
        )
    return name


@dataclass(frozen=True, slots=True)
class Home:
    """The folders that content is read from, and the one it is written to."""

    root: Path
    """Where this user's saves and new content go."""

    @classmethod
    def find(cls, given: Path | None = None) -> Home:
        """`--home`, then `$SANDBOX_HOME`, then the current folder."""
        if given is not None:
            try:
                there = given.is_dir()
            except (OSError, ValueError) as error:
                raise UsageError("no folder can have this name", hint="give another --home") from error
            if not there:
                raise UsageError("no such folder", where=given, hint="create it, or leave --home out")
            return cls(given.resolve())
        from_environment = os.environ.get("SANDBOX_HOME")
        return cls(Path(from_environment or ".").resolve())

    def folder(self, kind: Kind) -> Path:
        """Where new content of this kind is written. It may not exist yet."""
        return self.root / kind

    def search(self, kind: Kind) -> Iterator[Path]:
        """Existing folders with content of this kind, the user's own before the bundled."""
        seen: set[Path] = set()
        for base in (self.root, Path.cwd(), bundled()):
            folder = (base / kind).resolve()
            try:
                there = folder not in seen and folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)
            except OSError:  # in a folder that is somebody else's
                there = False
            if there:
                seen.add(folder)
                yield folder

    def world_file(self, name: str) -> Path | None:
        """`worlds/<name>/world.yaml`, or None."""
        return self._first("worlds", f"{name}/world.yaml")

    def card_file(self, name: str) -> Path | None:
        """`agents/<name>.yaml`, or None."""
        return self._first("agents", f"{name}.yaml")

    def save_folder(self, name: str) -> Path:
        """`saves/<name>/` under the root, whether or not it exists."""
        return self.folder("saves") / safe_name(name, "a save")

    def names(self, kind: Kind) -> list[str]:
        """Names of all content of a kind, sorted."""
        return list(self.entries(kind))

    def entries(self, kind: Kind) -> dict[str, Path]:
        """All that lies where content of a kind is looked for: its file by name, whether or not it can be read."""
        pattern = {"worlds": "*/world.yaml", "agents": "*.yaml", "saves": "*/save.db"}[kind]
        found: dict[str, Path] = {}
        for folder in self.search(kind):
            for path in folder.glob(pattern):
                name = path.stem if kind == "agents" else path.parent.name
                found.setdefault(clean_line(os.fsencode(name).decode("utf-8", "replace"), 100), path)
        return dict(sorted(found.items()))

    def way_out(self, kind: Kind, name: str) -> str:
        """What to do about a name that leads nowhere: the near miss, else all there are, else how to make one."""
        names = self.names(kind)
        listed = f"there are: {', '.join(names)}" if names else f"`sandbox {kind[:-1]} new` makes one"
        return did_you_mean(PurePath(name).name, names, otherwise=listed)

    def _first(self, kind: Kind, relative: str) -> Path | None:
        return next((path for folder in self.search(kind) if (path := folder / relative).is_file()), None)
