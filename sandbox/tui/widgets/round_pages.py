"""What the round screen says: data, methods, cost, progress, the gate. Pure functions from values to text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textual.content import Content

from sandbox.tui import format as fmt
from sandbox.tune.round_view import MethodChoice, RoundData, RoundView

if TYPE_CHECKING:
    from sandbox.tune.settings import Method

TITLE = "bold $text-primary"
METHODS: dict[Method, str] = {
    "sft": "imitates wins, corrections and praised commands",
    "dpo": "learns which of two commands is the better one",
    "kto": "learns from single commands, good and bad",
}
ADVICE: dict[Method, str] = {
    "sft": "win a game, correct the agent with E, or praise what it did with +",
    "dpo": "say with E what should have been done, or act in the agent's place with o",
    "kto": "rate some turns with + and −, both kinds",
}
"""What a player does to have more data."""
_KINDS = {
    "win": "won by the agent",
    "demonstration": "won with a person's hand",
    "correction": "corrected",
    "intervention": "done in its place",
    "preference": "preferred",
    "rating": "rated",
}
_SIDES = ("before", "after")
_LABEL = 12


def data(offer: RoundData, width: int) -> Content:
    """What the save has: by kind, world and annotator."""
    kinds = {_KINDS.get(kind, kind): count for kind, count in offer.by_kind.items()}
    rows = [Content.styled("What there is to learn from", TITLE)]
    if not kinds:
        nothing = "nothing yet: play on, correct the agent, rate some turns with + and −"
        rows.append(Content.styled(f"  {nothing}", "$text-warning"))
    named = (("examples", kinds), ("worlds", offer.by_world), ("people", offer.by_annotator))
    rows += [_counted(label, counts, width) for label, counts in named if counts]
    if offer.unfinished is not None:
        before = Content.styled(f"  {f'round {offer.unfinished}':<{_LABEL - 2}}", fmt.MUTED)
        rows.append(before + Content.styled("stopped before its end; c goes on with it", "$text-warning"))
    return Content("\n").join(rows)


def _counted(label: str, counts: Mapping[str, int], width: int) -> Content:
    most_first = sorted(counts.items(), key=lambda item: -item[1])
    parts: list[str] = []
    for number, (name, count) in enumerate(most_first):
        part = f"{name} {count}"
        if parts and _LABEL + len(", ".join([*parts, part, "and 99 more"])) > width:
            parts.append(f"and {len(most_first) - number} more")
            break
        parts.append(part)
    return Content.assemble((f"  {label:<{_LABEL - 2}}", fmt.MUTED), ", ".join(parts))


def method(number: int, choice: MethodChoice, *, chosen: bool) -> Content:
    """One method in two lines: what it does, and what it would learn from or what is missing."""
    mark = ("● ", "$text-success") if chosen else ("○ ", fmt.MUTED)
    first = Content.assemble(
        mark,
        (f"{number} {choice.method}  ", "bold" if chosen else ""),
        (METHODS[choice.method], "" if chosen else fmt.MUTED),
    )
    unit = "commands" if choice.method == "sft" else "examples"
    second = Content.styled(f"         {choice.count} {unit}", fmt.MUTED)
    if choice.missing:
        second = Content.styled(f"         {choice.missing}", "$text-warning")
        if chosen:
            second += Content.styled(f"\n         → {ADVICE[choice.method]}", "$text-warning")
    return Content("\n").join([first, second])


def cost(view: RoundView | None, chosen: str) -> Content:
    """What a round would cost, where that was tried."""
    label = (f"{'cost':<{_LABEL - 2}}", fmt.MUTED)
    if view is None or not view.trial or view.method != chosen or view.seconds is None:
        return Content.assemble(label, ("unknown; t times one step and tells", fmt.MUTED))
    return Content.assemble(
        label, f"training takes about {span(view.seconds)} ({view.steps} steps), and the games"
    )


def progress(view: RoundView, now: float, width: int) -> Content:
    """How far a round is.

    Args:
        view: the round.
        now: Unix time, seconds.
        width: in cells.
    """
    what = "Timing one step" if view.trial else f"Round {view.number}"
    head = Content.assemble((what, TITLE), (f"   {view.method}, from {view.parent}", fmt.MUTED))
    frame = fmt.SPINNER[int(now * 2) % len(fmt.SPINNER)]
    count = f" {view.done} of {view.of}" if view.of else ""
    doing = "stopping after this step" if view.stopping else f"{view.doing}{count}"
    lines = [
        head,
        Content(""),
        Content.assemble((f"{frame} ", "$text-primary"), doing, (f"   {_elapsed(view, now)}", fmt.MUTED)),
        fmt.bar(view.done / view.of if view.of else 0.0, width, "$primary"),
        Content(""),
    ]
    for side in _SIDES:
        if (games := view.games.get(side)) is not None:
            lines.append(_row(side, f"{games.won} won of {games.done} played, {games.of} in all"))
    if (left := view.seconds_left) is not None:
        lines.append(_row("time left", f"about {span(max(0.0, left - (now - view.at)))}"))
    if view.losses:
        lines.append(_row("loss", f"{view.losses[0]:.3f} at first, {view.losses[-1]:.3f} now"))
    if view.note:
        lines.append(_row("note", view.note))
    return Content("\n").join(lines)


def _elapsed(view: RoundView, now: float) -> str:
    return span(max(0.0, now - view.began)) if view.began else ""


def result(view: RoundView, active: str) -> Content:
    """What a round came to."""
    head = Content.assemble((f"Round {view.number}", TITLE), (f"   {view.method}, from {view.parent}", fmt.MUTED))
    if view.end != "finished":
        words = {"cancelled": "It was cancelled.", "interrupted": "It stopped.", "failed": "It failed."}
        trouble = [Content.styled(view.trouble, "$text-warning")] if view.trouble else []
        kept = Content.styled(f"\nThe agent plays with {active}, as before.", fmt.MUTED)
        return Content("\n").join([head, Content(""), Content(words.get(view.end, "")), *trouble, kept])
    lines = [head, Content("")]
    if view.outcome is None:
        lines.append(
            Content.styled("Nothing was played before and after: whether it helped is not known.", fmt.MUTED)
        )
    else:
        lines += gate(view.outcome)
    if view.perplexity is not None:
        before, after = view.perplexity
        lines.append(
            _row("perplexity", f"{before:.1f} before, {after:.1f} after, of plain English: what it forgot")
        )
    lines += [
        Content(""),
        Content.assemble("It made ", (view.adapter, "bold"), f"; the agent plays with {active}."),
    ]
    return Content("\n").join(lines)


def gate(outcome: Mapping[str, Any]) -> list[Content]:
    """Both sides of a gate, side by side, and the verdict."""
    one, other = outcome["before"], outcome["after"]
    rows = [
        (
            "won",
            f"{one['won']} of {one['episodes']}",
            f"{other['won']} of {other['episodes']}",
            _share(outcome["won"]),
        ),
        ("score", f"{one['score']:.2f}", f"{other['score']:.2f}", _bounds(outcome["score"], "+.2f")),
        ("steps", f"{one['steps']:.1f}", f"{other['steps']:.1f}", _bounds(outcome["steps"], "+.1f")),
        ("steps to win", _or_none(one["steps_won"]), _or_none(other["steps_won"]), ""),
    ]
    form = "  {:<14}{:>10}{:>10}   {}"
    lines = [Content.styled(form.format("", *_SIDES, "difference, 95 %"), fmt.MUTED)]
    for label, before, after, difference in rows:
        lines.append(Content.assemble(f"  {label:<14}{before:>10}", (f"{after:>10}", "bold"), f"   {difference}"))
    tone, glyph = ("$text-success", fmt.BLESSED) if outcome["passed"] else ("$text-warning", "!")
    lines += [Content(""), Content.styled(f"  {glyph} {outcome['reason']}", f"bold {tone}")]
    return lines


def brief(view: RoundView | None) -> Content:
    """A round in a few words, for a corner of the play screen."""
    if view is None or (view.trial and view.over):
        return Content("")
    name = "timing a round" if view.trial else f"round {view.number}"
    if view.end == "finished":
        return Content.styled(f"{name} is done: F9", "$text-success")
    if view.over:
        words = {"cancelled": "was cancelled", "failed": "failed"}
        return Content.styled(f"{name} {words.get(view.end, 'stopped')}: F9", "$text-warning")
    share = f" {view.done / view.of:.0%}" if view.of else ""
    left = f", {span(view.seconds_left)} left" if view.seconds_left is not None else ""
    return Content.styled(f"{name}: {'stopping' if view.stopping else view.doing + share}{left}", "$text-primary")


def span(seconds: float) -> str:
    """A length of time, roughly."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _row(label: str, text: str) -> Content:
    return Content.assemble((f"  {label:<{_LABEL}}", fmt.MUTED), text)


def _bounds(bounds: Mapping[str, float], form: str) -> str:
    value, low, high = (format(bounds[key], form).replace("-", "−") for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _share(bounds: Mapping[str, float]) -> str:
    return _bounds(bounds, "+.0%")


def _or_none(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
