"""What a GPU gains: decisions, words, games side by side, training, and a round of self-play, in minutes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.bench import decision, precision
from sandbox.bench import rounds as bench_rounds
from sandbox.bench.report import Figure, Report, machine
from sandbox.errors import ModelError
from sandbox.llm.questions import ScoreQuestion
from sandbox.tune import rounds
from sandbox.tune.collect import Source
from sandbox.tune.rounds import RoundPlan
from sandbox.tune.settings import TrainingSettings
from sandbox.types import Device, Progress
from sandbox.world import registry

if TYPE_CHECKING:
    from sandbox.llm.local import LocalModel
    from sandbox.tune.packing import Encoded

CARD = (
    "persona: You are playing a text adventure.\nmodel: {model}\ncombine: {{method: prior, repeat_penalty: 0.5}}\n"
)
GAMES = "tw:coin?level=1..4&seed=1..5"
UNSEEN = "tw:coin?level=1..4&seed=101..105"
QUICK_GAMES, QUICK_UNSEEN = "tw:coin?level=2..3&seed=1..2", "tw:coin?level=1&seed=3"
_WARM = 2


def run(reference: str, wanted: Device, folder: Path, *, quick: bool, progress: Progress) -> Report:
    """Measure on a device.

    Args:
        reference: the language model.
        wanted: the device; `auto` takes the best GPU.
        folder: for the round; empty, or not there.
        quick: two games side by side, a few steps of training, a round of four games.
        progress: told what is going on.

    Raises `ModelError` where `auto` finds no GPU, or the device is not there.
    """
    from sandbox.llm import device as devices
    from sandbox.llm.local import LocalModel

    place = devices.chosen(wanted)
    if wanted == "auto" and place.type == "cpu":
        raise ModelError(
            "there is no GPU that this torch can compute on",
            hint="see `sandbox doctor`; or say --device cpu --quick",
        )
    started = time.perf_counter()
    model = LocalModel.load(reference, device=wanted)
    figures = [*deciding(model, quick, progress), *_side_by_side(model, 2 if quick else 16, quick, progress)]
    figures.append(training(reference, wanted, quick, progress))
    figures.append(_round(reference, wanted, folder, quick, progress))
    about = machine() | {"device": devices.described(place), "dtype": str(model.network.dtype).partition(".")[2]}
    return Report(about, time.perf_counter() - started, figures)


def deciding(model: LocalModel, quick: bool, progress: Progress) -> list[Figure]:
    """20 commands after 400 tokens of which 37 are new, and 8 samples of 12 tokens behind the same."""
    progress("decisions and words")
    times = 1 if quick else 9
    turns = [decision.turn(model, decision.scoring, [decision.TRANSCRIPT]) for _ in range(times + _WARM)][_WARM:]
    written = [decision.turn(model, decision.sampling, [decision.TRANSCRIPT]) for _ in range(times + 1)][1:]
    tokens = sum(sample.tokens for answer in written[0][0] for sample in answer)
    return [
        Figure("seconds_per_decision_20", decision.median(turns), "s"),
        Figure("sampled_tokens_per_second", tokens / decision.median(written), "tokens/s"),
    ]


def _side_by_side(model: LocalModel, games: int, quick: bool, progress: Progress) -> list[Figure]:
    """Decisions a second of one game, and of so many whose questions share passes."""
    progress(f"{games} games side by side")
    turns = 2 if quick else 12
    episodes = [_episode(number, turns) for number in range(games)]
    model.forget()
    begin = time.perf_counter()
    for question in episodes[0]:
        model.answer([question])
    alone = len(episodes[0]) / (time.perf_counter() - begin)
    model.forget()
    begin = time.perf_counter()
    for together in zip(*episodes, strict=True):
        model.answer(together)
    parallel = games * turns / (time.perf_counter() - begin)
    return [
        Figure("decisions_per_second_one_game", alone, "1/s"),
        Figure(f"decisions_per_second_{games}_games", parallel, "1/s"),
        Figure(f"parallel_{games}_speedup", parallel / alone, "x"),
    ]


def _episode(number: int, turns: int) -> list[ScoreQuestion]:
    """What an agent asks in the first turns of a game of random play, which is another for each number."""
    found: list[ScoreQuestion] = []
    for question in precision.questions(number):
        found.append(question)
        if len(found) == turns:
            break
    return found


def training(reference: str, wanted: Device, quick: bool, progress: Progress) -> Figure:
    """Tokens a second of supervised fine-tuning."""
    from sandbox.llm.local import LocalModel
    from sandbox.tune import lora, network, sft
    from sandbox.tune.loop import TrainingProgress

    progress("training")
    model = LocalModel.load(reference, device=wanted)
    tuned = lora.with_lora(model.network, rank=16, alpha=32, seed=0)
    sequences = [_transcript(model, number) for number in range(4 if quick else 64)]
    if model.packs:
        network.use_packed_attention(model.network)
    steps: list[TrainingProgress] = []
    settings = TrainingSettings(epochs=1, batch=2 if quick else 4)
    sft.train(tuned, sequences, settings, on_step=steps.append)
    counted = steps[1:] or steps  # the first warms up
    return Figure(
        "training_tokens_per_second",
        sum(step.tokens for step in counted) / sum(step.seconds for step in counted),
        "tokens/s",
    )


def _transcript(model: LocalModel, number: int) -> Encoded:
    """A transcript of some 440 tokens, of which 20 are learned."""
    from sandbox.tune.packing import Encoded

    tokens = model.encode(f"You are player {number}.\n\n{decision.TRANSCRIPT}{decision.OBSERVATION}")
    return Encoded(tokens, tuple(range(len(tokens) - 20, len(tokens))))


def _round(reference: str, wanted: Device, folder: Path, quick: bool, progress: Progress) -> Figure:
    """Minutes of a whole round of self-play on 20 games: explore, play before, train, play after.

    The games are compiled before the clock starts. The quick one learns from a walkthrough in place of playing.
    """
    source: Source = "demonstrations" if quick else "selfplay"
    training = bench_rounds.worlds_of(QUICK_GAMES if quick else GAMES)
    unseen = bench_rounds.worlds_of(QUICK_UNSEEN if quick else UNSEEN)
    for world in (*training, *unseen):
        registry.open_world(world).close()
    plan = RoundPlan(
        home=folder,
        save=folder / "saves" / "gpu",
        card=CARD.format(model=reference),
        model=reference,
        sources=(source,),
        worlds=training,
        eval_worlds=unseen,
        device=wanted,
        max_steps=3 if quick else 25,
        settings=TrainingSettings(epochs=1 if quick else 5, rehearsal=0.0 if quick else 0.1),
    )
    round_ = rounds.start(plan)
    bench_rounds.follow(round_, source, progress)
    return Figure(
        f"minutes_{source}_round_{len(training)}", bench_rounds.measured(round_, source).minutes, "minutes"
    )
