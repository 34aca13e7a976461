"""The game in lines: what a screen reader reads, and what a pipe gets."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from play_parts import Cave, CaveWorld, TableAgent
from small_server import Answer, Body, said, serving

from sandbox import wiring
from sandbox.cli import patience, plain
from sandbox.cli.plain import LineGame
from sandbox.config import Settings
from sandbox.llm import chatml
from sandbox.paths import Home
from sandbox.session.commands import TABLE, VERBS
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.types import Agent, Decision, History, Observation, Step
from sandbox.world import registry

Play = Callable[..., str]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def play(home: Home, capsys: pytest.CaptureFixture[str]) -> Play:
    """Plays lines in the save `friday`; what was printed."""

    def run(*lines: str, world: str | None = "lighthouse", seats: tuple[str, ...] = (), well: bool = True) -> str:
        plan = wiring.PlayPlan.make(home, Settings(), world, "q-table", list(seats), "friday", None)
        assert plain.play(plan, io.StringIO("".join(f"{line}\n" for line in lines))) == well
        return capsys.readouterr().out

    return run


def saved(home: Home) -> list[str]:
    with Store.open(home.save_folder("friday"), readonly=True) as store:
        return [node.command for node in store.timeline().nodes() if node.parent]


def test_a_pipe_plays_and_the_save_is_kept(tmp_path: Path) -> None:
    words = ["-m", "sandbox", "play", "tutorial", "--agent", "q-table", "--plain", "--save", "friday"]
    environment = {**os.environ, "SANDBOX_HOME": str(tmp_path), "FORCE_COLOR": "1"}

    def pipe(text: str, code: int) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *words], input=text, capture_output=True, text=True, env=environment, timeout=100
        )
        assert done.returncode == code, done.stderr
        assert "\x1b" not in done.stdout
        assert "\r" not in done.stdout
        return done

    first = pipe("look\n/quit\n", 0).stdout
    assert "> look\nEntrance hall" in first
    assert "Come back with:  sandbox play --save friday" in first
    again = pipe("/frobnicate\ntake badge", 1)  # and the lines end without a newline
    assert "You come back at turn 1." in again.stdout
    assert "You take the badge." in again.stdout
    assert again.stderr == "sandbox: there is no /frobnicate (/help lists the verbs)\n"
    assert saved(Home(tmp_path)) == ["look", "take badge"]


def test_what_the_agent_thought_is_told_when_it_is_asked_for(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(path: str, body: Body) -> Answer:
        if body.get("chat_template_kwargs") == {"enable_thinking": True}:
            message = {"content": "", "reasoning_content": "Nobody has said much.\nI look around."}
            choices = [{"index": 0, "message": message, "finish_reason": "length"}]
            return 200, {}, json.dumps({"choices": choices}).encode()
        words = "\n".join(message["content"] for message in body["messages"])
        listed = [line[2:] for line in words.split("\n") if line.startswith("- ")]
        return said(*(listed[:1] or ["I want to."]) * body.get("n", 1))

    with serving(answer) as server:
        (home.root / "agents").mkdir()
        remote = f"remote: {{base_url: '{server.url}', model: parrot, api: chat, votes: 2}}\n"
        (home.root / "agents" / "thinker.yaml").write_text(f"think: 50\nvoice: off\n{remote}")
        plan = wiring.PlayPlan.make(home, Settings(), "tutorial", "thinker", [], "friday", None)
        assert plain.play(plan, io.StringIO("/thought\n/step\n"))
    told = capsys.readouterr().out
    assert "thinker wants to: take badge" in told
    assert "It thought before, 7 words; /thought tells what" in told
    assert "Nobody has said much.\nI look around." in told
    with Store.open(home.save_folder("friday"), readonly=True) as store:
        first = store.timeline().get(store.timeline().nodes()[1].id).decision
    assert first is not None and chatml.thought_in(first.prompt) == "Nobody has said much.\nI look around."


def test_what_the_agent_wants_is_told_and_its_proposals_are_numbered(play: Play, home: Home) -> None:
    told = play("/why", "/pick 2", "/step")
    assert "q-table wants to: " in told
    assert "  1. go east: score −1.61, prior −1.61, Q 0.00, tried 0 times" in told
    assert "and 2 more; /why tells all" in told
    assert "  5. wait: " in told
    second = next(line for line in told.splitlines() if line.startswith("  2. ")).split(":")[0][5:]
    assert saved(home)[0] == second
    assert f"\nq-table, exploring: {saved(home)[1]}\n" in told


def test_reward_undo_redo_and_the_tree(play: Play, home: Home) -> None:
    told = play("go up", "/reward +1 brave", "/bookmark here", "undo", "/override go east", "/timeline", "/jump 2")
    assert "[+1 from you: brave]\nQ(go up): 0.00 + 0.5·(1 + 0.9·0.00 − 0.00) = 0.50" in told
    assert "[turn 0]\n\nThe supply boat" in told
    assert "1 opening\n3 go east <- you are here\n    also tried: 2 go up\n" in told
    assert told.rindex("Cliff path") > told.rindex("/jump 2")
    assert saved(home) == ["go up", "go east"]
    assert "[turn 1]\n\nCliff path" in play("undo", "redo", world=None).replace("[turn 0]", "")


def test_credit_goes_back_a_try_is_preferred_and_things_are_taken_back(play: Play, home: Home) -> None:
    told = play(
        "go up", "go east", "/credit -1 too far", "undo", "wait", "/prefer", "/retract", "/retract", well=False
    )
    assert "[−1 from you, in part for 1 turn before: too far]" in told
    assert "Q(go east): 0.00 + 0.5·(−1 + 0.9·0.00 − 0.00) = −0.50" in told
    assert "Q(go up): 0.00 + 0.5·(−0.5" in told
    assert "[one try is better than another]" in told
    assert "[taken back]" not in told, "a preference is a record of the turn before"
    again = play("undo", "/retract", "/prefer", world=None, well=False)
    assert "[taken back]" in again
    with Store.open(home.save_folder("friday"), readonly=True) as store:
        assert [record.kind for record in store.feedback()] == ["credit", "preference", "retract"]


def test_looking_ahead_commenting_and_writing_it_down(play: Play, home: Home) -> None:
    told = play("/glimpse go up", "go up", "* a goat", "/correct wait", "script", "/script ../outside", well=False)
    assert "If go up:\nCliff path" in told
    assert "[should have been “wait”]" in told
    written = (home.save_folder("friday") / "transcript.txt").read_text(encoding="utf-8")
    assert "\n> go up" in written
    assert "[a goat]" in written
    assert not list(home.root.glob("outside*")) + list(home.folder("saves").glob("outside*"))


def test_others_act_by_themselves_and_keep_their_thoughts(play: Play, home: Home) -> None:
    told = play(
        "wait", "/pick 1", "/timeline", world="millrace", seats=(f"{_first('millrace', home)}=human",), well=False
    )
    assert "wants to" not in told
    assert "Q(" not in told
    assert "\n2 wait\n3 … <- you are here\n" in told


def _first(world: str, home: Home) -> str:
    return registry.open_world(world, home=home).seats[0]


def game(agent: Agent | None, *lines: str) -> LineGame:
    session = Session.create(Store.memory(), CaveWorld(), {"digger": agent}, seed=1)
    return LineGame(session, "cave", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_a_run_goes_as_far_as_it_was_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert game(TableAgent(), "/run 3").play()
    told = capsys.readouterr().out
    assert told.count("\ntable: ") + told.count("\ntable, exploring: ") == 3
    assert game(TableAgent(), "/run").play()
    assert "[Won · 5/5 in 22 turns]" in capsys.readouterr().out


class Interrupted(TableAgent):
    """Somebody presses Ctrl+C during its third decision."""

    decisions = 0

    def decide(self, observation: Observation, history: History, *, seed: int, explore: bool = True) -> Decision:
        self.decisions += 1
        if self.decisions == 3:
            raise KeyboardInterrupt
        return super().decide(observation, history, seed=seed, explore=explore)


def test_an_interrupt_stops_the_run_and_not_the_game(capsys: pytest.CaptureFixture[str]) -> None:
    assert game(Interrupted(), "/run", "dig", "/step").play()
    told = capsys.readouterr().out
    assert told.index("[stopped]") < told.index("> dig") < told.index("> /step")


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_every_verb_but_those_of_the_screen_does_something(
    verb: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    game(TableAgent(), TABLE[verb].begins, "/help").play()
    captured = capsys.readouterr()
    assert ("needs the screen" in captured.err) == (TABLE[verb].screen)
    if verb != "quit":
        assert any(line.startswith(TABLE[verb].usage) for line in captured.out.splitlines()) == (
            not TABLE[verb].screen
        )


def test_an_error_is_told_and_the_next_line_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert not game(None, "/reward much", "/pick 3", "/step", "undo", "dig").play()
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 4
    assert captured.out.count("> dig") == 1


def test_waiting_is_told_on_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 0.01)
    with patience.waiting("opening the game") as waiting:
        waiting.say("loading what nobody else waits for")
        told = ""
        while "nobody else" not in told:
            told = capsys.readouterr().err
    assert "loading what nobody else waits for: 0 s so far" in told


class Menu(CaveWorld):
    """A cave with a menu at its mouth: keys until q is pressed."""

    def wants_key(self, state: Cave) -> bool:
        return state.heard[0].startswith(("You enter", "Key")) and state.heard[0] != "Key q."

    def step(self, state: Cave, seat: str, command: str) -> Step[Cave]:
        if self.wants_key(state):
            return Step(state=replace(state, heard=(f"Key {command}.",)))
        return super().step(state, seat, command)


def test_lines_of_one_character_are_keys_where_the_story_waits_for_one(capsys: pytest.CaptureFixture[str]) -> None:
    session = Session.create(Store.memory(), Menu(), {"digger": None}, seed=1)
    assert LineGame(session, "cave", io.StringIO("/\n\n \nup\nundo\nq\ndig\n")).play()
    told = capsys.readouterr().out
    assert told.count("The story waits for a key") == 1
    for key in ("/", "enter", "space", "up", "q"):
        assert f"Key {key}." in told
    assert "Key dig" not in told


def test_an_agent_says_its_greeting_once_an_episode(
    home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "host.yaml").write_text("greeting: Welcome in.\n")
    plan = wiring.PlayPlan.make(home, Settings(), "honey", "host", [], "friday", None)
    assert plain.play(plan, io.StringIO("look\nundo\n/restart\n"))
    assert capsys.readouterr().out.count("host: “Welcome in.”") == 2
    assert saved(home) == ["look"]


def test_a_question_and_a_line_that_begins_with_a_name_are_meant_for_the_agent(play: Play, home: Home) -> None:
    told = play("where are you?", "agent, go up", "q-table: try the cellar", "go up", "open the door?")
    assert "told q-table “where are you?” — “I am in the Landing.”" in told
    assert "told q-table “go up”" in told and "told q-table “try the cellar”" in told
    assert saved(home) == ["go up", "open the door?"]
    told = play("/tell don't go north", "Don’t take my lamp!", world=None)
    assert "told q-table “don't go north” — “I shall not go north.”" in told
    assert "“I shall not take your lamp.”" in told


def test_of_several_agents_it_is_said_which_was_told(play: Play, home: Home) -> None:
    told = play("/tell look out", world="lammas", seats=("salter=human",))
    assert re.search(r"told q-table \([\w ]+\) “look out”", told)


def test_a_storys_words_for_saving_and_leaving_lead_to_the_sessions_own(play: Play, home: Home) -> None:
    told = play("quit", "Q", "save", "restore", "restart", "look")
    for way_out in ("/quit leaves", "/save says where", "/jump N goes to one", "/restart plays again"):
        assert way_out in told
    assert saved(home) == ["look"], "they are no turns"


def test_where_nobody_listens_a_question_is_a_command(play: Play, home: Home) -> None:
    play("where are you?", seats=("relief=human",))
    assert saved(home) == ["where are you?"]
