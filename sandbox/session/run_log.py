"""Episodes as JSON lines in a file that grows by one at a time: what a run has done, whatever becomes of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import TypeAdapter, ValidationError

from sandbox.errors import UsageError
from sandbox.session.runner import Episode, episode_as_json

_LONGEST = 1 << 24
"""Bytes of one line."""
_EPISODE = TypeAdapter(Episode)


class RunLog:
    """The file, held open. A line that a killed run could not finish is dropped when the file is opened again.

    Args:
        file: where the lines go; None is standard output.
        resume: whether episodes that are in it already count; otherwise there may be none.

    Raises:
        UsageError: it cannot be used, or holds something and is not to be gone on with.
    """

    def __init__(self, file: Path | None, *, resume: bool) -> None:
        self._file = file
        self._finished: list[Episode] = []
        with self._written():
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.dup(1) if file is None else os.open(file, flags, 0o666)
        if file is None:
            return
        try:
            if os.fstat(self._descriptor).st_size and not resume:
                raise UsageError("there is something in it", where=file, hint="name another, or add --resume")
            self._finished = list(self._read(file))
        except BaseException:
            self.close()
            raise

    def take(self, world: str, first_seed: int, most: int) -> list[Episode]:
        """The episodes of a world that are finished, and no longer kept here.

        Raises `UsageError` where they are not those that a run with this seed begins with.
        """
        found = [episode for episode in self._finished if episode.world == world][:most]
        if [episode.seed for episode in found] != list(range(first_seed, first_seed + len(found))):
            raise UsageError(
                f"the episodes of {world} in it are not of seeds {first_seed}, {first_seed + 1}, …",
                where=self._file,
                hint="go on with the --seed that it was begun with, or name another file",
            )
        self._finished = [episode for episode in self._finished if all(episode is not each for each in found)]
        return found

    def add(self, episode: Episode) -> None:
        """Write a line. Raises `UsageError` where that is not possible."""
        line = json.dumps(episode_as_json(episode), ensure_ascii=False).encode() + b"\n"
        with self._written():
            while line:
                line = line[os.write(self._descriptor, line) :]

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, file: Path) -> Iterator[Episode]:
        whole = 0
        with file.open("rb") as lines:
            for number, line in enumerate(iter(lambda: lines.readline(_LONGEST), b""), start=1):
                if not line.endswith(b"\n") and len(line) < _LONGEST:
                    break
                try:
                    yield _EPISODE.validate_json(line)
                except ValidationError as error:
                    raise UsageError(
                        "this line is no episode", where=file, line=number, hint="name another file"
                    ) from error
                whole += len(line)
        with self._written():
            os.ftruncate(self._descriptor, whole)

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UsageError(
                f"cannot be written: {error.strerror}", where=self._file, hint="make room, or name another file"
            ) from error
