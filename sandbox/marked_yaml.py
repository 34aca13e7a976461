"""YAML as plain data with the line of everything, within bounds.

The data is built from the parser's events, so that nothing recurses and a hostile file is refused at the first
event out of bounds. Anchors, aliases and tags are refused: nothing needs any here, and aliases explode. Scalars
are read as YAML 1.2 does it: only `true` and `false` are truth values, so that `no` and `on` stay words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from sandbox.errors import Finding
from sandbox.text import clean

MAX_BYTES = 1_000_000
MAX_DEPTH = 24
MAX_NODES = 100_000

Path = tuple[str | int, ...]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass
class Document:
    """What a YAML text holds."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    """Line of each key and list item, counted from 1."""
    findings: list[Finding] = field(default_factory=list)
    written: dict[Path, Path] = field(default_factory=dict)
    """Of what was put together: the paths at which it is written."""
    parts: dict[Path, Part] = field(default_factory=dict)
    """Of what was read from other files: which."""

    def line(self, path: Path) -> int | None:
        """The line of the path, or of the nearest thing around it, in the file where that is."""
        path = self.where(path)
        if (part := self._part(path)) is not None:
            return part.document.line(part.path + path[2:])
        while path:
            if (line := self.lines.get(path)) is not None:
                return line
            path = path[:-1]
        return None

    def file(self, path: Path) -> str:
        """The other file that a path is in; the empty text for the file itself."""
        part = self._part(self.where(path))
        return "" if part is None else part.file

    def _part(self, path: Path) -> Part | None:
        return self.parts.get(path[:2]) if self.parts else None

    def where(self, path: Path) -> Path:
        """The path at which something is written: that of its kind for what a thing has from there."""
        for length in range(len(path), 0, -1) if self.written else ():
            if (there := self.written.get(path[:length])) is not None:
                return there + path[length:]
        return path


@dataclass(frozen=True)
class Part:
    """Where something is that was read from another file."""

    file: str
    document: Document
    path: Path
    """Its path in there."""


class _RefusedError(Exception):
    def __init__(self, line: int, path: Path, message: str, hint: str = "") -> None:
        self.finding = Finding(line, dotted(path), message, hint)


def dotted(path: Path) -> str:
    """The path as a person writes it: `rules[2].do`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return clean(text).replace("\n", " ")[:200]


def read(source: str | bytes) -> Document:
    """The text as data. What is wrong with it is among the findings; then the data may be partial or None."""
    document = Document()
    try:
        text = _decode(source)
        _build(text, document)
    except _RefusedError as refused:
        document.findings.append(refused.finding)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        if mark is not None and "\t" in _margin(text, mark.line):
            tab = "a tab is among the blanks at the beginning of this line"
            document.findings.append(Finding(line, "", tab, "indent with spaces: YAML does not take tabs"))
            return document
        problem = clean(error.problem or "not YAML").replace("\n", " ")
        document.findings.append(
            Finding(line, "", f"not YAML: {problem}", "check indentation, colons and quotes around here")
        )
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        document.findings.append(
            Finding(before.count("\n") + 1, "", "a control character, or another that YAML does not allow")
        )
    return document


def _margin(text: str, line: int) -> str:
    """The blanks that a line begins with, of a list's dash or after a colon too."""
    row = text.split("\n")[line] if line < text.count("\n") + 1 else ""
    return row[: len(row) - len(row.lstrip(" \t-"))]


def _decode(source: str | bytes) -> str:
    if len(source) > MAX_BYTES:
        raise _RefusedError(1, (), f"the file is larger than {MAX_BYTES:,} bytes")
    if isinstance(source, str):
        if len(source.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            raise _RefusedError(1, (), f"the file is larger than {MAX_BYTES:,} bytes")
        text = source
    else:
        try:
            text = source.decode("utf-8")
        except UnicodeDecodeError as error:
            line = source[: error.start].count(b"\n") + 1
            raise _RefusedError(line, (), "the file is not UTF-8", "save it as UTF-8") from None
    for number, row in enumerate(text.split("\n"), 1):
        # The C parser truncates at surrogates instead of complaining.
        if any("\ud800" <= ch <= "\udfff" or ch == "\0" for ch in row):
            raise _RefusedError(number, (), "a character that no text has (a lone surrogate or NUL)")
    return text


@dataclass
class _Open:
    """A mapping or list that is being read."""

    value: dict[str, Any] | list[Any]
    path: Path
    key: str | None = None
    """In a mapping: the key whose value comes next."""
    ignored: bool = False
    """Whether the next value belongs to a key that was there before."""


def _build(text: str, document: Document) -> None:
    stack: list[_Open] = []
    nodes = 0
    documents = 0

    def place(line: int) -> Path:
        """Path of the node that begins now, its line noted."""
        if not stack:
            return ()
        top = stack[-1]
        if isinstance(top.value, list):
            path = (*top.path, len(top.value))
            document.lines[path] = line
            return path
        if top.key is None:
            raise _RefusedError(line, top.path, "a key is a mapping or a list", "put text before the colon")
        return (*top.path, top.key)

    def put(value: Any) -> None:
        if not stack:
            document.data = value
            return
        top = stack[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        else:
            assert top.key is not None
            if not top.ignored:
                top.value[top.key] = value
            top.key, top.ignored = None, False

    for event in yaml.parse(text, Loader=_LOADER):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _RefusedError(
                    line, (), "a second document begins here", "one file is one document: no '---'"
                )
        elif isinstance(event, yaml.AliasEvent):
            raise _RefusedError(
                line, stack[-1].path if stack else (), "aliases (*name) are not allowed", "write it out"
            )
        elif isinstance(event, yaml.NodeEvent):
            where = stack[-1].path if stack else ()
            nodes += 1
            if event.anchor is not None:
                raise _RefusedError(line, where, "anchors (&name) are not allowed", "put it in quotes")
            if getattr(event, "tag", None) is not None:
                raise _RefusedError(line, where, "tags (!name) are not allowed", "put it in quotes")
            if nodes > MAX_NODES:
                raise _RefusedError(line, where, f"more than {MAX_NODES:,} values")
            if isinstance(event, yaml.ScalarEvent):
                top = stack[-1] if stack else None
                if top is not None and isinstance(top.value, dict) and top.key is None:
                    _key(event, top, line, document)
                else:
                    put(_scalar(event, line, place(line)))
            else:
                if len(stack) >= MAX_DEPTH:
                    raise _RefusedError(line, where, f"nested deeper than {MAX_DEPTH} levels")
                path = place(line)
                stack.append(_Open({} if isinstance(event, yaml.MappingStartEvent) else [], path))
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            put(stack.pop().value)


def _key(event: yaml.ScalarEvent, top: _Open, line: int, document: Document) -> None:
    key = event.value
    assert isinstance(top.value, dict)
    path = (*top.path, key)
    if key in top.value:
        first = document.lines[path]
        document.findings.append(
            Finding(line, dotted(path), f"the key is there twice, first in line {first}", "keep one of them")
        )
        top.ignored = True
    else:
        document.lines[path] = line
        top.value[key] = None
    top.key = key


def _scalar(event: yaml.ScalarEvent, line: int, path: Path) -> Any:
    text: str = event.value
    if not event.implicit[0]:  # quoted, or a block
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.fullmatch(text):
        if len(text) > 15:
            raise _RefusedError(line, path, "a number with too many digits")
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text[:40])
    return text
