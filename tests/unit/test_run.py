"""`sandbox run` when it is stopped: what was finished is told and kept, and the rest comes as if it never was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
from play_parts import CaveWorld, TableAgent
from rich.console import Console
from rich.progress import TextColumn
from typer.testing import CliRunner

from sandbox import statistics
from sandbox.cli import app, patience
from sandbox.errors import SandboxError, UsageError
from sandbox.session.run_log import RunLog
from sandbox.session.runner import Episode, Tally
from sandbox.session.session import Session
from sandbox.store import Store

EPISODES = 40
LEARNING = ("run", "honey", "--agent", "q-table", "--episodes", str(EPISODES))


def begin(home: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--home", str(home), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "100"},
    )


def finish(home: Path, *words: str) -> str:
    process = begin(home, *words)
    told, errors = process.communicate()
    assert process.returncode == 0, errors
    return told


def stop_after(home: Path, lines: int, number: signal.Signals, *words: str) -> tuple[int, str, str]:
    """Run, send a signal when so many episodes are in the file; exit code, standard output and error."""
    process, file = begin(home, *words), Path(words[words.index("--jsonl") + 1])
    while not file.exists() or file.read_bytes().count(b"\n") < lines:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(number)
    told, errors = process.communicate()
    return process.returncode, told, errors


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The lines of a run that nobody stopped."""
    home = tmp_path_factory.mktemp("whole")
    finish(home, *LEARNING, "--save", "s", "--jsonl", f"{home}/e.jsonl")
    return (home / "e.jsonl").read_bytes()


def test_a_run_that_learns_goes_on_as_if_it_had_never_been_stopped(tmp_path: Path, whole: bytes) -> None:
    lines, found = tmp_path / "e.jsonl", tmp_path / "e.json"
    words = (*LEARNING, "--save", "s", "--jsonl", str(lines), "--json", str(found), "--resume")
    code, told, errors = stop_after(tmp_path, 2, signal.SIGTERM, *words)
    assert code == 128 + signal.SIGTERM, errors
    assert "honey" in told and "--resume goes on" in errors and "Traceback" not in errors
    written = json.loads(found.read_text())
    finished = [json.loads(line) for line in lines.read_text().splitlines()]
    assert all(
        episode.items() <= line.items() for episode, line in zip(written["episodes"], finished, strict=True)
    )
    assert written["summary"]["complete"] is False

    assert stop_after(tmp_path, 5, signal.SIGINT, *words)[0] == 130
    assert stop_after(tmp_path, 8, signal.SIGKILL, *words)[0] == -signal.SIGKILL
    with lines.open("ab") as file:
        file.write(b'{"world": "honey", "seed"')  # what a kill in the middle of a write leaves
    finish(tmp_path, *words)
    assert lines.read_bytes() == whole
    written = json.loads(found.read_text())
    assert len(written["episodes"]) == EPISODES and "complete" not in written["summary"]


def test_without_a_save_it_goes_on_where_nothing_is_learned(tmp_path: Path) -> None:
    def words(name: str, episodes: int) -> tuple[str, ...]:
        given = ("--episodes", str(episodes), "--max-steps", "20", "--no-learn", "--agent", "random", "--resume")
        return ("run", "honey", "tutorial", *given, "--jsonl", str(tmp_path / name))

    finish(tmp_path, *words("whole", 3))
    finish(tmp_path, *words("parts", 3))
    lines = (tmp_path / "parts").read_bytes().splitlines(keepends=True)
    assert len(lines) == 6
    (tmp_path / "parts").write_bytes(b"".join(lines[:2]))
    finish(tmp_path, *words("parts", 3))
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("honey", "lighthouse", "--save", "x"), "a save is of one world"),
        (("honey", "--resume"), "--jsonl"),
        (("honey", "--resume", "--jsonl", "{home}/new"), "--save NAME"),
        (("honey", "--jsonl", "{home}/full"), "--resume"),
        (("honey", "--jsonl", "{home}/full", "--resume", "--save", "x"), "full:1"),
        (("honey", "--json", "{home}/none/x"), "no such folder"),
        (("honey", "--json", "{home}"), "a folder"),
        (("honey", "--json", "{home}/x", "--jsonl", "{home}/x"), "the same file"),
        (("honey", "nowhere"), "no world 'nowhere'"),
        (("honey", "tw:coin?level=0"), "level"),
        (("weathercock", "honey", "--seat", "ann=random"), "no seat"),
    ],
)
def test_all_is_checked_before_anything_is_played(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "full").write_text('{"an": "other file"}\n')
    given = ["--home", str(tmp_path), "run", "--agent", "random", "--episodes", "5"]
    ended = CliRunner().invoke(app, given + [word.format(home=tmp_path) for word in words])
    assert isinstance(ended.exception, SandboxError) and said in str(ended.exception), ended
    assert not ended.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) in (["full"], ["full", "new"])
    assert (tmp_path / "full").read_text() == '{"an": "other file"}\n'


def test_a_log_gets_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "EVERY", 0.01)
    with patience.bars(TextColumn("{task.description}"), console=Console(file=StringIO())) as shown:
        task = shown.add_task("honey", total=100, status="opening")
        shown.update(task, advance=3, status="1 won of 3")
        told = ""
        while "honey, 3 of 100, 1 won of 3: 0 s so far\n" not in told:
            told += capsys.readouterr().err


def test_the_log_of_another_run_is_refused(tmp_path: Path) -> None:
    episode = Episode(world="w", seed=7, won=True, score=1, max_score=2, steps=1, commands=("look",))
    with RunLog(tmp_path / "log", resume=False) as log:
        log.add(episode)
    with RunLog(tmp_path / "log", resume=True) as log:
        with pytest.raises(UsageError, match="not of seeds 3"):
            log.take("w", 3, 5)
        assert log.take("other", 3, 5) == []
        assert log.take("w", 7, 5) == [episode]
        assert log.take("w", 7, 5) == []


def test_a_tally_sums_up_what_the_episodes_would() -> None:
    episodes = [
        Episode(world="w", seed=seed, won=seed % 3 == 0, score=seed, max_score=10, steps=seed, commands=())
        for seed in range(10)
    ]
    first, second = Tally(episodes[:4]), Tally(episodes[4:])
    first.extend(second)
    summary = first.summary(2.0)
    assert summary == Tally(episodes).summary(2.0)
    assert (summary.episodes, summary.won.value, summary.steps.value) == (10, 0.4, 4.5)
    assert summary.score_is_share and summary.score == statistics.mean([seed / 10 for seed in range(10)])
    assert summary.decisions_per_second == 22.5


def test_a_run_that_nobody_keeps_holds_the_latest_episode_alone_and_plays_the_same() -> None:
    def played(*, dropping: bool) -> tuple[list[str], Session]:
        session = Session.create(
            Store.memory(), CaveWorld(), {"digger": TableAgent(epsilon=0.5)}, seed=3, max_steps=8
        )
        commands = []
        for _ in range(5):
            while not session.done:
                commands.append(session.step().command)
            session.new_episode()
            if dropping:
                session.drop_earlier()
        session.step()
        return commands, session

    (kept, whole), (dropped, latest) = played(dropping=False), played(dropping=True)
    assert kept == dropped
    assert whole.store.counts() == {"turns": len(kept) + 1, "episodes": 6, "feedback": 0}
    assert latest.store.counts() == {"turns": 1, "episodes": 1, "feedback": 0}
    assert len(latest.timeline) == 2 and latest.episode == whole.episode == 6
    assert [latest.undo().parent, latest.redo().depth] == [None, 1]


def test_a_run_aloud_tells_each_turn_and_what_was_said_of_it(tmp_path: Path) -> None:
    words = ["--home", str(tmp_path), "run", "honey", "--agent", "q-table", "--max-steps", "3", "--no-learn"]
    told = CliRunner().invoke(app, [*words, "--aloud", "--json", "-"])
    (episode,) = json.loads(told.stdout)["episodes"]
    assert episode["said"] == [""] * 3  # an agent without a language model has no words
    assert told.stderr.splitlines()[:3] == [f"1.{i} {each}" for i, each in enumerate(episode["commands"], 1)]
    silent = json.loads(CliRunner().invoke(app, [*words, "--json", "-"]).stdout)
    assert silent["episodes"] == [{k: v for k, v in episode.items() if k != "said"}]
