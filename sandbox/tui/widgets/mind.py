"""What the agent weighed: every proposal with its prior, its Q-value and the score that combines them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.style import Style
from textual.widget import Widget

from sandbox.llm import chatml
from sandbox.render.formatting import overruled
from sandbox.session.controller import Controller
from sandbox.session.moves import Preview
from sandbox.text import clean_line, counted
from sandbox.tui import format as fmt
from sandbox.tui.story import worth
from sandbox.tui.widgets.board import Board
from sandbox.types import Decision

_LABEL, _NUMBER = 8, 7
_GHOST_LINES = 4
NONE: Mapping[str, Preview | None] = {}


def mark(decision: Decision, index: int) -> tuple[str, str]:
    """Glyph and style of the proposal: chosen, explored, or neither."""
    if index != decision.chosen:
        return " ", ""
    glyph = fmt.EXPLORATION if decision.chooser == "exploration" else fmt.AGENT
    return glyph, fmt.COMMAND_STYLES[glyph]


def mind(
    decision: Decision,
    width: int,
    previews: Mapping[str, Preview | None] = NONE,
    doubtful: Collection[int] = (),
) -> Iterator[Content]:
    """The decision in full, as lines of this width, with what is known of where its proposals would lead.

    Words of a `doubtful` proposal, which are not true, have a mark behind them.
    """
    likeliest = max(proposal.prior for proposal in decision.proposals)
    largest = max(map(abs, decision.q_values), default=0.0) or 1.0
    bar_width = max(width - 4 - _LABEL - _NUMBER, 4)
    for index, proposal in enumerate(decision.proposals):
        glyph, style = mark(decision, index)
        command = fmt.fit(proposal.command, width - 4 - _NUMBER)
        yield Content.assemble(
            (f"{index + 1} " if index < 9 else "· ", fmt.MUTED),
            (f"{glyph} ", style),
            (command, style),
            (f"{fmt.signed(decision.scores[index]):>{_NUMBER}}", "bold" if style else ""),
        ).stylize(_picks(index))
        if proposal.said and proposal.said != proposal.command:
            words = f"“{proposal.said}”{' ≠' if index in doubtful else ''}"
            for line in Content(words).wrap(max(width - 4, 10)):
                yield Content.assemble("    ", (line.plain.rstrip(), f"italic {fmt.MUTED}"))
        yield _measure("prior", exp(proposal.prior - likeliest), "$primary", proposal.prior, bar_width)
        value = decision.q_values[index]
        times = f"Q {decision.visits[index]}×" if decision.visits else "Q"
        tone = "$success" if value >= 0 else "$error"
        yield _measure(times, abs(value) / largest, tone, value, bar_width)
        if index == decision.chosen and overruled(decision):
            yield Content.styled("    ↑ Q overruled the model", "$text-warning")
        if (preview := previews.get(proposal.command)) is not None:
            yield from _ghost(preview, width)
        yield Content("")


def _picks(index: int) -> Style:
    """What is drawn so picks a proposal when it is clicked."""
    return Style.from_meta({"pick": index + 1})


@dataclass
class Picked(Message):
    """A proposal was clicked."""

    number: int


def _picked(event: events.Click) -> Picked | None:
    number = event.style.meta.get("pick")
    return Picked(number) if isinstance(number, int) else None


def brief(decision: Decision, width: int, rows: int = 3) -> Iterator[Content]:
    """The best proposals, one a line; the chosen one is among them. Their words come in place of the numbers."""
    order = list(range(len(decision.proposals)))[:rows]
    if decision.chosen not in order:
        order[-1] = decision.chosen
    for index in order:
        glyph, style = mark(decision, index)
        numbers = (
            f"prior {fmt.signed(decision.proposals[index].prior)}   "
            f"Q {fmt.signed(decision.q_values[index])}   = {fmt.signed(decision.scores[index])}"
        )
        said, command = decision.proposals[index].said, decision.proposals[index].command
        if " " in said and said != command:
            numbers = f"“{said}”"
        command = fmt.fit(command, max(width - 4 - len(numbers) - 2, 8, min(len(command), width // 3)))
        yield (
            Content.assemble(
                (f"{index + 1} " if index < 9 else "· ", fmt.MUTED),
                (f"{glyph} ", style),
                (command, style),
                ("  " + numbers, "" if style else fmt.MUTED),
            )
            .truncate(width)
            .stylize(_picks(index))
        )


def _measure(name: str, fraction: float, tone: str, value: float, width: int) -> Content:
    return Content.assemble(
        (f"    {name:<{_LABEL}}", fmt.MUTED), fmt.bar(fraction, width, tone), f"{fmt.signed(value):>{_NUMBER}}"
    )


def _ghost(preview: Preview, width: int) -> Iterator[Content]:
    """The outcome of a proposal: its worth, and how it begins."""
    text = " ".join(preview.text.split())
    lines = Content(" ".join(filter(None, (worth(preview), text)))).wrap(max(width - 6, 10))
    for number, line in enumerate(lines[:_GHOST_LINES], 1):
        more = "…" if number == _GHOST_LINES < len(lines) else ""
        yield Content.assemble(
            (f"    {fmt.GHOST} ", fmt.MUTED), (line.plain.rstrip() + more, f"italic {fmt.MUTED}")
        )


def folded(thought: str, width: int) -> Content:
    """What the agent thought before it decided, in one line: how much, and how it begins."""
    line = f"{fmt.FOLDED} thought, {counted(len(thought.split()), 'word')}, /thought: {clean_line(thought)}"
    return Content.styled(fmt.fit(line, width), f"italic {fmt.MUTED}")


def written(texts: Sequence[str], width: int) -> Iterator[Content]:
    """What the language model writes, a line for each sample, the end of it in sight."""
    for text in texts:
        said = " ".join(text.split())
        while said and cell_len(said) > width - 5:
            said = said[1:]
        yield Content.assemble((f"{fmt.WRITING} ", "$text-primary"), (f"{said}▏", f"italic {fmt.MUTED}"))


class Mind(Board):
    """The side pane's view of a decision."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._decision: Decision | None = None
        self._instead = ""
        self._streamed: tuple[str, ...] = ()
        self._previews: dict[str, Preview | None] = {}
        self._doubtful: frozenset[int] = frozenset()

    def show(self, game: Controller) -> None:
        """Show what the agent weighed, or say why there is nothing to show."""
        self._previews = dict(game.previews)
        if game.shown is not None:
            self._instead = ""
        elif game.view is None:
            self._instead = "The game is being opened." if game.since is not None else ""
        elif game.view.done:
            self._instead = "The episode is over."
        elif not game.view.agent_moves:
            self._instead = "A person holds this seat: no agent is thinking."
        elif game.view.others_move:
            self._instead = "What others think is their own while a person plays."
        else:
            self._instead = "Stopped. F5 lets the agent think again." if game.stopped else "Thinking …"
        self._decision, self._streamed, self._doubtful = game.shown, game.streamed, game.doubtful
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def on_click(self, event: events.Click) -> None:
        if (picked := _picked(event)) is not None:
            self.post_message(picked)

    def _draw(self) -> None:
        decision, width = self._decision, self.content_size.width
        if decision is None or width < 20:
            instead = [Content.styled(self._instead, fmt.MUTED)]
            if self._streamed:
                instead += [Content(""), *written(self._streamed, width)]
            self.put(Content("\n").join(instead))
            return
        lines = [Content.styled(decision.reason, fmt.MUTED), Content("")] if decision.reason else []
        if thought := chatml.thought_in(decision.prompt):
            lines += [folded(thought, width), Content("")]
        lines += mind(decision, width, self._previews, self._doubtful)
        if decision.seconds >= 0.05:
            lines.append(
                Content.styled(f"{decision.model or decision.agent}, {decision.seconds:.1f} s", fmt.MUTED)
            )
        self.put(Content("\n").join(lines))


class Brief(Widget):
    """Three proposals above the prompt, where there is no room for the side pane."""

    decision: reactive[Decision | None] = reactive(None)
    streamed: reactive[tuple[str, ...]] = reactive(())
    """What is being written, until there is a decision."""

    def on_click(self, event: events.Click) -> None:
        if (picked := _picked(event)) is not None:
            self.post_message(picked)

    def render(self) -> Content:
        if self.decision is None:
            return Content("\n").join(list(written(self.streamed[:3], self.content_size.width)))
        return Content("\n").join(list(brief(self.decision, self.content_size.width)))
