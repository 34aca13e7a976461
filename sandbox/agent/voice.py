"""What an agent says of what it wants: a sentence in its persona's words for each of its best proposals."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sandbox import text
from sandbox.agent import prompt
from sandbox.agent.cards import Card, VoiceSettings
from sandbox.agent.recall import Recall
from sandbox.agent.recollection import recollect
from sandbox.llm import chatml
from sandbox.llm.questions import Continue, ScoreQuestion, Thinking, together
from sandbox.types import Decision, OptionScore, Sample

SPEAKERS = 3
"""How many proposals of a decision have words: the best ones."""

_QUOTES = ' \t"“”'
_END = re.compile(r"[.!?…]")
_LONGEST = 200


def silent(decision: Decision, also: Sequence[int] = ()) -> list[int]:
    """Which proposals are to speak and have not: the best, and those named."""
    wanted = dict.fromkeys((*range(min(SPEAKERS, len(decision.proposals))), *also))
    return [i for i in wanted if not _speaks(decision, i)]


def speaking(
    decision: Decision,
    persona: str,
    recall: Recall,
    settings: VoiceSettings,
    *,
    seed: int,
    also: Sequence[int] = (),
) -> Thinking[Decision]:
    """The decision with a sentence for each of its best proposals that has none.

    The sentences are written side by side, each behind the prompt of the decision, its own command and what is
    remembered of it, so that the key-value cache of the prompt serves all. A proposal whose words come to nothing
    says that it wants to do what its command says.

    Args:
        decision: with its prompt, as an agent with a language model makes it.
        persona: who speaks.
        recall: what its seat has seen.
        settings: the card's.
        seed: of the words.
        also: proposals that are to speak besides the best, such as one that somebody looks at.
    """
    wanted = {i: decision.proposals[i].command for i in silent(decision, also)}
    if not decision.prompt or not wanted:
        return decision
    written = yield from together(
        [
            Continue(
                prompt=prompt.why(decision.prompt, command, persona, str(recollect(command, recall))),
                n=1,
                seed=seed + i,
                max_tokens=settings.max_tokens,
                temperature=settings.temperature,
                stop=prompt.ends_of_words(decision.prompt),
            )
            for i, command in wanted.items()
        ]
    )
    proposals = list(decision.proposals)
    for (i, command), samples in zip(wanted.items(), written, strict=True):
        said = sentence(samples[0].text) if samples else ""
        proposals[i] = replace(proposals[i], said=said or wish(command))
    return replace(decision, proposals=tuple(proposals))


def replying(context: str, settings: VoiceSettings, *, seed: int) -> Thinking[str]:
    """What is said first when the prompt ends with somebody else's words; empty where that is no sentence."""
    samples: list[Sample] = yield Continue(
        prompt=prompt.reply(context),
        n=1,
        seed=seed,
        max_tokens=settings.max_tokens,
        temperature=settings.temperature,
        stop=prompt.ends_of_words(context),
    )
    return sentence(samples[0].text) if samples else ""


def wondering(context: str, card: Card, *, seed: int) -> Thinking[str]:
    """What an agent thinks before it decides; empty where its card or the form of the prompt lets it not."""
    opened = prompt.wondering(context) if card.think else ""
    if not opened:
        return ""
    samples: list[Sample] = yield Continue(
        prompt=opened,
        n=1,
        seed=seed,
        max_tokens=card.think,
        temperature=card.propose.temperature,
        stop=(chatml.THOUGHT,),
    )
    return text.for_prompt(samples[0].text).strip() if samples else ""


@dataclass(frozen=True, slots=True)
class Aloud:
    """What came of speaking first."""

    logprobs: list[float]
    """For each command, the mean over what was said of its probability behind it, in nats."""
    said: list[str]
    """For each command the sentence that it is likeliest behind."""


def aloud(
    context: str,
    commands: Sequence[str],
    settings: VoiceSettings,
    *,
    seed: int,
    value: Callable[[OptionScore], float],
) -> Thinking[Aloud | None]:
    """Speak, then score the commands behind what was said; None where nothing came of it.

    Args:
        context: the prompt, up to and with the mark.
        commands: the candidates.
        settings: the card's.
        seed: of the words.
        value: the log-probability that counts, of a score.
    """
    samples: list[Sample] = yield Continue(
        prompt=prompt.opening_quote(context),
        n=settings.lines,
        seed=seed,
        max_tokens=settings.max_tokens,
        temperature=settings.temperature,
        stop=prompt.ends_of_words(context),
    )
    said = list(dict.fromkeys(filter(None, (sentence(sample.text) for sample in samples))))
    if not said:
        return None
    options = tuple(prompt.option(command, context) for command in commands)
    scored: list[list[OptionScore]] = yield from together(
        [ScoreQuestion(prompt.spoken(context, each), options) for each in said]
    )
    table = np.array([[value(score) for score in scores] for scores in scored])
    return Aloud(
        [float(each) for each in np.logaddexp.reduce(table, axis=0) - np.log(len(said))],
        [said[int(best)] for best in table.argmax(axis=0)],
    )


def _speaks(decision: Decision, index: int) -> bool:
    return " " in decision.proposals[index].said.strip()


def sentence(written: str) -> str:
    """What a model wrote, as one clean line that ends with a sentence; empty where it is none."""
    line = text.clean_line(text.for_prompt(chatml.apart(written)[1]), _LONGEST).strip(_QUOTES)
    ends = [found.end() for found in _END.finditer(line)]
    if ends:
        line = line[: ends[-1]]
    return line if len(line.split()) > 1 else ""


def wish(command: str) -> str:
    """The plainest sentence about a command."""
    return f"I would {command}."
