"""A round through what can befall it. Its process, its network and the games are real; the network is tiny."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from tensorboard_curves import read_curves

from sandbox.llm.catalogue import DEFAULT
from sandbox.llm.local import LocalModel
from sandbox.tune import examples, rounds, worker
from sandbox.tune.adapters import Adapters
from sandbox.tune.examples import TranscriptExample
from sandbox.tune.rounds import Round, RoundPlan
from sandbox.tune.settings import TrainingSettings

CARD = "model: smollm2-135m-instruct\ncombine:\n  method: prior\n"
GAMES = tuple(f"tw:coin?level={level}&seed={seed}" for level in (2, 3) for seed in (1, 2))


@pytest.fixture
def plan(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> RoundPlan:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return RoundPlan(
        home=tmp_path,
        save=tmp_path / "saves" / "friday",
        card=CARD,
        model=str(tiny_model),
        sources=("demonstrations",),
        worlds=GAMES,
        eval_worlds=("tw:coin?level=1&seed=3",),
        max_steps=2,
        threads=1,
        settings=TrainingSettings(epochs=3, batch=2, rank=4, alpha=8, rehearsal=0, checkpoint_seconds=0),
    )


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Loading a model sets how many threads the whole process computes with."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def until(round_: Round, kind: str) -> None:
    """Wait until an event has happened."""
    deadline = time.monotonic() + 200
    while not any(event.kind == kind for event in round_.events()):
        assert round_.running and time.monotonic() < deadline, (round_.folder / "log.txt").read_text()
        time.sleep(0.02)


STARTER = """
import os, signal, sys
from pathlib import Path
from sandbox.tune import rounds
folder = Path(sys.argv[2])
if sys.argv[1] == "start":
    made = rounds.start(rounds.RoundPlan.model_validate_json(folder.read_bytes()))
else:
    made = rounds.resume(rounds.Round(folder))
print(made.folder, made._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def started_by_one_who_is_killed(how: str, folder: Path) -> tuple[Round, int]:
    """A round whose starter is gone, as after `kill -9` of the screen. Returns it and its process."""
    starter = subprocess.run([sys.executable, "-c", STARTER, how, folder], stdout=subprocess.PIPE, text=True)
    assert starter.returncode == -signal.SIGKILL
    where, process = starter.stdout.split()
    return Round(Path(where)), int(process)


def test_with_its_starter_killed_it_goes_on_and_with_both_killed_it_is_resumed(
    plan: RoundPlan, tmp_path: Path
) -> None:
    adapters = Adapters.of(plan.save)
    straight = rounds.start(plan)
    assert straight.wait(250) == "finished", (straight.folder / "log.txt").read_text()
    first = straight.adapter
    assert first is not None and adapters.active == "base"
    kinds = [event.kind for event in straight.events()]
    assert kinds[0] == "started" and kinds[-2:] == ["gate", "finished"]
    assert {"data", "episode", "estimate", "step"} <= set(kinds)
    assert straight.accept() == first == adapters.active

    (tmp_path / "plan.json").write_text(plan.model_dump_json())
    killed, process = started_by_one_who_is_killed("start", tmp_path / "plan.json")
    until(killed, "step")
    os.kill(process, signal.SIGKILL)
    assert killed.wait(50) == "interrupted"
    assert adapters.active == first and [about.id for about in adapters] == [first]

    resumed, _ = started_by_one_who_is_killed("resume", killed.folder)
    assert resumed.wait(250) == "finished", (resumed.folder / "log.txt").read_text()
    assert sum(event.kind == "estimate" for event in resumed.events()) == 2
    (found,) = (each for each in rounds.rounds_of(plan.save) if each.adapter != first)
    second = found.accept()
    assert adapters.active == second != first
    assert _weights(adapters.path(first)) == _weights(adapters.path(second))
    about = adapters.get(second)
    assert about.data == adapters.get(first).data and about.outcome is not None
    assert about.outcome.verdict == "too few episodes" and about.perplexity is not None
    adapters.rollback()
    found.reject()
    assert [each.id for each in adapters] == [first] and adapters.active == first


def test_cancelled_it_stops_and_can_be_gone_on_with(plan: RoundPlan) -> None:
    round_ = rounds.start(plan)
    round_.cancel()
    assert round_.wait(100) == "cancelled"
    assert list(Adapters.of(plan.save)) == []


def test_out_of_memory_it_says_so(plan: RoundPlan, local_model: LocalModel) -> None:
    plan = plan.model_copy(update={"model": DEFAULT, "memory_gib": 0.7, "eval_worlds": ()})
    round_ = rounds.start(plan)
    assert round_.wait(100) == "failed"
    last = round_.events()[-1]
    assert "memory" in last.data["message"] and last.data["hint"]
    assert list(Adapters.of(plan.save)) == []


def in_this_process(plan: RoundPlan, number: int) -> Round:
    """A round that is to be run by `worker.main`, without a process of its own."""
    folder = plan.save / "rounds" / str(number)
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text(plan.model_dump_json())
    return Round(folder)


def test_a_model_with_a_template_learns_in_chat_form(plan: RoundPlan, tmp_path: Path) -> None:
    model = tmp_path / "chatty"
    shutil.copytree(plan.model, model)
    (model / "chat_template.jinja").write_text(
        "{% for message in messages %}[{{ message.role }}] {{ message.content }}<|endoftext|>{% endfor %}"
        "{% if add_generation_prompt %}[assistant] {% endif %}"
    )
    card = f"model: '{model}'\ncombine:\n  method: prior\n"
    chatty = plan.model_copy(update={"model": str(model), "card": card})
    round_ = in_this_process(chatty, 1)
    assert worker.main(round_.folder) == 0
    found = examples.read(round_.folder / "data.jsonl")
    learned = [segment for each in found if isinstance(each, TranscriptExample) for segment in each.segments]
    assert learned[0].text.startswith("<|im_start|>system\n") and learned[1].text.endswith("<|im_end|>")
    assert round_.state == "finished"


def test_wherever_the_disk_is_full_the_round_says_so_and_goes_on_when_there_is_room(
    plan: RoundPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapters = Adapters.of(plan.save)
    round_ = in_this_process(plan, 1)
    sync = os.fsync
    for number, name in enumerate(WRITTEN, start=1):

        def fails(handle: int, name: str = name) -> None:
            if name in str(Path(f"/proc/self/fd/{handle}").readlink()):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            sync(handle)

        monkeypatch.setattr("sandbox.files.os.fsync", fails)
        assert worker.main(round_.folder) == 1
        ends = [event for event in round_.events() if event.kind == "failed"]
        assert len(ends) == number and ends[-1].data["message"] == "the disk is full", name
        assert list(adapters) == [] and adapters.active == "base"
    monkeypatch.setattr("sandbox.files.os.fsync", sync)
    assert worker.main(round_.folder) == 0
    assert round_.state == "finished" and [each.id for each in adapters] == [round_.adapter]
    assert sum(event.kind == "episode" for event in round_.events()) == 4  # each side's was lost once


WRITTEN = ("data.jsonl", "before.json", "checkpoint", ".adapter-", "after.json", "published.json", ".sft-1-")


def test_a_line_that_found_no_room_is_lost_alone(tmp_path: Path) -> None:
    log = worker.Log(tmp_path / "events.jsonl")
    log.add("started")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "events.jsonl").stat().st_size + 10, hard))
    try:
        with pytest.raises(OSError, match="No space"):
            log.add("step", step=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    log.add_last("failed", message="the disk is full")
    assert [event.kind for event in Round(tmp_path).events()] == ["started", "failed"]
    assert [file.name for file in tmp_path.iterdir()] == ["events.jsonl"]


def test_a_round_that_was_killed_as_it_published_publishes_once(
    plan: RoundPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_ = in_this_process(plan.model_copy(update={"report_to": ("tensorboard",)}), 1)

    def killed(self: worker.RoundWorker, kind: str, **data: object) -> None:
        if kind == "finished":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(worker.RoundWorker, "last_word", killed)
        assert worker.main(round_.folder) == 1
    (made,) = Adapters.of(plan.save)
    assert worker.main(round_.folder) == 0
    assert round_.adapter == made.id and list(Adapters.of(plan.save)) == [made]
    steps = {event.data["step"]: event.data["loss"] for event in round_.events() if event.kind == "step"}
    curves = read_curves(round_.folder / "tensorboard")
    assert curves["train/loss"] == pytest.approx(steps) and sorted(curves["gate/won"]) == [0, 1]


def test_too_little_data_is_refused_in_words(plan: RoundPlan) -> None:
    round_ = in_this_process(plan.model_copy(update={"worlds": GAMES[:1]}), 1)
    assert worker.main(round_.folder) == 1
    assert "too little to learn from" in round_.events()[-1].data["message"]


def _weights(folder: Path) -> dict[str, bytes]:
    with safe_open(folder / "adapter_model.safetensors", framework="pt") as file:
        return {name: file.get_tensor(name).numpy().tobytes() for name in file.keys()}  # noqa: SIM118
