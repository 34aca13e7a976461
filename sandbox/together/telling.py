"""What somebody is told of a game who sees with the eyes of one seat. Pure functions."""

from __future__ import annotations

from sandbox.render import transcript
from sandbox.session.view import View


def so_far(view: View, seat: str | None) -> list[str]:
    """The episode up to here, as the seat lived through it; without a seat, what everybody did."""
    return list(
        transcript.transcript(view.path, lambda turn: (), watcher=seat, names=view.names, greetings=view.greetings)
    )


def change(before: View, view: View, seat: str | None, *, typed: bool = False) -> list[str]:
    """What is new since an earlier view.

    Args:
        before: the earlier one.
        view: the one now.
        seat: whose eyes; None sees what everybody did.
        typed: whether the seat's own commands are known already, for they were typed there.
    """
    if view.current is before.current:
        return []
    if view.current.parent != before.current.id or view.current not in view.path[len(before.path) :]:
        at = f"[turn {view.current.depth}]" if view.current.depth else "[a new episode]"
        last = so_far(view, seat) if not view.current.depth else _perceived(view, seat)
        return ["", at, *last]
    turn = view.current
    known = typed and turn.seat == seat and turn.chooser == "person"
    lines = [] if known else list(transcript.command(turn, seat, view.names))
    return [*([""] if lines else []), *lines, *transcript.reply(before.current, turn, seat)]


def _perceived(view: View, seat: str | None) -> list[str]:
    turn = view.current
    return turn.observations[seat or turn.seat or next(iter(turn.observations))].text.strip().splitlines()
