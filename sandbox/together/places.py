"""Where the games are that can be joined: a record and a socket for each, in a folder of the user's own."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.errors import UsageError
from sandbox.files import read_bytes, write_bytes
from sandbox.runtime import runtime_folder
from sandbox.text import clean_line

_LARGEST = 1 << 16
_MOST = 1000
"""Records that are looked at."""


class SeatOffer(BaseModel):
    """A seat of a running game."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seat: Annotated[str, Field(max_length=200)]
    name: Annotated[str, Field(max_length=200)]
    """What the world calls it."""
    holder: Literal["agent", "host", "guest", "free"]


class GameOffer(BaseModel):
    """A running game, as whoever might join it is told of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{6,16}$")]
    title: Annotated[str, Field(max_length=400)]
    seats: Annotated[tuple[SeatOffer, ...], Field(max_length=100)]
    watchers: bool
    """Whether one may watch."""

    @property
    def free(self) -> tuple[SeatOffer, ...]:
        """Seats that somebody may take."""
        return tuple(each for each in self.seats if each.holder == "free")

    @property
    def told(self) -> str:
        """Who holds what, in a line."""
        return clean_line(", ".join(f"{each.name}: {_HOLDERS[each.holder]}" for each in self.seats))


_HOLDERS = {"agent": "an agent", "host": "whose game it is", "guest": "somebody", "free": "free"}


class GameRecord(BaseModel):
    """What a game writes down of itself, for processes of its own account."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pid: int
    key: str
    home: str
    offer: GameOffer


@dataclass(frozen=True, slots=True)
class GamePlace:
    """Where one game can be joined."""

    id: str
    folder: Path

    @classmethod
    def of(cls, game: str) -> GamePlace:
        """Raises `UsageError` where there is no safe folder."""
        return cls(game, runtime_folder())

    @property
    def socket(self) -> Path:
        return self.folder / f"game-{self.id}.sock"

    @property
    def _record(self) -> Path:
        return self.folder / f"game-{self.id}.json"

    def write(self, key: str, home: Path, offer: GameOffer) -> None:
        """Say what there is to join. Raises `OSError`."""
        record = GameRecord(pid=os.getpid(), key=key, home=str(home.resolve()), offer=offer)
        write_bytes(self._record, record.model_dump_json().encode())

    def read(self) -> GameRecord | None:
        """What the game says of itself; None where it is gone."""
        try:
            record = GameRecord.model_validate_json(read_bytes(self._record, _LARGEST))
            os.kill(record.pid, 0)
        except (OSError, ValidationError, OverflowError):
            return None
        return record if record.offer.id == self.id else None

    def leave(self) -> None:
        """Take away what is here."""
        for file in (self._record, self.socket):
            with suppress(OSError):
                file.unlink()


def running(home: Path | None = None) -> list[GameOffer]:
    """The games that can be joined, those of one home or all; records of games that are gone are taken away."""
    found = []
    for file in sorted(runtime_folder().glob("game-*.json"))[:_MOST]:
        place = GamePlace(file.stem.removeprefix("game-"), file.parent)
        record = place.read()
        if record is None:
            place.leave()
        elif home is None or record.home == str(home.resolve()):
            found.append(record.offer)
    return found


def key_of(game: str) -> str:
    """What a process of this account has to show to join. Raises `UsageError` where there is no such game."""
    record = GamePlace.of(game).read() if game.isalnum() else None
    if record is None:
        raise UsageError(f"no game {clean_line(game, 40)!r} runs here", hint="`sandbox join` lists those that do")
    return record.key
