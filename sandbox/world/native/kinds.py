"""Things have what their kinds say, where they do not say it themselves: the file's data put together."""

from __future__ import annotations

from typing import Any

from sandbox.errors import Finding
from sandbox.marked_yaml import Document, Path, dotted
from sandbox.world.native.schema import Thing


def with_kinds(document: Document) -> list[Finding]:
    """Give each thing of the data what its kinds say. Answers the kinds that lead back to themselves."""
    data = document.data
    kinds, things = data.get("kinds"), data.get("things")
    if not isinstance(kinds, dict) or not isinstance(things, dict):
        return []
    findings: list[Finding] = []
    whole: dict[str, tuple[dict[str, Any], dict[Path, Path]]] = {}
    for name in kinds:
        seen: list[str] = []
        at = name
        while isinstance(kinds.get(at), dict) and at not in seen:
            seen.append(at)
            at = kinds[at].get("kind")
            if not isinstance(at, str):
                break
        if at == name and len(seen) > 0 and isinstance(kinds[name], dict) and kinds[name].get("kind") is not None:
            path = ("kinds", name, "kind")
            findings.append(Finding(document.line(path), dotted(path), f"{name!r} is a kind of itself"))
        whole[name] = _chain(kinds, seen)
    known = Thing.model_fields.keys() - {"kind"}
    merged: dict[Any, Any] = {}
    for name, own in things.items():
        kind = own.get("kind") if isinstance(own, dict) else None
        if not isinstance(kind, str) or kind not in whole:
            merged[name] = own
            continue
        given, places = whole[kind]
        thing = dict(own)
        for key, value in given.items():
            if key == "properties" and isinstance(value, dict) and isinstance(own.get(key, {}), dict):
                thing[key] = {**value, **{k: _started(value.get(k), v) for k, v in own.get(key, {}).items()}}
                for inner in value.keys() - own.get(key, {}).keys():
                    document.written["things", name, key, inner] = places[key, inner]
            elif key in known and key not in own:
                thing[key] = value
                document.written["things", name, key] = places[key,]
        merged[name] = thing
    document.data = {**data, "things": merged}
    return findings


def _started(kind: Any, own: Any) -> Any:
    """A property with the bounds and words of its kind, and a beginning of its own."""
    return {**kind, "start": own} if isinstance(kind, dict) and not isinstance(own, dict) else own


def _chain(kinds: dict[str, Any], names: list[str]) -> tuple[dict[str, Any], dict[Path, Path]]:
    """What a kind and the kinds that it is of say, and where each of it is written."""
    given: dict[str, Any] = {}
    places: dict[Path, Path] = {}
    for name in reversed(names):
        for key, value in kinds[name].items():
            if key == "properties" and isinstance(value, dict):
                before = given.get(key, {})
                given[key] = {**before, **{k: _started(before.get(k), v) for k, v in value.items()}}
                places |= {(key, inner): ("kinds", name, key, inner) for inner in value}
            else:
                given[key] = value
                places[key,] = ("kinds", name, key)
    return given, places
