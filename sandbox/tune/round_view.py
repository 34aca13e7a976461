"""Rounds as values: what there is to learn from, and how a round stands, folded out of its events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from sandbox.tune.rounds import RoundEvent, State
    from sandbox.tune.settings import Method

End = Literal["", "finished", "failed", "cancelled", "interrupted", "estimated"]


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """A method, and whether the save has enough for it."""

    method: Method
    count: int
    """What there is: commands for `sft`, examples for the others."""
    missing: str = ""
    """What there is too little of; empty where the method can be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundData:
    """What the save has for a round, read off it at one moment."""

    save: str
    card: str
    model: str
    """The language model that is to learn."""
    active: str
    """The adapter in use, which the round trains on from; `base` for none."""
    before: str | None = None
    """The adapter that the one in use was trained on from; None where `base` is in use."""
    by_kind: Mapping[str, int]
    by_world: Mapping[str, int]
    by_annotator: Mapping[str, int]
    choices: tuple[MethodChoice, ...]
    evaluation: str
    """References to the worlds to be played before and after, by default."""
    unfinished: int | None = None
    """Number of the latest round, where it stopped before its end."""
    finished: int | None = None
    """Number of the latest round, where the adapter it made is there and not in use."""

    @property
    def suggested(self) -> Method | None:
        """The first method that has enough to learn from."""
        return next((choice.method for choice in self.choices if not choice.missing), None)


@dataclass(frozen=True, slots=True)
class Games:
    """How many games of an evaluation were played, and won."""

    done: int = 0
    of: int = 0
    won: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundView:
    """How a round stands."""

    number: int
    method: str
    parent: str = "base"
    """The adapter it trains on from."""
    trial: bool = False
    """Whether it only times a step."""
    began: float = 0.0
    """Unix time, seconds."""
    doing: str = "starting"
    done: int = 0
    of: int = 0
    """How many there are of what is being done; 0 where that is not known."""
    losses: tuple[float, ...] = ()
    seconds: float | None = None
    """What the training was estimated to take."""
    steps: int = 0
    training_left: float | None = None
    """Seconds."""
    games: Mapping[str, Games] = field(default_factory=dict)
    """Of `before` and `after`, as far as they have begun; `before` from the start, where there are any."""
    game_seconds: float = 0.0
    """What one game of the evaluation took, on average."""
    note: str = ""
    outcome: Mapping[str, Any] | None = None
    """What the gate measured, as JSON."""
    perplexity: tuple[float, float] | None = None
    adapter: str = ""
    """The adapter it made."""
    stopping: bool = False
    """Whether it was asked to stop."""
    end: End = ""
    trouble: str = ""
    """Why it ended without an adapter."""
    at: float = 0.0
    """When the latest event happened, Unix time, seconds."""

    @property
    def over(self) -> bool:
        return bool(self.end)

    @property
    def seconds_left(self) -> float | None:
        """What is left of training and evaluation at the time of the latest event; None while nothing tells."""
        if self.training_left is None:
            return None
        after = self.games.get("after", Games(of=self.games.get("before", Games()).of))
        return self.training_left + (after.of - after.done) * self.game_seconds

    def ended(self, state: State) -> RoundView:
        """The process is gone. Without a last word it was interrupted."""
        if self.over:
            return self
        word = "its process ended without a word; what it did so far is kept"
        return replace(self, end="interrupted", trouble="" if state == "cancelled" else word)


def fold(view: RoundView, events: Iterable[RoundEvent]) -> RoundView:
    """How a round stands after some more events."""
    for event in events:
        view = replace(_after(view, event), at=event.at)
    return view


def _after(view: RoundView, event: RoundEvent) -> RoundView:
    data = event.data
    match event.kind:
        case "started":
            # A resumed round starts again: what ended it before is past.
            return replace(view, began=event.at, end="", trouble="", training_left=None)
        case "phase":
            won = f", {data['won']} won" if "won" in data else ""
            return replace(view, doing=f"{data['what']}{won}", done=data["done"], of=data["of"])
        case "data":
            return _next(view, "before", "getting ready to train")
        case "episode":
            return _played(view, event)
        case "estimate":
            return replace(view, seconds=data["seconds"], steps=data["steps"], training_left=data["seconds"])
        case "step":
            more = data["step"] < data["of"]
            view = replace(view, doing="training", done=data["step"], of=data["of"])
            return replace(
                view if more else _next(view, "after", "making the adapter"),
                losses=(*view.losses[: data["step"] - 1], data["loss"]),
                training_left=data["seconds_left"],
                note=data.get("note", ""),
            )
        case "note":
            return replace(view, note=data["text"])
        case "gate":
            perplexity = data.get("perplexity")
            return replace(view, outcome=data["outcome"], perplexity=tuple(perplexity) if perplexity else None)
        case "finished":
            return replace(view, end="finished", adapter=data["adapter"])
        case "failed":
            hint = f" ({data['hint']})" if data.get("hint") else ""
            return replace(view, end="failed", trouble=f"{data['message']}{hint}")
        case "cancelled":
            return replace(view, end="cancelled")
        case "estimated":
            return replace(view, end="estimated", trial=True)
    return view


def _played(view: RoundView, event: RoundEvent) -> RoundView:
    data = event.data
    side, done = data["side"], data["done"]
    former = view.games.get(side, Games())
    games = {**view.games, side: Games(done, data["of"], former.won + bool(data["won"]))}
    seconds = view.game_seconds
    if former.done:  # before the first game the model is loaded, which tells nothing of the second
        played = sum(max(each.done - 1, 0) for each in view.games.values())
        seconds += (event.at - view.at - seconds) / (played + 1)
    view = replace(
        view,
        doing=f"playing {side}",
        done=done,
        of=data["of"],
        games=games,
        game_seconds=seconds,
        training_left=0.0 if side == "after" else view.training_left,
    )
    if done < data["of"]:
        return view
    return replace(view, doing="getting ready to train" if side == "before" else "comparing", done=0, of=0)


def _next(view: RoundView, side: str, otherwise: str) -> RoundView:
    """What follows: the games of one side where there are any."""
    games = view.games.get("before", Games()).of
    return replace(view, doing=f"playing {side}" if games else otherwise, done=0, of=games)
