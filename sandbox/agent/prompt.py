"""The transcript as a prompt, in the form a story file prints.

    You are ...                      the card's head: persona and goal
    Goal: ...

    Kitchen. There is a lamp here.   the opening

    > take lamp                      one exchange: command and reply
    Taken.

    >                                here the next command goes on

Or, where the card says so, the situation alone stands in place of the transcript: surroundings and inventory.

In chat form the head is what the system says, each reply of the world a message of the user, each command one of
the assistant (`sandbox.llm.chatml`). The functions below that take a prompt do as its form asks.

Within an episode each prompt begins with the one before, so a model's cache of the common prefix serves every
turn. Only when the transcript is too long is its older half dropped, at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sandbox import text
from sandbox.agent.cards import Card, Lore, PromptSettings
from sandbox.agent.grounding import looks_refused
from sandbox.llm import catalogue, chatml
from sandbox.llm.chatml import INSTRUCTION, Message
from sandbox.types import Exchange, History, Observation

MARK = ">"
QUOTE = '"'
"""What an agent says of a command stands behind it in quotes."""
_MAX_REPLY = 4000
_POSING = re.compile(r"^[ \t]*>+[ \t]*", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")
_SENTENCE = re.compile(r".{1,150}?(?:[.!?](?=\s|$)|$)")
"""The first sentence of a persona, if it is not too long to be said again."""
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


_BEFORE = "Done before: "
_SUMMARY = 85
"""Characters that tell what the transcript no longer shows."""
_LORE = 4
"""Entries of a lorebook in a prompt, at most."""
_NOTED = "What you noted before:"
_WHY = "In one sentence, say what you want with that, and why."
_FIRST = "Before you act, say in one sentence what you want to do, and why."
_ANSWER = "Answer in one sentence."
_ALOUD = "Reply with what you say aloud to the others, in one line."
_ACT = "Reply with the command alone."
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
    if prompt.form == "chat":
        system = "\n\n".join(part for part in (text.for_prompt(head), prompt.instruction.strip()) if part)
        return chatml.render([Message("system", system), *_messages(lost, exchanges[first:])])
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


def settled(card: Card, model: object) -> PromptSettings:
    """The card's settings with the form that its model is best spoken to in, where the card leaves that open.

    That is chat form where the model has a template, but for what was made for transcripts: the default model, an
    adapter of the card, and a learner that reads hidden states. An agent that is to think does so in chat form.
    """
    made_for_transcripts = not card.think and (
        card.model == catalogue.DEFAULT
        or card.adapter is not None
        or (card.learner is not None and card.learner.reads_model)
    )
    form = card.prompt.form
    if form == "auto":
        chat = not made_for_transcripts and chatml.chats(model)
        form = "chat" if chat else "transcript"
    own = card.remote is not None and card.remote.instruction != INSTRUCTION
    more = {"instruction": card.remote.instruction} if own and card.remote is not None else {}
    return card.prompt.model_copy(update={"form": form, **more})


def wondering(context: str) -> str:
    """The prompt for what an agent thinks before it decides; empty where it cannot."""
    return chatml.wondering(context) if chatml.is_chat(context) else ""


def behind(context: str, thought: str) -> str:
    """The prompt behind what was thought; as it is where there is a thought already, and in transcript form."""
    fresh = thought and chatml.is_chat(context) and not chatml.thought_in(context)
    return chatml.behind(context, text.for_prompt(thought)) if fresh else context


def beside(context: str, words: str) -> str:
    """The prompt with something between the transcript and the mark, for this turn alone."""
    if chatml.is_chat(context):
        return chatml.aside(context, words) if words else context
    return f"{context.removesuffix(MARK).rstrip()}{aside_text(words)}" if words else context


def opening_quote(context: str, ask: str = _FIRST) -> str:
    """The prompt for what an agent says before it chooses: it ends with an opening quote, or asks in chat form."""
    if chatml.is_chat(context):
        return chatml.aside(context, ask)
    return f"{context.removesuffix(MARK).rstrip()}\n\n{QUOTE}"


def reply(context: str) -> str:
    """The prompt for what an agent answers to words that stand at the prompt's end."""
    return opening_quote(context, _ANSWER)


def speech(context: str, begun: str) -> str:
    """The prompt for a line that others hear; in a transcript the command that says it is begun."""
    return chatml.aside(context, _ALOUD) if chatml.is_chat(context) else f"{context} {begun.rstrip()}"


def why(context: str, command: str, persona: str, remembered: str) -> str:
    """The prompt for what an agent says of a command, of which it remembers something, in its persona."""
    if chatml.is_chat(context):
        given = Message("assistant", text.for_prompt(command))
        asked = " ".join(filter(None, (text.for_prompt(remembered), _WHY)))
        return chatml.followed_by(context, given, Message("user", asked))
    return context + option(command) + remembering(persona, remembered)


def words(said: str, context: str) -> str:
    """What an agent said of a command, as the continuation of what `why` gives."""
    return text.for_prompt(said) + (chatml.END if chatml.is_chat(context) else f"{QUOTE}\n")


def spoken(context: str, said: str) -> str:
    """The prompt for a command behind what was said, which `opening_quote` asked for."""
    opened = opening_quote(context)
    if chatml.is_chat(context):
        return chatml.followed_by(opened, Message("assistant", text.for_prompt(said)), Message("user", _ACT))
    return f"{opened}{said}{QUOTE}\n{MARK}"


def ends_of_words(context: str) -> tuple[str, ...]:
    """What ends a sentence that an agent says: in a transcript it stands in quotes."""
    return ("\n",) if chatml.is_chat(context) else (QUOTE, "\n")


def remembering(persona: str, remembered: str) -> str:
    """What stands in a transcript behind a command that is spoken of: who speaks, what is remembered, a quote.

    The persona stands at the head of the prompt, too, but a small model does not look that far back for it.
    """
    who = _SENTENCE.match(" ".join(persona.split()))
    plain = text.for_prompt(" ".join(filter(None, (who[0] if who else "", remembered))))
    return f"({plain})\n{QUOTE}" if plain else QUOTE


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


def option(command: str, context: str = "") -> str:
    """A command as the continuation of a prompt; of one in transcript form where none is given."""
    if chatml.is_chat(context):
        return text.for_prompt(command) + chatml.END
    return f" {text.for_prompt(command)}\n"


def fill(template: str, words: Mapping[str, str]) -> str:
    """The template with its placeholders replaced; lines with nothing but empty placeholders are left out."""
    lines = []
    for line in template.strip().split("\n"):
        names = _PLACEHOLDER.findall(line)
        if not names or any(words.get(name) for name in names):
            lines.append(_PLACEHOLDER.sub(lambda found: text.for_prompt(words.get(found[1], "")), line))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


def _messages(lost: str, exchanges: History) -> list[Message]:
    """Exchanges as messages of user and assistant in turn; what was lost is told at the beginning."""
    first, *others = exchanges
    messages = [Message("user", (lost + _exchange(first)).strip())]
    for exchange in others:
        messages += [Message("assistant", text.for_prompt(exchange.command)), Message("user", _reply(exchange))]
    return messages


def _exchange(exchange: Exchange) -> str:
    command = f"{MARK}{option(exchange.command)}" if exchange.command else ""
    return f"{command}{_reply(exchange)}\n\n"


def _reply(exchange: Exchange) -> str:
    # A reply cannot pose as a command of the seat: the mark at the beginning of its lines is taken away.
    reply = _POSING.sub("", text.for_prompt(exchange.reply[:_MAX_REPLY]))
    return _BLANK_LINES.sub("\n\n", reply).strip() or "..."


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


def forgotten(prompt: PromptSettings, history: History) -> str:
    """What stands in a prompt for the exchanges that no longer fit; empty where all do, or none are shown."""
    if prompt.shows == "situation":
        return ""
    first = _first_kept([len(_exchange(exchange)) for exchange in history], prompt.max_chars)
    return _summary(history[:first]).strip()


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
