"""From examples to an adapter, by whichever method."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sandbox.llm import chatml
from sandbox.llm.chatml import Message
from sandbox.llm.local import LocalModel
from sandbox.llm.questions import Continue
from sandbox.paths import Home
from sandbox.tune import episodes, lora, network, packing, preference, reinforcement, sft
from sandbox.tune.checkpoint import Checkpoint
from sandbox.tune.examples import Example, Label, PreferencePair, TranscriptExample, digest
from sandbox.tune.loop import FIRST_STEP, OnPhase, TrainingProgress
from sandbox.tune.packing import Encoded
from sandbox.tune.rounds import RoundPlan
from sandbox.world import registry

FIXED_TEXT = (
    "The kitchen is a small room with a wooden table and two chairs. A window looks out on the garden, where an "
    "old apple tree has lost most of its leaves. Every morning, before the rest of the family wakes up, she makes "
    "a cup of tea and reads the newspaper. Water boils at one hundred degrees Celsius at sea level, and at a "
    "lower temperature in the mountains, because the pressure of the air is lower there. In 1969, two people "
    "walked on the Moon for the first time, while a third waited for them in orbit."
)
"""What the perplexity before and after is measured on: plain English, nothing like a game."""

_REHEARSED = (
    "Write a short story about a day at the sea.",
    "Explain why the sky is blue.",
    "What should I cook with potatoes and eggs?",
    "Give me three tips for learning a language.",
)
_OPENINGS = (
    "The house at the end of the street",
    "On Monday morning, he",
    "The town lies in a valley,",
    "It was late when they",
    "Most plants need light, because",
    "In 1912, the first",
    "The company announced that",
    "A good teacher knows how",
    "The road to the north was closed, so",
    "During the winter, many animals",
    "She put the letter back into",
    "The experiment showed that",
)
_EACH, _LENGTH = 2, 64


@dataclass(frozen=True, slots=True)
class Made:
    """An adapter in memory."""

    weights: bytes
    config: dict[str, Any]
    perplexity: tuple[float, float] | None
    """Of `FIXED_TEXT`, before and after."""


def train(
    model: LocalModel,
    data: Sequence[Example],
    plan: RoundPlan,
    *,
    parent: Path | None,
    home: Home,
    checkpoint: Path | None,
    on_step: Callable[[TrainingProgress], None],
    on_phase: OnPhase = lambda what, done, of: None,
    on_note: Callable[[str], None],
    stop: Callable[[], bool],
) -> Made:
    """Train an adapter for a model, which is used up by it.

    Args:
        model: fresh, without an adapter.
        data: examples of the kind that the method takes.
        plan: of the round.
        parent: the adapter to go on from.
        home: where the worlds of the plan are looked up.
        checkpoint: a folder for the state of the training; None keeps none.
        on_step: told after every step.
        on_phase: told what is done before the first.
        on_note: told what is worth knowing.
        stop: asked between steps.

    Raises:
        Stopped: `stop` said yes.
        RoundError: the training failed.
    """
    settings = plan.settings
    kept = Checkpoint(checkpoint / "checkpoint.safetensors", digest(data)) if checkpoint else None
    on_phase("measuring the model before", 0, 0)
    before = perplexity(model.network, model)
    rehearsal = rehearse(model, settings.seed) if settings.method == "sft" and settings.rehearsal else []
    if parent is not None:
        tuned = lora.with_adapter(model.network, parent)
    else:
        tuned = lora.with_lora(model.network, rank=settings.rank, alpha=settings.alpha, seed=settings.seed)
    learn(
        tuned,
        model,
        data,
        plan,
        home=home,
        rehearsal=rehearsal,
        checkpoint=kept,
        on_step=on_step,
        on_phase=on_phase,
        on_note=on_note,
        stop=stop,
    )
    weights, config = lora.exported(tuned, model.name.rpartition("@")[0])
    return Made(weights, config, (before, perplexity(tuned, model)))


def learn(
    tuned: Any,
    model: LocalModel,
    data: Sequence[Example],
    plan: RoundPlan,
    *,
    home: Home,
    rehearsal: Sequence[Encoded] = (),
    checkpoint: Checkpoint | None = None,
    on_step: Callable[[TrainingProgress], None],
    on_phase: OnPhase = lambda what, done, of: None,
    on_note: Callable[[str], None],
    stop: Callable[[], bool],
) -> None:
    """Train the LoRA weights of a network in place, by the method of the plan; arguments as above."""
    settings = plan.settings
    if model.packs:
        network.use_packed_attention(model.network)
    more: dict[str, Any] = {"checkpoint": checkpoint, "on_step": on_step, "stop": stop}
    match settings.method:
        case "sft":
            chosen = [each for each in data if isinstance(each, TranscriptExample)]
            sequences = [
                s
                for each in chosen
                for s in packing.encode(model.tokenizer, each, model.window, settings.emphasis)
            ]
            if not model.packs:
                sequences = [part for sequence in sequences for part in packing.apart(sequence)]
            on_phase(FIRST_STEP, 0, 0)
            sft.train(tuned, sequences, settings, rehearsal=rehearsal, **more)
        case "dpo":
            pairs = [each for each in data if isinstance(each, PreferencePair)]
            preference.dpo(tuned, model, pairs, settings, on_phase=on_phase, **more)
        case "kto":
            labels = [each for each in data if isinstance(each, Label)]
            preference.kto(tuned, model, labels, settings, on_phase=on_phase, **more)
        case "grpo" | "rloo":
            worlds = [registry.open_world(reference, home=home) for reference in plan.worlds]
            try:
                games = episodes.games(worlds, settings.starts)
                on_phase("playing the first games to learn from", 0, 0)
                reinforcement.on_worlds(tuned, model, games, plan.parsed_card(), settings, on_note, **more)
            finally:
                for world in worlds:
                    world.close()


def perplexity(tuned: Any, model: LocalModel, text: str = FIXED_TEXT) -> float:
    """Perplexity of a text under a network, per token."""
    tokens = (*model.tokenizer("")["input_ids"], *model.encode(text))
    causal = tuned.get_base_model() if hasattr(tuned, "get_base_model") else tuned
    with torch.inference_mode():
        row = torch.tensor([tokens], device=model.device)
        logits = causal(input_ids=row, use_cache=False).logits[0, :-1].float()
    loss = torch.nn.functional.cross_entropy(logits, row[0, 1:])
    return math.exp(loss.item())


def rehearse(model: LocalModel, seed: int) -> list[Encoded]:
    """Texts of the model as it is now, answers and plain prose, to hold it where it was in what is no game.

    Pseudo-rehearsal (Robins 1995): texts of the old model stand for the data it was trained on, which nobody has.
    """
    prompts = [*(_asked(model, question) for question in _REHEARSED), *_OPENINGS]
    written = model.write(
        [
            Continue(prompt=prompt, n=_EACH, seed=seed + number, max_tokens=_LENGTH, temperature=1.0, stop=())
            for number, prompt in enumerate(prompts)
        ]
    )
    found = []
    for prompt, samples in zip(prompts, written, strict=True):
        head = model.fit(prompt, reserve=_LENGTH)
        for sample in samples:
            tokens = (*head, *sample.tokens)
            if len(tokens) > len(head):
                found.append(Encoded(tokens, tuple(range(len(head), len(tokens)))))
    model.forget()
    return found


def _asked(model: LocalModel, question: str) -> str:
    if model.chats:
        return chatml.render([Message("user", question)])
    return f"Question: {question}\nAnswer:"
