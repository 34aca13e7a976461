"""A Gymnasium space of text in any script."""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence, Set
from typing import Any, overload

import numpy as np
from gymnasium import spaces

from sandbox.text import clean

_TYPED = string.ascii_letters + string.digits + " "


class _CodePoints(Sequence[str], Set[str]):
    """All characters, numbered by code point, without keeping a table of a million of them."""

    def __len__(self) -> int:
        return 0x110000

    def __contains__(self, character: object) -> bool:
        return isinstance(character, str) and len(character) == 1 and clean(character) == character

    def __iter__(self) -> Iterator[str]:
        return (chr(code) for code in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        return [chr(code) for code in range(len(self))[index]] if isinstance(index, slice) else chr(int(index))

    def __hash__(self) -> int:
        return hash(_CodePoints)


_CODE_POINTS = _CodePoints()


class UnicodeText(spaces.Text):
    """Clean text in any script: no control characters and no terminal escapes, see `sandbox.text.clean`.

    `gymnasium.spaces.Text` keeps a table of its character set, which for all of Unicode would take a hundred
    megabytes in each environment. Samples are ASCII letters, digits and blanks: what could be typed.

    Args:
        max_length: in characters.
        min_length: in characters.
    """

    def __init__(
        self, max_length: int, *, min_length: int = 0, seed: int | np.random.Generator | None = None
    ) -> None:
        super().__init__(max_length, min_length=min_length, charset=_TYPED, seed=seed)

    def contains(self, x: Any) -> bool:
        return isinstance(x, str) and self.min_length <= len(x) <= self.max_length and clean(x) == x

    @property
    def character_set(self) -> Any:
        return _CODE_POINTS

    @property
    def character_list(self) -> Any:
        return _CODE_POINTS

    def character_index(self, char: str) -> np.int32:
        return np.int32(ord(char))

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """Random letters, digits and blanks. Masks over a million characters are refused."""
        if mask is not None or probability is not None:
            raise ValueError(
                "text in any script cannot be sampled under a mask: choose from the admissible commands"
            )
        length = int(self.np_random.integers(self.min_length, self.max_length + 1))
        return "".join(_TYPED[i] for i in self.np_random.integers(len(_TYPED), size=length))

    def __repr__(self) -> str:
        return f"UnicodeText({self.min_length}, {self.max_length})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, UnicodeText)
            and self.min_length == other.min_length
            and self.max_length == other.max_length
        )

    __hash__ = None  # type: ignore[assignment]
