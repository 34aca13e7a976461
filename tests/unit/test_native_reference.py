"""The manual's reference and the JSON Schema follow the models."""

import re
from pathlib import Path

import pytest
from native_play import Game
from pydantic import BaseModel

from sandbox.manual import models_in
from sandbox.world.check import check
from sandbox.world.native import NativeWorld, make_world, parse_source, reference
from sandbox.world.native.schema import Adventure, Task
from sandbox.world.solver import Limits

PAGE = Path(__file__).parents[2] / "docs" / "worlds.md"


def test_the_page_is_up_to_date():
    page = PAGE.read_text(encoding="utf-8")
    assert reference.PART.begin in page
    assert reference.updated(page) == page, "run: python -m sandbox.world.native.reference docs/worlds.md"


def test_the_examples_of_the_page_load():
    examples = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    worlds = [make_world(parse_source(example)) for example in examples]
    assert len(worlds) == 4
    orchard, ferry, vault = worlds[:3]
    for world, limits in ((ferry, Limits(states=100, seconds=40.0, walks=0)), (vault, Limits())):
        assert isinstance(world, NativeWorld)
        found = check(world, limits=limits)
        assert found.solution is not None
        assert not [finding for finding in found.findings if finding.severity != "note"], found.findings
    assert isinstance(orchard, NativeWorld)
    game = Game(orchard)
    for line in (
        "search stone",
        "take key",
        "unlock gate",
        "open gate",
        "n",
        "shake tree",
        "take apple",
        "s",
        "e",
    ):
        assert not game.terminated
        game.do(line)
    assert game.terminated and game.seen().won


def models() -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = [Adventure, Task]
    for model in found:
        found += [m for f in model.model_fields.values() for m in models_in(f.annotation) if m not in found]
    return found


@pytest.mark.parametrize("model", models(), ids=lambda m: m.__name__)
def test_every_key_is_explained(model):
    assert model.__doc__
    text = reference.reference_markdown()
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name}"
        assert f"| `{field.alias or name}` |" in text


def test_the_schema_takes_one_for_a_list_and_is_closed():
    schema = reference.json_schema()
    assert "oneOf" not in str(schema)
    defs = schema["$defs"]
    assert {"if", "then", "else"} <= schema.keys()
    assert defs["Adventure"]["additionalProperties"] is False
    one, several = defs["Rule"]["properties"]["when"]["anyOf"]
    assert one == several["items"] and several["type"] == "array"
    assert defs["Exit"]["properties"]["to"]["description"] == "The room it leads to."
