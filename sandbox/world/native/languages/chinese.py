"""中文 (Chinese): no blanks, no articles, measure words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sandbox.world.native.languages.grammar import Noun

_DIGITS = "零一二三四五六七八九"
_NUMBER = re.compile(r"^(\d{1,5}|[一二两三四五六七八九]?十[一二三四五六七八九]?|[一二两三四五六七八九])")
_MEASURES = "个把本张枚件块只条盏瓶封根颗顶双支朵杯碗扇位名艘座粒片串袋箱卷面"
_THESE = re.compile(r"^(那|这|此|该|我的|你的)(些)?")
_CJK = "\u3400-\u9fff\uf900-\ufaff\u3000-\u303f\uff00-\uffef"
_GAPS = re.compile(rf"(?<=[{_CJK}])\s+|\s+(?=[{_CJK}])")
_BLANKS = re.compile(r"\s+")
_BREAK = re.compile(r"\s*(?:[。；！;!]+|\.+(?=\s|$)|，?然后|，?接着)\s*")
_LIST = re.compile(r"\s*[、，,]\s*(?:和|还有|以及)?|和|还有|以及")
_COURTESY = re.compile(r"^(?:请你?|麻烦你?|我想要?|我要)+")
_JOINT = re.compile(r"，?(?:并且|并|再)")
_EXCEPT = re.compile(
    r"^(?:除了(.+?)(?:以外|之外|外)?的?(?:所有|全部|一切)(?:东西|的东西)?|(?:所有|全部|一切)(?:的?东西)?)$"
)
_PRONOUNS = {"它": 0, "它们": 1, "他们": 1, "她们": 1, "他": 2, "她": 3, "我": 4, "自己": 4}


class Chinese:
    """Measure words, `甲、乙和丙`."""

    spaced = False

    def tidy(self, line: str) -> str:
        """Blanks beside Chinese characters vanish, others become single."""
        return _BLANKS.sub(" ", _GAPS.sub("", line)).strip()

    def sentences(self, line: str) -> list[str]:
        """Full stops, semicolons and 然后 end a command."""
        return [p for p in (part.strip(" ，,") for part in _BREAK.split(line)) if p]

    def courteous(self, line: str) -> str:
        """Without 请 and 我要."""
        return _COURTESY.sub("", line) or line

    def parting(self, line: str) -> str:
        """As it is."""
        return line

    def joints(self, line: str) -> list[tuple[int, int]]:
        """At 并 and 再."""
        return [match.span() for match in _JOINT.finditer(line)]

    def dangling(self, word: str) -> bool:
        """None does."""
        return False

    def singular(self, phrase: str) -> str:
        """There is none."""
        return ""

    def parts(self, phrase: str) -> list[str]:
        """Splits at commas and 和."""
        return [p for p in _LIST.split(phrase.strip(" ，、,")) if p]

    def everything(self, phrase: str) -> str | None:
        """所有东西, 除了钥匙以外的所有东西."""
        match = _EXCEPT.match(phrase)
        return None if match is None else match.group(1) or ""

    def quantity(self, phrase: str) -> tuple[int | None, str]:
        """`两枚金币` is (2, "金币"), `那把钥匙` (None, "钥匙")."""
        rest = phrase
        if (these := _THESE.match(rest)) and len(rest) > these.end():
            rest = rest[these.end() :]
            if rest[0] in _MEASURES and len(rest) > 1:
                return None, rest[1:]
        count: int | None = None
        if (found := _NUMBER.match(rest)) and len(rest) > found.end() + 1 and rest[found.end()] in _MEASURES:
            count = _value(found.group(1))
            rest = rest[found.end() + 1 :]
        return count, rest or phrase

    def numeral(self, phrase: str) -> int | None:
        """`12`, `七`, `十二`."""
        if phrase.isascii() and phrase.isdigit() and len(phrase) < 10:
            return int(phrase)
        found = _NUMBER.match(phrase)
        if found is not None and found.end() == len(phrase):
            return _value(phrase)
        return 0 if phrase in ("零", "〇") else None

    def match(self, phrase: str, noun: Noun) -> int:
        """By whole names, then by their end, then by any part."""
        if phrase in noun.names:
            return 3
        if any(name.endswith(phrase) for name in noun.names):
            return 2
        bare = phrase.rstrip("的")
        return 1 if bare and any(bare in name for name in noun.names) else 0

    def pronoun(self, phrase: str) -> int | None:
        """它, 它们, 他, 她."""
        return _PRONOUNS.get(phrase)

    def words(self, noun: Noun) -> set[str]:
        """The names."""
        return set(noun.names)

    def definite(self, noun: Noun, count: int) -> str:
        """The name, or 三枚金币 of counted things."""
        return self.indefinite(noun, count) if noun.one and count > 0 else noun.name

    def indefinite(self, noun: Noun, count: int) -> str:
        """一把钥匙, 三枚金币, or the name alone."""
        if noun.unit and count:
            return f"{self.number(count)}{noun.unit}{noun.name}"
        if noun.one:
            return f"{self.number(count)}{noun.measure or '个'}{noun.one}"
        if noun.article in ("none", "the"):
            return noun.name
        if noun.article == "some" or noun.plural:
            return f"一些{noun.name}"
        return f"一{noun.measure or '个'}{noun.name}"

    def you(self) -> str:
        """The seat itself."""
        return "你"

    def listing(self, items: Sequence[str]) -> str:
        """`甲、乙和丙`."""
        return items[0] if len(items) == 1 else f"{'、'.join(items[:-1])}和{items[-1]}" if items else "没有东西"

    def choice(self, items: Sequence[str]) -> str:
        """`甲、乙还是丙`."""
        return items[0] if len(items) == 1 else f"{'、'.join(items[:-1])}还是{items[-1]}"

    def aside(self, text: str, remark: str) -> str:
        """In full-width parentheses."""
        return f"{text}（{remark}）"

    def agree(self, word: str, plural: bool, you: bool) -> str:
        """Chinese verbs do not change."""
        return ""

    def object(self, noun: Noun, count: int) -> str:
        """它, 它们, 他, 她."""
        if noun.plural or (noun.one and count != 1):
            return "它们"
        return {"he": "他", "she": "她", "they": "他们"}.get(noun.pronoun, "它")

    def canonical(self, noun: Noun, count: int) -> str:
        """The name; one of counted things is 一枚金币."""
        return self.indefinite(noun, count) if noun.one and count else noun.name

    def capital(self, text: str) -> str:
        """There are no capitals."""
        return text

    def number(self, count: int) -> str:
        """In characters up to ten."""
        if count == 2:
            return "两"
        return _DIGITS[count] if 0 < count < 10 else "十" if count == 10 else str(count)


def _value(text: str) -> int:
    if text.isascii():
        return int(text)
    text = text.replace("两", "二")
    tens, ten, ones = text.rpartition("十")
    value = _DIGITS.find(ones) if ones else 0
    return value + (10 * (_DIGITS.find(tens) if tens else 1) if ten else 0)
