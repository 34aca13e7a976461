"""How a round trains. The defaults work on a CPU for the default model; each field says what it does."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox.feedback.votes import Votes

Method = Literal["sft", "dpo", "kto", "grpo", "rloo"]


class TrainingSettings(BaseModel):
    """Settings of the training itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    method: Method = "sft"
    """`sft` learns commands to be likely; `dpo` one of two to be likelier; `kto` good ones likelier than bad ones;
    `grpo` and `rloo` play, and learn from the reward."""
    rank: Annotated[int, Field(ge=1, le=256)] = 16
    """Rank of the LoRA matrices."""
    alpha: Annotated[int, Field(ge=1, le=1024)] = 32
    """What the adapter adds is multiplied by `alpha / rank`."""
    epochs: Annotated[int, Field(ge=1, le=100)] = 5
    """How often each example is seen."""
    batch: Annotated[int, Field(ge=1, le=256)] = 4
    """Examples a step."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 5e-4
    """Highest learning rate; it rises to it and falls from it linearly."""
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the steps over which the learning rate rises."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Pulls the adapter towards nothing, that is, the model towards what it was."""
    clip: Annotated[float, Field(gt=0)] = 1.0
    """Longest gradient."""
    emphasis: Annotated[float, Field(gt=0, le=100)] = 1.0
    """How much more a token of a command counts than one of what is said beside it."""
    rehearsal: Annotated[float, Field(ge=0, le=10)] = 0.1
    """How firmly it is held to what it expects, without the adapter, in texts of its own, so that it forgets less;
    0 does without."""
    pack: Annotated[int, Field(ge=64, le=65536)] = 1024
    """Tokens that go through the network at once, at most; a longer example goes by itself, and is computed twice
    in place of being kept in memory."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """What `sft` multiplies matrices in; sums and weights are float32 in any case. `auto` takes bfloat16 where the
    processor has instructions for it."""
    checkpoint_seconds: Annotated[float, Field(ge=0)] = 60.0
    """How often the state of the training is written down."""
    beta: Annotated[float, Field(ge=0, le=10)] = 0.1
    """Of `dpo` and `kto`: how dearly it pays to leave what the model was. Of `grpo` and `rloo`: weight of the KL
    divergence from it, which costs a third more time; 0 does without."""
    steps: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Optimiser steps in all; 0 takes `epochs`. `grpo` and `rloo` need it."""
    samples: Annotated[int, Field(ge=2, le=64)] = 4
    """Of `grpo` and `rloo`: completions, or episodes, that are compared with each other."""
    max_tokens: Annotated[int, Field(ge=1, le=1024)] = 24
    """Of `grpo` and `rloo`: longest completion or command."""
    turns: Annotated[int, Field(ge=1, le=200)] = 8
    """Of `grpo` and `rloo` on worlds: commands that an episode may take."""
    starts: Annotated[int, Field(ge=1, le=10_000)] = 16
    """Of `grpo` and `rloo` on worlds with chance: how many games of each are played, with the seeds from 0 on."""
    votes: Votes = "majority"
    """How what several people said of the same becomes examples: `all`, `majority`, `weighted` or `soft`, as for
    `sandbox feedback export`; the weights themselves are not trained with."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """All randomness of the training follows from it."""

    @classmethod
    def for_method(cls, method: Method, **given: Any) -> TrainingSettings:
        """The defaults of a method, where they differ from those above, and what was given."""
        return cls(**{"method": method, **_DEFAULTS.get(method, {}), **given})


_DEFAULTS: dict[Method, dict[str, Any]] = {
    "dpo": {"learning_rate": 2e-4, "epochs": 3, "pack": 512},
    "kto": {"learning_rate": 2e-4, "epochs": 3, "pack": 512},
    "grpo": {"steps": 30, "beta": 0.0},
    "rloo": {"steps": 30, "beta": 0.0},
}
