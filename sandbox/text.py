"""Making text from outside safe to show, to store and to put into a prompt."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI sequences: colours, cursor movement
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, DCS and other strings: titles, clipboard, links
    r"|\x1b[ -/]*[0-~]?"  # everything else that starts with ESC
    r"|\x9b[0-?]*[ -/]*[@-~]"  # CSI as one C1 character
)
_ROLE_TAGS = re.compile(
    r"<[|｜][^|｜<>\n]{0,40}[|｜]>"
    r"|</?(?:s|bos|eos|pad|unk|system|user|assistant|tool|tool_call|tool_response|think)>"
    r"|</?(?:start|end)_of_(?:turn|image)>|<</?SYS>>|\[/?(?:INST|SYSTEM_PROMPT|TOOL_CALLS)\]",
    re.IGNORECASE,
)
_BLANKS = re.compile(r"[ \t]+")


def clean(text: str) -> str:
    """The text without terminal escapes, control characters and direction overrides. Keeps newlines, expands tabs.

    Format characters (Unicode category Cf) go too, but for the zero-width joiner and non-joiner, which scripts and
    emoji need: direction overrides can make a line read other than what it is.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).expandtabs(4)
    return "".join(
        ch
        for ch in text
        if ch in "\n\u200c\u200d" or unicodedata.category(ch) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )


def clean_line(text: str, limit: int = 400) -> str:
    """One clean line of bounded length: for names and commands."""
    return _BLANKS.sub(" ", clean(text).replace("\n", " ")).strip()[:limit]


def for_prompt(text: str) -> str:
    """Clean text that cannot pose as the chat template's own tokens or speak in another role.

    Repeats until nothing is left to remove, so that a tag hidden inside a tag does not survive.
    """
    text = clean(text)
    while (shorter := _ROLE_TAGS.sub("", text)) != text:
        text = shorter
    return text


def counted(count: int, thing: str) -> str:
    """How many of something, in English: "1 turn", "2 turns"."""
    return f"{count} {thing}{'s' * (count != 1)}"


def short(value: float) -> str:
    """As few digits as it takes, three at most: `1`, `0.5`, `−0.125`."""
    return f"{value:.3g}".replace("-", "−")


def two_decimals(value: float, *, operand: bool = False) -> str:
    """A number with two decimals; in brackets where it is negative and stands behind an operator."""
    text = f"{value:.2f}".replace("-", "−")
    return f"({text})" if operand and value < 0 and text.startswith("−") else text


def gain(value: float) -> str:
    """A reward, with its sign: `+1`, `−0.5`."""
    return ("+" if value > 0 else "") + short(value)


def speaker(annotator: str) -> str:
    """What to call a person by their pseudonym."""
    return "you" if annotator == "anonymous" else annotator


def near_miss(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or "": never the word itself. Only 80 letters are looked at."""
    others = {each for each in known if each != word.strip()}
    close = difflib.get_close_matches(word[:80], sorted(others), n=1)
    return close[0] if close else ""


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """The way out for a word that is not known: the near miss, or what is said where there is none."""
    close = near_miss(word, known)
    return f"did you mean {close!r}?" if close else otherwise
