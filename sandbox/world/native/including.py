"""A world in several files: what `include` names is added to the document, with the lines of its own file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox import marked_yaml
from sandbox.errors import Finding
from sandbox.files import read_bytes
from sandbox.marked_yaml import Document, Part, dotted
from sandbox.text import did_you_mean

MAX_FILES = 50
SECTIONS = (
    *("seats", "variables", "rooms", "kinds", "things", "characters", "verbs", "rules", "events", "endings"),
    *("messages", "items"),
)
"""What an included file may hold."""


@dataclass(slots=True)
class _Including:
    """The files of one world."""

    document: Document
    folder: Path
    main: str
    left: int
    """Bytes that may still be read."""
    digest: Any
    open: list[str] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    owner: dict[tuple[str, str], str] = field(default_factory=dict)
    """Which file something is from, by section and name."""

    def take(self, document: Document, file: str) -> None:
        """Read the files that a document includes, after it has been added itself."""
        data = document.data if isinstance(document.data, dict) else {}
        names = data.get("include", [])
        for number, name in enumerate(
            [names] if isinstance(names, str) else names if isinstance(names, list) else []
        ):
            path = ("include", number) if isinstance(names, list) else ("include",)
            if isinstance(name, str):
                self._one(document, file, path, name)

    def _one(self, document: Document, file: str, path: marked_yaml.Path, name: str) -> None:
        def fault(message: str, hint: str = "") -> None:
            where = "" if file == self.main else file
            self.findings.append(Finding(document.line(path), dotted(path), message, hint, file=where))

        root = self.folder.resolve()
        try:
            there = (self.folder / name).resolve()
        except (OSError, ValueError, RuntimeError):
            fault(f"{name[:80]!r} is no name of a file")
            return
        if Path(name).is_absolute() or not there.is_relative_to(root):
            fault(f"{name!r} is outside the world's folder", "name a file in it, such as things.yaml")
            return
        known = there.relative_to(root).as_posix()
        if there.suffix not in (".yaml", ".yml"):
            fault(f"{name!r} is no YAML file", "its name ends in .yaml")
        elif known in self.open:
            fault(f"{name!r} includes itself: {' -> '.join([*self.open, known])}", "leave one of them out")
        elif known in self.done:
            fault(f"{name!r} is included already", "once is enough")
        elif len(self.done) >= MAX_FILES:
            fault(f"more than {MAX_FILES} files are included")
        else:
            self.done.add(known)
            try:
                raw = read_bytes(there, self.left + 1)
            except OSError as error:
                beside = [p.relative_to(root).as_posix() for p in root.glob("**/*.y*ml")][:200]
                fault(f"{name!r} cannot be read: {error.strerror or error}", did_you_mean(name, beside))
                return
            if len(raw) > self.left:
                fault(f"the world's files are larger than {marked_yaml.MAX_BYTES:,} bytes together")
                return
            self.left -= len(raw)
            self.digest.update(known.encode() + b"\0" + raw)
            self._add(known, marked_yaml.read(raw))

    def _add(self, file: str, document: Document) -> None:
        """What a file holds, added to what there is."""
        self.findings += [f.of_file(file) for f in document.findings]
        if not isinstance(document.data, dict):
            if not document.findings:
                self.findings.append(
                    Finding(1, "", "the file holds no keys", "write sections, as 'things: ...'", file=file)
                )
            return
        for section, value in document.data.items():
            if section == "include":
                continue
            path = (section,)
            fits = isinstance(value, (dict, list)) and isinstance(self.data.get(section, value), type(value))
            if section not in SECTIONS or not fits:
                hint = did_you_mean(section, SECTIONS, otherwise=f"there are: {', '.join(SECTIONS)}")
                what = (
                    "is no section"
                    if section not in SECTIONS
                    else "is not as in the other files: a mapping or a list"
                )
                self.findings.append(Finding(document.line(path), section, f"{section!r} {what}", hint, file=file))
            elif isinstance(value, list):
                before = self.data.setdefault(section, [])
                for number in range(len(value)):
                    self.document.parts[section, len(before) + number] = Part(file, document, (section, number))
                self.data[section] = [*before, *value]
            else:
                self._merge(section, value, file, document)
        self.open.append(file)
        self.take(document, file)
        self.open.pop()

    def _merge(self, section: str, value: Mapping[str, Any], file: str, document: Document) -> None:
        there = self.data.setdefault(section, {})
        added: dict[str, Any] = {}
        for name, each in value.items():
            if name in there:
                message = f"{name!r} is among the {section} of {self.owner.get((section, name), self.main)} too"
                self.findings.append(
                    Finding(
                        document.line((section, name)), dotted((section, name)), message, "rename one", file=file
                    )
                )
                continue
            added[name] = each
            self.owner[section, name] = file
            self.document.parts[section, name] = Part(file, document, (section, name))
        self.data[section] = {**there, **added}


def with_included(document: Document, folder: Path | None, file: str) -> tuple[list[Finding], bytes]:
    """Add what a document's files hold to its data. Answers what is wrong with them, and a digest of their bytes.

    Args:
        document: of the world file itself.
        folder: where it lies, and all that it may include; None for a text that is in no file.
        file: its name, for messages.
    """
    data = document.data
    if not isinstance(data, dict) or "include" not in data:
        return [], b""
    if folder is None:
        here = Finding(
            document.line(("include",)), "include", "a text that is in no file includes none", "save it first"
        )
        return [here], b""
    left = marked_yaml.MAX_BYTES
    work = _Including(document, folder, file, left, hashlib.sha256(), open=[file], data=dict(data))
    work.take(document, file)
    document.data = work.data
    return work.findings, work.digest.digest()
