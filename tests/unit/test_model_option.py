"""`--model`: another language model in place of the one that cards name."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from forks import Forks
from tiny_gguf import write_tiny_gguf

from sandbox import config, wiring
from sandbox.errors import SandboxError
from sandbox.llm import catalogue, convert
from sandbox.paths import Home
from sandbox.session import moves


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tiny")
    convert.build(write_tiny_gguf(made / "tiny.gguf"), made / "scholar", catalogue.no_progress)
    return made / "scholar"


def test_the_model_decides_and_the_save_remembers_it(tiny: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tiny.parent)
    home, models = Home(tmp_path), wiring.Models(config.Settings())
    players = wiring.Players.parse("lm-q", [], "./scholar")
    session = wiring.open_session(home, "honey", players, models, save="friday")
    assert session.decide().model == "scholar@base"
    session.close()
    monkeypatch.chdir(tmp_path)
    session = wiring.open_session(home, None, None, models, save="friday")
    assert session.decide().model == "scholar@base", "the card in the save names it, wherever one is"
    session.close()


def test_only_cards_with_a_local_model_take_one(tiny: Path, tmp_path: Path) -> None:
    home, models = Home(tmp_path), wiring.Models(config.Settings())
    with pytest.raises(SandboxError, match="nobody here would use"):
        wiring.open_session(home, "honey", wiring.Players.parse("q-table", [], str(tiny)), models)
    mixed = wiring.Players.parse("q-table", ["tamsin=lm"], str(tiny))
    world = wiring.open_session(home, "millrace", mixed, models)
    assert {seat: agent.model for seat, agent in world.seats.items() if agent} == {
        "tamsin": "scholar@base",
        "jory": "",
    }
    world.close()


def test_the_same_commands_in_the_games_process_and_in_its_own(
    tiny: Path, tmp_path: Path, heavy_forks: Forks
) -> None:
    def played(process: str, *words: str, said: str = "") -> str:
        environment = {**os.environ, "SANDBOX_MODEL_PROCESS": process}
        done = heavy_forks.run("--home", str(tmp_path), *words, env=environment, timeout=120, given=said)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    words = ("run", "honey", "--agent", "lm", "--model", str(tiny), "--max-steps", "8", "--jsonl", "-")
    kept = played("true", *words, "--save", "friday")
    assert kept == played("false", *words) and kept.count('"commands": ["') == 1
    played("true", "play", "--plain", "--save", "friday", said="/bless\n/quit\n")
    played("true", "save", "replay", "friday")


def test_episodes_side_by_side_are_those_of_one_after_the_other(
    tiny: Path, tmp_path: Path, heavy_forks: Forks
) -> None:
    def lines(*words: str, code: int = 0) -> str:
        done = heavy_forks.run("--home", str(tmp_path), "run", "honey", *words, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout or done.stderr

    words = ("--agent", "lm-q", "--model", str(tiny), "--max-steps", "6", "--episodes", "5", "--no-learn")
    in_turn = lines(*words, "--jsonl", "-")
    assert lines(*words, "--jsonl", "-", "--parallel", "4") == in_turn and in_turn.count("\n") == 5
    assert "--no-learn" in lines(*words, "--learn", "--parallel", "4", code=2)


def test_on_the_command_line(tiny: Path, tmp_path: Path, heavy_forks: Forks) -> None:
    def sandbox(*words: str) -> subprocess.CompletedProcess[str]:
        return heavy_forks.run("--home", str(tmp_path), *words, timeout=120)

    played = sandbox("run", "honey", "--agent", "lm", "--model", str(tiny), "--max-steps", "3")
    assert played.returncode == 0, played.stderr
    absent = sandbox("run", "honey", "--agent", "lm", "--model", "nobody/nothing")
    assert absent.returncode == 2 and "sandbox model pull nobody/nothing" in absent.stderr


def test_an_agent_goes_on_with_another_model_in_mid_game(tiny: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    shutil.copytree(tiny, twin)
    home, models = Home(tmp_path), wiring.Models(config.Settings(model_process=False))
    session = wiring.open_session(
        home, "honey", wiring.Players.parse("lm-q", [], str(tiny)), models, save="friday", seed=1
    )
    (seat,) = session.seats
    for _ in range(4):
        session.act(session.decide().command)
    known = session.seats[seat].dump()
    assert moves.remodel(session, str(twin)) == "lm-q plays with twin from now on"
    assert session.decide().model == "twin@base"
    assert session.seats[seat].dump() == known
    for words, said in (("", "not all of it"), (str(tmp_path / "nothing"), "no such language model")):
        with pytest.raises(SandboxError, match=said):
            moves.remodel(session, words)
    assert session.decide().model == "twin@base"
    assert moves.remodel(session, f"{seat}={tiny}") == "lm-q plays with scholar from now on"
    session.close()
    session = wiring.open_session(home, None, None, models, save="friday")
    assert session.decide().model == "scholar@base"
    moves.recast(session, "q-table")
    with pytest.raises(SandboxError, match="no language model"):
        moves.remodel(session, str(twin))
    session.close()
