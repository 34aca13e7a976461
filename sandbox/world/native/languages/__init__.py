"""Language packs: a table of words and messages in YAML, and a grammar in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from sandbox import marked_yaml
from sandbox.world.native.languages.chinese import Chinese
from sandbox.world.native.languages.english import English
from sandbox.world.native.languages.grammar import Grammar

LANGUAGES = ("en", "zh")
_GRAMMARS: dict[str, type[Grammar]] = {"english": English, "chinese": Chinese}


@dataclass(frozen=True)
class Language:
    """One language pack."""

    code: str
    name: str
    grammar: Grammar
    directions: Mapping[str, tuple[str, ...]]
    """Direction to the words for it, the listed one first."""
    verbs: Mapping[str, tuple[str, ...]]
    """Action to its forms, the listed one first."""
    shown: str
    """What the help names."""
    messages: Mapping[str, str]


@cache
def language(code: str) -> Language:
    """The language pack. Raises `KeyError` where there is none."""
    if code not in LANGUAGES:
        raise KeyError(code)
    text = resources.files(__package__).joinpath(f"{code}.yaml").read_text(encoding="utf-8")
    document = marked_yaml.read(text)
    if document.findings:
        raise AssertionError(f"{code}.yaml: {document.findings[0]}")
    data = document.data
    return Language(
        code,
        data["name"],
        _GRAMMARS[data["grammar"]](),
        {key: tuple(words) for key, words in data["directions"].items()},
        {key: tuple(forms) for key, forms in data["verbs"].items()},
        data["shown"],
        data["messages"],
    )
