"""Names and files become objects here, and nowhere else: worlds, models, agents, sessions, the screen."""

from sandbox.build.agents import CardFile, Models, build_agent
from sandbox.build.contests import check_contest, open_contest
from sandbox.build.screen import WITHOUT_MODEL, PlayPlan, choose_on_screen, play_on_screen, save_stem
from sandbox.build.sessions import HUMAN, Cast, agents_of, open_session
from sandbox.build.worlds import Progress, open_world, world_file

__all__ = [
    "HUMAN",
    "WITHOUT_MODEL",
    "CardFile",
    "Cast",
    "Models",
    "PlayPlan",
    "Progress",
    "agents_of",
    "build_agent",
    "choose_on_screen",
    "check_contest",
    "open_contest",
    "open_session",
    "open_world",
    "play_on_screen",
    "save_stem",
    "world_file",
]
