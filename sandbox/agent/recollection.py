"""What an agent remembers of the things in a command: one plain sentence, which stands before its own words.

A small model that is to say something of a command seldom looks back far enough to say something true. So what
its seat has read is looked up for it, and it puts that into its own words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sandbox.agent.recall import Recall, direction

_FORMS = (
    ("take", re.compile(r"take (?P<thing>.+?) from (?P<holder>.+)")),
    ("take", re.compile(r"take (?P<thing>.+)")),
    ("unlock", re.compile(r"unlock (?P<thing>.+) with (?P<key>.+)")),
    ("lock", re.compile(r"lock (?P<thing>.+) with (?P<key>.+)")),
    ("put", re.compile(r"(?:put|insert) (?P<thing>.+?) (?P<on>on|in|into) (?P<holder>.+)")),
    ("open", re.compile(r"open (?P<thing>.+)")),
    ("close", re.compile(r"close (?P<thing>.+)")),
    ("drop", re.compile(r"drop (?P<thing>.+)")),
    ("look", re.compile(r"(?:examine|read) (?P<thing>.+)")),
    ("look", re.compile(r"look|inventory|examine")),
    ("wait", re.compile(r"wait")),
    ("pull", re.compile(r"(?:pull|push|press|turn|ring) (?P<thing>.+)")),
    (
        "use",
        re.compile(r"(?:eat|drink|cook|slice|chop|dice|give|wear|light) (?P<thing>[\w ]+?)(?: (?:with|to) .+)?"),
    ),
)
_PLAIN = {
    "take_from": "The {thing} is {on} the {holder}.",
    "take": "The {thing} is here.",
    "open": "The {thing} is closed.",
    "close": "The {thing} is open.",
    "unlock": "The {thing} is locked. I carry the {key}.",
    "lock": "I carry the {key}.",
    "put": "I carry the {thing}.",
    "drop": "I carry the {thing}.",
    "go_new": "I have not been {way}.",
    "go_known": "{Way} leads to the {room}.",
    "near": "The {thing} is here.",
    "here": "I am in the {here}.",
    "": "",
}


@dataclass(frozen=True, slots=True)
class Deed:
    """A command as far as it can be spoken of."""

    command: str
    occasion: str
    """What kind of thing is done: `take`, `open`, `go`, and so on."""
    thing: str = ""
    holder: str = ""
    key: str = ""
    way: str = ""
    on: str = "on"

    @classmethod
    def of(cls, command: str) -> Deed:
        """What a command does."""
        way = direction(command)
        if way is not None:
            return cls(command, "go", way=way)
        for occasion, form in _FORMS:
            found = form.fullmatch(command)
            if found is None:
                continue
            deed = replace(cls(command, occasion), **{k: v for k, v in found.groupdict().items() if v})
            return replace(deed, on="in") if deed.on == "into" else deed
        return cls(command, "use", thing=command.partition(" ")[2])


@dataclass(frozen=True, slots=True)
class Recollection:
    """What comes to mind about a command."""

    kind: str
    """A key of the plain sentences; empty where nothing does."""
    words: Mapping[str, str]
    """What fills the slots of a sentence of that kind."""

    def __str__(self) -> str:
        return _PLAIN[self.kind].format_map(self.words)


def recollect(command: str, recall: Recall) -> Recollection:
    """What a seat knows of a command that its world lists or that it has reason to try.

    That a command can be given says something by itself: what can be opened is closed, and what can be dropped
    is carried.

    Args:
        command: what is to be done.
        recall: what the seat has read.
    """
    deed = Deed.of(command)
    kind = deed.occasion
    if kind == "go":
        kind = "go_known" if recall.been(deed.way) else "go_new"
    elif kind == "take" and deed.holder:
        kind = "take_from"
        deed = replace(deed, on=_on_or_in(deed.holder.lower(), recall))
    elif kind not in _PLAIN:
        kind = "near" if deed.thing else "here" if recall.room else ""
    return Recollection(kind, words(deed, recall))


def words(deed: Deed, recall: Recall) -> Mapping[str, str]:
    """What fills the slots of a sentence about a command."""
    return {
        "command": _with_articles(deed),
        "thing": deed.thing,
        "holder": deed.holder,
        "key": deed.key,
        "on": deed.on,
        "way": deed.way,
        "Way": deed.way.capitalize(),
        "room": recall.been(deed.way).lower() if deed.way else "",
        "here": recall.room.lower(),
    }


def _with_articles(deed: Deed) -> str:
    """The command as part of a sentence: `open the chest`."""
    said = deed.command
    for name in filter(None, dict.fromkeys((deed.thing, deed.holder, deed.key))):
        said = said.replace(f" {name}", f" the {name}", 1)
    return said


def _on_or_in(holder: str, recall: Recall) -> str:
    """How something is held, as far as it was read."""
    on, inside = (
        f"on the {holder}",
        re.compile(rf"\b(?:in|inside) the {re.escape(holder)}\b|{re.escape(holder)} contains"),
    )
    for sighting in reversed(recall.lines):
        line = sighting.line.lower()
        if on in line:
            return "on"
        if inside.search(line) or (holder in line and "open" in line):
            return "in"
    return "on"
