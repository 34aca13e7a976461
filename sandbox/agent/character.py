"""Character cards of chat programs, read and written: the formats V2 and V3, as JSON or inside a PNG.

Format: https://github.com/malfoyslastname/character-card-spec-v2 and
https://github.com/kwaroran/character-card-spec-v3. In a PNG the JSON stands in base64 in a `tEXt` chunk, named
`chara` or, of version 3, `ccv3`. Everything in such a card is text from outside: bounded, cleaned, and never run.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.agent.cards import Card
from sandbox.errors import CardError
from sandbox.text import clean, clean_line

MAX_BYTES = 16 << 20
"""Of a file: most of it is the picture."""
MAX_JSON = 1 << 20
MAX_ENTRIES = 100
_PERSONA, _GREETING, _ENTRY = 6000, 1000, 600
_PNG = b"\x89PNG\r\n\x1a\n"
_KEYWORDS = (b"ccv3", b"chara")
_SPECS = ("chara_card_v2", "chara_card_v3")
_MACRO = re.compile(r"\{\{\s*(char|user)\s*\}\}|<(BOT|USER)>", re.IGNORECASE)
_COMMENT = re.compile(r"\{\{//.*?\}\}", re.DOTALL)

Text = Annotated[str, Field(max_length=MAX_JSON)]


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Entry(_Lenient):
    keys: list[Text] = []
    content: Text = ""
    enabled: bool = True
    insertion_order: float = 0.0


class _Lorebook(_Lenient):
    entries: list[_Entry] = []


class _Data(_Lenient):
    name: Text = ""
    description: Text = ""
    personality: Text = ""
    scenario: Text = ""
    first_mes: Text = ""
    mes_example: Text = ""
    creator_notes: Text = ""
    character_book: _Lorebook | None = None


class _Character(_Lenient):
    spec: Literal["chara_card_v2", "chara_card_v3"]
    data: _Data


def read_character(file: Path) -> dict[str, Any]:
    """What a character card gives of an agent's card: description, persona, greeting, lorebook.

    Raises `CardError`.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise CardError(f"cannot be read: {error.strerror or error}", where=file) from error
    if len(data) > MAX_BYTES:
        raise CardError(f"longer than {MAX_BYTES >> 20} MiB", where=file)
    text = _from_png(data, file) if data.startswith(_PNG) else data
    if len(text) > MAX_JSON:
        raise CardError(f"its text is longer than {MAX_JSON >> 20} MiB", where=file)
    try:
        character = _Character.model_validate_json(text)
    except ValidationError as error:
        raise CardError(
            f"no character card of version 2 or 3: {error.errors()[0]['msg']}",
            where=file,
            hint="export it again as V2 or V3, as JSON or PNG",
        ) from error
    return _fields(character.data, file.stem)


def as_yaml(fields: dict[str, Any], base: str) -> str:
    """An agent's card with these fields, the rest as another card has it."""
    rest = {key: value for key, value in (yaml.safe_load(base) or {}).items() if key not in ("name", *fields)}
    return yaml.safe_dump({**fields, **rest}, sort_keys=False, allow_unicode=True, width=110)


def as_character(card: Card) -> bytes:
    """An agent's card as a character card of version 2, in JSON."""
    entries = [
        {
            "keys": list(entry.keys),
            "content": entry.text,
            "extensions": {},
            "enabled": True,
            "insertion_order": number,
        }
        for number, entry in enumerate(card.lorebook)
    ]
    data = {
        "name": card.name,
        "description": card.persona,
        "personality": "",
        "scenario": "",
        "first_mes": card.greeting,
        "mes_example": "",
        "creator_notes": card.description,
        "system_prompt": "",
        "post_history_instructions": "",
        "alternate_greetings": [],
        "tags": [],
        "creator": "",
        "character_version": "",
        "extensions": {},
        "character_book": {"extensions": {}, "entries": entries},
    }
    whole = {"spec": "chara_card_v2", "spec_version": "2.0", "data": data}
    return json.dumps(whole, ensure_ascii=False, indent=2).encode() + b"\n"


def _fields(data: _Data, stem: str) -> dict[str, Any]:
    name = clean_line(data.name, 60) or stem

    def plain(text: str, limit: int) -> str:
        text = _MACRO.sub(lambda found: name if (found[1] or found[2]).lower() in ("char", "bot") else "you", text)
        return clean(_COMMENT.sub("", text)).strip()[:limit]

    about = "\n".join(filter(None, (plain(each, _PERSONA) for each in (data.description, data.personality))))
    scenario, example = plain(data.scenario, 1000), plain(data.mes_example.replace("<START>", ""), 1500)
    speech = f"You speak like this:\n{example}" if example else ""
    room = _PERSONA - len(name) - len(scenario) - len(speech) - 20
    parts = [f"You are {name}.", about[:room].rstrip(), scenario, speech]
    # Braces would be placeholders of the prompt.
    persona = "\n".join(filter(None, parts)).replace("{", "(").replace("}", ")")[:_PERSONA]
    book = sorted((data.character_book or _Lorebook()).entries, key=lambda entry: entry.insertion_order)
    lore = [
        {"keys": keys, "text": plain(entry.content, _ENTRY)}
        for entry in book
        if entry.enabled and entry.content.strip()
        if (keys := [key for each in entry.keys[:20] if (key := clean_line(each, 60))])
    ]
    fields: dict[str, Any] = {
        "description": clean_line(data.creator_notes, 200) or f"{name}, from a character card",
        "persona": persona,
    }
    if data.first_mes.strip():
        fields["greeting"] = plain(data.first_mes, _GREETING)
    if lore:
        fields["lorebook"] = lore[:MAX_ENTRIES]
    return fields


def _from_png(data: bytes, file: Path) -> bytes:
    found = dict(_text_chunks(data))
    for keyword in _KEYWORDS:
        if keyword in found:
            try:
                return base64.b64decode(found[keyword], validate=True)
            except (binascii.Error, ValueError) as error:
                raise CardError("the character in the picture is damaged", where=file) from error
    raise CardError("there is no character in this picture", where=file, hint="it needs a tEXt chunk `chara`")


def _text_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keyword and text of each `tEXt` chunk; what is cut off or out of bounds ends it."""
    at = len(_PNG)
    while at + 8 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if len(body) < length:
            return
        if kind == b"tEXt":
            keyword, _, text = body.partition(b"\0")
            yield keyword, text
        at += 12 + length
