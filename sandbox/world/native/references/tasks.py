"""Whether a text task's items have the fields that its texts and its reward ask for."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.errors import Finding
from sandbox.marked_yaml import Document, Path, dotted
from sandbox.text import did_you_mean
from sandbox.world.native.languages import LANGUAGES
from sandbox.world.native.patterns import Pattern
from sandbox.world.native.prose import Template, TemplateError
from sandbox.world.native.schema import Measure, Task
from sandbox.world.native.schema.tasks import FIELDS, Format, OfItem, RegexAnswer
from sandbox.world.native.task_measures import parse_format


def check_task(task: Task, document: Document) -> list[Finding]:
    """All fields that are asked for and missing, and texts whose braces cannot be read."""
    findings: list[Finding] = []

    def fault(path: Path, message: str, hint: str = "") -> None:
        findings.append(Finding(document.line(path), dotted(path), message, hint, file=document.file(path)))

    if task.language not in LANGUAGES:
        fault(("language",), f"there is no language {task.language!r}", f"there are: {', '.join(LANGUAGES)}")
    everywhere = set.intersection(*(set(item) for item in task.items))
    wanted: list[tuple[Path, str]] = []

    def text(path: Path, given: str, besides: frozenset[str] = frozenset()) -> None:
        try:
            wanted.extend((path, name) for _, name in Template(given).slots() if name not in besides)
        except TemplateError as error:
            fault(path, str(error))

    def measures(path: Path, written: object, rewards: tuple[Measure, ...]) -> None:
        for number, rule in enumerate(rewards):
            here: Path = path if isinstance(written, dict) else (*path, number)
            wanted.extend(
                ((*here, key), name)
                for attribute, key in FIELDS.items()
                if isinstance(name := getattr(rule, attribute, None), str)
            )
            if isinstance(rule, Format):
                _sound(parse_format, rule.format, (*here, "format"), fault)
            if isinstance(rule, RegexAnswer) and isinstance(rule.regex, OfItem):
                wanted.append(((*here, "regex", "field"), rule.regex.field))
                for each, item in enumerate(task.items):
                    patterns = item.get(rule.regex.field, ())
                    for pattern in (patterns,) if isinstance(patterns, str) else patterns:
                        _sound(Pattern, pattern, ("items", each, rule.regex.field), fault)
            elif isinstance(rule, RegexAnswer):
                _sound(Pattern, str(rule.regex), (*here, "regex"), fault)

    for key in ("goal", "prompt"):
        text((key,), getattr(task, key))
    measures(("reward",), document.data.get("reward"), task.reward)
    then = document.data.get("then")
    for number, further in enumerate(task.then):
        path: Path = ("then",) if isinstance(then, dict) else ("then", number)
        written = then if isinstance(then, dict) else then[number] if isinstance(then, list) else {}
        text((*path, "prompt"), further.prompt, frozenset({"answer"}))
        measures((*path, "reward"), written.get("reward") if isinstance(written, dict) else None, further.reward)
    for path, name in wanted:
        if name not in everywhere:
            lacking = next(n for n, item in enumerate(task.items) if name not in item)
            hint = did_you_mean(name, everywhere, otherwise="give it to every item")
            fault(path, f"item {lacking} has no field {name!r}", hint)
    return findings


def _sound(read: Callable[[str], object], text: str, path: Path, fault: Callable[[Path, str], None]) -> None:
    """Say so where a form or pattern cannot be read."""
    try:
        read(text)
    except ValueError as error:
        fault(path, str(error))
