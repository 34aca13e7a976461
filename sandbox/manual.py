"""Parts of the manual that are written from the code: tables of fields of models, and their place in a page."""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

Naming = Callable[[Any], str | None]
"""What a type is called in a manual; None leaves it to `type_words`, and empty leaves it out of the choices."""


@dataclass(frozen=True, slots=True)
class PagePart:
    """The part of a page between two comments.

    Args:
        begin: the comment before it.
        end: the comment after it.
        body: writes it.
    """

    begin: str
    end: str
    body: Callable[[], str]

    def updated(self, page: str) -> str:
        """The page with this part written anew."""
        before, _, rest = page.partition(self.begin)
        _, _, after = rest.partition(self.end)
        return f"{before}{self.begin}\n\n{self.body()}\n{self.end}{after}"

    def main(self) -> None:
        """Bring the pages up to date that the command line names."""
        for name in sys.argv[1:]:
            file = Path(name)
            file.write_text(self.updated(file.read_text(encoding="utf-8")), encoding="utf-8")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    return [_row(header), f"|{'---|' * len(header)}", *map(_row, rows)]


def one_line(text: str | None) -> str:
    """A docstring in one line, as a table's cell."""
    return " ".join((text or "").split()).replace("|", "\\|")


def choices(annotation: Any) -> Iterator[Any]:
    """The types that a value may have, out of unions and without `Annotated`."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        yield from choices(arguments[0])
    elif origin in (typing.Union, types.UnionType):
        for argument in arguments:
            yield from choices(argument)
    else:
        yield annotation


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a type leads to, through unions, lists, mappings and `Annotated`, in their order."""
    if is_model(annotation):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from models_in(argument)


def is_model(annotation: Any) -> bool:
    """Whether a type is one of pydantic's models."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def type_words(annotation: Any, named: Naming) -> str:
    """What a value may be, in words."""
    if (known := named(annotation)) is not None:
        return known
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return type_words(arguments[0], named)
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(filter(None, (type_words(each, named) for each in arguments))))
    if origin is tuple:
        return f"list of {type_words(arguments[0], named)}"
    if origin is dict:
        return f"mapping of {type_words(arguments[1], named)}"
    raise TypeError(f"{annotation!r} has no name in the manual")


def _row(cells: Sequence[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)
