"""bfloat16 held against float32: whether decisions are the same, and where the time of one goes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from sandbox.agent import prompt
from sandbox.agent.cards import PromptSettings
from sandbox.bench.report import Figure
from sandbox.llm.questions import ScoreQuestion
from sandbox.types import Exchange
from sandbox.world import registry

if TYPE_CHECKING:
    from sandbox.llm.local import LocalModel

WORLDS = ("lighthouse", "tutorial", "honey", "lammas")
_EPISODE = 25


def compare(exact: LocalModel, rounded: LocalModel, states: int, progress: Callable[[str], None]) -> list[Figure]:
    """How often both put the same command first, over the states of random play, and the greatest difference.

    Args:
        exact: in float32.
        rounded: in bfloat16.
        states: how many.
        progress: told how far it is.
    """
    alike, error = 0, 0.0
    for number, question in enumerate(islice(questions(), states)):
        if number % 20 == 0:
            progress(f"bfloat16 against float32, {number} of {states} states")
        one, other = question.put(exact), question.put(rounded)
        alike += int(np.argmax([score.mean for score in one]) == np.argmax([score.mean for score in other]))
        error = max(error, *(abs(a.logprob - b.logprob) for a, b in zip(one, other, strict=True)))
    return [
        Figure.at_least("top1_agreement_bf16", alike / states, 0.99),
        Figure("max_abs_error_bf16", error, "nats"),
    ]


def questions(first: int = 0) -> Iterator[ScoreQuestion]:
    """What an agent asks in the states of random play, episode after episode, in several worlds, without end.

    Args:
        first: number of the first episode.
    """
    worlds = [registry.open_world(reference) for reference in WORLDS]
    for seed in count(first):
        rng = np.random.default_rng(seed)
        world = worlds[seed % len(worlds)]
        state, said, lived = world.initial(seed), "", list[Exchange]()
        while (seat := world.to_move(state)) is not None and len(lived) < _EPISODE:
            seen = world.observe(state, seat)
            lived.append(Exchange(command=said, reply=seen.text))
            commands = seen.admissible or ()
            if not commands:
                break
            asked = prompt.build(PromptSettings(), seen, tuple(lived))
            yield ScoreQuestion(asked, tuple(prompt.option(command) for command in commands))
            said = commands[rng.integers(len(commands))]
            state = world.step(state, seat, said).state


def parts(model: LocalModel, asked: Sequence[ScoreQuestion], name: str) -> list[Figure]:
    """Where the seconds of a decision go, as rows of a table: of one, or the mean of several in one pass.

    `linear` are the projections and the feed-forward network of all layers, `attention` what its modules take
    beside their projections, `head` the output layer, `layers` what is left of the network (norms, rotations), and
    `python` what is around it: tokens, trie, masks, sums of log-probabilities.

    Args:
        model: on a CPU, where a module has computed when it returns.
        asked: what it decides; what is kept of the prompts counts as known.
        name: of the row.
    """
    spent: dict[str, float] = defaultdict(float)
    begun: list[float] = []
    head = model.network.get_output_embeddings()
    hooks: list[Any] = []

    def measure(module: Any, kind: str) -> None:
        def before(*_: Any) -> None:
            begun.append(time.perf_counter())

        def after(*_: Any) -> None:
            spent[kind] += time.perf_counter() - begun.pop()

        hooks.extend((module.register_forward_pre_hook(before), module.register_forward_hook(after)))

    for path, module in model.network.named_modules():
        if not path:
            measure(module, "all")
        elif module is head:
            measure(module, "head")
        elif "Linear" in type(module).__name__:
            measure(module, "in attention" if "attn" in path else "linear")
        elif type(module).__name__.endswith("Attention"):
            measure(module, "attention")
    try:
        started = time.perf_counter()
        model.answer(asked)
        seconds = time.perf_counter() - started
    finally:
        for hook in hooks:
            hook.remove()
    linear = spent["linear"] + spent["in attention"]
    attention = spent["attention"] - spent["in attention"]
    found = {
        "linear": linear,
        "attention": attention,
        "head": spent["head"],
        "layers": spent["all"] - linear - attention - spent["head"],
        "python": seconds - spent["all"],
    }
    title = f"where a decision's time goes/{name}"
    return [Figure(f"{title}/{part}", value / len(asked), "s") for part, value in found.items()]
