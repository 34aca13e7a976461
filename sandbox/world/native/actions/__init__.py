"""What the usual actions do. An action answers whether it took a turn; one that fails says why and takes none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sandbox.world.native.actions import boarding, handling, moving, people
from sandbox.world.native.actions.liquids import POURING
from sandbox.world.native.describe import examine, search
from sandbox.world.native.prose import CountedThing
from sandbox.world.native.scope import access
from sandbox.world.native.state import ParsedCommand

if TYPE_CHECKING:
    from sandbox.world.native.compiled import Draft

Action = Callable[["Draft", ParsedCommand], bool]

ACTIONS: dict[str, Action] = {
    "examine": lambda draft, command: _examine(draft, command),
    "search": lambda draft, command: _search(draft, command),
    "go": moving.go,
    "board": boarding.board,
    "get_off": boarding.get_off,
    "follow": moving.follow,
    "wait": moving.wait,
    "take": handling.take,
    "drop": handling.drop,
    "put": handling.put,
    "open": handling.open_,
    "close": handling.close,
    "unlock": handling.unlock,
    "lock": handling.lock,
    "switch_on": handling.switch_on,
    "switch_off": handling.switch_off,
    "wear": handling.wear,
    "take_off": handling.take_off,
    "eat": handling.eat,
    "read": handling.read,
    "say": people.say,
    "tell": people.tell,
    "ask": people.ask,
    "talk": people.talk,
    "give": people.give,
    "show": people.show,
    "trade": people.trade,
    "accept": people.accept,
    "decline": people.decline,
}

EVERYDAY = (
    *("throw", "throw_at", "burn", "fill", "empty", "cut", "tie", "sit", "lie", "stand", "kiss", "wave"),
    *("knock", "dig", "swim", "think", "sing", "pray", "sleep"),
)
"""Actions that people try anywhere."""

OVERRIDABLE = (*EVERYDAY, "board", "get_off")
"""Actions in whose place a world may have a verb of its own by that name."""

PLAIN = (
    *("push", "pull", "turn", "touch", "listen", "smell", "climb", "use", "use_on", "attack"),
    *("drink", "jump", *EVERYDAY),
)
"""Actions that do nothing unless a rule says so."""

FREE = ("look", "inventory", "exits", "score", "help", "hint")
"""Actions that only tell something and take no turn; nor does `examine` unless a rule follows it."""

META = ("again", "oops", "undo", "save")
"""Actions of the parser and the session."""

TRIGGERS = (*ACTIONS, *PLAIN, "enter")
"""What rules can refer to, besides the world's own verbs."""

_FROM_AFAR = frozenset({"examine", "read", "take", "follow", "listen", "give", "show", "drop"})
"""Actions for which seeing a thing is enough, or that say themselves what is amiss."""


def carry_out(draft: Draft, command: ParsedCommand) -> bool:
    """Carry out a command of the acting seat, with the rules around it. Answers whether it took a turn."""
    compiled = draft.compiled
    draft.command = command
    action = command.action
    for thing in (command.thing, command.other):
        if thing < 0 or thing == draft.actor or action == "follow":
            continue
        reach = access(draft, draft.actor, thing)
        if reach == 0:
            draft.say("not_here")
            return False
        if reach == 1 and action not in _FROM_AFAR:
            draft.say("cannot_reach", thing=CountedThing(thing, 2))
            return False
    for rule in compiled.rules_instead(action, command.thing):
        if rule.fits(draft, command):
            rule.carry_out(draft)
            return rule.costs
    usual = POURING.get(action) if action in POURING and compiled.liquids else ACTIONS.get(action)
    if usual is None:
        refusal = compiled.rules.refusals.get(action)
        if refusal:
            draft.tell(draft.actor, refusal.render(draft, draft.actor))
        else:
            key = f"refuse_{action}"
            draft.say(key if key in compiled.messages else "nothing_happens", thing=CountedThing(command.thing, 2))
        return False
    took_turn = usual(draft, command)
    if not took_turn and action != "examine":
        return False
    for rule in compiled.rules_after(action, command.thing):
        if rule.fits(draft, command):
            rule.carry_out(draft)
            took_turn |= rule.costs
    return took_turn


def _search(draft: Draft, command: ParsedCommand) -> bool:
    draft.tell(draft.actor, search(draft, draft.actor, command.thing))
    return False


def _examine(draft: Draft, command: ParsedCommand) -> bool:
    draft.tell(draft.actor, examine(draft, draft.actor, command.thing))
    return False
