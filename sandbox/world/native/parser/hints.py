"""Hints, in three stages: what it is about, what might be done, the command itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.world.native.compiled import Draft
from sandbox.world.native.prose import CountedThing
from sandbox.world.native.state import ParsedCommand, State

STAGES = 3


@dataclass(frozen=True, slots=True)
class NextStep:
    """What a plan says comes next."""

    command: ParsedCommand | None = None
    """The next command; None where no plan was found."""
    hopeless: bool = False
    """Whether the seat can no longer win, for certain."""


Adviser = Callable[[State, int], NextStep]
"""Asked with a state and the number of a seat."""


def give_hint(draft: Draft, adviser: Adviser | None) -> None:
    """Tell the acting seat the next stage of a hint. It costs the points that the author says, and no turn."""
    compiled, seat = draft.compiled, draft.actor
    index = seat - compiled.seats[0]
    advice = adviser(draft.state, seat) if adviser is not None else NextStep()
    command = advice.command
    if command is None:
        draft.say("hint_hopeless" if advice.hopeless else "hint_none")
        return
    text = compiled.phrase(command)
    stage, before = draft.memory[index].hinted
    stage = min(stage + 1, STAGES) if text == before else 1
    draft.memory[index] = draft.memory[index]._replace(hinted=(stage, text))
    about = next((thing for thing in (command.thing, command.other) if thing >= 0), -1)
    if stage == STAGES:
        draft.say("hint_command", text=text)
    elif command.action == "go":
        draft.say(
            "hint_leave" if stage == 1 else "hint_go", direction=compiled.lexicon.direction_names[command.text]
        )
    elif stage == 1 and about >= 0:
        draft.say("hint_about", thing=CountedThing(about, 2))
    else:
        draft.say("hint_verb", text=text.split(" ", 1)[0] if compiled.grammar.spaced else text[:1])
    if cost := compiled.definition.hint_cost:
        draft.award(seat, -cost)
        draft.say("hint_cost", count=f"{cost:g}")
