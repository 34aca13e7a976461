"""Edits of a YAML text that touch nothing else: comments, order, quotes and blank lines stay to the byte.

The text is parsed for the places of its values, the edit is made by offsets, and what comes out is read again: it
has to hold just the data that the edit was to bring about, or the edit is refused. Paths are those of
`marked_yaml`: keys, and numbers of list items.
"""

from __future__ import annotations

import copy
import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import yaml

from sandbox import marked_yaml
from sandbox.errors import WorldError, WorldFileError
from sandbox.marked_yaml import Path

WIDTH = 100
"""Columns that a text may take before it is folded."""
BLOCK_DEPTH = 2
"""Values down to this depth are written on lines of their own; deeper ones in braces, as in `{to: hall}`."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BLANK = re.compile(r"[ \t]*\r?\n?")
_REMARK = re.compile(r"[ \t]*#[^\r\n]*")


def data_of(text: str) -> Any:
    """What the text holds. Raises `WorldFileError` where it is not YAML as worlds may be written in."""
    document = marked_yaml.read(text)
    if document.findings:
        raise WorldFileError(tuple(document.findings))
    return document.data


def put(text: str, path: Path, value: Any, *, order: Sequence[str] = ()) -> str:
    """The text with a value at a path, in place of what is there or as a new entry.

    Args:
        text: holds a mapping.
        path: leads through mappings; the last keys of it may be missing.
        value: plain data.
        order: of the keys in the mapping that a new entry goes into: it is put behind those that come earlier.

    Raises:
        WorldError: the value cannot be put there.
    """
    expected = data_of(text)
    inner = expected
    depth = 0
    while depth < len(path) - 1 and isinstance(inner, (dict, list)) and _holds(inner, path[depth]):
        inner, depth = _at(inner, path[depth : depth + 1]), depth + 1
    step: Any = path[depth]
    if not isinstance(inner, (dict, list)):
        raise WorldError(
            f"{marked_yaml.dotted(path[:depth])} holds no keys", hint="write it out in the file first"
        )
    for inside in reversed(path[depth + 1 :]):
        value = {str(inside): value}
    path = path[: depth + 1]
    there = _holds(inner, step)
    inner[step] = copy.deepcopy(value)
    return _checked(_replaced(text, path, value) if there else _added(text, path, value, order), expected)


def drop(text: str, path: Path) -> str:
    """The text without an entry of a mapping; an emptied mapping goes too, unless it is a thing or room."""
    expected = data_of(text)
    while len(path) > 1 and len(_at(expected, path[:-1])) == 1:
        path = path[:-1]
        if len(path) == BLOCK_DEPTH:
            return put(text, path, {})
    del _at(expected, path[:-1])[path[-1]]
    node, number = _entry(text, path)
    return _checked((_cut_flow if node.flow_style else _cut_block)(text, node, number), expected)


def rename(text: str, path: Path, key: str, values: Iterable[Path] = ()) -> str:
    """The text with another key for an entry, and that key as the value at some other places."""
    expected = data_of(text)
    for place in values:
        _at(expected, place[:-1])[place[-1]] = key
    holder = _at(expected, path[:-1])
    entries = [(key if old == path[-1] else old, value) for old, value in holder.items()]
    holder.clear()
    holder.update(entries)
    node, number = _entry(text, path)
    spans = [(_span(text, node.value[number][0]), _key(key))]
    spans += [(_span(text, _value(text, place)), _scalar(key, flow=True)) for place in values]
    for (start, end), new in sorted(spans, reverse=True):
        text = text[:start] + new + text[end:]
    return _checked(text, expected)


def _checked(text: str, expected: Any) -> str:
    document = marked_yaml.read(text)
    if document.findings or document.data != expected:
        raise WorldError(
            "the file is written in a way that this edit cannot follow", hint="make the change in the file itself"
        )
    return text


# Finding places.


def _holds(value: Any, step: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and 0 <= step < len(value)
    return isinstance(value, dict) and step in value


def _at(data: Any, path: Path) -> Any:
    for step in path:
        data = data[step]
    return data


def _value(text: str, path: Path) -> Any:
    """The node of a value; PyYAML's nodes differ in what they have."""
    node: Any = yaml.compose(text, Loader=_LOADER)
    for step in path:
        if isinstance(node, yaml.SequenceNode):
            node = node.value[step]
        else:
            node = next(value for key, value in node.value if key.value == step)
    return node


def _entry(text: str, path: Path) -> tuple[yaml.MappingNode, int]:
    """The mapping that an entry is in, and the entry's number there."""
    node = _value(text, path[:-1])
    return node, [key.value for key, _ in node.value].index(path[-1])


def _span(text: str, node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.index, _end(text, node)


def _end(text: str, node: yaml.Node) -> int:
    """Where a value ends, without what the parser takes along behind it: blank lines, comments."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    start, end = node.start_mark.index, node.end_mark.index
    return start + len(text[start:end].rstrip())


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def _line_end(text: str, offset: int) -> int:
    """Just behind the line break that follows."""
    found = text.find("\n", offset)
    return len(text) if found < 0 else found + 1


def _after(text: str, node: yaml.Node, column: int) -> int:
    """Where the next entry would begin: behind the value's last line and comments that are further in."""
    offset = _line_end(text, _end(text, node))
    while found := re.compile(r"( *)#").match(text, offset):
        if len(found[1]) <= column:
            break
        offset = _line_end(text, offset)
    return offset


def _on_top(text: str, node: yaml.MappingNode, otherwise: int) -> int:
    """Where a new first entry would begin, if that comes between nothing that belongs together."""
    key = node.value[0][0].start_mark.index
    start = _line_start(text, key)
    above = text[_line_start(text, start - 1) : start].strip() if start else "#"
    return otherwise if text[start:key].strip() or not above.endswith(":") else start


def _blank_before(text: str, offset: int) -> bool:
    """Whether the line above is empty."""
    above = _line_start(text, offset - 1) if offset else 0
    return bool(offset) and not text[above:offset].strip()


def _spaced(text: str, node: yaml.MappingNode) -> bool:
    """Whether the entries of a mapping have empty lines between them."""
    starts = []
    for key, _ in node.value[1:]:
        start = _line_start(text, key.start_mark.index)
        while start and text[_line_start(text, start - 1) : start].lstrip().startswith("#"):
            start = _line_start(text, start - 1)
        starts.append(_blank_before(text, start))
    return bool(starts) and sum(starts) * 2 > len(starts)


# Changing.


def _added(text: str, path: Path, value: Any, order: Sequence[str]) -> str:
    node = _value(text, path[:-1])
    key = path[-1]
    if not isinstance(node, yaml.MappingNode) or not isinstance(key, str):
        raise WorldError(f"{marked_yaml.dotted(path[:-1])} is a list", hint="add to it in the file itself")
    if node.flow_style:
        written = f"{_key(key)}: {_flow(value)}"
        at = _end(text, node.value[-1][1]) if node.value else node.start_mark.index + 1
        return text[:at] + (", " if node.value else "") + written + text[at:]
    last = node.value[-1][1]
    column = node.value[0][0].start_mark.column
    at = _after(text, last, column)
    if key in order:
        before = set(order[: order.index(key)])
        earlier = next((v for k, v in reversed(node.value) if k.value in before), None)
        at = _after(text, earlier, column) if earlier else _on_top(text, node, at)
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = list(_lines(key, value, column, len(path)))
    if _spaced(text, node):
        lines.insert(0, "")
    written = "".join(line + newline for line in lines)
    if at and not text[:at].endswith("\n"):
        written = newline + written
    return text[:at] + written + text[at:]


def _replaced(text: str, path: Path, value: Any) -> str:
    node = _value(text, path)
    start, end = _span(text, node)
    parent = _value(text, path[:-1])
    if parent.flow_style:
        return text[:start] + _flow(value) + text[end:]
    rest = text[end : _line_end(text, end)]
    plain = node.flow_style if isinstance(node, yaml.CollectionNode) else node.style not in ("|", ">")
    if plain and text[start:end]:
        new = _flow(value, flow=False) if rest.strip() else _long(value, parent.start_mark.column)
        return text[:start] + new.replace("\n", "\r\n" if "\r\n" in text else "\n") + text[end:]
    # The value stands on lines of its own, or is missing: begin where its key ends.
    start = _key_end(text, parent, path[-1])
    remark = _REMARK.match(text, start)
    new = _flow(value, flow=False) if remark else _long(value, parent.start_mark.column)
    new = " " + new.replace("\n", "\r\n" if "\r\n" in text else "\n") + (remark[0] if remark else "")
    return text[:start] + new + text[max(end, start) :]


def _key_end(text: str, parent: yaml.Node, step: str | int) -> int:
    """Behind the colon of a key, or the dash of a list item."""
    if isinstance(parent, yaml.SequenceNode):
        return text.rindex("-", 0, parent.value[step].start_mark.index) + 1
    key = next(key for key, _ in parent.value if key.value == step)
    return text.index(":", _end(text, key)) + 1


def _cut_block(text: str, node: yaml.MappingNode, number: int) -> str:
    key, value = node.value[number]
    start = _line_start(text, key.start_mark.index)
    if text[start : key.start_mark.index].strip():
        raise WorldError("an entry that begins a list item cannot be taken out", hint="change the file itself")
    end = max(_after(text, value, key.start_mark.column), _line_end(text, _key_end(text, node, key.value)))
    last = number == len(node.value) - 1
    if _blank_before(text, start) and (last or end == len(text) or not text[end : _line_end(text, end)].strip()):
        start = _line_start(text, start - 1)
    return text[:start] + text[end:]


def _cut_flow(text: str, node: yaml.MappingNode, number: int) -> str:
    key, value = node.value[number]
    start, end = key.start_mark.index, max(_end(text, value), _end(text, key))
    if number + 1 < len(node.value):
        return text[:start] + text[node.value[number + 1][0].start_mark.index :]
    comma = text.index(",", _end(text, node.value[number - 1][1]))
    while text[start - 1] in " \t":
        start -= 1
    between = text[comma + 1 : start]
    return text[:comma] + between + text[end:]


# Writing.


def _lines(key: str, value: Any, column: int, depth: int) -> Iterator[str]:
    """An entry of a mapping in block style."""
    indent = " " * column
    if isinstance(value, dict) and value and depth <= BLOCK_DEPTH:
        yield f"{indent}{_key(key)}:"
        for inner, content in value.items():
            yield from _lines(inner, content, column + 2, depth + 1)
    else:
        yield from f"{indent}{_key(key)}: {_long(value, column)}".split("\n")


def _long(value: Any, column: int) -> str:
    """A value in a block: on one line if it fits, else as a folded text."""
    written = _flow(value, flow=False)
    if not isinstance(value, str) or (len(written) + column <= WIDTH and "\\n" not in written):
        return written
    indent = " " * (column + 2)
    if "\n" in value:
        block = "|-\n" + "\n".join(indent + line if line else "" for line in value.split("\n"))
    else:
        rows = textwrap.wrap(value, WIDTH - column - 2, break_long_words=False, break_on_hyphens=False)
        block = ">-\n" + "\n".join(indent + row for row in rows)
    inside = " " * column
    same = marked_yaml.read(f"k:\n{inside}  k: {block.replace(chr(10), chr(10) + '  ')}\n")
    return block if same.data == {"k": {"k": value}} else written


def _flow(value: Any, *, flow: bool = True) -> str:
    """A value on one line; its lists and mappings in brackets."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {_flow(content)}" for key, content in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return _scalar(value, flow=flow)


def _scalar(value: Any, *, flow: bool) -> str:
    """A scalar, in quotes where it would read as something else without, here or in an older kind of YAML."""
    if not isinstance(value, str):
        return json.dumps(value)
    around = "{{k: {}}}" if flow else "k: {}"
    return next(each for each in _quoted(value) if _reads(around.format(each), {"k": value}))


def _key(key: str) -> str:
    return next(each for each in _quoted(key) if _reads(f"{{{each}: 0}}", {key: 0}))


def _quoted(text: str) -> Iterator[str]:
    if "\n" not in text:
        yield text
        if '"' not in text and "\\" not in text:
            yield f'"{text}"'
        yield "'" + text.replace("'", "''") + "'"
    yield json.dumps(text, ensure_ascii=False)


def _reads(source: str, data: Any) -> bool:
    if marked_yaml.read(source).data != data:
        return False
    try:
        return bool(yaml.load(source, Loader=_LOADER) == data)
    except yaml.YAMLError:
        return False
