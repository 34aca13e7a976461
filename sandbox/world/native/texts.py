"""Authors' texts, made ready to be read."""

from __future__ import annotations

from sandbox.world.native.compiled import CompiledWorld
from sandbox.world.native.conditions import compile_all
from sandbox.world.native.prose import Prose, Template, TextPiece
from sandbox.world.native.schema.effects import TextPart, Variation

Text = str | tuple[str | TextPart | Variation, ...]


def compile_prose(compiled: CompiledWorld, key: str, text: Text) -> Prose:
    """An author's text, known by its path in the file."""
    pieces: list[TextPiece] = []
    for part in (text,) if isinstance(text, str) else text:
        if isinstance(part, str):
            if part:
                pieces.append(TextPiece(None, Template(part)))
        elif isinstance(part, Variation):
            when = compile_all(compiled, part.when) if part.when else None
            variants = tuple(Template(each) for each in part.one_of)
            pieces.append(TextPiece(when, variants[0], None, variants, part.order, compiled.variations))
            compiled.variations += 1
            compiled.whimsical |= part.order == "random"
        else:
            otherwise = Template(part.otherwise) if part.otherwise else None
            pieces.append(TextPiece(compile_all(compiled, part.when), Template(part.say), otherwise))
    prose = Prose(compiled, key, tuple(pieces))
    if prose:
        compiled.rules.keys.append(key)
    return prose
