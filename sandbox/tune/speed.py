"""Training measured against the plain way: `transformers.Trainer`, a padded batch, logits everywhere."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
import transformers

from sandbox.agent.cards import parse_card
from sandbox.llm.local import LocalModel
from sandbox.paths import Home
from sandbox.tune import collect, lora, network, packing, sft
from sandbox.tune.packing import Encoded
from sandbox.tune.settings import TrainingSettings
from sandbox.world import registry

_IGNORED = -100
_TURNS = 2


def speedup(card: str, worlds: Sequence[str], model: str, home: Home, progress: Callable[[str], None]) -> float:
    """How many times as many tokens a second as the trainer, over epochs of the same sequences.

    The tokens counted are those of the sequences, not the padding; batch, LoRA and optimiser are the same.
    """
    examples = []
    for reference in worlds:
        progress("reading walkthroughs")
        world = registry.open_world(reference, home=home)
        examples += collect.from_walkthrough(world, parse_card(card, "lm"))
        world.close()
    settings = TrainingSettings(epochs=1, rehearsal=0)
    ways: dict[str, Callable[[Any, Sequence[Encoded], TrainingSettings], None]] = {
        "padded": _trainer,
        "packed": sft.train,
    }
    models = {name: LocalModel.load(model) for name in ways}
    packed = models["packed"]
    network.use_packed_attention(packed.network)
    sequences = [s for each in examples for s in packing.encode(packed.tokenizer, each, packed.window)]
    tuned = {
        name: lora.with_lora(loaded.network, rank=settings.rank, alpha=settings.alpha, seed=0)
        for name, loaded in models.items()
    }
    for name, way in ways.items():
        way(tuned[name], sequences[: settings.batch], settings)  # warm
    seconds = dict.fromkeys(ways, 0.0)
    for turn in range(_TURNS):  # in turns, so that a machine that slows down slows both
        for name, way in ways.items():
            progress(f"training {len(sequences)} transcripts, {name}, {turn + 1} of {_TURNS}")
            started = time.perf_counter()
            way(tuned[name], sequences, settings)
            seconds[name] += time.perf_counter() - started
    return seconds["padded"] / seconds["packed"]


def _trainer(tuned: Any, sequences: Sequence[Encoded], settings: TrainingSettings) -> None:
    def collate(batch: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        return {
            name: torch.nn.utils.rnn.pad_sequence(
                [torch.tensor(row[name]) for row in batch], batch_first=True, padding_value=filler
            )
            for name, filler in (("input_ids", 0), ("labels", _IGNORED), ("attention_mask", 0))
        }

    rows = [
        {
            "input_ids": list(each.tokens),
            "labels": [t if i in each.learned else _IGNORED for i, t in enumerate(each.tokens)],
            "attention_mask": [1] * len(each),
        }
        for each in sequences
    ]
    with tempfile.TemporaryDirectory() as scratch:
        trainer = transformers.Trainer(
            model=tuned,
            args=transformers.TrainingArguments(
                output_dir=scratch,
                num_train_epochs=1,
                per_device_train_batch_size=settings.batch,
                learning_rate=settings.learning_rate,
                use_cpu=tuned.device.type == "cpu",
                report_to="none",
                save_strategy="no",
                disable_tqdm=True,
                logging_strategy="no",
                remove_unused_columns=False,
                seed=settings.seed,
            ),
            train_dataset=rows,
            data_collator=collate,
        )
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
