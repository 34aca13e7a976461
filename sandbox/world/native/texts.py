"""Authors' texts, made ready to be read."""

from __future__ import annotations

from sandbox.world.native.compiled import CompiledWorld, Prose, Test
from sandbox.world.native.conditions import compile_all
from sandbox.world.native.prose import Template
from sandbox.world.native.schema.effects import TextPart

Text = str | tuple[str | TextPart, ...]


def compile_prose(compiled: CompiledWorld, key: str, text: Text) -> Prose:
    """An author's text, known by its path in the file."""
    pieces: list[tuple[Test | None, Template, Template | None]] = []
    for part in (text,) if isinstance(text, str) else text:
        if isinstance(part, str):
            if part:
                pieces.append((None, Template(part), None))
        else:
            otherwise = Template(part.otherwise) if part.otherwise else None
            pieces.append((compile_all(compiled, part.when), Template(part.say), otherwise))
    prose = Prose(compiled, key, tuple(pieces))
    if prose:
        compiled.rules.keys.append(key)
    return prose
