"""What a person can have done to a session, where it is more than one call. For the session's thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.errors import PlayError, SaveError
from sandbox.llm.state import ServerState
from sandbox.paths import safe_name
from sandbox.render.transcript import transcript
from sandbox.session import worlds
from sandbox.text import clean, clean_line

if TYPE_CHECKING:
    from sandbox.session.session import Session
    from sandbox.store.feedback import Feedback
    from sandbox.timeline import Node, Turn
    from sandbox.types import Chooser, Decision


def act(session: Session, seat: str | None, command: str, *, decision: Decision | None, chooser: Chooser) -> Turn:
    """Carry out a command, if the seat that it was meant for is still to move."""
    if session.to_move not in (seat, None):
        raise PlayError("it is another seat's turn by now")
    return session.act(command, decision=decision, chooser=chooser)


def undo(session: Session) -> None:
    """Back to where a person last had the move, or by one turn where only agents play.

    What agents did in other seats since then is undone with it: they would only do it again.
    """
    people = _people(session)
    earlier = list(session.timeline.ancestors(session.current.id))[1:]
    wanted = next((turn for turn in earlier if turn.to_move in people), None)
    if wanted is None:
        session.undo()
    else:
        session.jump(wanted.id)


def redo(session: Session) -> None:
    """Forward to where a person has the move next, or by one turn where only agents play."""
    session.redo()
    _on_to_a_person(session)


def sibling(session: Session, step: int) -> None:
    """To the next or former command that was tried in place of the latest."""
    turn = _latest(session)
    tried = session.timeline.child_ids(turn.parent) if turn.parent is not None else ()
    if len(tried) < 2:
        raise PlayError("nothing else was tried here", hint="undo, and try something else")
    session.jump(tried[(tried.index(turn.id) + step) % len(tried)])
    _on_to_a_person(session)


def tries(session: Session) -> tuple[int, int]:
    """Which of the commands tried from the same turn the latest is, counted from 1, and how many there are."""
    turn = _latest(session)
    if turn.parent is None:
        return 1, 1
    tried = session.timeline.child_ids(turn.parent)
    return tried.index(turn.id) + 1, len(tried)


def _latest(session: Session) -> Node:
    """The latest turn of a person, or simply the latest where only agents play."""
    people, here = _people(session), session.timeline.node(session.current.id)
    path = session.timeline.ancestors(here.id)
    return next((turn for turn in path if turn.seat in people), here) if people else here


def _people(session: Session) -> set[str]:
    return {seat for seat, agent in session.seats.items() if agent is None}


def _on_to_a_person(session: Session) -> None:
    people, timeline = _people(session), session.timeline
    here = timeline.node(session.current.id)
    while people and here.to_move is not None and here.to_move not in people:
        following = timeline.redo_target(here.id)
        if following is None:
            break
        here = timeline.node(following)
    if here.id != session.current.id:
        session.jump(here.id)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a command would lead to."""

    command: str
    text: str
    reward: float
    ended: bool


def preview(session: Session, command: str) -> Preview:
    """Try a command of the seat to move on a copy of the world. Dice fall as they are going to."""
    world, turn = session.world, session.current
    seat = turn.to_move
    if seat is None:
        raise PlayError("the episode is over")
    step = world.step(world.load(turn.snapshot), seat, clean_line(command))
    return Preview(
        command,
        world.observe(step.state, seat).text,
        step.rewards.get(seat, 0.0),
        step.terminated or step.truncated,
    )


def recast(session: Session, words: str) -> str:
    """Have another hold a seat: `CARD`, for the seat of the agent that moves or is alone, or `SEAT=CARD`.

    Returns a line about it. Raises `PlayError`, `CardError`.
    """
    if session.casting is None:
        raise PlayError("nobody here knows the cards")
    seat, _, card = words.rpartition("=")
    if not card.strip():
        raise PlayError("that is not all of it", hint="such as: /agent lm, or /agent SEAT=lm")
    seat = seat.strip() or agents_seat(session)
    agent, text = session.casting(card.strip())
    session.hand_over(seat, agent, card=text)
    return f"{seat} is {'yours' if agent is None else agent.name} from now on"


def sit(session: Session, seat: str, *, elsewhere: bool) -> None:
    """Have the person of a seat sit at another screen, or before this one again. Nothing of it is stored."""
    if session.seats.get(seat, ...) is not None:
        raise PlayError(f"{seat} is no person's")
    session.elsewhere = session.elsewhere | {seat} if elsewhere else session.elsewhere - {seat}


def remodel(session: Session, words: str) -> str:
    """Give an agent another language model: `MODEL`, for the seat that `recast` would take, or `SEAT=MODEL`.

    It keeps what it learned. Returns a line about it. Raises `PlayError`, `CardError`, `ModelError`.
    """
    if session.remodelling is None:
        raise PlayError("nobody here knows the language models")
    seat, _, model = words.partition("=")
    if seat.strip() not in session.seats:  # the name of a model may have such a sign in it
        seat, model = "", words
    if not model.strip():
        raise PlayError("that is not all of it", hint="such as: /model gemma-3-270m, or /model SEAT=gemma-3-270m")
    seat = seat.strip() or agents_seat(session)
    if session.seats.get(seat) is None:
        raise PlayError(f"{seat} is no agent's", hint="give it to one first: /agent CARD")
    agent, text = session.remodelling(seat, model.strip())
    session.hand_over(seat, agent, card=text)
    return f"{agent.name} plays with {agent.model.partition('@')[0]} from now on"


def agents_seat(session: Session) -> str:
    """The seat of the agent that moves; else of the first agent, or the first seat."""
    held = [each for each, agent in session.seats.items() if agent is not None]
    return (session.to_move if session.to_move in held else (held or list(session.seats))[0]) or ""


def merged(decision: Decision, former: Decision) -> Decision:
    """A decision with the proposals of a former one that it has not, after its own."""
    own = {proposal.command for proposal in decision.proposals}
    left = [i for i, proposal in enumerate(former.proposals) if proposal.command not in own]
    if not left:
        return decision
    return replace(
        decision,
        proposals=(*decision.proposals, *(former.proposals[i] for i in left)),
        q_values=(*decision.q_values, *(former.q_values[i] for i in left)),
        scores=(*decision.scores, *(former.scores[i] for i in left)),
        visits=(*decision.visits, *(former.visits[i] for i in left)) if decision.visits and former.visits else (),
    )


# Saying things.


def bookmark(session: Session, name: str) -> str:
    """Name the turn where we stand; with no name, take its names away, or call it by its command.

    Returns a line that names all marks of the turn, as `bless` does.
    """
    own = [mark for mark in session.marks() if mark.turn == session.current.id and mark.kind == "bookmark"]
    if own and not name:
        for mark in own:
            session.unmark(mark)
    else:
        turn = session.current
        session.bookmark(name or f"{turn.command or 'opening'} {turn.depth}".strip())
    return _marked(session)


def bless(session: Session) -> str:
    """Mark the branch that ends here as the expected one, or take that back."""
    own = [mark for mark in session.marks() if mark.turn == session.current.id and mark.kind == "blessed"]
    for mark in own:
        session.unmark(mark)
    if not own:
        session.bless()
    return _marked(session)


def _marked(session: Session) -> str:
    marks = [mark for mark in session.marks() if mark.turn == session.current.id]
    names = ["blessed" if mark.kind == "blessed" else mark.name for mark in marks]
    return f"This turn is marked: {', '.join(names)}" if names else "This turn has no mark"


def compare(session: Session, verdict: str, turn: int) -> Feedback:
    """Say of two proposals of a turn that they tie (`tie`), or that neither is any good (`bad`).

    The two are what the agent wanted, and what was done in its place or else the next best.
    """
    decision = None if _people(session) else session.timeline.get(turn).decision
    if decision is None or len(decision.proposals) < 2:
        raise PlayError("no agent weighed anything in this turn", hint="let it act first")
    commands = [proposal.command for proposal in decision.proposals]
    done = session.timeline.node(turn).command
    other = commands.index(done) if done in commands else decision.chosen
    if other == decision.chosen:
        other = 1 if decision.chosen == 0 else 0
    return session.prefer_proposal(decision.chosen, other, verdict=verdict, turn=turn)


def prefer(session: Session, number: int) -> Feedback:
    """Say that the latest turn is better than another that was tried in its place.

    Args:
        session: where it is said.
        number: which, counted from 1; 0 for the one before it, or after it where it was the first.
    """
    turn = _latest(session)
    tried = session.timeline.child_ids(turn.parent) if turn.parent is not None else ()
    if len(tried) < 2:
        raise PlayError("nothing else was tried here", hint="undo, and try something else")
    own = tried.index(turn.id)
    other = number - 1 if number else own - 1 if own else 1
    if not 0 <= other < len(tried) or other == own:
        raise PlayError(f"this is try {own + 1} of {len(tried)}", hint="name another of them")
    return session.prefer(turn.id, tried[other])


def correct(session: Session, command: str, turn: int | None) -> Feedback:
    """Say what should have been done; a command that the world would not understand has to be said twice."""
    session.ask_about(command, turn=turn)
    return session.correct(command, turn=turn)


def retract(session: Session, turn: int) -> Feedback:
    """Take back what the person said last of those things about a turn that stand."""
    own = [said for said in session.feedback(turn) if said.annotator == session.annotator]
    if not own:
        raise PlayError("you have said nothing about this turn", hint="go to the turn that you spoke of")
    return session.retract(own[-1].id)


def greetings(session: Session) -> tuple[tuple[str, str], ...]:
    """What the agents of a session say before they do anything, and who: the seat's name, or alone the agent's."""
    names, several = worlds.names(session.world), len(session.world.seats) > 1
    said = {}
    for seat, agent in session.seats.items():
        words = clean(getattr(getattr(agent, "card", None), "greeting", "")).strip()
        if agent is not None and words:
            said[names.get(seat, seat) if several else agent.name] = words
    return tuple(said.items())


def script(session: Session, name: str, watcher: str | None, names: Mapping[str, str]) -> str:
    """Write the story so far into a text file of this name, beside the save; a line that says where.

    Raises `UsageError`, `SaveError`.
    """
    folder = session.store.file.parent if session.store.file else Path()
    path = folder / f"{safe_name(name or 'transcript', 'a transcript').removesuffix('.txt')}.txt"
    story = session.timeline.path(session.current.id)
    told = transcript(story, session.feedback, watcher=watcher, names=names, greetings=greetings(session))
    try:
        path.write_text("".join(f"{line}\n" for line in told), encoding="utf-8")
    except OSError as error:
        raise SaveError(f"cannot be written: {error.strerror}", where=path) from error
    return f"The story so far is in {path}"


# What may change without anything being done.


def troubles(session: Session) -> dict[str, str]:
    """Agents whose language model does not answer, or slowly, and why."""
    found: dict[str, str] = {}
    for agent in session.seats.values():
        state = getattr(agent, "model_state", None)
        if agent is not None and isinstance(state, ServerState) and state.kind != "ok":
            found[agent.name] = str(state)
    return found


def edited(session: Session) -> bool:
    """Whether the world's file has changed since it was read."""
    return session.renewal is not None and session.renewal.due


def renew(session: Session) -> str:
    """Go on in the world as its file is now, as `Session.renew` does; a line that says what came of it."""
    outcome = session.renew()
    line = f"The world was edited: {outcome.carried} of {outcome.given} commands given again"
    if outcome.difference is None:
        return f"{line}, and nothing reads otherwise."
    return f"{line}. The story first reads otherwise after command {outcome.difference.index}."
