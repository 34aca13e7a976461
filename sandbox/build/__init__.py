"""Names and files become objects here, and nowhere else: worlds, models, agents, sessions, the screen."""

from sandbox.build.agents import CardFile, Models, build_agent
from sandbox.build.screen import WITHOUT_MODEL, PlayPlan, play_on_screen, save_stem
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
    "open_session",
    "open_world",
    "play_on_screen",
    "save_stem",
    "world_file",
]
