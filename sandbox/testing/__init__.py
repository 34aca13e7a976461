r"""Checkers for authors of worlds and agents, to be called from tests of one's own.

from sandbox.testing import check_world, play_walkthrough

def test_my_world():
    check_world(MyWorld())
    play_walkthrough(MyWorld(), "take lamp\n  Taken.\ngo north\n")
"""

from sandbox.testing.agent_contract import check_agent
from sandbox.testing.contract import ContractError
from sandbox.testing.table import TableWorld, to
from sandbox.testing.walkthrough import Line, WalkthroughResult, parse_walkthrough, play_walkthrough
from sandbox.testing.world_contract import check_world

__all__ = [
    "ContractError",
    "Line",
    "WalkthroughResult",
    "TableWorld",
    "check_agent",
    "check_world",
    "parse_walkthrough",
    "play_walkthrough",
    "to",
]
