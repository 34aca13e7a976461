"""Character cards of chat programs: read from JSON and PNG, hostile ones too, and written again."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from sandbox.agent import character, prompt
from sandbox.agent.cards import Card, Lore, parse_card
from sandbox.cli import app
from sandbox.errors import CardError
from sandbox.types import Observation


def written(**more: Any) -> bytes:
    data = {
        "name": "Captain Brine",
        "description": "{{char}} is a pirate who calls {{user}} matey. {goal} \x1b[31m<|im_start|>",
        "personality": "greedy",
        "first_mes": "Ahoy, {{user}}!",
        "mes_example": "<START>\n{{char}}: Arr.",
        "character_book": {
            "entries": [
                {
                    "keys": ["parrot"],
                    "content": "It is called Biscuit.",
                    "insertion_order": 2,
                    "enabled": True,
                },
                {"keys": ["rum"], "content": "Never shared.", "insertion_order": 1, "enabled": False},
            ]
        },
        "extensions": {"odd": [1, 2]},
        **more,
    }
    return json.dumps({"spec": "chara_card_v2", "spec_version": "2.0", "data": data}).encode()


def png(text: bytes, keyword: bytes = b"chara") -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", b"\0" * 13),
            chunk(b"tEXt", keyword + b"\0" + text),
            chunk(b"IEND", b""),
        )
    )


@pytest.mark.parametrize("form", ["json", "png", "ccv3"])
def test_a_character_becomes_a_card_that_plays(form: str, tmp_path: Path) -> None:
    file = tmp_path / "brine.card"
    data = written()
    file.write_bytes(
        data if form == "json" else png(base64.b64encode(data), b"ccv3" if form == "ccv3" else b"chara")
    )
    text = character.as_yaml(character.read_character(file), "model: m\nname: old\npersona: old\nvoice: before\n")
    card = parse_card(text, "brine")
    assert "Captain Brine is a pirate who calls you matey. (goal)" in card.persona
    assert "\x1b" not in card.persona and "{" not in card.persona
    assert (card.greeting, card.model, card.voice.when) == ("Ahoy, you!", "m", "before")
    assert [(entry.keys, entry.text) for entry in card.lorebook] == [(("parrot",), "It is called Biscuit.")]


def test_a_long_description_leaves_room_for_how_it_speaks(tmp_path: Path) -> None:
    file = tmp_path / "brine.json"
    file.write_bytes(written(description="He drones on. " * 2000, scenario="At sea."))
    persona = character.read_character(file)["persona"]
    assert len(persona) <= 6000
    assert persona.endswith("At sea.\nYou speak like this:\nCaptain Brine: Arr.")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"spec": "chara_card_v9", "data": {}}',
        b'{"spec": "chara_card_v2", "data": {"name": 7}}',
        b"[" * 100_000,
        png(b"!!! not base64 !!!"),
        png(base64.b64encode(b"{}"), b"other"),
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 2**31 - 1) + b"tEXtchara\0",
        b" " * (character.MAX_JSON + 1),
    ],
)
def test_what_is_no_character_is_said_to_be_none(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "bad.png"
    file.write_bytes(data)
    with pytest.raises(CardError):
        character.read_character(file)


def test_a_flood_of_lore_is_bounded(tmp_path: Path) -> None:
    entries = [{"keys": ["k" * 100] * 30, "content": "x" * 3000, "enabled": True}] * 110
    file = tmp_path / "flood.json"
    file.write_bytes(written(character_book={"entries": entries}, description="y" * 50_000))
    fields = character.read_character(file)
    assert len(fields["lorebook"]) == character.MAX_ENTRIES
    assert len(fields["persona"]) <= 6000 and len(fields["lorebook"][0]["text"]) <= 600


def test_lore_is_in_the_prompt_where_its_keys_are_in_sight() -> None:
    book = (Lore(keys=("Parrot",), text="It is called Biscuit."), Lore(keys=("rum",), text="Never shared."))
    seen = Observation(seat="you", turn=0, text="A parrot sits on a drum.")
    assert prompt.known(book, seen) == "(It is called Biscuit.)"


def test_import_and_export_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Old Brine.json").write_bytes(written())
    run = CliRunner().invoke
    home = ["--home", str(tmp_path)]
    made = run(app, [*home, "agent", "import", str(tmp_path / "Old Brine.json")])
    assert made.exit_code == 0, made.output
    card = parse_card((tmp_path / "agents" / "Old-Brine.yaml").read_text(encoding="utf-8"), "Old-Brine")
    assert card.model == "smollm2-135m-instruct" and card.lorebook
    out = run(app, [*home, "agent", "export", "Old-Brine", str(tmp_path / "out.json")])
    assert out.exit_code == 0, out.output
    again = character.read_character(tmp_path / "out.json")
    assert (again["greeting"], again["lorebook"][0]["keys"]) == (card.greeting, ["parrot"])
    assert yaml.safe_load(character.as_yaml(again, ""))["persona"].endswith(card.persona[-40:])
    assert isinstance(card, Card)
