"""The table of commands: what a person can type or press, on the screen and in lines.

Help, palette, completion, keys and the manual are made from it. A new command is one entry: what `command` is told
of it, and below that the function which carries it out. It is given where the person is (`Surface`, which leads to
the `Controller`) and what was typed, and raises a `SandboxError` where that cannot be done.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from sandbox.errors import UsageError
from sandbox.session import authoring, moves, talk_commands
from sandbox.session.command import Command, Shortcut, Typed, When
from sandbox.session.controller import Surface

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
    *keys: Shortcut,
    when: When = "idle",
    overtakes: bool = False,
    screen: bool = False,
    lines: str = "",
    name: str = "",
    prefix: str = "",
) -> Callable[[Handler], Handler]:
    """Enter a command into the table; see `Command`.

    Args:
        usage: how it is typed, with a slash where it needs one; empty for what only keys do.
        help: what it does.
        keys: that give it. One without a sentence of its own has that of the command.
        when: it can be carried out.
        overtakes: what waits for another seat's turn to be over.
        screen: whether it means nothing in lines.
        lines: what the game in lines says in its place.
        name: by default as it is typed, or else that of the function.
        prefix: what a line begins with to be this, in place of a name.
    """

    def enter(do: Handler) -> Handler:
        called = name or usage.strip("/").partition(" ")[0] or do.__name__.strip("_").replace("_", "-")
        bound = tuple(each.explained(help) for each in keys)
        TABLE[called] = Command(called, usage, help, do, bound, when, overtakes, screen, lines, prefix)
        return do

    return enter


def opens(place: str, usage: str, help: str, *keys: Shortcut, when: When = "now", **more: object) -> None:  # noqa: A002
    """Enter a command that shows something, or goes somewhere."""
    name = usage.strip("/") or place.replace("_", "-")
    command(usage, help, *keys, when=when, name=name, **more)(lambda at, typed: at.open(place, typed.argument))  # type: ignore[arg-type]


# The agent acts.


@command(
    "/step",
    "let the agent act once",
    key("act", "enter", "Act", shown=True, display="⏎"),
    key("act-once", "a", "Act once"),
    key("step", "f5", "Step"),
    when="move",
)
def _step(at: Surface, typed: Typed) -> None:
    at.controller.ask(1)


@command("/run [N]", "let the agent act N times, or until it is stopped", when="move")
def _run(at: Surface, typed: Typed) -> None:
    at.controller.ask(typed.number(inf)[0])


@command("", "let the agent run, or pause it", key("act-on", "A", "Run"), key("run", "f6", "Run"), when="now")
def _run_or_pause(at: Surface, typed: Typed) -> None:
    if at.controller.wanted > 0:
        at.controller.halt()
    else:
        at.controller.ask(inf)


opens("leave", "", "stop what runs and go to single keys", key("leave-prompt", "escape", "Decide"))

_NOTHING_RUNS = "Nothing runs by itself here: /run goes as fast as the agent decides, Ctrl+C stops it."


@command(
    "/pause",
    "stop the agent",
    key("stop", "escape", "Stop", "Stop the agent, its thinking ahead too, and drop what waits"),
    when="always",
    lines=_NOTHING_RUNS,
)
def _pause(at: Surface, typed: Typed) -> None:
    at.controller.stop()


@command("/speed N", "decisions a second at most while the agent runs", when="now", lines=_NOTHING_RUNS)
def _speed(at: Surface, typed: Typed) -> None:
    at.controller.set_speed(typed.number(at.controller.speed)[0])
    at.open("speed")


@command(
    "",
    "change the speed of a run",
    key("slower", "<", "Slower", "Halve the speed of a run", "0.5"),
    key("faster", ">", "Faster", "Double the speed of a run", "2"),
    when="now",
)
def _faster(at: Surface, typed: Typed) -> None:
    at.controller.set_speed(at.controller.speed * float(typed.argument))
    at.open("speed")


# A person acts.


command("", "", when="turn", name="command")(talk_commands.act)


@command(
    "/pick N",
    "carry out the agent's proposal number N",
    key("pick-1", "1", "Pick", "Carry out the agent's proposal 1", "1", shown=True, display="1-9"),
    *(key(f"pick-{n}", str(n), "Pick", f"Carry out the agent's proposal {n}", str(n)) for n in range(2, 10)),
    when="choice",
)
def _pick(at: Surface, typed: Typed) -> None:
    at.controller.pick(int(typed.number(1)[0]))


@command(
    "/override COMMAND",
    "act in the place of the agent that is to move",
    key("override", "o", "Override", "Type a command in place of the agent's choice"),
    key("act-instead", "f3", "Override", "Type a command in place of the agent's choice"),
    overtakes=True,
)
def _override(at: Surface, typed: Typed) -> None:
    view = at.controller.view
    if typed.argument:
        at.controller.act(typed.argument, overriding=True)
    else:
        at.fill("/override " if view is not None and view.others_move else None)


@command("", "put the agent's proposal into the prompt and change it", key("edit", "e", "Edit"), when="now")
def _edit(at: Surface, typed: Typed) -> None:
    if (decision := at.controller.shown) is not None:
        at.fill(decision.command)
    else:
        _correct(at, typed)


opens("prompt", "", "go back to the prompt", key("prompt", "i", "Prompt", shown=True))


# A person speaks of what was done.


@command(
    "/reward N [reason]",
    "reward or punish the last action; the learner steps on it at once",
    key("praise", "+", "Reward", "Reward the last action by 1; again for more", "1", shown=True),
    key("punish", "-", "Punish", "Punish the last action by 1; again for more", "-1", shown=True),
)
def _reward(at: Surface, typed: Typed) -> None:
    value, why = typed.number(1)
    at.controller.change("reward", lambda its: its.rate(value, comment=why, turn=typed.turn), halting=False)


@command("", "", name="reason")
def _reason(at: Surface, typed: Typed) -> None:
    reasons = (typed.argument,)
    at.controller.change("reason", lambda its: its.comment("", reasons=reasons, turn=typed.turn), keeps=True)


@command("* TEXT", "a comment on this turn", name="comment", prefix="*")
def _comment(at: Surface, typed: Typed) -> None:
    at.controller.change("comment", lambda its: its.comment(typed.argument, turn=typed.turn), keeps=True)


@command("/credit N [reason]", "the same for the turns that led here too, each earlier one half as much")
def _credit(at: Surface, typed: Typed) -> None:
    value, why = typed.number(-1)
    at.controller.change("credit", lambda its: its.credit(value, comment=why, turn=typed.turn), halting=False)


@command(
    "",
    "reward or punish the turns that led here, each earlier one half as much",
    key("credit", "c", "Credit"),
    when="now",
)
def _credit_here(at: Surface, typed: Typed) -> None:
    at.fill("/credit -1 ")


@command(
    "/prefer [N]",
    "this try is better than try N, or than the one before it",
    key("prefer", "p", "Prefer", "Say that this try is better than the one before it"),
)
def _prefer(at: Surface, typed: Typed) -> None:
    other = int(typed.number(0)[0])
    at.controller.change("prefer", lambda its: moves.prefer(its, other), halting=False)


@command("/retract", "take back what you last said about this turn", key("retract", "r", "Take back"))
def _retract(at: Surface, typed: Typed) -> None:
    at.controller.change("retract", lambda its: moves.retract(its, _about(typed)), halting=False)


@command(
    "/correct COMMAND",
    "say what should have been done instead of the last action",
    key("correct", "E", "Correct"),
)
def _correct(at: Surface, typed: Typed) -> None:
    view = at.controller.view
    if typed.argument:
        at.controller.change("correct", lambda its: its.correct(typed.argument, turn=typed.turn), halting=False)
    elif view is not None and view.told.command:
        at.fill(f"/correct {view.told.command if view.watcher in (None, view.told.seat) else ''}")


@command(
    "/tie",
    "the two best proposals of the last turn were equally good",
    key("tie", "=", "Tie", "Say that the two best proposals of the last turn were equally good"),
)
def _tie(at: Surface, typed: Typed) -> None:
    at.controller.change("tie", lambda its: moves.compare(its, "tie", _about(typed)), keeps=True)


@command(
    "/bad",
    "neither of them was any good",
    key("all-bad", "0", "All bad", "Say that neither of them was any good"),
)
def _bad(at: Surface, typed: Typed) -> None:
    at.controller.change("bad", lambda its: moves.compare(its, "bad", _about(typed)), keeps=True)


def _about(typed: Typed) -> int:
    assert typed.turn is not None, "the controller has settled it"
    return typed.turn


@command(
    "/bookmark [NAME]",
    "name this turn; without a name, take the name away or give one",
    key("bookmark", "m", "Bookmark", "Bookmark this turn, or take the bookmark away"),
)
def _bookmark(at: Surface, typed: Typed) -> None:
    at.controller.change("bookmark", lambda its: moves.bookmark(its, typed.argument), keeps=True)


@command("/bless", "mark the branch up to here as the expected one, or no longer", key("bless", "b", "Bless"))
def _bless(at: Surface, typed: Typed) -> None:
    at.controller.change("bless", moves.bless, keeps=True)


# A person speaks to agents, and says who plays.


command("/tell WORDS", "say something to the agent, which heeds it until it is done, or ask it")(
    talk_commands.tell
)
command("@ agent WORDS", "the same, to the agent of that name, card or seat", name="at", prefix="@")(
    talk_commands.tell
)
command("/notes [N TEXT]", "what the agent noted in earlier episodes; N TEXT edits a note, -N forgets it")(
    talk_commands.notes
)
command("/withdraw", "take all that you told the agent back")(talk_commands.withdraw)
command(
    "/regenerate",
    "have the agent decide anew; what it proposed before stays",
    key("regenerate", "z", "Regenerate"),
    when="choice",
)(talk_commands.regenerate)
command("/agent CARD", "have another agent take the seat from here on; SEAT=CARD names the seat", when="move")(
    talk_commands.agent
)


# Moving in the tree.


@command("undo", "go back one turn; nothing is lost", key("undo", "u", "Undo", shown=True), when="move")
def _undo(at: Surface, typed: Typed) -> None:
    at.controller.change("undo", moves.undo)


@command("redo", "go forward again", key("redo", "U", "Redo"), when="move")
def _redo(at: Surface, typed: Typed) -> None:
    at.controller.change("redo", moves.redo)


@command(
    "/other [-1]",
    "go to what else was tried in place of the last command",
    key("try-before", "left", "Former try", "What was tried before in place of the last command", "-1"),
    key("try-after", "right", "Later try", "Go to what was tried in place of it afterwards", "1"),
    when="move",
)
def _other(at: Surface, typed: Typed) -> None:
    step = int(typed.number(1)[0])
    at.controller.change("other", lambda its: moves.sibling(its, step))


@command("/jump N", "go to the turn of that number in the tree", when="move")
def _jump(at: Surface, typed: Typed) -> None:
    turn = int(typed.number(-1)[0])
    at.controller.change("jump", lambda its: its.jump(turn))


@command("/restart", "begin a new episode; what was learned stays", key("restart", "R", "Restart"), when="move")
def _restart(at: Surface, typed: Typed) -> None:
    at.controller.change("restart", lambda its: its.new_episode(), flowing=True)


# Looking.


@command(
    "/preview [COMMAND]",
    "what it would lead to, tried on a copy of the world",
    key("preview", "g", "Preview", "See what the next proposal would lead to", shown=True),
    when="choice",
)
def _preview(at: Surface, typed: Typed) -> None:
    at.controller.preview(typed.argument)


opens("help", "/help", "show keys and verbs", key("keys", "?", "Help"), key("help", "f1", "Help"))
opens("pane", "", "show or hide the side pane", key("pane", "f2", "Pane"))
opens(
    "map",
    "/map",
    "show the rooms seen so far, and what the agent thinks of the ways out",
    key("map", "f4", "Map", "Show the rooms seen so far"),
    screen=True,
)
opens(
    "timeline", "/timeline", "show the tree of turns", key("timeline", "f7", "Timeline", "Go to the tree of turns")
)
opens("mind", "/why", "show what the agent weighed", key("why", "w", "Why"), when="choice")
opens(
    "learn",
    "/learn",
    "show what is learned: updates, curves, the distance to the optimum",
    key("lessons", "l", "Lessons"),
    screen=True,
)
opens(
    "tab",
    "",
    "turn to another tab in the side pane",
    key("tab-before", "[", "Former tab", "Turn to the tab before in the side pane", "-1"),
    key("tab-after", "]", "Next tab", "Turn to the next tab in the side pane", "1"),
)
opens(
    "scroll",
    "",
    "scroll the side pane",
    key("side-up", "comma", "Pane up", "Scroll the side pane up", "-1", display=","),
    key("side-down", "full_stop", "Pane down", "Scroll the side pane down", "1", display="."),
)
opens("copy", "/copy", "copy what is selected, or the latest turn", key("copy", "y", "Copy"), screen=True)


# Around the game.


opens(
    "rounds",
    "/tune",
    "make the agent's language model better from what was played",
    key("rounds", "f9", "Learn"),
    lines="Leave with /quit first; then:  sandbox tune {save}",
)


@command(
    "/build LINE", 'change the world, as in /build dig north "Cave"; see F8 for what can be built', when="move"
)
def _build(at: Surface, typed: Typed) -> None:
    at.controller.change("build", lambda its: authoring.build(its, typed.argument))


opens(
    "author",
    "/author",
    "edit the world's file beside the game; verbs that build need no slash from then on",
    key("author", "f8", "Author", "Edit the world's file beside the game, and build"),
    screen=True,
)


@command("script", "write the story so far into a text file beside the save; /script NAME names it")
def _script(at: Surface, typed: Typed) -> None:
    if (view := at.controller.view) is not None:
        name, watcher, names = typed.argument, view.watcher, view.names
        at.controller.driver.ask("script", lambda its: moves.script(its, name, watcher, names))


@command("/save", "say where the save is; every turn is stored by itself")
def _save(at: Surface, typed: Typed) -> None:
    at.say(f"Saved{f' as {at.save!r}' if at.save else ''}: every turn is stored as it is played.")


opens(
    "command_palette",
    "",
    "find and run anything by name",
    key("palette", "ctrl+p", "Palette", app="app", shown=True),
)
opens(
    "suspend_process",
    "",
    "go back to the shell; `fg` comes back here",
    key("suspend", "ctrl+z", "Suspend", app="process"),
)
opens(
    "start",
    "/start",
    "leave this game for the start screen, to play another",
    key("start", "f10", "Start", "Leave this game for the start screen; it goes on from here", app="app"),
    screen=True,
)
opens("quit", "/quit", "leave; the game goes on from here next time", key("quit", "ctrl+q", "Quit", app="app"))


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
