"""Names and files become objects here, and nowhere else: worlds, models, agents, sessions, the screen."""

from sandbox.agent.registry import CardFile
from sandbox.wiring.agents import Models, build_agent
from sandbox.wiring.contests import check_contest, open_contest
from sandbox.wiring.screen import WITHOUT_MODEL, PlayPlan, choose_on_screen, play_on_screen, save_stem
from sandbox.wiring.sessions import (
    HUMAN,
    Players,
    agents_of,
    check_players,
    check_worlds,
    open_session,
    with_model,
)

__all__ = [
    "HUMAN",
    "WITHOUT_MODEL",
    "CardFile",
    "Players",
    "Models",
    "PlayPlan",
    "agents_of",
    "build_agent",
    "check_players",
    "choose_on_screen",
    "check_contest",
    "check_worlds",
    "open_contest",
    "open_session",
    "play_on_screen",
    "save_stem",
    "with_model",
]
