"""What stories print and what they are told: cleaning both, for the adapters to TextWorld and the Z-machine."""

from __future__ import annotations

import re

from sandbox.text import clean, clean_line

MAX_COMMAND = 120
"""Characters. The interpreters cut a line at 198 bytes; no sensible command comes near."""

_SENTENCE_END = re.compile(r"[.;!?\n]|,?\s+\bthen\b", re.IGNORECASE)
_WRAPPING = "> \t\"'`*"
KEYS = ("enter", "space", "escape", "up", "down", "left", "right", "backspace")
"""Keys with a name, as in `sandbox.abilities.Keyed`."""
_KEY_SYNONYMS = {"return": "enter", "esc": "escape", "delete": "backspace"}
_META = frozenset(
    {"save", "restore", "restart", "quit", "q", "undo", "script", "unscript", "transcript", "recording", "replay"}
) | {"verify", "$verify", "random", "debug", "notify"}
"""They act on the interpreter, not on the world: the sandbox has saves, undo and branches of its own."""
_BANNER = re.compile(r"[\s_|\\/$<>-]*")
_PROMPT = re.compile(r"(?:(?:\A|\n)[ \t]*>[^\n]*|(?:\A|\n)\[[^\n\]]{0,60}\] ?>|(?<=[.?!:])>)\s*\Z")
_WINDOW = re.compile(r" {40,}")
"""What Frotz gives for a line that a story blanks before it writes there, in a window of its own."""
_STATUS = re.compile(
    r"(?:^.*\S {3,}|(?<= {40})[^\n]{0,80}?)"
    r"(?:Score: *-?\d+(?:/\d+)?(?: *(?:Moves|Turns): *\d+)?|(?:Moves|Turns): *\d+|Time: *\d+:\d+(?: *[ap]m)?) *$",
    re.IGNORECASE | re.MULTILINE,
)
_LAST_WINDOW = re.compile(r" {40,}[^\n]{0,80}\Z")
_KEYS_OFFERED = re.compile(
    r"(?<=\S)(?<!RETUR)(?=[NPQ] = )|(?<=\S)(?=(?:RETURN|ENTER|SPACE|ESC|ESCAPE) = )|(?<=[a-z.])(?=[A-Z])"
)
_AFTERWARDS = re.compile(r"(\*\*\*(?s:.*))\n[^\n]*\bRESTART\b[^\n]*\bRESTORE\b(?s:.*)\Z")
_BLANK_LINES = re.compile(r"\n{3,}")
_ENDING = re.compile(r"^\s*\*\*\*+ +(.+?) +\*\*\*+\s*$", re.MULTILINE)
_WON = re.compile(r"\b(?:won|win|victor\w*|triumph\w*|the end)\b", re.IGNORECASE)
_SCORED = re.compile(r"\bscored? (?:is |of )?(-?\d+) (?:out of|\(total of) (?:a possible )?(\d+)", re.IGNORECASE)
_WHICH = re.compile(r"\A\W*(?:which|what|whom?|where)\b[^\n]*\?", re.IGNORECASE)
_OFFERED = re.compile(r"\bmean,? ((?:the|your|an?|some|his|her|its|my)\b[^?]*)\?", re.IGNORECASE)
_BETWEEN = re.compile(r",\s*(?:or\s+)?|\s+or\s+")
_ARTICLE = re.compile(r"\A(?:either )?(?:the|your|a|an|some|his|her|its|my)\s+")
_GUESS = re.compile(r"\A\((?!first )[^()\n]{1,60}\)\n")
_DIGITS = re.compile(r"(?<![\w.])\d{1,6}(?![\w.]*\d)")
_GAINED = re.compile(r"\bscore has (?:just )?(?:gone|been|increased|decreased)", re.IGNORECASE)


def one_command(text: str) -> str:
    """The first sentence of what was typed or said, as one clean line of bounded length; may be empty."""
    said = clean(text[: 8 * MAX_COMMAND]).strip().lstrip(_WRAPPING)
    return clean_line(_SENTENCE_END.split(said, maxsplit=1)[0].strip(_WRAPPING), MAX_COMMAND)


def one_line(text: str) -> str:
    """What was typed as one clean line of bounded length, with all of its commands; may be empty."""
    first = next(iter(clean(text[: 8 * MAX_COMMAND]).strip().splitlines()), "")
    return clean_line(first.strip().lstrip(_WRAPPING), MAX_COMMAND)


def key(text: str) -> str:
    """The key that was meant: a name of `sandbox.abilities.Keyed`, or one character."""
    said = clean_line(text, MAX_COMMAND)
    name = _KEY_SYNONYMS.get(said.lower(), said.lower())
    return name if name in KEYS else said[:1] or "space" if text else "enter"


def refusal(line: str) -> str:
    """Why a line of one or more commands is not passed on to the story; empty where it is."""
    commands = [words for command in _SENTENCE_END.split(line) if (words := command.split())]
    if not commands:
        return "Say what you want to do, in one short sentence."
    for words in commands:
        first = words[0].lower()
        if first in _META or first.startswith(("tw-", "#", "*")):
            return f"There is no {first!r} inside the world: the sandbox itself saves, undoes and starts again."
    return ""


def reply_text(printed: str, *, menu: bool = False) -> str:
    """What the story said, without prompt, status line and blank space, safe to show.

    Args:
        printed: what came out of the interpreter, where all windows of the story run into one.
        menu: whether the story waits for a key: what it wrote at the top of the screen is then the text.
    """
    text = _STATUS.sub("", clean(printed))
    if menu:
        lines = _WINDOW.sub("\n", text).split("\n")
        text = "\n".join(_KEYS_OFFERED.sub("\n", line) if " = " in line else line for line in lines)
    else:
        text = _WINDOW.sub("\n", _LAST_WINDOW.sub("", text))
    text = _AFTERWARDS.sub(r"\1", _PROMPT.sub("", text))
    text = re.sub(r"\A\s*>[ \t]*\n", "", text)
    lines = [line.strip() if line.strip().startswith("***") else line.rstrip() for line in text.split("\n")]
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")


def without_news(description: str, inventory: str) -> tuple[str, str]:
    """Both without the paragraphs at their end that they share: what happens meanwhile is no part of either."""
    looked, carried = description.split("\n\n"), inventory.split("\n\n")
    while len(looked) > 1 and len(carried) > 1 and looked[-1] == carried[-1]:
        del looked[-1], carried[-1]
    return "\n\n".join(looked), "\n\n".join(carried)


def without_banner(text: str) -> str:
    """An opening without the title that is drawn in characters at its top."""
    lines = text.split("\n")
    while lines and _BANNER.fullmatch(lines[0]):
        del lines[0]
    return "\n".join(lines)


def ending(text: str) -> str:
    """What stands between the asterisks where an Inform story ends, such as `You have won`; empty before."""
    found = _ENDING.search(text)
    return found[1] if found else ""


def is_victory(words: str) -> bool:
    """Whether these words end a story well. `The End` is how TextWorld announces it."""
    return bool(_WON.search(words))


def announced_score(text: str) -> tuple[int, int] | None:
    """Score and highest score, where a story of Inform's or Infocom's kind states both."""
    found = _SCORED.search(text)
    return (int(found[1]), int(found[2])) if found else None


def asks_which(text: str) -> bool:
    """Whether the story asks back which thing was meant."""
    return bool(_WHICH.search(text))


def offered(text: str) -> list[str]:
    """The names among which a story asks to choose, such as `gold coin` and `silver coin`; no articles."""
    found = _OFFERED.search(" ".join(text.split())) if asks_which(text) else None
    names = (_ARTICLE.sub("", name.strip().lower()) for name in _BETWEEN.split(found[1])) if found else ()
    return [name for name in names if name and len(name) < MAX_COMMAND // 3]


def without_guess(text: str) -> str:
    """A reply without the line in which the story says which thing it took to be meant."""
    return _GUESS.sub("", text)


def numbers(text: str) -> list[str]:
    """The first few numbers in a text, in digits."""
    return list(dict.fromkeys(_DIGITS.findall(text)))[:6]


def scored(text: str) -> bool:
    """Whether the story announces that the score has changed."""
    return bool(_GAINED.search(text))
