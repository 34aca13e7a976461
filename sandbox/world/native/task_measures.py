"""Measures of a free text: each a number between 0 and 1. The set is fixed; a world file only chooses."""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

from sandbox.world.native.patterns import Pattern
from sandbox.world.native.schema import tasks as model

MAX_ANSWER = 4_000
Item = Mapping[str, str | tuple[str, ...]]

_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_]+(?:['’-][^\W_]+)*")
_SENTENCE = re.compile(r"[.!?。！？]+(?:\s|$)|[。！？]|\n+")
_SLOT = re.compile(r"\{(word|words|number|any)\}")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?")
_ENTRY = re.compile(r"[,;\n，、；]|\s+and\s+")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_EDGES = string.punctuation + string.whitespace + "。，！？；：、“”‘’（）《》"


def measure(rule: model.Measure, item: Item, answer: str) -> float:
    """How far the answer does what one measure asks for, 0 to 1."""
    match rule:
        case model.Length():
            return _length(rule, answer)
        case model.Keywords():
            wanted = _texts(item, rule.keywords)
            return sum(_covers(answer, keyword) for keyword in wanted) / len(wanted) if wanted else 1.0
        case model.Exact():
            return float(_plain(answer) in {_plain(text) for text in _texts(item, rule.exact)})
        case model.Near():
            return max((_nearness(_plain(answer), _plain(text)) for text in _texts(item, rule.near)), default=0.0)
        case model.Overlap():
            return max((_f1(tokens(answer), tokens(text)) for text in _texts(item, rule.overlap)), default=0.0)
        case model.Format():
            return _form(rule, answer)
        case model.Avoid():
            return float(not any(_covers(answer, word) for word in _texts(item, rule.avoid)))
        case model.NumericAnswer():
            return _numeric(rule, _texts(item, rule.number), answer)
        case model.SetAnswer():
            return _members([_plain(text) for text in _texts(item, rule.members)], answer)
        case model.JsonAnswer():
            return _record(_texts(item, rule.record), answer)
        case model.RegexAnswer():
            patterns = (rule.regex,) if isinstance(rule.regex, str) else _texts(item, rule.regex.field)
            return float(any(pattern(text).found_in(answer.strip(), rule.whole) for text in patterns))


@lru_cache(maxsize=1_000)
def pattern(text: str) -> Pattern:
    """A pattern, made ready once. Raises `ValueError` with what is wrong with it."""
    return Pattern(text)


def number_of(text: str) -> float | None:
    """The last number in a text; commas in it divide thousands."""
    found = _NUMBER.findall(text)
    return float(found[-1].replace(",", "")) if found else None


def _numeric(rule: model.NumericAnswer, wanted: Sequence[str], answer: str) -> float:
    given = number_of(answer)
    numbers = [number for text in wanted if (number := number_of(text)) is not None]
    return float(given is not None and any(abs(given - number) <= rule.within + 1e-9 for number in numbers))


def _members(wanted: Sequence[str], answer: str) -> float:
    given = {entry for part in _ENTRY.split(answer) if (entry := _plain(_BULLET.sub("", part)))}
    if not given or not wanted:
        return float(not given and not wanted)
    return 2 * len(given & set(wanted)) / (len(given) + len(set(wanted)))


def _record(wanted: Sequence[str], answer: str) -> float:
    """The first object in the answer, whatever is written around it."""
    begin, end = answer.find("{"), answer.rfind("}")
    try:
        given = json.loads(answer[begin : end + 1]) if 0 <= begin < end else None
    except (ValueError, RecursionError):
        return 0.0
    pairs = [(name.strip(), value) for name, _, value in (text.partition(":") for text in wanted)]
    fits = [_plain(_field(given, name)) == _plain(value) for name, value in pairs]
    return sum(fits) / len(fits) if fits else 1.0


def _field(given: object, name: str) -> str:
    """The field of a JSON object as text; for `a.b` that of the object inside; "" where there is none."""
    for step in name.split("."):
        given = given.get(step) if isinstance(given, dict) else None
    if isinstance(given, bool) or given is None:
        return "" if given is None else str(given)
    return f"{given:g}" if isinstance(given, float) else str(given)


def tokens(text: str) -> list[str]:
    """Words in small letters; each Chinese or Japanese character is one."""
    return _TOKEN.findall(text.lower())


def _texts(item: Item, name: str) -> tuple[str, ...]:
    value = item[name]
    return (value,) if isinstance(value, str) else value


def _length(rule: model.Length, answer: str) -> float:
    counts = {
        "words": lambda: len(tokens(answer)),
        "characters": lambda: len(answer.strip()),
        "lines": lambda: len(_lines(answer)),
        "sentences": lambda: len([part for part in _SENTENCE.split(answer) if part.strip()]),
    }
    count = counts[rule.length]()
    if count < rule.at_least:
        return count / rule.at_least
    return 1.0 if count <= rule.at_most else rule.at_most / count


def _covers(answer: str, keyword: str) -> bool:
    """Whether one of the alternatives `a|b` is in the answer, as whole words."""
    said = tokens(answer)
    for alternative in keyword.split("|"):
        wanted = tokens(alternative)
        if wanted and any(said[i : i + len(wanted)] == wanted for i in range(len(said) - len(wanted) + 1)):
            return True
    return False


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).strip(_EDGES)


def _nearness(left: str, right: str) -> float:
    """1 less the Levenshtein distance over the longer length."""
    left, right = left[:1_000], right[:1_000]
    if not left or not right:
        return float(left == right)
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return 1.0 - row[-1] / max(len(left), len(right))


def _f1(said: list[str], wanted: list[str]) -> float:
    """The harmonic mean of precision and recall over words (SQuAD, Rajpurkar et al. 2016)."""
    common = sum((Counter(said) & Counter(wanted)).values())
    return 2 * common / (len(said) + len(wanted)) if common else 0.0


def _lines(answer: str) -> list[str]:
    return [line.strip() for line in answer.split("\n") if line.strip()]


def parse_format(text: str) -> list[str]:
    """The parts of a form: slots (`{word}`) and plain text in turn. Raises `ValueError` for other braces."""
    parts: list[str] = []
    last = 0
    for match in _SLOT.finditer(text):
        parts += [text[last : match.start()], match.group()]
        last = match.end()
    parts.append(text[last:])
    plain = "".join(p for p in parts if not _SLOT.fullmatch(p))
    if "{" in plain or "}" in plain:
        raise ValueError("the slots of a format are {word}, {words}, {number} and {any}")
    return [p for p in parts if p]


def _form(rule: model.Format, answer: str) -> float:
    lines = _lines(answer)
    if not lines:
        return 0.0
    parts = parse_format(rule.format)
    fitting = sum(has_form(parts, line) for line in lines)
    return fitting / max(len(lines), rule.lines or 0)


def has_form(parts: Sequence[str], line: str) -> bool:
    """Whether a line has a form. All readings are followed at once, so that no line takes long."""
    line = " ".join(line.split())
    places = {0}
    for part in parts:
        if not places:
            return False
        if not _SLOT.fullmatch(part):
            text = re.sub(r"\s+", " ", part)
            places = {p + len(text) for p in places if line.startswith(text, p)}
        elif part == "{any}":
            places = set(range(min(places), len(line) + 1))
        else:
            places = {end for p in places for end in _ends(part, line, p)}
    return len(line) in places


def _ends(part: str, line: str, start: int) -> range:
    """Where a slot that begins here may end."""
    if part == "{number}":
        inside = re.compile(r"-?\d+(?:[.,]\d+)*").match(line, start)
        return range(inside.end(), inside.end() + 1) if inside else range(0)
    end = start
    while end < len(line) and (line[end] != " " or part == "{words}"):
        end += 1
    return range(start + 1, end + 1) if start < len(line) and line[start] != " " else range(0)


def reward(
    task: model.Task, item: Item, answer: str, turn: int = 0
) -> tuple[float, list[tuple[model.Measure, float]]]:
    """The reward of the answer in one of a task's turns, and how it comes about."""
    answer = answer[:MAX_ANSWER]
    shares = [(rule, measure(rule, item, answer)) for rule in rewards(task)[turn]]
    total = sum(rule.weight for rule, _ in shares)
    return worth(task, turn) * sum(rule.weight * share for rule, share in shares) / total, shares


def rewards(task: model.Task) -> tuple[tuple[model.Measure, ...], ...]:
    """The measures of each turn."""
    return (task.reward, *(further.reward for further in task.then))


def worth(task: model.Task, turn: int) -> float:
    """The points of a perfect answer in one of a task's turns."""
    weights = (1.0, *(further.weight for further in task.then))
    return task.points * weights[turn] / sum(weights)
