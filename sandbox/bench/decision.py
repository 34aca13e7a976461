"""How long a decision takes, for one agent and for four that share a language model, and whether it is exact."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from sandbox.bench import precision
from sandbox.bench.report import Figure, Report, machine
from sandbox.llm.cached import CachedModel
from sandbox.llm.questions import Continue, Question, ScoreQuestion
from sandbox.types import LanguageModel, OptionScore

if TYPE_CHECKING:
    from sandbox.llm.local import LocalModel

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


PLAYERS = ("Ada", "Bob", "Cyd", "Dov")
"""Four agents that share a model: each has a transcript of its own, since the persona stands at its beginning."""
SAMPLES, TOKENS = 8, 12
GAMES = 16


def run(
    model: LocalModel,
    rounded: LocalModel,
    shared: LanguageModel,
    *,
    quick: bool,
    progress: Callable[[str], None],
) -> Report:
    """Decide after a transcript of 400 tokens, of which the last 37 are new to the model.

    Args:
        model: in float32; its kept prefixes are dropped.
        rounded: the same in bfloat16.
        shared: the first as games ask it, in a process of its own.
        quick: measure each way fewer times.
        progress: told what is being measured, in a word or two.
    """
    started = time.perf_counter()
    times = 3 if quick else 9
    progress("rating 20 commands over a kept prefix, and as a batch of full prompts")
    figures = _against_full_prompts(model, times)
    progress("four agents that share the model")
    figures += _four_agents(model, times)
    progress("the decision cache")
    figures += _cached(model, times)
    progress("games side by side")
    figures += _side_by_side(shared, 3 if quick else 10)
    progress("bfloat16")
    figures += _rounded(model, rounded, times, 20 if quick else 200, progress)
    figures += [
        Figure("transcript_tokens", len(model.encode(TRANSCRIPT)), "tokens"),
        Figure("observation_tokens", len(model.encode(OBSERVATION)), "tokens"),
    ]
    return Report(machine(), time.perf_counter() - started, figures)


def scoring(prompt: str) -> ScoreQuestion:
    """What an agent asks in score mode: the prior of 20 admissible commands."""
    return ScoreQuestion(prompt, COMMANDS)


def sampling(prompt: str) -> Continue:
    """What it asks in sample mode: 8 samples of 12 tokens, none of which ends sooner."""
    return Continue(prompt=prompt, n=SAMPLES, seed=0, max_tokens=TOKENS, stop=())


def _against_full_prompts(model: LocalModel, times: int) -> list[Figure]:
    """Score mode for one agent against a padded batch of 20 full prompts, in the same process and threads."""
    from sandbox.llm.plain import score_plainly

    turns = [turn(model, scoring, [TRANSCRIPT]) for _ in range(times + 1)][1:]
    begin = time.perf_counter()
    plain_scores = score_plainly(model, TRANSCRIPT + OBSERVATION, COMMANDS)
    plain = [time.perf_counter() - begin]
    for _ in range((times - 1) // 4):
        begin = time.perf_counter()
        score_plainly(model, TRANSCRIPT + OBSERVATION, COMMANDS)
        plain.append(time.perf_counter() - begin)
    seconds, seconds_plain = median(turns), statistics.median(plain)
    error = max(_apart(answers, [plain_scores]) for answers, _ in turns)
    return [
        Figure.at_least("speedup_vs_full_prompts", seconds_plain / seconds, 30, "x"),
        Figure.below("seconds_per_decision_20", seconds, 0.4, "s"),
        Figure.at_most("max_abs_error", error, 1e-4, "nats"),
        Figure("seconds_full_prompts", seconds_plain, "s"),
    ]


def _rounded(
    model: LocalModel, rounded: LocalModel, times: int, states: int, progress: Callable[[str], None]
) -> list[Figure]:
    """A decision in bfloat16: how long it takes, whether it is the one of float32, and where the time goes."""
    turns = [turn(rounded, scoring, [TRANSCRIPT]) for _ in range(times + 1)][1:]
    figures = [Figure.at_most("seconds_per_decision_20_bf16", median(turns), 0.12, "s")]
    figures += precision.compare(model, rounded, states, progress)
    for subject, name in ((model, "float32"), (rounded, "bfloat16")):
        for games, row in ((1, name), (GAMES, f"{name}, {GAMES} games")):
            own = [f"{TRANSCRIPT} wait {number}\nTime passes.\n\n>" for number in range(games)]
            subject.forget()
            subject.score_many([(transcript, COMMANDS[:1]) for transcript in own])
            figures += precision.parts(subject, [scoring(transcript + OBSERVATION) for transcript in own], row)
    return figures


def _four_agents(model: LocalModel, times: int) -> list[Figure]:
    """A turn of one agent, of four one by one, and of four together, in both modes."""
    own = [f"You are {name}.\n\n{TRANSCRIPT}" for name in PLAYERS]
    figures = []
    for mode, question in (("score", scoring), ("sample", sampling)):
        turn(model, question, own)
        one = [turn(model, question, own[:1]) for _ in range(times)]
        single = [turn(model, question, own, together=False) for _ in range(times)]
        together = [turn(model, question, own) for _ in range(times)]
        figures += [
            Figure(f"seconds_{mode}_one_agent", median(one), "s"),
            Figure(f"seconds_{mode}_four_agents_one_by_one", median(single), "s"),
            Figure(f"seconds_{mode}_four_agents_together", median(together), "s"),
            Figure(f"speedup_{mode}_four_agents", median(single) / median(together), "x"),
        ]
        if mode == "score":
            error = max(_apart(found, single[0][0]) for found, _ in together)
            figures.append(Figure.at_most("max_abs_error_together", error, 1e-4, "nats"))
    return figures


def _side_by_side(model: LanguageModel, turns: int) -> list[Figure]:
    """Decisions a second of 16 games that ask one model at once, each whenever it needs to, and of one game."""
    rates = []
    for games in (1, GAMES):
        transcripts = [f"You are number {number} of {games}.\n\n{TRANSCRIPT}" for number in range(games)]

        def play(transcript: str) -> None:
            for turn in range(1, turns + 1):
                model.score(transcript + turn * OBSERVATION, COMMANDS)

        with ThreadPoolExecutor(games) as pool:
            list(pool.map(lambda transcript: model.score(transcript, COMMANDS[:1]), transcripts))
            begin = time.perf_counter()
            list(pool.map(play, transcripts))
            rates.append(games * turns / (time.perf_counter() - begin))
    return [
        Figure.at_least("parallel_16_speedup", rates[1] / rates[0], 3, "x"),
        Figure("decisions_per_second_one_game", rates[0], "1/s"),
        Figure("decisions_per_second_16_games", rates[1], "1/s"),
    ]


def _cached(model: LocalModel, times: int) -> list[Figure]:
    """A turn whose state was seen before, in both modes: the prompt is the same, so nothing is computed."""
    cached = CachedModel(model)
    figures = []
    for mode, question in (("score", scoring), ("sample", sampling)):
        asked = [question(f"You are {name}.\n\n{TRANSCRIPT}{OBSERVATION}") for name in PLAYERS]
        cached.answer(asked)
        for name, questions in (("one_agent", asked[:1]), ("four_agents", asked)):
            seconds = []
            for _ in range(times):
                begin = time.perf_counter()
                cached.answer(questions)
                seconds.append(time.perf_counter() - begin)
            figures.append(Figure(f"seconds_{mode}_{name}_cached", statistics.median(seconds), "s"))
    return figures


Turn = tuple[list[Any], float]
"""The answers to the questions of a turn, and the seconds they took."""


def turn(
    model: LocalModel, question: Callable[[str], Question], transcripts: Sequence[str], *, together: bool = True
) -> Turn:
    """Ask about the next turn after transcripts that the model has kept, and nothing else."""
    model.forget()
    model.score_many([(transcript, COMMANDS[:1]) for transcript in transcripts])
    questions = [question(transcript + OBSERVATION) for transcript in transcripts]
    begin = time.perf_counter()
    if together:
        answers = model.answer(questions)
    else:
        answers = [each for one in questions for each in model.answer([one])]
    return answers, time.perf_counter() - begin


def median(turns: Sequence[Turn]) -> float:
    return statistics.median(seconds for _, seconds in turns)


def _apart(found: Sequence[Sequence[OptionScore]], expected: Sequence[Sequence[OptionScore]]) -> float:
    """The greatest distance between two log-probabilities of the same option."""
    pairs = [pair for one, other in zip(found, expected, strict=True) for pair in zip(one, other, strict=True)]
    return max(abs(one.logprob - other.logprob) for one, other in pairs)
