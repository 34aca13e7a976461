"""A language model in a process of its own: the same answers, shared, and no harm where either side ends."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Client
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save
from tiny_gguf import write_tiny_gguf

from sandbox.errors import ModelError, NoMemoryError
from sandbox.llm import catalogue, convert
from sandbox.llm.local import LocalModel
from sandbox.llm.questions import Continue, ModelWithAdapter, Question, Read, ScoreQuestion
from sandbox.llm.service import client, server
from sandbox.llm.service.client import ModelProcess
from sandbox.llm.service.place import ServicePlace
from sandbox.llm.service.server import ModelService
from sandbox.llm.state import ServerState
from sandbox.llm.streaming import StoppedError, streaming, tell
from sandbox.types import OptionScore, Sample

PROMPT = "You are in a kitchen. A lamp stands here.\n\n>"
OPTIONS = (" take lamp\n", " go north\n", "")
ASKED: list[Question] = [
    ScoreQuestion(PROMPT, OPTIONS),
    Continue(prompt=PROMPT, n=3, seed=5, max_tokens=8, stop=()),
    Read(PROMPT, OPTIONS[:2]),
    Read(PROMPT, ()),
    Continue(prompt=PROMPT, n=0, seed=1),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tiny")
    convert.build(write_tiny_gguf(made / "tiny.gguf"), made / "tiny", catalogue.no_progress)
    return made / "tiny"


@pytest.fixture(scope="module")
def here(folder: Path) -> LocalModel:
    """The model in this process."""
    return LocalModel.load(folder)


@pytest.fixture(scope="module")
def process(folder: Path) -> ModelProcess:
    """The same in a process of its own."""
    return ModelProcess("tiny", folder, {"threads": 1})


@pytest.fixture(autouse=True)
def forgets(here: LocalModel) -> None:
    here.forget()


def pid(process: ModelProcess) -> int:
    found = ServicePlace.of(process._folder, process._loading).find()
    assert found is not None
    return found.pid


def assert_same(found: Sequence[Any], expected: Sequence[Any]) -> None:
    assert found[:2] == expected[:2] and found[4] == expected[4]
    for one, other in zip(found[2:4], expected[2:4], strict=True):
        assert one.scores == other.scores
        assert one.features.dtype == np.float32 and np.array_equal(one.features, other.features)


def gone(pid: int) -> bool:
    """Whether a process has ended; waits for it."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
            if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_the_answers_are_those_of_the_model_in_this_process_to_the_bit(
    process: ModelProcess, here: LocalModel
) -> None:
    assert_same(process.answer(ASKED), here.answer(ASKED))
    assert (process.name, process.width, process.chats) == ("tiny@base", here.width, here.chats)
    assert process.state.kind == "ok"


def test_an_adapter_is_merged_in_and_out(process: ModelProcess, here: LocalModel, tmp_path: Path) -> None:
    name, generator = "model.layers.0.mlp.down_proj", torch.Generator().manual_seed(1)
    out, into = here.network.get_submodule(name).weight.shape
    weights = {
        f"base_model.model.{name}.lora_A.weight": torch.randn(2, into, generator=generator),
        f"base_model.model.{name}.lora_B.weight": torch.randn(out, 2, generator=generator),
    }
    (tmp_path / "adapter_model.safetensors").write_bytes(save(weights))
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 2, "lora_alpha": 4}')
    plain = here.answer(ASKED)
    tuned = here.answer_with(tmp_path, ASKED)
    here.use_adapter(None)
    assert tuned[0] != plain[0]
    assert_same(process.answer_with(tmp_path, ASKED), tuned)
    assert_same(process.answer(ASKED), plain)
    for name in weights:
        weights[name] = weights[name] * 2
    (tmp_path / "adapter_model.safetensors").unlink()
    (tmp_path / "adapter_model.safetensors").write_bytes(save(weights))
    again = ModelWithAdapter(process, tmp_path)
    assert again.score(PROMPT, OPTIONS) == here.answer_with(tmp_path, ASKED)[0] != tuned[0], (
        "another lies there now"
    )
    assert again.name == f"tiny@{tmp_path.name}"
    here.use_adapter(None)
    with pytest.raises(ModelError, match="no adapter"):
        process.answer_with(tmp_path / "nowhere", ASKED)
    assert_same(process.answer(ASKED), plain)


def test_two_programs_and_many_threads_share_one_process(
    process: ModelProcess, here: LocalModel, folder: Path
) -> None:
    other = ModelProcess("tiny", folder, {"threads": 1})
    prompts = [f"You are {name}. {PROMPT}" for name in "ABCDEFGH"]
    expected = [here.score(prompt, OPTIONS) for prompt in prompts]
    found: dict[str, list[OptionScore]] = {}

    def ask(model: ModelProcess, prompt: str) -> None:
        found[prompt] = model.score(prompt, OPTIONS)

    threads = [
        threading.Thread(target=ask, args=((process, other)[number % 2], prompt))
        for number, prompt in enumerate(prompts)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for prompt, scores in zip(prompts, expected, strict=True):
        logprobs = [each.logprob for each in found[prompt]]
        assert logprobs == pytest.approx([each.logprob for each in scores], abs=1e-5)
    assert pid(process) == pid(other)


def test_killed_in_the_middle_of_a_question_it_is_away_and_comes_back_with_the_answer(
    process: ModelProcess, here: LocalModel
) -> None:
    expected = here.sample(PROMPT, 2, seed=3, max_tokens=12, stop=())
    before, states = pid(process), list[str]()

    def kill_once(texts: Sequence[str]) -> None:
        if texts and not states:
            os.kill(before, signal.SIGKILL)
        if texts:
            states.append(str(process.state))

    with streaming(kill_once):
        assert process.sample(PROMPT, 2, seed=3, max_tokens=12, stop=()) == expected
    assert "away: its process was ended by SIGKILL" in states
    assert process.state.kind == "ok" and pid(process) != before


def test_a_game_that_is_killed_leaves_no_process_behind(folder: Path, tmp_path: Path) -> None:
    code = (
        "import os, sys, signal\n"
        "from pathlib import Path\n"
        "from sandbox.llm.service.client import ModelProcess\n"
        "model = ModelProcess('tiny', Path(sys.argv[1]), {'threads': 1, 'window': 99}, idle=0.2)\n"
        "model.score('>', [' look'])\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    died = subprocess.run([sys.executable, "-c", code, str(folder)], timeout=60)
    assert died.returncode == -signal.SIGKILL
    place = ServicePlace.of(folder, {"name": "tiny", "threads": 1, "window": 99})
    found = place.find()
    assert found is None or gone(found.pid)
    assert place.find() is None and not place.socket.exists()


def test_told_to_end_while_nobody_asks_it_is_started_again_unnoticed(
    process: ModelProcess, here: LocalModel
) -> None:
    before = pid(process)
    os.kill(before, signal.SIGTERM)
    assert gone(before)
    assert_same(process.answer(ASKED), here.answer(ASKED))


# The service in this process, over a model that says what a test wants.


class Gated:
    """Answers when `gate` is open, and notes what it was asked together."""

    width = 3
    chats = False

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.asked: list[list[str]] = []
        self.state = ServerState()
        self.forgot = 0
        self.lacks = 0
        """How many more times it runs out of memory."""

    def answer_with(self, adapter: Path | None, questions: Sequence[Question]) -> list[Any]:
        self.asked.append([question.prompt for question in questions])
        while not self.gate.wait(0.01):
            tell([f"{question.prompt}..." for question in questions if isinstance(question, Continue)])
        if self.lacks:
            self.lacks -= 1
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")
        if any(question.prompt == "wrong" for question in questions):
            raise ZeroDivisionError("what a question")
        return [
            [Sample(question.prompt, -1.0, 1)] * question.n
            if isinstance(question, Continue)
            else [OptionScore(float(len(question.prompt)), 1)] * len(question.options)
            for question in questions
        ]

    def forget(self) -> None:
        self.forgot += 1


@pytest.fixture
def gated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Gated, ModelProcess, ServicePlace]]:
    with TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setenv("SANDBOX_RUNTIME", short)
        client, model = ModelProcess("gated", tmp_path, {}), Gated()
        place = ServicePlace.of(client._folder, client._loading)
        service = ModelService(place, lambda: model, idle=30)
        thread = threading.Thread(target=service.run)
        thread.start()
        while place.find() is None:
            time.sleep(0.01)
        yield model, client, place
        model.gate.set()
        service.end()
        thread.join()


def in_thread(work: Callable[[], object]) -> Callable[[], Any]:
    """Begins it, and gives a function that waits for what it gives or raises."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def result() -> Any:
        thread.join(20)
        if isinstance(found[0], Exception):
            raise found[0]
        return found[0]

    return result


def until(condition: Callable[[], object]) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("never came true")


def test_those_who_wait_are_answered_together_and_get_their_own(gated) -> None:
    model, client, _ = gated
    first = in_thread(lambda: client.score("first", [" a"]))
    until(lambda: model.asked)
    others = [in_thread(lambda prompt=prompt: client.score(prompt, [" a", " b"])) for prompt in ("xx", "yyy")]
    time.sleep(0.3)
    model.gate.set()
    assert first() == [OptionScore(5.0, 1)]
    assert [other() for other in others] == [[OptionScore(2.0, 1)] * 2, [OptionScore(3.0, 1)] * 2]
    assert model.asked[0] == ["first"] and sorted(model.asked[1]) == ["xx", "yyy"]


def test_who_stops_listening_stops_alone(gated) -> None:
    model, client, _ = gated
    model.gate.clear()
    blocker = in_thread(lambda: client.score("blocker", [" a"]))
    until(lambda: model.asked)
    heard: list[str] = []

    def stop(texts: Sequence[str]) -> None:
        heard.extend(texts)
        if heard:
            raise StoppedError

    def stopped() -> bool:
        with suppress(StoppedError), streaming(stop):
            client.sample("unwanted", 2, seed=0)
            return False
        return True

    goes, stays = in_thread(stopped), in_thread(lambda: client.sample("wanted", 1, seed=0))
    time.sleep(0.2)
    model.gate.set()
    blocker()
    assert stays() == [Sample("wanted", -1.0, 1)]
    model.gate.clear()
    goes = in_thread(stopped)
    assert goes(), "it need not wait for the end"
    until(lambda: client.state.kind == "ok" and model.asked[-1] == ["unwanted"])
    model.gate.set()
    assert client.score("next", [" a"]) == [OptionScore(4.0, 1)]


def test_out_of_memory_is_away_and_comes_back(gated) -> None:
    model, client, _ = gated
    model.gate.set()
    model.lacks = 1
    with pytest.raises(NoMemoryError, match="not enough memory"):
        client.score("much", [" a"])
    assert client.state.kind == "away" and model.forgot == 1
    assert client.score("less", [" a"]) == [OptionScore(4.0, 1)]
    assert client.state.kind == "ok"
    model.state = ServerState("slow", "memory is short")
    assert client.score("less", [" a"]) == [OptionScore(4.0, 1)]
    assert str(client.state) == "slow: memory is short"


def test_one_question_that_goes_wrong_does_not_spoil_the_others(gated) -> None:
    model, client, _ = gated
    blocker = in_thread(lambda: client.score("blocker", [" a"]))
    until(lambda: model.asked)
    wrong, right = (in_thread(lambda prompt=prompt: client.score(prompt, [" a"])) for prompt in ("wrong", "right"))
    time.sleep(0.3)
    model.gate.set()
    blocker()
    with pytest.raises(ModelError, match="ZeroDivisionError: what a question"):
        wrong()
    assert right() == [OptionScore(5.0, 1)]
    assert client.score("after", [" a"]) == [OptionScore(5.0, 1)]


def test_a_model_that_cannot_be_loaded_is_an_error_that_says_so(
    gated,
) -> None:
    _, client, place = gated
    (place.folder / f"{place.name}.json").unlink()
    until(lambda: not place.socket.exists() and not place.find())

    def load() -> Gated:
        raise ModelError("there are no weights", where="model.safetensors", hint="fetch them")

    service = ModelService(place, load, idle=30)
    thread = threading.Thread(target=service.run)
    thread.start()
    until(place.find)
    with pytest.raises(ModelError, match="there are no weights") as raised:
        client.score(">", [" look"])
    assert raised.value.where == "model.safetensors" and raised.value.hint == "fetch them"
    thread.join()
    assert place.find() is None, "the next question starts it anew"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_the_process_cannot_even_tell_ends_it_and_nobody_waits_for_ever(
    gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, client, place = gated
    model.gate.set()
    model.lacks = 1
    monkeypatch.setattr(server, "_told", lambda error: 1 / 0)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    lost = in_thread(lambda: client.score("much", [" a"]))
    until(lambda: place.find() is None)
    with pytest.raises(ModelError, match=r"does not start: .*/nowhere/python"):
        lost()


@pytest.mark.parametrize(("prompt", "options"), [("x" * (5 << 20), 1), ("x" * (4 << 20), 10_001), (">", 10_001)])
def test_what_is_too_much_for_a_message_is_an_error_that_says_so(gated, prompt: str, options: int) -> None:
    _, client, _ = gated
    with pytest.raises(ModelError, match="the question is too long"):
        client.score(prompt, [" a"] * options)
    assert client.state.kind == "ok"


def test_a_process_that_ends_at_once_is_started_again_ever_more_rarely(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_RUNTIME", str(tmp_path))
    monkeypatch.setattr(client, "_STARTING", 2.0)
    started: list[subprocess.Popen[bytes]] = []

    class Fleeting(ModelProcess):
        def _started(self, place: ServicePlace) -> subprocess.Popen[bytes]:
            started.append(subprocess.Popen(["true"]))
            return started[-1]

    with pytest.raises(ModelError, match="does not answer"):
        Fleeting("tiny", folder, {"threads": 1}).answer([])
    assert 2 <= len(started) <= 6, "two tries, of two seconds each"


def test_what_a_process_says_at_last_is_found_in_a_long_log(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setenv("SANDBOX_RUNTIME", short)
        client = ModelProcess("long", folder, {})
        place = ServicePlace.of(client._folder, client._loading)
        place.log.write_text("an old line\n" * 100_000)
        place.lock.mkdir()
        with pytest.raises(ModelError, match=r"does not start: .*lock"):
            client.score(">", [" look"])


def test_strangers_are_refused_and_others_go_on(gated) -> None:
    model, client, place = gated
    model.gate.set()

    def says(data: bytes) -> bytes:
        """What comes back for raw bytes, up to the end."""
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.settimeout(20)
            stranger.connect(str(place.socket))
            stranger.sendall(data)
            heard = b""
            with suppress(ConnectionError):
                while piece := stranger.recv(4096):
                    heard += piece
            return heard

    for data in (
        struct.pack("!i", 2_000_000_000),
        struct.pack("!iQ", -1, 1 << 60),
        struct.pack("!i", -7),
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("!i", 20) + bytes(20),
    ):
        assert b"#WELCOME#" not in says(data)
    with pytest.raises(Exception, match="digest"):
        Client(str(place.socket), "AF_UNIX", authkey=b"a guess")
    found = place.find()
    assert found is not None
    for message in (b"{}", b"\xff", b'{"asked": [{"kind": "run", "prompt": ""}]}', b"[" * 100_000):
        known = Client(str(place.socket), "AF_UNIX", authkey=found.key)
        known.send_bytes(message)
        with pytest.raises((EOFError, ConnectionError)):
            known.recv_bytes()
    assert not model.asked
    assert client.score("still there", [" a"]) == [OptionScore(11.0, 1)]


def test_nobody_else_can_look_in(gated) -> None:
    *_, place = gated
    assert place.folder.stat().st_mode & 0o777 == 0o700
    for file in place.folder.iterdir():
        assert file.name.endswith(".log") or file.stat().st_mode & 0o077 == 0, file


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "sandbox").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr("sandbox.runtime._LONGEST", 1000)
    monkeypatch.setenv("SANDBOX_RUNTIME", str(tmp_path))
    with pytest.raises(ModelError, match="not a folder of yours"):
        ModelProcess("tiny", tmp_path, {}).score(">", [" look"])


def test_it_ends_when_its_record_is_taken_away(gated) -> None:
    *_, place = gated
    (place.folder / f"{place.name}.json").unlink()
    until(lambda: not place.socket.exists())
