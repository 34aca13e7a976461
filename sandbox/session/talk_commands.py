"""Commands by which a person speaks to agents, or has another in their place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sandbox.llm import chatml
from sandbox.session import moves
from sandbox.session.command import Typed
from sandbox.session.controller import Surface
from sandbox.text import counted

if TYPE_CHECKING:
    from sandbox.session.session import Session

_OUTSIDE = {
    "save": "every turn is stored as it is played; /save says where",
    "restore": "undo goes back, /timeline shows every turn, and /jump N goes to one",
    "restart": "/restart plays again; what was learned stays",
    "quit": "/quit leaves (Ctrl+Q on the screen); the game goes on from here next time",
}
"""What stories have a word for and the world has no part in: how it is done here."""

_TO_SOMEBODY = re.compile(
    r"(?:where|why|what|which|who|how|have|did|do|does|is|are|can)\b.*\?\s*$|(?:don['’]?t|do not|never)\s",
    re.IGNORECASE,
)
"""How a question begins and ends, and what forbids something."""

# What understands talk needs a language model's arithmetic, which the screen begins without: imported when used.


def act(at: Surface, typed: Typed) -> None:
    """A command to the world, or words for an agent: what is none and begins with a name, or asks something."""
    view, line = at.controller.view, typed.argument
    word = "quit" if line.lower() == "q" else line.lower()
    in_the_world = view is None or view.wants_key or line in (view.observation.admissible or ())
    if word in _OUTSIDE and not in_the_world:
        at.say(f"“{line}” is nothing to do in the world: {_OUTSIDE[word]}.")
    elif _to_an_agent(at, line):
        tell(at, typed)
    else:
        at.controller.act(line)


def _to_an_agent(at: Surface, line: str) -> bool:
    """Whether a line is no command, and begins with the name of an agent (its card, its seat, `agent`),
    or asks or forbids something and begins with no verb of the world.
    """
    view = at.controller.view
    first, _, words = line.partition(" ")
    if view is None or not words or line in (view.observation.admissible or ()):
        return False
    if not view.agents:
        return False
    if _TO_SOMEBODY.match(line) and first.lower() not in view.verbs:
        return True
    cards = [agent.partition("@")[0] for agent in view.agents.values()]
    known = {name.lower() for name in ("agent", *view.agents, *cards, *map(view.name, view.agents))}
    return first.strip(",:").lower() in known


def tell(at: Surface, typed: Typed) -> None:
    """Advice, or a question."""
    from sandbox.agent.answers import is_question
    from sandbox.session import talk

    words, decision = typed.argument, at.controller.shown
    at.controller.change(
        "tell", lambda its: talk.to_anyone(its, words, decision), halting=False, keeps=is_question(words)
    )


def withdraw(at: Surface, typed: Typed) -> None:
    """Take advice back."""
    number = int(typed.number(0)[0]) if typed.argument else None

    def job(its: Session) -> str:
        from sandbox.session import talk

        return f"{counted(talk.withdraw(its, number), 'piece')} of advice taken back"

    at.controller.change("withdraw", job, halting=False)


def regenerate(at: Surface, typed: Typed) -> None:
    """Decide anew."""
    at.controller.regenerate()


def agent(at: Surface, typed: Typed) -> None:
    """Another agent in a seat."""
    at.controller.change("agent", lambda its: moves.recast(its, typed.argument))


def model(at: Surface, typed: Typed) -> None:
    """Another language model for an agent; without a name, those there are."""
    if not typed.argument:
        at.open("models")
        return
    at.controller.change("model", lambda its: moves.remodel(its, typed.argument))


def thought(at: Surface, typed: Typed) -> None:
    """What the agent thought before it decided, as much as there is of it."""
    decision = at.controller.shown
    told = chatml.thought_in(decision.prompt) if decision is not None else ""
    at.controller.change("thought", lambda its: told or "It thought nothing aloud.", keeps=True, halting=False)


def notes(at: Surface, typed: Typed) -> None:
    """What the agent noted, shown and edited."""

    def job(its: Session) -> str:
        from sandbox.session import talk

        return talk.notes(its, typed.argument)

    at.controller.change("notes", job, keeps=not typed.argument, halting=False)
