"""The process that lets TextWorld make one game: `python -m sandbox.world.games_process`, options on stdin."""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any


def make(challenge: str, seed: int, settings: dict[str, Any], output: str) -> None:
    """Generate and compile a game, as `tw-make` does."""
    import textworld
    import textworld.challenges
    from textworld.generator import compile_game

    textworld.g_rng.set_seed(seed)
    options = textworld.GameOptions()
    options.seeds = seed
    options.path = output
    options.force_recompile = True
    if challenge == "custom":
        _customise(options, settings)
        game = textworld.generator.make_game(options)
    else:
        _, build, _ = textworld.challenges.CHALLENGES[challenge]
        game = build(settings, options)
    compile_game(game, options)


def _customise(options: Any, settings: dict[str, Any]) -> None:
    options.nb_rooms = settings["rooms"]
    options.nb_objects = settings["objects"]
    options.nb_parallel_quests = settings["quests"]
    options.quest_length = settings["quest"]
    options.chaining.min_depth = 1
    options.chaining.min_breadth = settings["breadth"] or 1
    options.chaining.max_breadth = settings["breadth"] or 5
    options.grammar.theme = settings["theme"]
    options.grammar.include_adj = settings["adjectives"]
    options.grammar.blend_descriptions = settings["blend_descriptions"]
    options.grammar.blend_instructions = settings["blend_instructions"]
    options.grammar.ambiguous_instructions = settings["ambiguous_instructions"]
    options.grammar.only_last_action = settings["only_last_action"]
    options.grammar.allowed_variables_numbering = settings["numbering"]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    try:
        make(**json.load(sys.stdin))
    except Exception as error:  # the parent shows the last line
        reason = " ".join(str(error).split()) or "no reason given"
        sys.exit(f"{type(error).__name__}: {reason}")
