"""The line above the prompt: whose turn it is, what is going on and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from textual.content import Content
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget

from sandbox.render.formatting import overruled
from sandbox.session.controller import Controller
from sandbox.tui import format as fmt
from sandbox.tui.widgets.mind import mark
from sandbox.types import Decision

_TICK = 0.1


def now(game: Controller, world: str) -> Content:
    """What there is to say about a game now."""
    view = game.view
    if game.awaited:
        return Content.styled(game.awaited, "$text-warning")
    if view is None:
        return Content(f"Opening {world}" if game.since else "No game is open.")
    if game.pending:
        return Content("One moment")
    if view.to_move is None:
        return Content.styled("The episode is over.", fmt.MUTED)
    if view.wants_key and not view.others_move:
        return Content.styled("The story waits for a key: at the prompt, each key goes to it.", "$text-warning")
    several = len(view.seats) > 1
    name = view.name(view.to_move)
    if view.elsewhere_moves:
        return Content.assemble((name, "bold"), (" is to move, at another screen.", fmt.MUTED))
    if view.to_move not in view.agents:
        rule = " All decide first; then everything happens at once." if view.simultaneous else ""
        return Content.styled(f"Your turn{f', {name}' if several else ''}.{rule}", fmt.MUTED)
    who = Content.styled(f"{name} " if several else "", "bold")
    if game.shown is not None:
        return who + _wish(game.shown)
    if game.since is not None:
        agent = view.agents[view.to_move]
        doing = "writing" if game.streamed else "thinking"
        return who + f"({agent}) is {doing}" if several else Content(f"{agent} is {doing}")
    if game.runs:
        return who + "is about to act"
    return who + "has stopped. F5 lets it act." if several else Content.styled("Stopped.", fmt.MUTED)


def why(reasons: Sequence[str]) -> Content:
    """The reasons that a digit would give."""
    named = (f"  {number} {reason}" for number, reason in enumerate(reasons, 1))
    return Content.assemble((f"{fmt.REWARD} why?", "bold $text-warning"), *((text, fmt.MUTED) for text in named))


def waits(game: Controller) -> str:
    """What was typed and has its turn later. It is not told where several people share the screen."""
    count = len(game.waiting)
    told = f"{count} {'waits' if count == 1 else 'wait'}"
    if game.view is not None and len(game.view.people) > 1:
        return told
    return f"{told}: {' · '.join(typed.line for typed in game.waiting)}"


def mode(game: Controller, *, deciding: bool) -> Content:
    """What waits, whether the agent runs, and whether single keys act."""
    if game.waiting:
        return Content.styled(waits(game), "$text-warning")
    if game.on_its_own:
        return Content.styled(f"▸▸ running, {fmt.short(game.speed)}/s at most", "$text-warning")
    return Content.styled(" DECIDE ", "reverse bold") if deciding else Content("")


def _wish(decision: Decision) -> Content:
    glyph, style = mark(decision, decision.chosen)
    why = "to explore" if glyph == fmt.EXPLORATION else "Q overruled the model" if overruled(decision) else ""
    return Content.assemble(
        (f"{glyph} ", style),
        ("wants ", fmt.MUTED),
        (decision.command, style),
        (f"   {why}" if why else "", fmt.MUTED),
    )


class Status(Widget):
    """Says one thing at a time: work under way with a spinner and its seconds, or how things stand."""

    mode: reactive[Content] = reactive(Content(""))
    """What stands at the right end."""
    round: reactive[Content] = reactive(Content(""))
    """How a fine-tuning round stands, before that; empty while there is none."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._text = Content("")
        self._since: float | None = None
        self._options: tuple[str, ...] = ()
        self._chosen = 0
        self._ticker: Timer | None = None

    def on_mount(self) -> None:
        self._ticker = self.set_interval(_TICK, self.refresh, pause=self._since is None)

    def say(self, text: Content, *, since: float | None = None) -> None:
        """Show a text; with `since` (monotonic seconds) it is work under way."""
        self._text, self._since = text, since
        if self._ticker is not None:
            (self._ticker.pause if since is None else self._ticker.resume)()
        self.refresh()

    def complete(self, options: Sequence[str], chosen: int) -> None:
        """Show the completions instead, until there are none."""
        self._options, self._chosen = tuple(options), chosen
        self.refresh()

    def render(self) -> Content:
        width = self.content_size.width
        if self._options:
            return self._completions(width)
        text = self._text
        if self._since is not None:
            seconds = monotonic() - self._since
            frame = fmt.SPINNER[int(seconds / _TICK) % len(fmt.SPINNER)]
            text = Content.assemble((f"{frame} ", "$text-primary"), text, (f"  {seconds:.1f} s", fmt.MUTED))
        aside = Content("  ").join([part for part in (self.round, self.mode) if part])
        text = text.truncate(max(width - aside.cell_length - 1, 10), ellipsis=True)
        return Content("").join([text, Content(" " * max(width - text.cell_length - aside.cell_length, 1)), aside])

    def _completions(self, width: int) -> Content:
        """The options in a row, beginning far enough on that the chosen one is in sight."""
        first = self._chosen
        room = width - len(self._options[first]) - 4
        while first > 0 and (room := room - len(self._options[first - 1]) - 2) > 0:
            first -= 1
        parts: list[tuple[str, str]] = [("‹ " if first else "  ", fmt.MUTED)]
        for index, option in enumerate(self._options[first:], first):
            parts += [(option, "reverse" if index == self._chosen else fmt.MUTED), ("  ", "")]
        return Content.assemble(*parts).truncate(width, ellipsis=True)
