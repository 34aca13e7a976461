"""Settings of the user, from the environment (`SANDBOX_THEME=...`) and a TOML file, each with a default."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as SourceError

from sandbox import files, paths
from sandbox.errors import SettingsError
from sandbox.hosts import host_name, variable_name
from sandbox.text import clean_line
from sandbox.types import Device, Dtype

MAX_BYTES = 1_000_000
TOUR = "tutorial"
"""The world that teaches the game."""


class Host(BaseModel):
    """A server that may be asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_env: Annotated[str, AfterValidator(variable_name)] | None = None
    """The NAME of the environment variable that holds the key for this host, never the key. None sends none."""


class RemoteSettings(BaseModel):
    """Language models on servers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hosts: dict[Annotated[str, AfterValidator(host_name)], Host] = Field(default_factory=dict)
    """The servers that cards may name, each with its key: `sandbox model allow HOST` writes one."""


class Settings(BaseSettings):
    """What a user can set once for all runs."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_", extra="ignore", frozen=True)

    agent: str = "lm-q"
    """Card of the agent that plays when none is named."""
    world: str = "tw:custom?rooms=5&objects=8&quest=5&seed=3"
    """World that opens when none is named."""
    annotator: str = "anonymous"
    """Pseudonym that feedback is recorded under."""
    theme: str = "textual-dark"
    """Theme of the screen; the palette (Ctrl+P) lists them."""
    speed: float = Field(default=1.0, ge=0.1, le=20.0)
    """Decisions per second at most while an agent runs by itself."""
    keys: dict[str, str] = Field(default_factory=dict)
    """Other keys for what the screen does, by the names that F1 shows: `step = "f10"`; several with commas."""
    threads: int = Field(default=0, ge=0, le=256)
    """Threads for the language model; 0 takes the number of physical cores the process may use."""
    device: Device = "auto"
    """Where language models compute: `cpu`, `cuda`, `mps` or `xpu`; `auto` goes by the card, else takes the best
    there is."""
    dtype: Dtype = "auto"
    """What they compute with: `float32`, `bfloat16` or `float16`; `auto` goes by the card, else takes float32 on
    a CPU and bfloat16 on a GPU."""
    model_process: bool = True
    """Whether local language models compute in a process of their own, which all games share, or in the game's."""
    remote: RemoteSettings = RemoteSettings()
    """Which servers may be asked, and with which keys."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, InitSettingsSource(settings_cls, read(paths.settings_file()))


def read(file: Path) -> dict[str, Any]:
    """What a settings file says; nothing where there is none. Raises `SettingsError`."""
    try:
        if not file.is_file():
            return {}
        if file.stat().st_size > MAX_BYTES:
            raise SettingsError("is far too long", where=file, hint="correct the file or remove it")
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"cannot be read: {error.strerror}", where=file, hint="see to its permissions"
        ) from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"is no TOML: {error}", where=file, hint="correct the file or remove it") from error


def allow(host: str, key_env: str | None = None) -> Path:
    """Write into the settings file that a host may be asked, and with which key; all else in it stays as it is.

    Args:
        host: its name, or a URL on it.
        key_env: name of the environment variable with its key; None sends none.

    Returns the file. Raises `SettingsError` where one of the two is none, or the file cannot be written.
    """
    file = paths.settings_file()
    try:
        name = host_name(host)
    except ValueError as error:
        raise SettingsError(f"HOST {error}") from error
    try:
        entry = {} if key_env is None else {"key_env": variable_name(key_env)}
    except ValueError as error:
        raise SettingsError(f"--key-env {error}") from error
    before = read(file)
    text = file.read_text(encoding="utf-8") if before or file.is_file() else ""
    header = f'[remote.hosts."{name}"]'
    table = re.compile(rf"^{re.escape(header)}[ \t]*\n(?:(?!\[).*\n?)*", re.MULTILINE)
    kept = table.sub("", text).rstrip("\n")
    lines = [*([kept, ""] if kept else []), header, *(f'{key} = "{value}"' for key, value in entry.items()), ""]
    written = "\n".join(lines)
    by_hand = f"write it there by hand: {' '.join(lines[-3:]).strip()}"
    try:
        now = tomllib.loads(written)
        found = now.get("remote", {}).get("hosts", {}).pop(name, None)
        before.get("remote", {}).get("hosts", {}).pop(name, None)
        if found != entry or _without_empty(now) != _without_empty(before):
            raise SettingsError("is written in a way that cannot be added to", where=file, hint=by_hand)
        files.write_bytes(file, written.encode())
    except ValueError as error:
        raise SettingsError("is written in a way that cannot be added to", where=file, hint=by_hand) from error
    except OSError as error:
        raise SettingsError(f"cannot be written: {error.strerror}", where=file, hint=by_hand) from error
    return file


def _without_empty(table: Any) -> Any:
    if not isinstance(table, dict):
        return table
    inner = {key: _without_empty(value) for key, value in table.items()}
    return {key: value for key, value in inner.items() if value != {}}


def load() -> Settings:
    """The settings in force. Raises `SettingsError` where one cannot be used."""
    try:
        return Settings()
    except SourceError as error:
        raise SettingsError(str(error), hint="correct it in the environment") from error
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"] if part != "[key]")
        variable = str(first["loc"][0]).upper()
        raise SettingsError(
            f"setting {clean_line(name)!r}: {first['msg'].removeprefix('Value error, ')}",
            where=paths.settings_file(),
            hint=f"correct it there, or in the environment as SANDBOX_{variable}",
        ) from error
