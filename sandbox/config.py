"""Settings of the user, from the environment (`SANDBOX_THEME=...`) and a TOML file, each with a default."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from sandbox import paths
from sandbox.errors import SettingsError


class _TomlSource(PydanticBaseSettingsSource):
    """The settings file, read with the standard library."""

    def __init__(self, settings_cls: type[BaseSettings], file: Path) -> None:
        super().__init__(settings_cls)
        self.file = file

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        raise AssertionError("the source gives all values at once")

    def __call__(self) -> dict[str, Any]:
        if not self.file.is_file():
            return {}
        try:
            return tomllib.loads(self.file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise SettingsError(str(error), where=self.file, hint="mend the file or remove it") from error


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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _TomlSource(settings_cls, paths.settings_file())


def load() -> Settings:
    """The settings in force. Raises `SettingsError` where one cannot be used."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"setting {name!r}: {first['msg']}",
            where=paths.settings_file(),
            hint=f"mend it there, or in the environment as SANDBOX_{name.upper()}",
        ) from error
