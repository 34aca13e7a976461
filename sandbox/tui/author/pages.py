"""What the author's screen says, as text. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content

from sandbox.errors import Finding
from sandbox.session.trials import Standing
from sandbox.tui import format as fmt
from sandbox.tui.author.controller import AuthorController

SIGNS = {"error": ("✗", "bold $text-error"), "warning": ("!", "bold $text-warning"), "note": ("·", fmt.MUTED)}
PENCIL = "✎"


def header(controller: AuthorController, room: str) -> Content:
    """The file, and whether it is saved."""
    site = controller.site
    if site is None:
        return Content.styled("Looking at the world …", fmt.MUTED)
    state: tuple[str, str] = ("", "")
    if site.foreign:
        state = ("  may only be read", "$text-warning")
    elif controller.unsaved:
        state = ("  ● not saved", "$text-warning")
    where = f"  {site.file.parent.name}/{site.file.name}" if site.file is not None else ""
    parts = ((f"{PENCIL} ", "$text-primary"), (site.title, "bold"), (where, fmt.MUTED), state)
    return Content.assemble(*parts, (f"  in {room}" if room else "", fmt.MUTED))


def summary(controller: AuthorController) -> Content:
    """What is wrong in one line."""
    if controller.site is None or controller.site.file is None:
        return Content("")
    if controller.reading.lines == {} and not controller.reading.findings:
        return Content.styled("Reading …", fmt.MUTED)
    findings = controller.findings
    counts = {kind: sum(each.severity == kind for each in findings) for kind in SIGNS}
    told = ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in counts.items() if count)
    checked = controller.checked
    if checked is None:
        extent = "read, not played: F6 checks" if controller.reading.loads else "it is no world yet"
    else:
        extent = f"{'proved over' if checked.proved else 'sampled over'} {checked.states:,} states"
        extent += ", edited since" if controller.check_is_stale else ""
    worst = next((kind for kind in SIGNS if counts[kind]), None)
    sign, tone = SIGNS[worst] if worst else ("✓", "bold $text-success")
    return Content.assemble((f"{sign} {told or 'nothing wrong'}", tone), (f"  {extent}", fmt.MUTED))


def finding(each: Finding, line: int | None) -> Content:
    """One finding, with the line it is in now."""
    sign, tone = SIGNS[each.severity]
    parts = [(f"{sign} {line or ''}".rstrip() + " ", tone), (f"{each.key}  " if each.key else "", "bold")]
    return Content.assemble(*parts, each.message, (f" ({each.hint})" if each.hint else "", fmt.MUTED))


def difficulty(standings: Iterable[Standing]) -> Content:
    """How agents fared: the share of games won, by the turns that they had."""
    lines = [Content.styled("Won by agents", "bold $text-primary")]
    for standing in standings:
        practice = f" after {standing.practice}" if standing.practice else ""
        games = "all alike" if standing.alike else f"{standing.episodes} games"
        lines.append(Content.assemble((f"{standing.agent}", "bold"), (f"{practice}, {games}", fmt.MUTED)))
        for turns, value, low, high in standing.won:
            bounds = "" if standing.alike else f" {low * 100:.0f}–{high * 100:.0f}"
            lines.append(
                Content.assemble(
                    (f"  in {turns:<4}", fmt.MUTED),
                    fmt.bar(value, 12, "$success"),
                    f" {value:>4.0%}",
                    (bounds, fmt.MUTED),
                )
            )
    return Content("\n").join(lines)
