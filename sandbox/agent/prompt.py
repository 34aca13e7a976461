"""The transcript as a prompt, in the form a story file prints.

    You are ...                      the card's head: persona and goal
    Goal: ...

    Kitchen. There is a lamp here.   the opening

    > take lamp                      one exchange: command and reply
    Taken.

    >                                here the next command goes on

Or, where the card says so, the situation alone stands in place of the transcript: surroundings and inventory.

Within an episode each prompt begins with the one before, so a model's cache of the common prefix serves every
turn. Only when the transcript is too long is its older half dropped, at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sandbox import text
from sandbox.agent.cards import Lore, PromptSettings
from sandbox.agent.grounding import looks_refused
from sandbox.types import Exchange, History, Observation

MARK = ">"
QUOTE = '"'
"""What an agent says of a command stands behind it in quotes."""
_MAX_REPLY = 4000
_POSING = re.compile(r"^[ \t]*>+[ \t]*", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


_BEFORE = "Done before: "
_SUMMARY = 85
"""Characters that tell what the transcript no longer shows."""
_LORE = 4
"""Entries of a lorebook in a prompt, at most."""
_NOTED = "What you noted before:"
_EXAMPLE = (
    ("look", "Study\nA letter lies on the desk, and a door leads north."),
    ("read letter", "It is addressed to somebody else."),
    ("take letter", "Taken."),
    ("open door", "You open the door."),
    ("north", "Landing\nStairs go down from here. There is a lamp."),
    ("take lamp", "Taken."),
    ("examine lamp", "It is made of brass."),
)


def build(
    prompt: PromptSettings,
    observation: Observation,
    history: History,
    *,
    persona: str = "",
    verbs: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> str:
    """The prompt for a seat's next command; it ends with the mark, and an option goes on as `option` writes it.

    Args:
        prompt: the card's section.
        observation: what the seat perceives.
        history: what it has lived through.
        persona: who the agent is.
        verbs: what the world understands.
        notes: what the agent wrote down before.
    """
    words = {
        "persona": persona,
        "goal": observation.goal,
        "seat": observation.seat,
        "verbs": ", ".join(verbs),
    }
    head = fill(prompt.head, words)
    if notes:
        head = "\n".join(
            [head, "", _NOTED, *(f"- {text.for_prompt(text.clean_line(note))}" for note in notes)]
        ).strip()
    if prompt.example and observation.admissible is None:
        head = f"{head}\n\n{example(verbs)}".strip()
    if prompt.shows == "situation":
        # What is at hand comes last: models choose better among what they have just read.
        seen = (observation.inventory, observation.description or observation.text)
        exchanges: History = (Exchange(command="", reply="\n".join(part for part in seen if part)),)
    else:
        exchanges = history or (Exchange(command="", reply=observation.text),)
    parts = [_exchange(exchange) for exchange in exchanges]
    first = _first_kept([len(part) for part in parts], prompt.max_chars)
    lost = _summary(exchanges[:first])
    return (head + "\n\n" if head else "") + lost + "".join(parts[first:]) + MARK


def example(verbs: Sequence[str]) -> str:
    """A few exchanges in the form of the transcript, with verbs that the world has; empty where it has too few.

    A small model that is to write commands writes them only in a form that it has been shown.
    """
    known = {verb.lower() for verb in verbs}
    shown = [
        Exchange(command=command, reply=reply)
        for command, reply in _EXAMPLE
        if not known or command.split()[0] in known or command == "north"
    ]
    return "".join(map(_exchange, shown)).strip() if len(shown) > 2 else ""


def beside(context: str, words: str) -> str:
    """The prompt with something between the transcript and the mark, for this turn alone."""
    return f"{context.removesuffix(MARK).rstrip()}{aside_text(words)}" if words else context


def opening_quote(context: str) -> str:
    """The prompt for what an agent says before it chooses: it ends with an opening quote."""
    return f"{context.removesuffix(MARK).rstrip()}\n\n{QUOTE}"


def aside_text(words: str) -> str:
    """What `beside` puts behind the last reply."""
    return f"\n\n{words}\n\n{MARK}"


def advised(advice: Sequence[str]) -> str:
    """What a person has said to the agent, in the words that stand in its prompt."""
    return "\n".join(f"Your friend says: {QUOTE}{text.for_prompt(each)}{QUOTE}" for each in advice)


def known(lorebook: Sequence[Lore], observation: Observation) -> str:
    """What of a lorebook comes to mind: entries of which a key is in sight, the first few in their order."""
    seen = " ".join((observation.text, observation.description, observation.inventory)).lower()
    found = [entry.text for entry in lorebook if any(_spoken_of(key, seen) for key in entry.keys)]
    return "\n".join(f"({text.for_prompt(each)})" for each in found[:_LORE])


def _spoken_of(key: str, seen: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(key.lower())}(?!\w)", seen) is not None


def option(command: str) -> str:
    """A command as the continuation of a prompt."""
    return f" {text.for_prompt(command)}\n"


def fill(template: str, words: Mapping[str, str]) -> str:
    """The template with its placeholders replaced; lines with nothing but empty placeholders are left out."""
    lines = []
    for line in template.strip().split("\n"):
        names = _PLACEHOLDER.findall(line)
        if not names or any(words.get(name) for name in names):
            lines.append(_PLACEHOLDER.sub(lambda found: text.for_prompt(words.get(found[1], "")), line))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


def _exchange(exchange: Exchange) -> str:
    # A reply cannot pose as a command of the seat: the mark at the beginning of its lines is taken away.
    reply = _POSING.sub("", text.for_prompt(exchange.reply[:_MAX_REPLY]))
    reply = _BLANK_LINES.sub("\n\n", reply).strip() or "..."
    command = f"{MARK}{option(exchange.command)}" if exchange.command else ""
    return f"{command}{reply}\n\n"


def _first_kept(lengths: Sequence[int], limit: int) -> int:
    """Index of the oldest part that is kept, by a rule that depends on the past alone: over the limit, keep the
    newest half of it.
    """
    first, length = 0, 0
    for end, each in enumerate(lengths):
        length += each
        if length > limit:
            while first < end and length > limit // 2:
                length -= lengths[first]
                first += 1
    return first


def _summary(lost: History) -> str:
    """What was done in exchanges that are no longer shown, the latest that fit a line; empty where nothing was."""
    done: list[str] = []
    room = _SUMMARY - len(_BEFORE)
    for exchange in reversed(lost):
        command = text.for_prompt(exchange.command)
        if not command or looks_refused(exchange.reply) or command in done:
            continue
        room -= len(command) + 2
        if room < 0:
            break
        done.append(command)
    return f"{_BEFORE}{', '.join(reversed(done))}.\n\n" if done else ""
