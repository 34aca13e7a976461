"""References such as `tw:coin?level=5&seed=1`: a kind of game and its options, in one spelling only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, TypeVar
from urllib.parse import parse_qsl, urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.errors import WorldError
from sandbox.text import did_you_mean

Seed = Annotated[int, Field(ge=0, lt=2**32)]


class GameOptions(BaseModel):
    """Options of one kind of game."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shown: ClassVar[tuple[str, ...]] = ()
    """Those that the canonical reference always writes out; the seed is one of them."""
    seed: Seed = 0


Options = TypeVar("Options", bound=GameOptions)


def canonical(prefix: str, kind: str, options: GameOptions) -> str:
    """The reference with the same meaning in one spelling only."""
    fields = type(options).model_fields
    values = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in options.model_dump().items()
        if name != "seed" and (name in options.shown or value != fields[name].default)
    }
    return f"{prefix}{kind}?{urlencode({**values, 'seed': options.seed})}"


def parse(reference: str, prefix: str, kinds: Mapping[str, type[Options]], *, maker: str) -> tuple[str, Options]:
    """The kind in a reference and its options. Raises `WorldError` naming the near miss.

    Args:
        reference: `PREFIX` `KIND?NAME=VALUE&...`.
        prefix: what it begins with, the colon included.
        kinds: the kinds there are, with the options of each.
        maker: who makes such games, for messages.
    """
    kind, _, query = reference.removeprefix(prefix).partition("?")
    if kind not in kinds:
        raise WorldError(
            f"{maker} makes no {kind!r} games", where=reference, hint=_suggest(kind, list(kinds), "they are")
        )
    options = kinds[kind]
    example = canonical(prefix, kind, options())
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=32)
    except ValueError as error:
        raise WorldError(
            "the options cannot be read", where=reference, hint=f"write them as in {example}"
        ) from error
    names = [name for name, _ in pairs]
    for name in names:
        if name not in options.model_fields:
            known = [field for field in options.model_fields if field != "seed"] + ["seed"]
            raise WorldError(
                f"{kind} games have no option {name!r}", where=reference, hint=_suggest(name, known, "options are")
            )
        if names.count(name) > 1:
            raise WorldError(f"option {name!r} is given twice", where=reference, hint="leave one out")
    try:
        return kind, options.model_validate(dict(pairs))
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        option = f"option {first['loc'][0]!r}: " if first["loc"] else ""
        raise WorldError(f"{option}{message}", where=reference, hint=f"such as {example}") from error


def _suggest(name: str, known: list[str], otherwise: str) -> str:
    return did_you_mean(name, known, otherwise=f"{otherwise} {', '.join(known)}")
