"""The reference of the Python API, from the docstrings: `python -m sandbox.cli.api_reference`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

FILE = Path("docs/api.md")
MODULES = (
    *("sandbox.api", "sandbox.tune", "sandbox.envs", "sandbox.types", "sandbox.abilities"),
    *("sandbox.rl.tabular", "sandbox.testing"),
)
"""What other programs may stand on, in the order of the page."""

_SECTION = re.compile(r"^(Args|Returns|Raises|Attributes):$")
_ITEM = re.compile(r"^    ([\w*, ]+):\s+(.*)$")


def markdown() -> str:
    """The whole reference as one page."""
    parts = ["# Python", "", "Generated from the docstrings by `make docs`.", ""]
    for name in MODULES:
        module = import_module(name)
        parts += [f"## `{name}`", "", *_prose(module), ""]
        for each in _public(module):
            parts += _entry(each)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).strip() + "\n"


def _public(module: ModuleType) -> Iterator[Any]:
    """The classes and functions that a module offers: those of `__all__`, or all that it defines."""
    named = getattr(module, "__all__", None)
    for name in named or vars(module):
        each = getattr(module, name)
        own = inspect.isclass(each) or inspect.isfunction(each)
        if own and not name.startswith("_") and (named or each.__module__ == module.__name__):
            yield each


def _entry(each: Any) -> list[str]:
    lines = [f"### `{each.__name__}`", ""]
    if inspect.isfunction(each):
        return [*lines, *_signature(each, each.__name__), *_prose(each), ""]
    lines += [*_signature(each, each.__name__), *_prose(each), ""]
    for name, member in vars(each).items():
        if name.startswith("_"):
            continue
        function = getattr(member, "__func__", member)
        if isinstance(member, property):
            lines.append(f"- `{name}`{_first(member)}")
        elif inspect.isfunction(function):
            lines.append(f"- `{name}{_arguments(function)}`{_first(function)}")
    return [*lines, ""]


class _AsWritten:
    """Text that stands in a signature without quotes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _arguments(function: Any) -> str:
    """A signature on one line, with the types as they are written; defaults that are functions are left out."""
    signature = inspect.signature(function)
    parameters = []
    for each in signature.parameters.values():
        default, annotation = each.default, each.annotation
        if default is not each.empty and (callable(default) or repr(default).startswith("<")):
            default = _AsWritten("...")
        if isinstance(annotation, str):
            annotation = _AsWritten(annotation)
        parameters.append(each.replace(default=default, annotation=annotation))
    returned = signature.return_annotation
    returned = _AsWritten(returned) if isinstance(returned, str) else returned
    return str(signature.replace(parameters=parameters, return_annotation=returned))


def _signature(each: Any, name: str) -> list[str]:
    if inspect.isclass(each) and getattr(each, "_is_protocol", False):
        return []
    try:
        return ["```text", f"{name}{_arguments(each)}", "```", ""]
    except (TypeError, ValueError):
        return []


def _first(each: Any) -> str:
    """The first paragraph of a docstring, on one line, behind a colon; empty without one."""
    said = " ".join((inspect.getdoc(each) or "").partition("\n\n")[0].split())
    return f": {said}" if said else ""


def _prose(each: Any) -> list[str]:
    """A docstring as Markdown: what it says of arguments and errors as lists."""
    lines, inside = [], False
    for line in (inspect.getdoc(each) or "").splitlines():
        if _SECTION.match(line):
            lines += [f"**{line[:-1]}**", ""]
            inside = True
        elif inside and (found := _ITEM.match(line)):
            lines.append(f"- `{found[1]}`: {found[2]}")
        else:
            lines.append(line[4:] if inside else line)
    return lines


if __name__ == "__main__":
    FILE.write_text(markdown(), encoding="utf-8")
