"""English."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sandbox.world.native.languages.grammar import Noun

_NUMBERS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_NUMBER_WORDS = {word: n for n, word in enumerate(_NUMBERS) if n}
_ARTICLES = frozenset(
    {"the", "a", "an", "my", "some", "this", "that", "these", "those", "your", "his", "her", "its"}
)
_LINKS = frozenset({"of", "the", "a", "an", "and", "with", "in", "on", "to", "for"})
_SILENT_H = ("hour", "honest", "honour", "honor", "heir", "herb ")
_LIKE_YOU = re.compile(r"(uni([^nm]|$)|us[aeiu]|uti|ut[eo]|eu|ewe|one\b|once\b|u\b|ura)")
_BLANKS = re.compile(r"\s+")
_BREAK = re.compile(r"\s*(?:[.;!]+(?=\s|$)|(?<=\w)\?+(?=\s|$)|\bthen\b)\s*", re.IGNORECASE)
_JOINT = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+(?:then\s+)?", re.IGNORECASE)
_MANNERS = re.compile(
    r"(?:(?:please|kindly|pls|ok|okay|now|well|just|so)\b[\s,]*"
    r"|i(?:'d| would) like to\s+|i(?:'ll| will| shall)\s+|i(?:'m| am) going to\s+"
    r"|i (?:want|need|wish|try|have) to\s+"
    r"|let(?:'s| us| me)\s+|(?:can|could|will|would) you\s+|(?:can|could|may) i\s+|(?:try|attempt) to\s+)+",
    re.IGNORECASE,
)
_PARTING = re.compile(r"[\s,]+(?:please|pls|now|thanks|thank you)[.!]*$", re.IGNORECASE)
_ODD_PLURALS = {
    "knives": "knife",
    "leaves": "leaf",
    "loaves": "loaf",
    "wolves": "wolf",
    "men": "man",
    "mice": "mouse",
}
_COMMA_AND = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+")
_EXCEPT = re.compile(r"^(?:all|everything|both)(?:\s+(?:but|except|besides)\s+(?:for\s+)?(.+))?$")
_PRONOUNS = {"it": 0, "them": 1, "both": 1, "these": 1, "those": 1, "him": 2, "her": 3, "me": 4, "myself": 4}


class English:
    """Articles, plurals, `a, b and c`."""

    spaced = True

    def tidy(self, line: str) -> str:
        """Blanks made single."""
        return _BLANKS.sub(" ", line).strip()

    def courteous(self, line: str) -> str:
        """Without `please`, `I want to`, and the marks of a prompt around the line."""
        bare = line.lstrip("> ").strip()
        if len(bare) > 2 and bare[0] == bare[-1] and bare[0] in '`*"':
            bare = bare.strip('`*" ')
        begin = _MANNERS.match(bare)
        return bare[begin.end() :] or bare if begin is not None else bare

    def parting(self, line: str) -> str:
        """Without `please` and `thanks`."""
        return _PARTING.sub("", line)

    def joints(self, line: str) -> list[tuple[int, int]]:
        """At `and`, and at commas."""
        return [match.span() for match in _JOINT.finditer(line)]

    def dangling(self, word: str) -> bool:
        """Prepositions, articles, `and`."""
        return word in _LINKS or word in ("from", "at", "into", "about", "under", "then")

    def singular(self, phrase: str) -> str:
        """By the usual endings."""
        head, _, last = phrase.rpartition(" ")
        if last in _ODD_PLURALS:
            one = _ODD_PLURALS[last]
        elif last.endswith("ies") and len(last) > 4:
            one = f"{last[:-3]}y"
        elif last.endswith(("ches", "shes", "xes", "sses")):
            one = last[:-2]
        elif last.endswith("s") and not last.endswith("ss") and len(last) > 2:
            one = last[:-1]
        else:
            return ""
        return f"{head} {one}".strip()

    def sentences(self, line: str) -> list[str]:
        """Full stops, semicolons, `then` and `, then` end a command; so does `and then`."""
        parts = [re.sub(r"(?:^and\b|,$|,?\s+and$|,\s*$)", "", p.strip()).strip() for p in _BREAK.split(line)]
        return [p for p in parts if p]

    def parts(self, phrase: str) -> list[str]:
        """Splits at commas and `and`."""
        return [p for p in _COMMA_AND.split(phrase.strip(" ,")) if p]

    def everything(self, phrase: str) -> str | None:
        """`all`, `everything but the key`."""
        match = _EXCEPT.match(phrase)
        return None if match is None else match.group(1) or ""

    def quantity(self, phrase: str) -> tuple[int | None, str]:
        """`two coins` is (2, "coins"), `the lamp` (None, "lamp")."""
        words = phrase.split()
        if len(words) > 1 and words[-1] in ("one", "ones"):
            words.pop()
        count: int | None = None
        while len(words) > 1:
            if words[0] in ("all", "every") and len(words) > 1:
                count = 0
            elif words[0] == "both":
                count = 2
            elif words[0] not in _ARTICLES:
                break
            words.pop(0)
        if len(words) > 1:
            if words[0].isascii() and words[0].isdigit() and len(words[0]) < 6:
                count = int(words.pop(0))
            elif words[0] in _NUMBER_WORDS:
                count = _NUMBER_WORDS[words.pop(0)]
            if len(words) > 1 and words[0] == "of":
                words.pop(0)
        return count, " ".join(words)

    def numeral(self, phrase: str) -> int | None:
        """`12`, `1,200`, `seven`."""
        digits = phrase.replace(",", "")
        if digits.isascii() and digits.isdigit() and len(digits) < 10:
            return int(digits)
        return 0 if phrase == "zero" else _NUMBER_WORDS.get(phrase)

    def match(self, phrase: str, noun: Noun) -> int:
        """By whole names, then by the last word (or the word before `of`), then by any words."""
        if phrase in noun.names:
            return 3
        asked = [w for w in phrase.split() if w not in _LINKS]
        best = 0
        for name in noun.names:
            known = name.split()
            if asked and all(w in known for w in asked):
                head = known[known.index("of") - 1] if "of" in known[1:] else known[-1]
                best = max(best, 2 if head in asked else 1)
        return best

    def pronoun(self, phrase: str) -> int | None:
        """it, them, him, her."""
        return _PRONOUNS.get(phrase)

    def words(self, noun: Noun) -> set[str]:
        """All words of all names."""
        return {word for name in noun.names for word in name.split()} - _LINKS

    def definite(self, noun: Noun, count: int) -> str:
        """`the lamp`, `the coin`, `the five coins` (only when more than one is meant: `the coins`), `Mara`."""
        name = noun.one if noun.one and count == 1 else noun.name
        return name if noun.article == "none" else f"the {name}"

    def indefinite(self, noun: Noun, count: int) -> str:
        """`a lamp`, `an owl`, `some water`, `the sea`, `two coins`, `Mara`."""
        if noun.unit and count:
            measures = _with_article(noun.unit) if count == 1 else f"{self.number(count)} {_plural(noun.unit)}"
            return f"{measures} of {noun.name}"
        if noun.one:
            return _with_article(noun.one) if count == 1 else f"{self.number(count)} {noun.name}"
        if noun.article == "none":
            return noun.name
        if noun.article == "auto":
            return f"some {noun.name}" if noun.plural else _with_article(noun.name)
        return f"{noun.article} {noun.name}"

    def you(self) -> str:
        """The seat itself."""
        return "you"

    def listing(self, items: Sequence[str]) -> str:
        """`a, b and c`."""
        return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else "nothing"

    def choice(self, items: Sequence[str]) -> str:
        """`a, b or c`."""
        return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} or {items[-1]}"

    def aside(self, text: str, remark: str) -> str:
        """In parentheses."""
        return f"{text} ({remark})"

    def agree(self, word: str, plural: bool, you: bool) -> str:
        """is, are; has, have; does, do."""
        if plural or you:
            return {"is": "are", "has": "have", "does": "do", "are": "are"}[word]
        return {"is": "is", "has": "has", "does": "does", "are": "is"}[word]

    def object(self, noun: Noun, count: int) -> str:
        """it, them, him, her."""
        if noun.plural or (noun.one and count != 1):
            return "them"
        return {"he": "him", "she": "her", "they": "them"}.get(noun.pronoun, "it")

    def canonical(self, noun: Noun, count: int) -> str:
        """Lower case but for proper names: what people type."""
        if noun.one and count:
            return noun.one if count == 1 else f"{count} {noun.name}"
        return noun.name

    def capital(self, text: str) -> str:
        """The first letter made a capital."""
        return text[:1].upper() + text[1:]

    def number(self, count: int) -> str:
        """In words up to twelve."""
        return _NUMBERS[count] if 0 <= count <= 12 else f"{count:,}"


def _plural(name: str) -> str:
    if name.endswith(("s", "x", "ch", "sh")):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") and name[-2:-1] not in "aeiou" else f"{name}s"


def _with_article(name: str) -> str:
    lower = name.lower()
    vowel = (lower[:1] in "aeiou" and not _LIKE_YOU.match(lower)) or lower.startswith(_SILENT_H)
    return f"an {name}" if vowel else f"a {name}"
