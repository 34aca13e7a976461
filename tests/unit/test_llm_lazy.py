"""A game beside a language model opens without it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_a_game_opens_and_is_played_before_the_model_is_loaded(tmp_path: Path) -> None:
    code = (
        "import sys, sandbox.wiring\n"
        "from sandbox.paths import Home\n"
        "said = []\n"
        "models = sandbox.wiring.Models(sandbox.config.Settings(), said.append)\n"
        "cast = sandbox.wiring.Players.parse('lm-q', [])\n"
        "session = sandbox.wiring.open_session(Home.find(), 'honey', cast, models, save='a')\n"
        "agent = session.seats[session.world.seats[0]]\n"
        "assert agent.model == 'smollm2-135m-instruct@voice'\n"
        "session.act(session.observation().admissible[0])\n"
        "assert not {'torch', 'transformers'} & set(sys.modules) and not said\n"
        "session.step()\n"
        "assert 'torch' in sys.modules and said == ['loading the language model smollm2-135m-instruct']\n"
        "assert agent.model == 'smollm2-135m-instruct@voice'\n"
        "session.close()\n"
    )
    environment = {**os.environ, "SANDBOX_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env=environment)
