"""A game beside a language model opens without it, and computes nothing of it in its own process."""

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
        "assert len(said) < 2, 'it was loaded for this game, or for another before'\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)\n"
        "assert agent.model == 'smollm2-135m-instruct@voice'\n"
        "session.close()\n"
    )
    environment = {**os.environ, "SANDBOX_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env=environment)


def test_lines_played_beside_it_leave_it_where_it_is(tmp_path: Path) -> None:
    code = (
        "import atexit, sys\n"
        "from sandbox.cli import main\n"
        "atexit.register(lambda: print('loaded:', sorted({'torch', 'transformers', 'peft'} & set(sys.modules))))\n"
        "main()\n"
    )
    words = [sys.executable, "-c", code, "play", "honey", "--agent", "lm-q", "--plain", "--save", "a"]
    environment = {**os.environ, "SANDBOX_HOME": str(tmp_path)}
    played = subprocess.run(
        words, input="/step\n/step\n/why\n/quit\n", capture_output=True, text=True, timeout=120, env=environment
    )
    assert played.returncode == 0, played.stderr
    assert played.stdout.count("lm-q wants to") > 2 and "loaded: []" in played.stdout, played.stdout


def test_in_the_games_own_process_where_the_settings_say_so(tmp_path: Path) -> None:
    code = (
        "import sys, sandbox.wiring\n"
        "from sandbox.llm.catalogue import DEFAULT\n"
        "models = sandbox.wiring.Models(sandbox.config.Settings())\n"
        "models.asked(DEFAULT).score('>', [' look'])\n"
        "assert 'torch' in sys.modules\n"
    )
    environment = {**os.environ, "SANDBOX_MODEL_PROCESS": "false"}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env=environment)
