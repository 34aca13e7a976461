"""Names and files become objects here, and nowhere else: worlds, models, agents, sessions, the screen.

What this package offers is imported when it is first used: a screen that opens waits for nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.agent.registry import CardFile
    from sandbox.wiring.agents import Models, build_agent
    from sandbox.wiring.contests import check_contest, open_contest
    from sandbox.wiring.plans import WITHOUT_MODEL, PlayPlan, save_stem
    from sandbox.wiring.screen import choose_on_screen, play_on_screen
    from sandbox.wiring.sessions import (
        HUMAN,
        Players,
        agents_of,
        check_players,
        check_worlds,
        open_session,
        with_model,
    )
    from sandbox.wiring.stages import LeagueStage, Stages

_WHERE = {
    "sandbox.agent.registry": ("CardFile",),
    "sandbox.wiring.agents": ("Models", "build_agent"),
    "sandbox.wiring.contests": ("check_contest", "open_contest"),
    "sandbox.wiring.plans": ("WITHOUT_MODEL", "PlayPlan", "save_stem"),
    "sandbox.wiring.stages": ("LeagueStage", "Stages"),
    "sandbox.wiring.screen": ("choose_on_screen", "play_on_screen"),
    "sandbox.wiring.sessions": (
        *("HUMAN", "Players", "agents_of", "check_players", "check_worlds", "open_session", "with_model"),
    ),
}
_MODULES = {name: module for module, names in _WHERE.items() for name in names}

__all__ = [
    "HUMAN",
    "WITHOUT_MODEL",
    "CardFile",
    "LeagueStage",
    "Models",
    "PlayPlan",
    "Players",
    "Stages",
    "agents_of",
    "build_agent",
    "check_contest",
    "check_players",
    "check_worlds",
    "choose_on_screen",
    "open_contest",
    "open_session",
    "play_on_screen",
    "save_stem",
    "with_model",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
