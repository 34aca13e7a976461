"""A round in its own process, through what can befall it. The model and the games are real."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from safetensors import safe_open

from sandbox.llm.local import LocalModel
from sandbox.tune import rounds
from sandbox.tune.adapters import Adapters
from sandbox.tune.rounds import Plan, Round
from sandbox.tune.settings import Settings

CARD = "model: smollm2-135m-instruct\ncombine:\n  method: prior\n"
GAMES = tuple(f"tw:coin?level={level}&seed={seed}" for level in (2, 3) for seed in (1, 2))


@pytest.fixture
def plan(tmp_path: Path, local_model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return Plan(
        home=tmp_path,
        save=tmp_path / "saves" / "friday",
        card=CARD,
        model="smollm2-135m-instruct",
        sources=("demonstrations",),
        worlds=GAMES,
        eval_worlds=("tw:coin?level=1&seed=3",),
        max_steps=2,
        threads=1,
        settings=Settings(epochs=1, batch=2, rank=4, alpha=8, rehearsal=0, checkpoint_seconds=0),
    )


def until(round_: Round, kind: str) -> None:
    """Wait until an event has happened."""
    deadline = time.monotonic() + 200
    while not any(event.kind == kind for event in round_.events()):
        assert round_.running and time.monotonic() < deadline, (round_.folder / "log.txt").read_text()
        time.sleep(0.02)


def test_killed_it_leaves_the_agent_as_it_was_and_resumed_it_makes_the_same_adapter(plan: Plan) -> None:
    adapters = Adapters.of(plan.save)
    straight = rounds.start(plan)
    assert straight.wait(250) == "finished", (straight.folder / "log.txt").read_text()
    first = straight.adapter
    assert first is not None and adapters.active == "base"
    kinds = [event.kind for event in straight.events()]
    assert kinds[0] == "started" and kinds[-2:] == ["gate", "finished"]
    assert {"data", "episode", "estimate", "step"} <= set(kinds)
    assert straight.accept() == first == adapters.active

    killed = rounds.start(plan.model_copy(update={"parent": "base"}))
    until(killed, "step")
    process = killed._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert Round(killed.folder).state == "interrupted"
    assert adapters.active == first and [about.id for about in adapters] == [first]

    resumed = rounds.resume(Round(killed.folder))
    assert resumed.wait(250) == "finished", (resumed.folder / "log.txt").read_text()
    second = resumed.adapter
    assert second is not None and second != first
    assert _weights(adapters.path(first)) == _weights(adapters.path(second))
    assert sum(event.kind == "estimate" for event in resumed.events()) == 2
    about = adapters.get(second)
    assert about.data == adapters.get(first).data and about.outcome is not None
    assert about.outcome.verdict == "too few episodes" and about.perplexity is not None
    resumed.reject()
    assert [each.id for each in adapters] == [first] and adapters.active == first


def test_cancelled_it_stops_and_can_be_gone_on_with(plan: Plan) -> None:
    round_ = rounds.start(plan)
    until(round_, "started")
    with pytest.raises(rounds.RoundError, match="another round is running"):
        rounds.start(plan)
    round_.cancel()
    assert round_.wait(100) == "cancelled"
    assert list(Adapters.of(plan.save)) == []


def test_out_of_memory_it_says_so(plan: Plan) -> None:
    round_ = rounds.start(plan.model_copy(update={"memory_gib": 0.7, "eval_worlds": ()}))
    assert round_.wait(100) == "failed"
    last = round_.events()[-1]
    assert "memory" in last.data["message"] and last.data["mend"]
    assert list(Adapters.of(plan.save)) == []


def test_too_little_data_is_refused_in_words(plan: Plan) -> None:
    round_ = rounds.start(plan.model_copy(update={"worlds": GAMES[:1]}))
    assert round_.wait(100) == "failed"
    assert "too little to learn from" in round_.events()[-1].data["message"]


def _weights(folder: Path) -> dict[str, bytes]:
    with safe_open(folder / "adapter_model.safetensors", framework="pt") as file:
        return {name: file.get_tensor(name).numpy().tobytes() for name in file.keys()}  # noqa: SIM118
