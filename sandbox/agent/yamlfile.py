"""YAML that a stranger may have written: bounded, without aliases and tags, and each value knows its line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.errors import CardError

MAX_BYTES = 64 * 1024
MAX_DEPTH = 16

Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: plain values, and the line (from 1) of each key and item."""

    value: Any
    lines: dict[Key, int]

    def line(self, key: Key) -> int | None:
        """The line of a key, or of the nearest thing around it that has one."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key)


def read(path: Path) -> Document:
    """Read and parse a file. Raises `CardError`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CardError(f"cannot be read: {error.strerror or error}", where=path) from error
    if len(data) > MAX_BYTES:
        raise CardError(f"longer than {MAX_BYTES // 1024} KiB", where=path, mend="a card is a page of text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CardError("not UTF-8 text", where=path, mend="save it as UTF-8") from error
    return parse(text, path)


def parse(text: str, where: Path | str) -> Document:
    """Parse YAML into dicts, lists and scalars. Raises `CardError` with the line."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines: dict[Key, int] = {}
        return Document(None if node is None else _value(loader, node, (), lines), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise CardError(
            error.problem or "not valid YAML", where=where, line=mark.line + 1 if mark else None
        ) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise CardError(f"not valid YAML: {str(error).splitlines()[0]}", where=where) from error
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """The safe loader, which lets aliases through: a few hundred bytes of them can unfold to gigabytes."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _error("aliases (*name) are not allowed here", event)
        if self.depth >= MAX_DEPTH:
            raise _error("nested too deeply", event)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def _error(problem: str, at: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)


def _value(loader: _Loader, node: yaml.Node, key: Key, lines: dict[Key, int]) -> Any:
    lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
        return [_value(loader, item, (*key, i), lines) for i, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _error("a key must be a word", key_node)
            name = str(key_node.value)
            if name in mapping:
                raise _error(f"{name!r} is given twice", key_node)
            lines[(*key, name)] = key_node.start_mark.line + 1
            mapping[name] = _value(loader, value_node, (*key, name), lines)
        return mapping
    return loader.construct_object(node)
