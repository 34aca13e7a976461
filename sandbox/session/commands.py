"""The table of commands: what a person can type or press, on the screen and in lines.

Help, palette, completion, keys and the manual are made from it. A new command is one entry, with the function that
carries it out. That is given where the person is (`Surface`, which leads to the `Controller`) and what was typed,
and raises a `SandboxError` where it cannot be done.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING

from sandbox.errors import UsageError
from sandbox.session import authoring, moves, talk_commands
from sandbox.session.command import Command, Shortcut, Typed, When
from sandbox.session.controller import Surface

if TYPE_CHECKING:
    from sandbox.session.session import Session

PRAISE = ("progress", "good idea", "explores", "careful", "in character")
BLAME = ("loop", "ignores goal", "not understood", "reckless", "out of character")
"""Why an action was good or bad, in a word: a digit after `+` or `-` says it."""

Handler = Callable[[Surface, Typed], object]
TABLE: dict[str, Command] = {}
"""Every command by its name, in the order in which help, manual and footer list them."""

key = Shortcut


def command(
    usage: str,
    help: str,  # noqa: A002
    do: Handler,
    *keys: Shortcut,
    when: When = "idle",
    overtakes: bool = False,
    screen: bool = False,
    lines: str = "",
    name: str = "",
    prefix: str = "",
) -> None:
    """Enter a command into the table.

    Args:
        usage: how it is typed, with a slash where it needs one; empty for what only keys do.
        help: what it does.
        do: carries it out, or has it carried out.
        keys: that give it. One without a sentence of its own has that of the command.
        when: it can be carried out.
        overtakes: whether it goes before what waits for another seat's turn to be over.
        screen: whether it means nothing in lines.
        lines: what the game in lines says in its place.
        name: by default as it is typed, or else that of its first key.
        prefix: what a line begins with to be this, in place of a name.
    """
    called = name or usage.strip("/").partition(" ")[0] or keys[0].id
    bound = tuple(each.explained(help) for each in keys)
    TABLE[called] = Command(called, usage, help, do, bound, when, overtakes, screen, lines, prefix)


def change(
    job: Callable[[Session, Typed], object],
    *,
    number: float | None = None,
    halting: bool = True,
    keeps: bool = False,
    flowing: bool = False,
) -> Handler:
    """What does something to the session; see `Controller.change`. With a number, its argument begins with one."""

    def do(at: Surface, typed: Typed) -> None:
        if number is not None:
            typed.number(number)  # raises at once what the job would raise later
        at.controller.change(
            typed.verb, lambda its: job(its, typed), halting=halting, keeps=keeps, flowing=flowing
        )

    return do


def place(name: str) -> Handler:
    """What shows something, or goes somewhere."""
    return lambda at, typed: at.open(name, typed.argument)


# What they come to, where that is more than a call.


def _run_or_pause(at: Surface, typed: Typed) -> None:
    if at.controller.wanted > 0:
        at.controller.halt()
    else:
        at.controller.ask(inf)


def _speed(at: Surface, typed: Typed) -> None:
    now = at.controller.speed
    at.controller.set_speed(now * float(typed.argument) if typed.verb == "faster" else typed.number(now)[0])
    at.open("speed")


def _override(at: Surface, typed: Typed) -> None:
    view = at.controller.view
    if typed.argument:
        at.controller.act(typed.argument, overriding=True)
    else:
        at.fill("/override " if view is not None and view.others_move else None)


def _correct(at: Surface, typed: Typed) -> None:
    view = at.controller.view
    if typed.argument:
        at.controller.change("correct", lambda its: moves.correct(its, typed.argument, typed.turn), halting=False)
    elif view is not None and view.told.command:
        at.fill(f"/correct {view.told.command if view.watcher in (None, view.told.seat) else ''}")


def _edit(at: Surface, typed: Typed) -> None:
    if (decision := at.controller.shown) is not None:
        at.fill(decision.command)
    else:
        _correct(at, typed)


def _reward(its: Session, typed: Typed) -> object:
    value, why = typed.number(1)
    return its.rate(value, comment=why, turn=typed.turn)


def _credit(its: Session, typed: Typed) -> object:
    value, why = typed.number(-1)
    return its.credit(value, comment=why, turn=typed.turn)


def _script(at: Surface, typed: Typed) -> None:
    if (view := at.controller.view) is not None:
        name, watcher, names = typed.argument, view.watcher, view.names
        at.controller.driver.ask("script", lambda its: moves.script(its, name, watcher, names))


def _save(at: Surface, typed: Typed) -> None:
    at.say(f"Saved{f' as {at.save!r}' if at.save else ''}: every turn is stored as it is played.")


_NOTHING_RUNS = "Nothing runs by itself here: /run goes as fast as the agent decides, Ctrl+C stops it."

# The table.

# fmt: off
# The agent acts.
command("/step", "let the agent act once", lambda at, typed: at.controller.ask(1),
        key("act", "enter", "Act", shown=True, display="⏎"), key("act-once", "a", "Act once"),
        key("step", "f5", "Step"), when="move")
command("/run [N]", "let the agent act N times, or until it is stopped",
        lambda at, typed: at.controller.ask(typed.number(inf)[0]), when="move")
command("", "let the agent run, or pause it", _run_or_pause,
        key("act-on", "A", "Run"), key("run", "f6", "Run"), when="now", name="run-or-pause")
command("", "stop what runs and go to single keys", place("leave"),
        key("leave-prompt", "escape", "Decide"), when="now", name="leave")
command("/pause", "stop the agent", lambda at, typed: at.controller.stop(),
        key("stop", "escape", "Stop", "Stop the agent, its thinking ahead too, and drop what waits"),
        when="always", lines=_NOTHING_RUNS)
command("/speed N", "decisions a second at most while the agent runs", _speed, when="now", lines=_NOTHING_RUNS)
command("", "change the speed of a run", _speed,
        key("slower", "<", "Slower", "Halve the speed of a run", "0.5"),
        key("faster", ">", "Faster", "Double the speed of a run", "2"), when="now", name="faster")

# A person acts.
command("", "", talk_commands.act, when="turn", name="command")
command("/pick N", "carry out the agent's proposal number N",
        lambda at, typed: at.controller.pick(int(typed.number(1)[0])),
        key("pick-1", "1", "Pick", "Carry out the agent's proposal 1", "1", shown=True, display="1-9"),
        *(key(f"pick-{n}", str(n), "Pick", f"Carry out the agent's proposal {n}", str(n)) for n in range(2, 10)),
        when="choice")
command("/override COMMAND", "act in the place of the agent that is to move", _override,
        key("override", "o", "Override", "Type a command in place of the agent's choice"),
        key("act-instead", "f3", "Override", "Type a command in place of the agent's choice"), overtakes=True)
command("", "put the agent's proposal into the prompt and change it", _edit,
        key("edit", "e", "Edit"), when="now")

# A person speaks of what was done.
command("/reward N [reason]", "reward or punish the last action; the learner steps on it at once",
        change(_reward, number=1, halting=False),
        key("praise", "+", "Reward", "Reward the last action by 1; again for more", "1", shown=True),
        key("punish", "-", "Punish", "Punish the last action by 1; again for more", "-1", shown=True))
command("", "", change(lambda its, typed: its.comment("", reasons=(typed.argument,), turn=typed.turn), keeps=True),
        name="reason")
command("* TEXT", "a comment on this turn",
        change(lambda its, typed: its.comment(typed.argument, turn=typed.turn), keeps=True),
        name="comment", prefix="*")
command("/credit N [reason]", "the same for the turns that led here too, each earlier one half as much",
        change(_credit, number=-1, halting=False))
command("", "reward or punish the turns that led here, each earlier one half as much",
        lambda at, typed: at.fill("/credit -1 "), key("credit", "c", "Credit"), when="now", name="credit-here")
command("/prefer [N]", "this try is better than try N, or than the one before it",
        change(lambda its, typed: moves.prefer(its, int(typed.number(0)[0])), number=0, halting=False),
        key("prefer", "p", "Prefer", "Say that this try is better than the one before it"))
command("/retract", "take back what you last said about this turn",
        change(lambda its, typed: moves.retract(its, typed.about), halting=False),
        key("retract", "r", "Take back"))
command("/correct COMMAND", "say what should have been done instead of the last action", _correct,
        key("correct", "E", "Correct"))
command("/tie", "the two best proposals of the last turn were equally good",
        change(lambda its, typed: moves.compare(its, "tie", typed.about), keeps=True),
        key("tie", "=", "Tie", "Say that the two best proposals of the last turn were equally good"))
command("/bad", "neither of them was any good",
        change(lambda its, typed: moves.compare(its, "bad", typed.about), keeps=True),
        key("all-bad", "0", "All bad", "Say that neither of them was any good"))
command("/bookmark [NAME]", "name this turn; without a name, take the name away or give one",
        change(lambda its, typed: moves.bookmark(its, typed.argument), keeps=True),
        key("bookmark", "m", "Bookmark", "Bookmark this turn, or take the bookmark away"))
command("/bless", "mark the branch up to here as the expected one, or no longer",
        change(lambda its, typed: moves.bless(its), keeps=True), key("bless", "b", "Bless"))

# A person speaks to agents, and says who plays.
command("/tell WORDS", "say something to the agent, which heeds it until it is done, or ask it",
        talk_commands.tell)
command("@ agent WORDS", "the same, to the agent of that name, card or seat", talk_commands.tell,
        name="at", prefix="@")
command("/notes [N TEXT]", "what agents noted in earlier episodes; N TEXT edits a note, -N forgets it",
        talk_commands.notes)
command("/thought", "what the agent thought before it decided", talk_commands.thought, when="choice")
command("/withdraw [N]", "take back what you told agents, as far as it is not done; N takes one piece back",
        talk_commands.withdraw)
command("/regenerate", "have the agent decide anew; what it proposed before stays", talk_commands.regenerate,
        key("regenerate", "z", "Regenerate"), when="choice")
command("/agent CARD", "have another agent take the seat from here on; SEAT=CARD names the seat",
        talk_commands.agent, when="move")
command("/model [MODEL]", "have the agent go on with another language model; SEAT=MODEL names the seat",
        talk_commands.model, when="move")

command("/chat WORDS", "say something to the people who joined (`sandbox join`); no agent and no world hears it",
        lambda at, typed: at.open("chat", typed.argument), when="always",
        lines="Nobody can join a game in lines: /chat is for the screen, opened with --open.")

# Moving in the tree.
command("undo", "go back one turn; nothing is lost", change(lambda its, typed: moves.undo(its)),
        key("undo", "u", "Undo", shown=True), when="move")
command("redo", "go forward again", change(lambda its, typed: moves.redo(its)),
        key("redo", "U", "Redo"), when="move")
command("/other [-1]", "go to what else was tried in place of the last command",
        change(lambda its, typed: moves.sibling(its, int(typed.number(1)[0])), number=1),
        key("try-before", "left", "Former try", "What was tried before in place of the last command", "-1"),
        key("try-after", "right", "Later try", "Go to what was tried in place of it afterwards", "1"), when="move")
command("/jump N", "go to the turn of that number in the tree",
        change(lambda its, typed: its.jump(int(typed.number(-1)[0])), number=-1), when="move")
command("/restart", "begin a new episode; what was learned stays",
        change(lambda its, typed: its.new_episode(), flowing=True), key("restart", "R", "Restart"), when="move")

# Looking.
command("", "go back to the prompt", place("prompt"), key("prompt", "i", "Prompt", shown=True), when="now")
command("/preview [COMMAND]", "what it would lead to, tried on a copy of the world",
        lambda at, typed: at.controller.preview(typed.argument),
        key("preview", "g", "Preview", "See what the next proposal would lead to", shown=True), when="choice")
command("/help", "show keys and verbs", place("help"),
        key("keys", "?", "Help"), key("help", "f1", "Help"), when="now")
command("", "show or hide the side pane", place("pane"), key("pane", "f2", "Pane"), when="now")
command("/map", "show the rooms seen so far, and what the agent thinks of the ways out", place("map"),
        key("map", "f4", "Map", "Show the rooms seen so far"), when="now", screen=True)
command("/timeline", "show the tree of turns", place("timeline"),
        key("timeline", "f7", "Timeline", "Go to the tree of turns"), when="now")
command("/why", "show what the agent weighed", place("mind"), key("why", "w", "Why"), when="choice")
command("/learn", "show what is learned: updates, curves, the distance to the optimum", place("learn"),
        key("lessons", "l", "Lessons"), when="now", screen=True)
command("", "turn to another tab in the side pane", place("tab"),
        key("tab-before", "[", "Former tab", "Turn to the tab before in the side pane", "-1"),
        key("tab-after", "]", "Next tab", "Turn to the next tab in the side pane", "1"), when="now", name="tab")
command("", "scroll the side pane", place("scroll"),
        key("side-up", "comma", "Pane up", "Scroll the side pane up", "-1", display=","),
        key("side-down", "full_stop", "Pane down", "Scroll the side pane down", "1", display="."),
        when="now", name="scroll")
command("/memory", "show what agents remember: notes, advice, what no longer fits the prompt", place("memory"),
        key("memory", "n", "Memory"), when="now", screen=True)
command("/copy", "copy what is selected, or the latest turn", place("copy"),
        key("copy", "y", "Copy"), when="now", screen=True)

# Around the game.
command("/tune", "make the agent's language model better from what was played", place("rounds"),
        key("rounds", "f9", "Learn"), when="now", lines="Leave with /quit first; then:  sandbox tune {save}")
command("/explore", "find how far one can get here, by going back to where it is promising", place("explore"),
        key("explore", "x", "Explore"), when="now", lines="Leave with /quit first; then:  sandbox explore WORLD")
command("/build LINE", 'change the world, as in /build dig north "Cave"; see F8 for what can be built',
        change(lambda its, typed: authoring.build(its, typed.argument)), when="move")
command("/author", "edit the world's file beside the game; verbs that build need no slash from then on",
        place("author"), key("author", "f8", "Author", "Edit the world's file beside the game, and build"),
        when="now", screen=True)
command("script", "write the story so far into a text file beside the save; /script NAME names it", _script)
command("/save", "say where the save is; every turn is stored by itself", _save)
command("", "find and run anything by name", place("palette"),
        key("palette", "ctrl+p", "Palette", app="app", shown=True), name="command-palette")
command("", "go back to the shell; `fg` comes back here", place("shell"),
        key("suspend", "ctrl+z", "Suspend", app="process"), name="suspend-process")
command("/start", "leave this game for the start screen, to play another", place("start"),
        key("start", "f10", "Start", "Leave this game for the start screen; it goes on from here", app="app"),
        when="now", screen=True)
command("/quit", "leave; the game goes on from here next time", place("quit"),
        key("quit", "ctrl+q", "Quit", app="app"), when="now")
# fmt: on


# What was typed or pressed.

VERBS = tuple(each for each in TABLE.values() if each.usage)
"""What can be typed, besides commands to the world."""
BARE = frozenset(verb.name for verb in VERBS if verb.begins == verb.name)
"""Verbs that need no slash, as in every story."""
_FORMER = {"glimpse": "preview"}
"""What verbs were called once, for fingers that know it."""


def parse(line: str) -> Typed | None:
    """What a typed line means; None for an empty one. Raises `UsageError` for a verb that does not exist."""
    line = line.strip()
    if not line:
        return None
    for verb in TABLE.values():
        if verb.prefix and line.startswith(verb.prefix):
            return Typed(verb.name, line.removeprefix(verb.prefix).strip())
    if line.lower() in BARE:
        return Typed(line.lower())
    if not line.startswith("/"):
        return Typed("command", line)
    name, _, argument = line[1:].partition(" ")
    name = _FORMER.get(name.lower(), name.lower())
    if name not in TABLE or not TABLE[name].usage:
        raise UsageError(f"there is no /{name}", hint="/help lists the verbs")
    return Typed(name, argument.strip())


def press(at: Surface, verb: str, argument: str = "") -> None:
    """Do as a key says. A digit after a reward gives a reason for it."""
    controller = at.controller
    offered, controller.reasons = controller.reasons, ()
    typed = Typed(verb, argument)
    if verb == "pick" and offered:
        chosen = offered[int(argument) - 1 : int(argument)]
        if not chosen:
            return
        typed = Typed("reason", chosen[0])
    controller.take(typed, pressed=True)
    if verb == "reward":
        controller.reasons = PRAISE if float(argument) > 0 else BLAME
