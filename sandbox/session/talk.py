"""What people and agents say to each other beside the game: advice, questions, answers, reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.abilities import Factual
from sandbox.agent import truth, voice
from sandbox.agent.advice import promises
from sandbox.agent.agent import CardAgent
from sandbox.agent.answers import answer, is_question
from sandbox.agent.recall import Recall
from sandbox.errors import PlayError
from sandbox.render import formatting
from sandbox.session import moves, remembered, worlds
from sandbox.store.feedback import Feedback
from sandbox.text import clean_line, counted
from sandbox.timeline import Turn, decision_seed, history
from sandbox.types import Agent, Decision

if TYPE_CHECKING:
    from sandbox.session.session import Session


def speak(
    session: Session, decision: Decision, turn: Turn, *, again: int = 0, also: Sequence[int] = ()
) -> Decision:
    """A decision of a turn with words for its best proposals and its choice; itself where its agent has none.

    Slow; may run on a worker thread, as `Session.decide`.
    """
    agent, wanted = session.seats.get(decision.seat), (decision.chosen, *also)
    if not isinstance(agent, CardAgent):
        return decision
    lived = history(session.timeline.path(turn.id), decision.seat)
    return agent.speak(decision, lived, seed=decision_seed(session.seed, turn, 0) + again, also=wanted)


def partly(decision: Decision, texts: Sequence[str]) -> Decision:
    """A decision while its agent speaks, with what it has said so far."""
    proposals = list(decision.proposals)
    for i, text in zip(voice.silent(decision, [decision.chosen]), texts, strict=False):
        proposals[i] = replace(proposals[i], said=clean_line(text))
    return replace(decision, proposals=tuple(proposals))


def step(session: Session) -> Turn:
    """Let the agent of the seat to move decide, say why, and do it: the words are part of the turn."""
    decision = speak(session, session.decide(), session.current)
    return session.act(decision.command, decision=decision, chooser=decision.chooser)


def said_of(session: Session, turn: Turn) -> str:
    """What the agent said of the command that it gave, with a mark where that is not so; empty for nothing."""
    words, decision = formatting.words(turn), turn.decision
    if not words or decision is None or turn.parent is None:
        return ""
    doubtful = decision.chosen in false_lines(session, decision, session.timeline.get(turn.parent))
    return f"“{words}”{' ≠' if doubtful else ''}"


def false_lines(session: Session, decision: Decision, turn: Turn) -> frozenset[int]:
    """Which proposals of a decision of a turn say something that is not so; none in worlds that cannot tell."""
    if not isinstance(session.world, Factual):
        return frozenset()
    recall = Recall.of(history(session.timeline.path(turn.id), decision.seat))
    facts = session.world.facts(session.world.load(turn.snapshot), decision.seat)
    said = [proposal.said for proposal in decision.proposals]
    return frozenset(i for i, line in enumerate(said) if line and truth.is_false(line, facts, recall))


def addressee(session: Session, line: str) -> tuple[str, str] | None:
    """Whom a line is meant for, and the words: a seat that an agent holds, by its name or its card's, or `agent`.

    None where it begins with nobody's name.
    """
    first, _, words = line.strip().partition(" ")
    name = first.strip("@,:").lower()
    agents = {seat: agent for seat, agent in session.seats.items() if agent is not None}
    if not name or not words.strip():
        return None
    for seat, agent in agents.items():
        if name in (seat.lower(), agent.name.lower(), "agent"):
            return seat, words.strip()
    return None


def to_anyone(session: Session, line: str, decision: Decision | None = None) -> Feedback:
    """`tell` whoever a line begins with the name of, or else whoever is to move."""
    meant = addressee(session, line)
    return tell(session, line, None, decision) if meant is None else tell(session, meant[1], meant[0], decision)


def tell(session: Session, words: str, seat: str | None = None, decision: Decision | None = None) -> Feedback:
    """Say something to the agent of a seat: advice, which stands until it is done or withdrawn, or a question.

    What it answers is in the record. May take as long as a decision.

    Args:
        session: where it is said; the record stands at the current turn.
        words: what is said.
        seat: to whom; the one to move, or else the first that an agent holds.
        decision: the agent's latest, which "why" is asked about.

    Raises:
        PlayError: no agent holds the seat, or nothing was said.
    """
    words = clean_line(words)
    if not words:
        raise PlayError("there is nothing to say", hint="such as: /tell try the cellar")
    seat = seat or moves.agents_seat(session)
    agent = session.seats.get(seat)
    if agent is None:
        raise PlayError(f"no agent holds the seat {seat!r}")
    asked = is_question(words)
    turn = session.current
    lived = history(session.timeline.path(turn.id), seat)
    if asked:
        known = answer(words, turn.observations[seat], lived, decision or turn.decision)
        left = words if known is None else ""
    else:
        known, left = promises(words)
    if left and isinstance(agent, CardAgent):
        seed = decision_seed(session.seed, turn, 0)
        known = f"{known or ''} {agent.reply(turn.observations[seat], lived, left, seed=seed)}"
    data = {
        "seat": seat,
        "agent": _called(session, seat, agent),
        "words": words,
        "answer": clean_line(known or "").strip(),
        "question": asked,
    }
    return session.say("advice", turn=turn.id, data=data)


def _called(session: Session, seat: str, agent: Agent) -> str:
    """The agent of a seat, as people tell it from the others."""
    several = sum(each is not None for each in session.seats.values()) > 1
    return f"{agent.name} ({worlds.names(session.world)[seat]})" if several else agent.name


def withdraw(session: Session, number: int | None = None) -> int:
    """Take back advice that stands: all of it, or the piece of a number and what was said along with it.

    Returns how many pieces that was. Raises `PlayError` where there is none of that number.
    """
    standing = remembered.advice_in_force(session)
    if number is not None:
        if not 1 <= number <= len(standing):
            raise PlayError(f"there is no advice {number}", hint=f"{counted(len(standing), 'piece')} in force")
        said = standing[number - 1][1]
        standing = [each for each in standing if each[1] == said]
    for record in dict.fromkeys(record for _, record, _ in standing):
        session.retract(record)
    return len(standing)


def notes(session: Session, words: str = "") -> str:
    """What agents noted, numbered, after an edit: `2 TEXT` writes note 2 anew, `-2` forgets it.

    Raises `PlayError` where there is no such note, or no agent keeps any.
    """
    writers = remembered.writers(session)
    if not writers:
        raise PlayError("whoever plays here keeps no notes", hint="`memory: 5` on its card keeps five")
    number, _, text = words.strip().partition(" ")
    if number:
        index = int(number.lstrip("-")) - 1 if number.lstrip("-").isdecimal() else -1
        if not 0 <= index < len(remembered.numbered_notes(session)) or (not text and not number.startswith("-")):
            raise PlayError(
                f"there is no note {number!r} to edit", hint="/notes lists them; /notes -1 forgets one"
            )
        for _, agent in writers:
            kept = list(agent.notebook.notes)
            if index < len(kept):
                kept[index : index + 1] = [] if number.startswith("-") else [text]
                agent.notebook.write(kept)
                break
            index -= len(kept)
        session.keep_learned()
    told = [
        f"{i}. {f'{seat}: ' if len(writers) > 1 else ''}{note}"
        for i, (seat, note) in enumerate(remembered.numbered_notes(session), 1)
    ]
    return "\n".join(told) or "Nothing has been noted yet."
