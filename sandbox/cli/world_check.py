"""What `sandbox world check` does with one file, and how it prints what it found."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.text import Text

from sandbox.cli import context
from sandbox.errors import Finding, WorldFileError
from sandbox.files import stamp

if TYPE_CHECKING:
    from sandbox.world.check import Checked
    from sandbox.world.native import NativeWorld
    from sandbox.world.solver import Limits

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def changes(file: Path, poll: float = 0.3, alive: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Once at first, and again each time the file was written."""
    before: object = None
    while alive():
        now = stamp(file) or before or ()  # editors replace files: for a moment there is none
        if now != before:
            before = now
            yield
        time.sleep(poll)


def check_file(file: Path, limits: Limits, seed: int, as_json: bool, deadline: float | None = None) -> int:
    """Check one file and print what was found; the exit code. The deadline is by `time.monotonic`."""
    from sandbox.world.check import check as check_world
    from sandbox.world.native import Adventure, NativeWorld, read_source

    try:
        source = read_source(file)
    except WorldFileError as error:
        _print_findings(file, error.findings, as_json, proved=True, method="not a world")
        return 2
    if not isinstance(source.definition, Adventure):
        _print_findings(file, (), as_json, method=f"a text task with {len(source.definition.items)} items")
        return 0
    world = NativeWorld(source)
    if deadline is not None:
        limits = replace(limits, seconds=max(deadline - time.monotonic(), 0.05))
    with context.working(f"checking {escape(world.title)}") as say:
        checked = check_world(
            world,
            limits=limits,
            seed=seed,
            progress=lambda known, waiting: say(f"{known:,} states, {waiting:,} to look into"),
        )
    findings = (*checked.findings, *_walkthrough_findings(world, file.with_name("walkthrough.txt")))
    _print_findings(
        file,
        findings,
        as_json,
        method=checked.method,
        proved=checked.proved,
        states=checked.states,
        best_scores=checked.best_scores,
        dead_ends=checked.dead_ends,
        shortest_walkthrough=len(checked.solution.moves) if checked.solution else None,
        seconds=round(checked.seconds, 2),
    )
    if not as_json:
        _print_summary(checked)
    return 1 if any(finding.severity == "error" for finding in findings) else 0


def _walkthrough_findings(world: NativeWorld, file: Path) -> tuple[Finding, ...]:
    """What goes wrong when the walkthrough beside a world is played."""
    from sandbox.testing import ContractError, play_walkthrough

    if not file.is_file():
        return ()
    try:
        played = play_walkthrough(world, file.read_text(encoding="utf-8"))
    except (ContractError, UnicodeDecodeError) as error:
        return (Finding(None, file.name, str(error), "correct the walkthrough, or the world", "error"),)
    if not played.winners:
        return (
            Finding(None, file.name, "nobody wins by it", "`sandbox world solve` writes one that wins", "error"),
        )
    return ()


def _print_findings(file: Path, findings: tuple[Finding, ...], as_json: bool, **facts: Any) -> None:
    if as_json:
        listed = [
            {"severity": f.severity, "line": f.line, "key": f.key, "message": f.message, "hint": f.hint}
            | ({"file": f.file} if f.file else {})
            for f in findings
        ]
        print(json.dumps({"file": str(file), "findings": listed, **facts}, ensure_ascii=False, default=str))
        return
    context.console.print(Text(str(file), style="bold"), soft_wrap=True)
    for finding in findings:
        text = Text(f"  {finding.severity:<8}", style=_STYLES[finding.severity])
        context.console.print(text + Text(str(finding), style=""), soft_wrap=True, highlight=False)
    if not findings:
        context.console.print("  nothing wrong", style="green", highlight=False)
    context.console.print(f"  {facts['method']}", style="dim", highlight=False)


def _print_summary(checked: Checked) -> None:
    parts = [f"highest score of {escape(seat)}: {score:g}" for seat, score in checked.best_scores.items() if score]
    if checked.solution is not None:
        shortest = "shortest" if checked.solution.shortest else "short"
        parts.append(f"a {shortest} walkthrough has {len(checked.solution.moves)} commands")
    if checked.dead_ends:
        parts.append(f"{checked.dead_ends:,} states in dead ends")
    if checked.idle:
        parts.append(f"left out, as nothing depends on them: {escape(', '.join(checked.idle))}")
    context.console.print(f"  {'; '.join(parts)}" if parts else "", style="dim", highlight=False, soft_wrap=True)
