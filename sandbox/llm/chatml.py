"""Conversations as text: the one notation in which prompts in chat form are built, kept and sent to models.

It is ChatML, `<|im_start|>ROLE`, the words, `<|im_end|>`. A model reads it in the form of its own chat template, a
server as a list of messages. Text from outside cannot pose as it: `text.for_prompt` takes such tags away.

A prompt ends with the beginning of the assistant's reply, and an option with the mark of its end, so that within
an episode each prompt begins with the one before and the command that followed it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

START: Final = "<|im_start|>"
END: Final = "<|im_end|>"
THINK: Final = "<think>"
THOUGHT: Final = "</think>"

INSTRUCTION = (
    "Continue the transcript of a text adventure. Reply with the player's next command alone, on one line, "
    "such as: open the door"
)
CHOICE = "Reply with exactly one of these commands:"
"""What a chat model on a server is asked for, unless a card says otherwise."""

Role = Literal["system", "user", "assistant"]
_OPENED = f"{START}assistant\n"


@dataclass(frozen=True, slots=True)
class Message:
    """What one of the roles says."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A prompt in chat form."""

    messages: tuple[Message, ...]
    begun: str = ""
    """What the reply that is asked for begins with: thoughts, or nothing."""

    @property
    def thought(self) -> str | None:
        """What was thought before the reply; None where no thinking was begun."""
        if not self.begun.startswith(THINK):
            return None
        return self.begun.removeprefix(THINK).partition(THOUGHT)[0].strip()

    @property
    def thinking(self) -> bool:
        """Whether the reply begins amid thoughts."""
        return self.begun.startswith(THINK) and THOUGHT not in self.begun


def render(messages: Sequence[Message]) -> str:
    """The prompt for the assistant's next reply."""
    return "".join(f"{START}{each.role}\n{each.content}{END}\n" for each in messages) + _OPENED


def is_chat(prompt: str) -> bool:
    """Whether a prompt is in chat form."""
    return prompt.startswith(START)


def awaits_reply(prompt: str) -> bool:
    """Whether a conversation ends where a reply is to begin."""
    return prompt.endswith(_OPENED)


def read(prompt: str) -> Conversation:
    """The conversation that a prompt in chat form stands for."""
    *whole, (_, begun) = [part.partition("\n")[::2] for part in prompt.split(START)[1:]]
    return Conversation(
        tuple(
            Message(cast(Role, role if role in get_args(Role) else "user"), said.partition(END)[0])
            for role, said in whole
        ),
        begun,
    )


def followed_by(prompt: str, *more: Message) -> str:
    """The prompt for a reply after more was said; what the reply had begun with is gone."""
    return render([*read(prompt).messages, *more])


def folded(messages: Sequence[Message]) -> list[Message]:
    """The messages with what the system says at the beginning of the first that the user says.

    For models whose template knows no system.
    """
    system = [each.content for each in messages if each.role == "system"]
    first, *others = [each for each in messages if each.role != "system"]
    return [Message(first.role, "\n\n".join([*system, first.content])), *others]


def aside(prompt: str, words: str) -> str:
    """The prompt with words at the end of what the user said last."""
    told = read(prompt)
    *before, last = told.messages
    return render([*before, Message(last.role, f"{last.content}\n\n{words}".strip())]) + told.begun


def wondering(prompt: str) -> str:
    """The prompt for thoughts before the reply: it ends where they begin."""
    return f"{prompt}{THINK}\n"


def behind(prompt: str, thought: str) -> str:
    """The prompt for the reply behind a thought."""
    return f"{prompt}{THINK}\n{thought}\n{THOUGHT}\n\n"


def thought_in(prompt: str) -> str:
    """What was thought before the reply to a prompt; empty where nothing was, and in transcript form."""
    return (read(prompt).thought or "") if is_chat(prompt) else ""


def apart(said: str) -> tuple[str, str]:
    """What a model thought aloud, and the rest: nothing where it did not come to an end with thinking."""
    head, opened, inside = said.partition(THINK)
    if not opened and THOUGHT not in said:
        return "", said
    thought, _, rest = (inside if opened and not head.strip() else said).partition(THOUGHT)
    return thought.strip(), rest.lstrip()


def chats(model: object) -> bool:
    """Whether a language model has a chat template of its own; False for those that cannot say."""
    return bool(getattr(model, "chats", False))
