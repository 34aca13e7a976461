"""Whether a text task's items have the fields that its texts and its reward ask for."""

from __future__ import annotations

from sandbox.errors import Finding
from sandbox.marked_yaml import Document, Path, dotted
from sandbox.text import did_you_mean
from sandbox.world.native.languages import LANGUAGES
from sandbox.world.native.prose import Template, TemplateError
from sandbox.world.native.schema import Task
from sandbox.world.native.schema.tasks import FIELDS, Format
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
    for key in ("goal", "prompt"):
        try:
            wanted += [((key,), name) for _, name in Template(getattr(task, key)).slots()]
        except TemplateError as error:
            fault((key,), str(error))
    for number, measure in enumerate(task.reward):
        one = isinstance(document.data.get("reward"), dict)
        path: Path = ("reward",) if one else ("reward", number)
        wanted += [
            ((*path, key), name)
            for attribute, key in FIELDS.items()
            if (name := getattr(measure, attribute, None))
        ]
        if isinstance(measure, Format):
            try:
                parse_format(measure.format)
            except ValueError as error:
                fault((*path, "format"), str(error))
    for path, name in wanted:
        if name not in everywhere:
            lacking = next(n for n, item in enumerate(task.items) if name not in item)
            hint = did_you_mean(name, everywhere, otherwise="give it to every item")
            fault(path, f"item {lacking} has no field {name!r}", hint)
    return findings
