"""What the verbs that are about the game come to, whether typed or pressed."""

from __future__ import annotations

from math import inf

from sandbox.session import moves
from sandbox.session.commands import Typed
from sandbox.tui.game import Game


def obey(game: Game, typed: Typed) -> None:
    """Have done what was typed. Raises `PlayError` or `UsageError` where that cannot be."""
    match typed.verb:
        case "command":
            game.act(typed.argument)
        case "override":
            game.act(typed.argument, overriding=True)
        case "comment":
            game.do("comment", lambda session: session.comment(typed.argument), keeps=True)
        case "step":
            game.ask(1)
        case "run":
            game.ask(typed.number(inf)[0])
        case "pause":
            game.stop()
        case "pick":
            game.pick(int(typed.number(1)[0]))
        case "reward":
            value, reason = typed.number(1)
            game.do("reward", lambda session: session.rate(value, comment=reason), halting=False)
        case "credit":
            value, reason = typed.number(-1)
            game.do("credit", lambda session: session.credit(value, comment=reason), halting=False)
        case "prefer":
            other = int(typed.number(0)[0])
            game.do("prefer", lambda session: moves.prefer(session, other), halting=False)
        case "retract":
            game.do("retract", moves.retract, halting=False)
        case "correct":
            game.do("correct", lambda session: session.correct(typed.argument), halting=False)
        case "tie" | "bad" as verdict:
            game.do(verdict, lambda session: moves.compare(session, verdict), keeps=True)
        case "bookmark":
            game.do("bookmark", lambda session: moves.bookmark(session, typed.argument), keeps=True)
        case "bless":
            game.do("bless", moves.bless, keeps=True)
        case "other":
            step = int(typed.number(1)[0])
            game.do("other", lambda session: moves.sibling(session, step))
        case "undo":
            game.do("undo", moves.undo)
        case "redo":
            game.do("redo", moves.redo)
        case "jump":
            turn = int(typed.number(-1)[0])
            game.do("jump", lambda session: session.jump(turn))
        case "restart":
            game.do("restart", lambda session: session.new_episode(), flowing=True)
