"""How long a language model takes to rate the commands of one turn, and whether it rates them exactly."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sandbox.bench.report import Figure, Report, machine

if TYPE_CHECKING:
    from sandbox.llm.local import LocalModel
    from sandbox.types import OptionScore

TRANSCRIPT = """\
Goal: First, open the antique trunk that is in the bedroom. Then, take the old key from the antique trunk and \
unlock the wooden door with it. After that, go east and put the milk into the refrigerator.

-= Bedroom =-
You've entered a bedroom. You begin looking for stuff.

You make out a closed antique trunk. You can make out a king-size bed. The king-size bed is large. On the \
king-size bed you see a worn book.

There is a closed wooden door leading east.

> open antique trunk
You open the antique trunk, revealing an old key.

> take old key from antique trunk
You take the old key from the antique trunk.

> unlock wooden door with old key
You unlock the wooden door.

> open wooden door
You open the wooden door.

> go east

-= Living Room =-
You arrive in a living room.

You see a couch. The couch is usual. But the thing hasn't got anything on it. You see a low table. On the low \
table you can make out a remote and half of a bag of chips.

There is an open wooden door leading west. There is an open screen door leading north. There is an exit to the \
south. Don't worry, there is no door.

> take remote from low table
You take the remote from the low table.

> go south

-= Kitchen =-
You find yourself in a kitchen. You start to take note of what's in the room.

You see a closed refrigerator. You see a counter. On the counter you see a milk, a fly larva and a tomato plant. \
There is an oven, which is open and empty.

There is an exit to the north. Don't worry, there is no door.

>"""

OBSERVATION = """ take milk from counter
You take the milk from the counter.

Your score has just gone up by one point. You can see a fly larva on it.

>"""

COMMANDS = tuple(
    f" {command}\n"
    for command in (
        "close oven",
        "drop milk",
        "drop old key",
        "drop remote",
        "eat milk",
        "examine counter",
        "examine fly larva",
        "examine refrigerator",
        "examine tomato plant",
        "go north",
        "insert milk into oven",
        "insert old key into oven",
        "insert remote into oven",
        "open refrigerator",
        "put milk on counter",
        "put old key on counter",
        "put remote on counter",
        "take fly larva from counter",
        "take tomato plant from counter",
        "look",
    )
)


def run(model: LocalModel, *, quick: bool, progress: Callable[[str], None]) -> Report:
    """Rate 20 commands after a transcript of 400 tokens, of which the last 37 are new to the model.

    Measured against a padded batch of 20 full prompts, in the same process with the same threads.

    Args:
        model: in float32; its kept prefixes are dropped.
        quick: measure each way fewer times.
        progress: told what is being measured, in a word or two.
    """
    from sandbox.llm.plain import score_plainly

    started = time.perf_counter()
    prompt = TRANSCRIPT + OBSERVATION

    def turn() -> tuple[list[OptionScore], float]:
        model.forget()
        model.score(TRANSCRIPT, COMMANDS)
        begin = time.perf_counter()
        scores = model.score(prompt, COMMANDS)
        return scores, time.perf_counter() - begin

    turn()
    progress("timing decisions over a kept prefix")
    turns = [turn() for _ in range(3 if quick else 9)]
    progress("timing a batch of full prompts")
    plain_scores, plain = [], []
    for _ in range(1 if quick else 3):
        begin = time.perf_counter()
        plain_scores = score_plainly(model, prompt, COMMANDS)
        plain.append(time.perf_counter() - begin)

    seconds = statistics.median(time for _, time in turns)
    seconds_plain = statistics.median(plain)
    error = max(
        abs(one.logprob - other.logprob)
        for scores, _ in turns
        for one, other in zip(scores, plain_scores, strict=True)
    )
    return Report(
        machine(),
        time.perf_counter() - started,
        (
            Figure.at_least("speedup_vs_full_prompts", seconds_plain / seconds, 30, "x"),
            Figure.below("seconds_per_decision_20", seconds, 0.4, "s"),
            Figure.at_most("max_abs_error", error, 1e-4, "nats"),
            Figure("seconds_full_prompts", seconds_plain, "s"),
            Figure("transcript_tokens", len(model.encode(TRANSCRIPT)), "tokens"),
            Figure("observation_tokens", len(model.encode(OBSERVATION)), "tokens"),
        ),
    )
