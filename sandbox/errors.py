"""One tree of errors. Each says what is wrong, where, and the way out; none reaches a user as a traceback."""

from __future__ import annotations

import errno
import resource
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Literal


class SandboxError(Exception):
    """Base of everything this package raises on purpose.

    Args:
        message: what is wrong, one line, no full stop needed.
        where: the file it is about, if any.
        line: the line in that file, counted from 1.
        hint: what the user can do about it, one line.
    """

    exit_code = 2

    def __init__(
        self, message: str, *, where: Path | str | None = None, line: int | None = None, hint: str = ""
    ) -> None:
        self.message = message
        self.where = None if where is None else str(where)
        self.line = line
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        place = "" if self.where is None else f"{self.where}:{self.line}: " if self.line else f"{self.where}: "
        return f"{place}{self.message}" + (f" ({self.hint})" if self.hint else "")


class UsageError(SandboxError):
    """The command line asks for something that does not exist or does not go together."""


class SettingsError(SandboxError):
    """The settings file, or a setting in the environment, cannot be used."""


class PluginError(SandboxError):
    """A kind that another package offers cannot be used."""


class WorldError(SandboxError):
    """A world cannot be found, built or loaded."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or odd, in a file that a person wrote."""

    line: int | None
    """The line, counted from 1; None where it is about the file as a whole."""
    key: str
    """The path of keys that leads there, such as `rooms.hall.exits.north`."""
    message: str
    hint: str = ""
    """What the author can do about it, one line."""
    severity: Literal["error", "warning", "note"] = "error"
    file: str = ""
    """The file that it is in, where that is another than the one that was read."""

    def of_file(self, file: str) -> Finding:
        """The same in another file."""
        return replace(self, file=file)

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        place = f"{self.file}, {place}" if self.file and place else f"{self.file}: " if self.file else place
        key = f"{self.key}: " if self.key else ""
        return f"{place}{key}{self.message}" + (f" ({self.hint})" if self.hint else "")


class WorldFileError(WorldError):
    """A world file does not define a world. Carries all that is wrong with it, not the first thing only."""

    def __init__(self, findings: tuple[Finding, ...], *, where: Path | str | None = None) -> None:
        self.findings = findings
        first = findings[0]
        more = f", and {len(findings) - 1} more" if len(findings) > 1 else ""
        key = f"{first.key}: " if first.key else ""
        if first.file and where is not None:
            where = Path(where).parent / first.file
        super().__init__(f"{key}{first.message}{more}", where=where, line=first.line, hint=first.hint)


class CardError(SandboxError):
    """An agent's card cannot be used."""


class ModelError(SandboxError):
    """A language model cannot be found, fetched or loaded."""


class MissingExtraError(ModelError):
    """What is wanted needs packages that an extra brings, and the extra is not installed."""

    packages: ClassVar[frozenset[str]] = frozenset(
        (
            *("accelerate", "gguf", "huggingface_hub", "matplotlib", "peft", "pyarrow", "safetensors"),
            *("tokenizers", "torch", "transformers"),
        )
    )
    """What the extra `lm` brings, by what is imported."""

    @classmethod
    def of(cls, error: BaseException) -> MissingExtraError | None:
        """What an exception comes to where it, or one that it came from, is the lack of such a package."""
        seen: BaseException | None = error
        while seen is not None:
            if isinstance(seen, cls):
                return seen
            if isinstance(seen, ModuleNotFoundError) and (seen.name or "").partition(".")[0] in cls.packages:
                return cls._made(f"this needs the package {seen.name}")
            seen = seen.__cause__ or seen.__context__
        return None

    @classmethod
    def check(cls, purpose: str) -> None:
        """Raises it where language models and networks that learn cannot compute here. Imports nothing."""
        if any(find_spec(name) is None for name in ("torch", "transformers")):
            raise cls._made(f"{purpose} needs packages that are not installed")

    @classmethod
    def _made(cls, message: str) -> MissingExtraError:
        return cls(message, hint="pip install 'chat-agent-sandbox[lm]'")


class NoMemoryError(SandboxError):
    """The memory that the system gives this process is not enough for what was asked."""

    @classmethod
    def of(cls, error: BaseException) -> NoMemoryError | None:
        """What an exception comes to where it, or one that it came from, tells that there was no memory."""
        seen: BaseException | None = error
        while seen is not None:
            if isinstance(seen, cls):
                return seen
            told = (str(seen).strip() or type(seen).__name__).splitlines()[0][:200]
            lacking = isinstance(seen, MemoryError) or getattr(seen, "errno", None) == errno.ENOMEM
            if lacking or any(words in told.lower() for words in _NO_MEMORY):
                limit = resource.getrlimit(resource.RLIMIT_AS)[0]
                allowed = (
                    "" if limit == resource.RLIM_INFINITY else f"; this process may have {limit / 2**30:.1f} GiB"
                )
                return cls(f"there is not enough memory: {told}{allowed}", hint=_MORE_MEMORY)
            seen = seen.__cause__ or seen.__context__
        return None

    @classmethod
    def check_room(cls, gib: float, purpose: str) -> None:
        """Raises it where the address space is limited to less: some libraries end the process over that."""
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY and limit < gib * 2**30:
            raise cls(
                f"{purpose} takes {gib:g} GiB of address space, and this process may have {limit / 2**30:.1f}",
                hint=_MORE_MEMORY,
            )


_NO_MEMORY = (
    "cannot allocate memory",
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "failed to map segment",
    "can't start new thread",
)
_MORE_MEMORY = "raise the limit, as with `ulimit -v unlimited`, or play with the agent q-table, which needs little"


class HostError(SandboxError):
    """A server may not be asked before the user allows it; nothing was sent.

    Args:
        host: the server's, as the user has to name it.
        own: whether the card that names it is the user's own.
        allow: lets the host be asked until the program ends.
    """

    def __init__(self, host: str, *, own: bool, allow: Callable[[], None]) -> None:
        self.host = host
        self.own = own
        self.allow = allow
        if own:
            message, hint = f"the server {host} is not allowed", f"sandbox model allow {host} [--key-env NAME]"
        else:
            message = f"a card that is not your own would ask the server {host}"
            hint = f"--allow-host {host} lets it, this time"
        super().__init__(message, hint=hint)


class SaveError(SandboxError):
    """A save is missing, damaged, in use, or from another version."""


class PlayError(SandboxError):
    """A move that cannot be made: nothing to undo, no such turn, the episode is over."""
