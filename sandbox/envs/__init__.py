"""Worlds as Gymnasium and PettingZoo environments.

Importing this package registers `sandbox/World-v0` with Gymnasium:

    import gymnasium
    import sandbox.envs

    env = gymnasium.make("sandbox/World-v0", world="lighthouse")
    envs = gymnasium.make_vec("sandbox/World-v0", num_envs=8, world="tw:simple?seed=18")

Worlds with several seats are `WorldParallelEnv` and `WorldAECEnv`.
"""

import gymnasium

from sandbox.envs.aec import WorldAECEnv
from sandbox.envs.parallel import WorldParallelEnv
from sandbox.envs.single import WorldEnv
from sandbox.envs.spaces import UnicodeText
from sandbox.envs.vector import WorldVectorEnv
from sandbox.envs.views import EncodedView, TextView

__all__ = [
    "EncodedView",
    "TextView",
    "UnicodeText",
    "WorldAECEnv",
    "WorldEnv",
    "WorldParallelEnv",
    "WorldVectorEnv",
]

ENV_ID = "sandbox/World-v0"

if ENV_ID not in gymnasium.registry:
    gymnasium.register(
        id=ENV_ID,
        entry_point="sandbox.envs.single:WorldEnv",
        vector_entry_point="sandbox.envs.vector:WorldVectorEnv",
    )
