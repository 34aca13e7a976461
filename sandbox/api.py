"""The few functions to use the sandbox from Python: open a world or a model, ask it to act, train it or a learner.

`get_action` and `train` are what reinforcement learning with a language model comes down to, in its shortest form.
The agents of `sandbox.agent` do the same with everything a card can set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sandbox import config, wiring
from sandbox.agent import prompt
from sandbox.agent.cards import PromptSettings
from sandbox.agent.combine import additive, standardised
from sandbox.ranges import in_range
from sandbox.rl.exploration import epsilon_greedy
from sandbox.tune import fine_tune as fine_tune
from sandbox.types import LanguageModel, Learner, Observation, Transition, World
from sandbox.world import registry

if TYPE_CHECKING:
    import gymnasium


def open_world(reference: str) -> World[Any]:
    """A world by its reference, such as `lighthouse` or `tw:simple?seed=18`. Raises `WorldError`."""
    return registry.open_world(reference)


def open_model(reference: str = "smollm2-135m-instruct") -> LanguageModel:
    """A language model, as the `model` of a card names it; a local one in this process. Raises `ModelError`."""
    return wiring.Models(config.load()).open(reference)


def get_action(
    state: Observation,
    llm: LanguageModel | None,
    agent: Learner | None = None,
    *,
    epsilon: float = 0.0,
    rng: np.random.Generator | None = None,
) -> str:
    """The command to give in this state: the language model is the policy, and a learner may rerank it.

    Args:
        state: what the seat perceives. Where the world lists no commands, the model writes one.
        llm: gives each admissible command its log-probability per token; None finds all equally likely.
        agent: adds its Q-values, standardised over the commands.
        epsilon: probability of a command drawn uniformly.
        rng: for epsilon, and for ties.
    """
    in_range("epsilon", epsilon, 0, 1)
    commands = list(state.admissible or ())
    if not commands:
        if llm is None:
            raise ValueError("this world lists no commands, and there is no language model to write one")
        return llm.sample(prompt.build(PromptSettings(), state, ()), 1, seed=state.turn)[0].text.strip() or "look"
    priors = [0.0] * len(commands)
    if llm is not None:
        scores = llm.score(
            prompt.build(PromptSettings(), state, ()), [prompt.option(command) for command in commands]
        )
        priors = [score.mean for score in scores]
    q_values = [0.0] * len(commands) if agent is None else standardised(agent.values(state, commands))
    chosen, _ = epsilon_greedy(additive(priors, q_values, 1.0), epsilon, rng or np.random.default_rng(0))
    return commands[chosen]


def train(
    env: gymnasium.Env[Any, Any],
    llm: LanguageModel | None,
    agent: Learner,
    *,
    episodes: int = 50,
    epsilon: float = 0.2,
    seed: int = 0,
) -> list[float]:
    """Play episodes, and let the learner learn from every step; returns the return of each episode.

    Args:
        env: `sandbox/World-v0` over any world for one seat, in its text view.
        llm: proposes; None leaves all to the learner.
        agent: learns, and reranks.
        episodes: how many.
        epsilon: share of commands drawn uniformly.
        seed: of the first episode, and of the exploration.
    """
    in_range("episodes", episodes, 0)
    in_range("epsilon", epsilon, 0, 1)
    rng = np.random.default_rng(seed)
    returns = []
    for episode in range(episodes):
        _, info = env.reset(seed=seed + episode)
        state, total, done = as_observation(info), 0.0, False
        while not done:
            command = get_action(state, llm, agent, epsilon=epsilon, rng=rng)
            _, reward, terminated, truncated, info = env.step(command)
            following = as_observation(info)
            agent.update(
                Transition(
                    observation=state,
                    command=command,
                    reward=float(reward),
                    next_observation=following,
                    candidates=() if terminated else following.admissible or (),
                    terminated=terminated,
                )
            )
            state, total, done = following, total + float(reward), terminated or truncated
        returns.append(total)
    return returns


def as_observation(info: dict[str, Any]) -> Observation:
    """The `info` of one of our environments as the value that agents take."""
    fields = "seat turn text description inventory goal score max_score admissible won"
    return Observation(**{field: info[field] for field in fields.split()})
