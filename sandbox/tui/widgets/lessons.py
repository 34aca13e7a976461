"""What the agents learn: the updates as they happen, what they change, and how the episodes go."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Sparkline

from sandbox.session.curves import Curves
from sandbox.session.optimum import Gap
from sandbox.session.policy_changes import PolicyChanges
from sandbox.tui import format as fmt
from sandbox.tui.widgets.board import Board
from sandbox.tui.widgets.curve import Curve
from sandbox.types import Update

_MOST = 8
_RECENT = 10


class Surprise(Sparkline):
    """How far off the latest estimates were: the size of the temporal-difference errors, oldest first."""

    KEPT = 31

    def add(self, updates: Sequence[Update]) -> None:
        """Show some more updates."""
        errors = [*(self.data or [0.0] * self.KEPT), *(abs(update.error) for update in updates)]
        self.data = errors[-self.KEPT :]


class UpdateList(Board):
    """The latest updates with their numbers, newest first."""

    KEPT = 60

    def on_mount(self) -> None:
        self._latest: deque[Update] = deque(maxlen=self.KEPT)
        self.put(Content.styled("Nothing has been learned yet.", fmt.MUTED))

    def add(self, updates: Sequence[Update]) -> None:
        """Show some more updates."""
        if updates:
            self._latest.extendleft(updates)
            self.put(Content("\n\n").join([_entry(update) for update in self._latest]))


class Changes(Board):
    """Past turns in which the agent would now prefer something else."""

    def show(self, changes: PolicyChanges) -> None:
        """Show these; the pane takes no room where there are none."""
        self.display = bool(changes.turns)
        lines = [Content.styled("It would now do otherwise", "bold $text-primary")]
        for change in changes.turns[:_MOST]:
            lines.append(
                Content.assemble(
                    (f"turn {change.depth}  ", fmt.MUTED), (change.before, fmt.MUTED), " → ", (change.now, "bold")
                )
            )
        if (more := len(changes.turns) - _MOST) > 0:
            lines.append(Content.styled(f"and in {more} more", fmt.MUTED))
        self.put(Content("\n").join(lines))


def _entry(update: Update) -> Content:
    tone = "$text-success" if update.error > 0 else "$text-error" if update.error < 0 else fmt.MUTED
    who = (f"  {fmt.REWARD} yours", "$text-warning") if update.source == "person" else ""
    text, _, result = update.formula.rpartition(" = ")
    return Content.assemble(
        (f"{update.quantity}(s, {update.command})", "bold"),
        who,
        (f"\n{text}", fmt.MUTED),
        (f"\n= {result}", f"bold {tone}"),
        (f"   {fmt.signed(update.after - update.before).strip()}", tone),
    )


class Distance(Board):
    """How far Q is from the true optimum."""

    _gap: Gap | None = None

    def show(self, gap: Gap | None) -> None:
        """Show this; the pane takes no room where the optimum is not known."""
        self._gap = gap
        self.display = gap is not None
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        gap, width = self._gap, self.content_size.width or 30
        if gap is None:
            return
        lines = [
            Content.styled("Distance to the optimum", "bold $text-primary"),
            Content.styled(f"{'Q':>{width - 9}}       Q*", fmt.MUTED),
        ]
        best = max((value for _, _, value in gap.here), default=0.0)
        for command, value, optimal in gap.here:
            good = optimal > best - 1e-9
            lines.append(
                Content.assemble(
                    (fmt.fit(command, width - 16), "bold" if good else ""),
                    (f"{fmt.signed(value):>8}", fmt.MUTED),
                    (f"{fmt.signed(optimal):>8}", "bold $text-success" if good else fmt.MUTED),
                )
            )
        if gap.largest is not None:
            lines.append(
                Content.assemble(
                    ("max |Q−Q*| ", fmt.MUTED),
                    (f"{gap.largest:.2f}", "bold"),
                    (f" in {gap.states:,} states", fmt.MUTED),
                )
            )
            if gap.unavoidable > 0.005:
                least = f"at least {gap.unavoidable:.2f}: some look alike"
                lines.append(Content.styled(least, fmt.MUTED))
        self.put(Content("\n").join(lines))


class ProgressCurve(Board):
    """Numbers over a curve."""

    def show(self, title: str, facts: str = "") -> None:
        self.put(Content.assemble((title, "bold $text-primary"), (f"  {facts}", fmt.MUTED)))


class Lessons(VerticalScroll):
    """The Learn tab."""

    DEFAULT_CSS = """
    Lessons > * { margin: 0 1 1 0; height: auto; }
    Lessons > .title { margin: 0; height: 1; }
    Lessons > Curve { height: 7; }
    Lessons > Surprise { height: 2; }
    """

    def compose(self) -> ComposeResult:
        yield Changes("", id="changes")
        yield Distance("", id="distance")
        yield ProgressCurve("", id="reward-title", classes="title")
        yield Curve("primary", id="reward")
        yield ProgressCurve("", id="interventions-title", classes="title")
        yield Curve("warning", id="interventions")
        yield ProgressCurve("", id="loss-title", classes="title")
        yield Curve("secondary", id="loss")
        yield ProgressCurve("", id="surprise-title", classes="title")
        yield Surprise(id="surprise")
        yield UpdateList(id="learn")

    def on_mount(self) -> None:
        self.show_curves(Curves(()))
        self.show_loss(0, ())
        self.query_one("#surprise-title", ProgressCurve).show("Errors of Q", "update by update")
        self.query_one(Distance).show(None)
        self.query_one(Changes).show(PolicyChanges(()))

    def learn(self, updates: Sequence[Update]) -> None:
        """Show some more updates."""
        self.query_one(UpdateList).add(updates)
        self.query_one(Surprise).add(updates)

    def show_curves(self, curves: Curves) -> None:
        """Show how the episodes went. One alone makes no curve."""
        episodes = curves.episodes
        rewards = [episode.reward for episode in episodes]
        ended = [episode for episode in episodes if episode.ended]
        won, recent = sum(episode.won for episode in ended), ended[-_RECENT:]
        facts = f"won {won} of {len(ended)}" if ended else ""
        if len(ended) > _RECENT:
            facts += f", {sum(episode.won for episode in recent)} of the last {_RECENT}"
        self._show(
            "reward", "Reward by episode", facts, rewards, [at for at, each in enumerate(episodes) if each.won]
        )
        shares = [100 * episode.interventions for episode in episodes]
        self._show("interventions", "Yours, % of turns", "", shares if any(shares) else ())

    def show_loss(self, number: int, losses: Sequence[float]) -> None:
        """Show the loss of a fine-tuning round, step by step."""
        self._show("loss", f"Loss of round {number}", f"{losses[-1]:.3g}" if losses else "", losses)

    def _show(
        self, name: str, title: str, facts: str, values: Sequence[float], marked: Sequence[int] = ()
    ) -> None:
        heading, curve = self.query_one(f"#{name}-title", ProgressCurve), self.query_one(f"#{name}", Curve)
        heading.display = curve.display = len(values) > 1
        heading.show(title, facts)
        curve.show(values, marked)
