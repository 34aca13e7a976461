"""Language models on a server: a real one, one that gives exact log-probabilities, and one with every fault."""

from __future__ import annotations

import copy
import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import torch
from model_server import ModelServer
from small_server import Answer, Body, Server, in_turn, problem, said, serving

from sandbox import wiring
from sandbox.agent.cards import parse_card
from sandbox.config import Host, Settings
from sandbox.errors import CardError, ModelError
from sandbox.llm import catalogue, endpoint
from sandbox.llm import registry as model_registry
from sandbox.llm.fallback import FallbackModel, UniformModel
from sandbox.llm.local import LocalModel
from sandbox.llm.permission import Permission
from sandbox.llm.remote import RemoteModel
from sandbox.llm.state import ServerState, state_of
from sandbox.paths import Home, bundled
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.tune import lora
from sandbox.tune.adapters import Adapters, describe
from sandbox.tune.export import export
from sandbox.types import LanguageModel
from sandbox.world import registry

KEYED = Permission({"127.0.0.1": Host(key_env="PARROT_KEY")})
OPTIONS = [" take lamp\n", " open door\n", " go north\n", " wait\n"]


def chat(server: Server, **given: Any) -> RemoteModel:
    """A chat model on the server that does not really pause."""
    return chat_at(server.url, **given)


def chat_at(url: str, **given: Any) -> RemoteModel:
    return RemoteModel(url, "parrot", **{"api": "chat", "pause": lambda seconds: None, **given})


def texts(model: LanguageModel, n: int = 1, **given: Any) -> list[str]:
    return [sample.text for sample in model.sample("Hall.\n\n>", n, **{"seed": 1, **given})]


# A real server.


def test_a_round_exported_as_a_whole_model_is_served_and_plays(
    local_model: LocalModel, model_server: ModelServer, tmp_path: Path
) -> None:
    adapters = Adapters(tmp_path / "adapters")
    tuned = lora.with_lora(copy.deepcopy(local_model.network), rank=4, alpha=8, seed=0)
    generator = torch.Generator().manual_seed(1)
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.2, generator=generator)
    about = describe("sft-1", model=catalogue.DEFAULT, method="sft", data="", settings={})
    adapters.publish(about, *lora.exported(tuned, catalogue.DEFAULT))
    merged = tmp_path / "tuned"
    export(adapters, "sft-1", merged, "merged")

    def first_words(folder: Path) -> str:
        remote = RemoteModel(model_server.url, str(folder), api="chat", retries=0, timeout=120)
        (sample,) = remote.sample("Hall.\n\n>", 1, seed=1, max_tokens=6, temperature=0)
        return sample.text

    assert first_words(merged) != first_words(model_registry.resolve(catalogue.DEFAULT).folder)
    text = (
        "combine: {method: prior}\n"
        f"remote: {{base_url: '{model_server.url}', model: '{merged}', api: chat, votes: 0, timeout: 120}}\n"
        "propose: {mode: sample, samples: 1}\n"
    )
    world = registry.open_world("tutorial", home=Home(bundled()))
    agent = wiring.build_agent(
        wiring.CardFile(parse_card(text, "tuned"), text, own=True), wiring.Models(Settings()), world
    )
    session = Session.create(Store.memory(), world, {world.seats[0]: agent}, seed=0, learn=False)
    turns = [session.step() for _ in range(2)]
    for turn in turns:
        assert turn.decision is not None and turn.decision.model == f"tuned@127.0.0.1:{model_server.port}"
    assert agent.model_state.kind != "away"
    session.close()


def test_a_real_server_plays_and_when_it_goes_the_fallback_does(
    local_model: LocalModel, model_server: ModelServer
) -> None:
    folder = model_registry.resolve(catalogue.DEFAULT).folder
    remote = RemoteModel(model_server.url, str(folder), votes=2, retries=0, timeout=120)
    model = FallbackModel(remote, lambda: local_model)
    prompt = "Hall. There is a brass lamp here. A door leads north.\n\n>"

    samples = model.sample(prompt, 2, seed=3, max_tokens=8)
    assert len(samples) == 2
    assert all(sample.text.strip() and "\n" not in sample.text for sample in samples)
    scores = model.score(prompt, OPTIONS)
    assert math.isclose(sum(math.exp(score.logprob) for score in scores), 1.0)
    assert remote.state.kind != "away"
    assert remote.spent.tokens > 100
    assert model.name == remote.name == f"{catalogue.DEFAULT}@127.0.0.1:{model_server.port}"

    model_server.stop()
    scores, local = model.score(prompt, OPTIONS), local_model.score(prompt, OPTIONS)
    assert [score.logprob for score in scores] == pytest.approx([score.logprob for score in local], abs=1e-3)
    assert str(remote.state).startswith("away: ")
    assert model.name == local_model.name


# A server that echoes log-probabilities.


def echo_of(model: LocalModel) -> Callable[[str, Body], Answer]:
    """What `/completions` with `echo` answers, by a plain forward pass of each prompt."""

    def answer(path: str, body: Body) -> Answer:
        if path != "/v1/completions":
            return problem(404)
        choices: list[Body] = []
        if body.get("echo"):
            for prompt in body["prompt"]:
                tokens = torch.tensor([model.encode(prompt)])
                with torch.inference_mode():
                    logits = model.network(input_ids=tokens).logits[0, :-1].float().log_softmax(-1)
                found = logits.gather(1, tokens[0, 1:, None])[:, 0].tolist()
                choices.insert(  # in any order: the index says which is which
                    0, {"index": len(choices), "text": prompt, "logprobs": {"token_logprobs": [None, *found]}}
                )
        else:
            asked = {name: body[name] for name in ("n", "seed", "max_tokens", "stop")}
            for index, sample in enumerate(model.sample(body["prompt"], **asked)):
                told = {"token_logprobs": [sample.logprob]}
                choices.append({"index": index, "text": f"{sample.text}\nand more", "logprobs": told})
        return 200, {}, json.dumps({"choices": choices}).encode()

    return answer


def test_echoed_log_probabilities_give_the_scores_of_the_model_itself(local_model: LocalModel) -> None:
    prompt = "Hall. There is a brass lamp here. A door leads north.\n\n>"
    options = [*OPTIONS, "", " take lamp\n"]
    with serving(echo_of(local_model)) as server:
        remote = RemoteModel(server.url, "small", timeout=200)
        scores = remote.score(prompt, options)
        expected = local_model.score(prompt, options)
        assert [score.tokens for score in scores] == [score.tokens for score in expected]
        assert [s.logprob for s in scores] == pytest.approx([e.logprob for e in expected], abs=1e-3)

        samples, local = (model.sample(prompt, 3, seed=5, max_tokens=4) for model in (remote, local_model))
        assert [sample.text for sample in samples] == [sample.text for sample in local]
        assert [sample.logprob for sample in samples] == pytest.approx([sample.logprob for sample in local])
        assert len(server.asked) == 3  # what the server can do is found out once


@pytest.mark.parametrize(
    "answer",
    [
        problem(404, "no such path"),
        problem(400, "prompt must be a string."),
        (200, {}, b'{"choices": [{"text": "> look", "logprobs": null}, {"index": 1, "text": "> look around"}]}'),
        (200, {}, b'{"choices": [{"text": " north", "logprobs": {"token_logprobs": [-1.0, -2.0]}}]}'),
        (200, {}, b'{"choices": [{"text": "x", "logprobs": {"content": []}}]}'),
    ],
)
def test_a_server_that_echoes_nothing_is_found_out_once_and_asked_to_chat(answer: Answer) -> None:
    with serving(lambda path, body: answer if path == "/v1/completions" else said("go north")) as server:
        remote = RemoteModel(server.url, "parrot")
        assert texts(remote) == texts(remote) == [" go north"]
        assert server.paths == ["completions", "chat/completions", "chat/completions"]


# Chat.


def test_a_vote_is_counted_with_one_vote_spread_over_all_options() -> None:
    replies = ["> Take  Lamp.", "take lamp", "- `go north`", "I would rather not say"]
    with serving(lambda path, body: said(*replies)) as server:
        scores = chat(server, votes=4, instruction="Sag, was du tust.").score("Hall.\n\n>", OPTIONS)
        (_, body) = server.asked[0]
    assert [math.exp(score.logprob) for score in scores] == pytest.approx([2.25 / 4, 0.25 / 4, 1.25 / 4, 0.25 / 4])
    assert all(score.mean == score.logprob for score in scores)
    assert body["messages"][0] == {"role": "system", "content": "Sag, was du tust."}
    assert body["messages"][1]["content"].endswith("- take lamp\n- open door\n- go north\n- wait")


def test_no_votes_is_no_request_and_no_preference() -> None:
    with serving(in_turn(problem(500))) as server:
        scores = chat(server, votes=0).score("Hall.\n\n>", OPTIONS)
        assert {score.logprob for score in scores} == {-math.log(4)}
        assert server.asked == []


def test_samples_are_asked_for_one_by_one_where_the_server_gives_one_at_a_time() -> None:
    with serving(lambda path, body: said(f"wait {body['seed']}")) as server:
        remote = chat(server)
        assert texts(remote, 3, seed=5) == [" wait 5", " wait 6", " wait 7"]
        assert texts(remote, 2, seed=8) == [" wait 8", " wait 9"]
        assert ["n" in body for _, body in server.asked] == [True, False, False, False, False]


def test_fields_that_a_server_refuses_are_left_out_from_then_on() -> None:
    def picky(path: str, body: Body) -> Answer:
        for field in ("n", "seed", "logprobs"):
            if field in body:
                return problem(422, f"Unexpected keys in the request: {{'{field}'}}")
        if "max_tokens" in body:
            return problem(400, "Use 'max_completion_tokens' in place of 'max_tokens'.")
        return said(f"wait {body['max_completion_tokens']}")

    with serving(picky) as server:
        remote = chat(server)
        assert texts(remote, 2, max_tokens=7) == [" wait 7", " wait 7"]
        before = len(server.asked)
        assert texts(remote, 2, max_tokens=9) == [" wait 9", " wait 9"]
        assert len(server.asked) == before + 2


def test_what_a_server_says_is_cleaned_cut_and_bounded() -> None:
    replies = ["\n> take \x1b[31mlamp\x07<|im_end|>\nTaken.", "z" * 100_000, "<|im_<|x|>start|>system"]
    with serving(lambda path, body: said(*replies)) as server:
        first, second, third = texts(chat(server), 3)
    assert first == " take lamp"
    assert len(second) <= 2000
    assert third == " system"


# Faults.


def test_a_busy_server_is_tried_again_after_as_long_as_it_asks() -> None:
    pauses: list[tuple[float, ServerState]] = []
    later = formatdate(time.time() + 30, usegmt=True)
    answers = [problem(429, Retry_After="7"), problem(503, Retry_After=later), problem(502), said("wait")]
    with serving(in_turn(*answers)) as server:

        def pause(seconds: float) -> None:
            pauses.append((seconds, remote.state))

        remote = chat(server, pause=pause)
        assert texts(remote) == [" wait"]
    seconds, states = zip(*pauses, strict=True)
    assert 7 <= seconds[0] <= 7.5
    assert 20 <= seconds[1] <= 31
    assert 0 <= seconds[2] <= 2
    assert [state.kind for state in states] == ["slow"] * 3
    assert states[0].reason == "429; try 2 of 4"
    assert remote.state == ServerState()
    assert remote.spent.calls == 4


def test_a_server_that_asks_for_a_long_pause_is_away() -> None:
    with serving(in_turn(problem(429, "come back tomorrow", Retry_After="86400"))) as server:
        remote = chat(server)
        for _ in range(2):
            with pytest.raises(ModelError, match="away: 429 come back tomorrow"):
                texts(remote)
        assert len(server.asked) == 1
        assert not remote.ready


@pytest.mark.parametrize(
    ("answer", "reason", "calls"),
    [
        (problem(500, "out of memory"), "500 out of memory", 3),
        (problem(401, "Incorrect key: s3cret-key"), r"401 Incorrect key: \*\*\*", 1),
        (problem(404, "no model 'parrot'"), "404 no model 'parrot'", 1),
        (problem(302, Location="http://127.0.0.1:1/v1"), "302", 1),
        ((200, {}, b"<html>welcome</html>"), "none of an OpenAI-compatible server", 3),
        ((200, {}, b"[" * 200_000), "none of an OpenAI-compatible server", 3),
        ((200, {}, b'{"choices": [{"message": {"content": 3}}]}'), "none of an OpenAI-compatible server", 3),
        ((200, {}, b" " * (endpoint.MAX_BYTES + 1)), "longer than 16 MiB", 1),
        ((200, {"Content-Length": "1000"}, b"{}"), "peer closed connection", 3),
        ((200, {"Content-Encoding": "gzip"}, b"\x1f\x8b\x08"), "none of an OpenAI-compatible server", 3),
    ],
)
def test_faults_are_one_clear_line(
    answer: Answer, reason: str, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARROT_KEY", "s3cret-key")
    with serving(in_turn(answer)) as server:
        remote = chat(server, retries=2, permission=KEYED)
        with pytest.raises(ModelError, match=reason) as caught:
            texts(remote)
        assert len(server.asked) == remote.spent.calls == calls
        assert server.authorisations == ["Bearer s3cret-key"] * calls
        assert remote.state.kind == "away"
        assert "\n" not in str(caught.value)
        assert "s3cret" not in str(caught.value) + str(remote.state) + repr(vars(remote))


def test_a_server_that_takes_too_long_is_away() -> None:
    over = threading.Event()

    def silent(path: str, body: Body) -> Answer:
        over.wait(10)
        return said("wait")

    with serving(silent) as server:
        remote = chat(server, retries=1, timeout=0.2)
        with pytest.raises(ModelError, match=r"away: no reply within 0.2 s"):
            texts(remote)
        assert len(server.asked) == 2
        over.set()


def test_a_reply_that_trickles_for_ever_is_given_up() -> None:
    over = threading.Event()

    def trickle() -> Iterator[bytes]:
        while not over.wait(0.05):
            yield b" "

    with serving(lambda path, body: (200, {"Content-Length": "100000"}, trickle())) as server:
        remote = chat(server, retries=0, timeout=0.3)
        with pytest.raises(ModelError, match=r"away: no whole reply within 0.3 s"):
            texts(remote)
        over.set()


class Dripping:
    """A server on loopback that reads a request, and then sends one thing again and again."""

    def __init__(self, first: bytes, again: bytes, pause: float) -> None:
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        self._what = first, again, pause
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._drip, args=self._socket.accept()[:1], daemon=True).start()

    def _drip(self, connection: socket.socket) -> None:
        first, again, pause = self._what
        with suppress(OSError), connection:
            connection.recv(1 << 16)
            connection.sendall(first)
            while not self._over.wait(pause):
                connection.sendall(again)

    def close(self) -> None:
        self._over.set()
        self._socket.close()


@pytest.mark.parametrize(
    ("first", "again", "pause"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n", 0.05),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x", 0.05),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.05),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 50, 0.0),
        (b"H", b"", 0.05),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", 0.05),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1", b"0", 0.05),
        (b"HTTP/1.1 200 OK\r\n\r\n", b" ", 0.05),
    ],
)
def test_a_call_ends_at_its_deadline_whatever_drips(first: bytes, again: bytes, pause: float) -> None:
    server = Dripping(first, again, pause)
    try:
        remote = chat_at(server.url, retries=1, timeout=0.4)
        with pytest.raises(ModelError, match=r"away: no (whole )?reply within 0.4 s"):
            texts(remote)
        assert remote.spent.calls == 2  # each try has the same time
    finally:
        server.close()


def test_a_handshake_that_never_ends_is_in_the_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        remote = chat_at(f"https://127.0.0.1:{silent.getsockname()[1]}/v1", retries=0, timeout=0.3)
        with pytest.raises(ModelError, match=r"away: no reply within 0.3 s"):
            texts(remote)


def test_the_look_up_of_a_name_is_in_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def slow(*_: object, **__: object) -> list[object]:
        over.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    remote = chat_at(
        "https://api.example.org/v1", retries=0, timeout=0.3, permission=Permission(once=["api.example.org"])
    )
    with pytest.raises(ModelError, match=r"away: no reply within 0.3 s"):
        texts(remote)
    over.set()


def test_a_key_in_an_answer_is_blotted_out_parts_of_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARROT_KEY", "sk-abcdefghijklmnop")
    replies = [
        "say sk-abcdefghijklmnop twice sk-abcdefghijklmnop",
        "say defghijk",
        "say sk-abcd\x1b[31mefgh\u200bijklmnop!",
        "say sk-<|im_end|>abcdefghijklmnop",
        "say abcdefg and the sk-abcd",
    ]
    with serving(lambda path, body: said(*replies)) as server:
        said_ = texts(chat(server, permission=KEYED), 5)
    assert said_[:2] == [" say *** twice ***", " say ***"]
    assert said_[2:4] == [" say ***!", " say ***"]
    assert said_[4] == " say abcdefg and the sk-abcd"


def test_a_server_that_is_not_there_is_away_and_asked_again_after_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(in_turn(said("wait"))) as server:
        pass
    remote = chat(server, retries=1)
    with pytest.raises(ModelError, match=r"away: .*refused"):
        texts(remote)
    assert remote.state.kind == "away"
    assert remote.spent.calls == 2
    with pytest.raises(ModelError, match="away"):
        texts(remote)
    assert remote.spent.calls == 2
    monkeypatch.setattr(endpoint, "REST", 0.0)
    with serving(in_turn(problem(500), problem(500), said("wait"))) as server:
        remote = chat(server, retries=1)
        with pytest.raises(ModelError):
            texts(remote)
        assert remote.state.kind == "away"
        assert texts(remote) == [" wait"]
        assert remote.state == ServerState()


def test_the_budget_of_calls_and_that_of_tokens_end_it() -> None:
    with serving(in_turn(said("wait", tokens=60))) as server:
        by_calls, by_tokens = chat(server, max_calls=2), chat(server, max_tokens=100)
        for remote, reason in ((by_calls, "budget of 2 calls"), (by_tokens, "budget of 100 tokens")):
            texts(remote), texts(remote)
            with pytest.raises(ModelError, match=reason):
                texts(remote)
            assert reason in str(remote.state)
            assert not remote.ready
        assert len(server.asked) == 4
        assert by_tokens.spent.tokens == 120


# Fallback and cards.


def test_the_fallback_answers_under_its_own_name_while_the_server_is_away() -> None:
    with serving(in_turn(said("wait"), problem(403))) as server:
        remote = chat(server, votes=1)
        model = FallbackModel(remote, UniformModel)
        assert texts(model) == [" wait"]
        assert model.name == remote.name
        scores = model.score("Hall.\n\n>", OPTIONS)
        assert {score.logprob for score in scores} == {-math.log(4)}
        assert model.name == "none@uniform"
        assert texts(model) == []
        assert str(state_of(model)) == "away: 403"


def test_a_card_plays_on_a_server_with_its_key_and_goes_on_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARROT_KEY", "s3cret-key")
    monkeypatch.setattr(endpoint, "REST", 0.0)
    world = registry.open_world("tutorial", home=Home(bundled()))
    state = world.initial(0)
    seen = world.observe(state, world.seats[0])
    assert seen.admissible
    wanted = seen.admissible[-1]

    def answer(path: str, body: Body) -> Answer:
        return said(*[wanted] * body.get("n", 1)) if path.endswith("chat/completions") else problem(404)

    with serving(answer) as server:
        text = (
            f"combine: {{method: prior}}\nremote:\n  base_url: {server.url}\n  model: parrot\n"
            "  retries: 0\n  fallback: uniform\n"
        )
        models = wiring.Models(Settings(), permission=KEYED)
        file = wiring.CardFile(parse_card(text, "polly"), text, own=True)
        agent = wiring.build_agent(file, models, world)
        decision = agent.decide(seen, (), seed=0, explore=False)
        assert decision.command == wanted
        assert decision.model.startswith("parrot@127.0.0.1")
        assert server.authorisations == ["Bearer s3cret-key"] * 2

        agent.decide(seen, (), seed=1, explore=False)
        assert len(server.asked) == 2  # the cache knew
    other = world.step(state, world.seats[0], wanted).state
    monkeypatch.setattr(endpoint, "REST", 30.0)
    decision = agent.decide(world.observe(other, world.seats[0]), (), seed=0, explore=False)
    assert decision.model == "none@uniform"
    assert len({proposal.prior for proposal in decision.proposals}) == 1
    assert agent.model_state.kind == "away"
    world.close()


def test_a_key_that_is_not_set_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PARROT_KEY", raising=False)
    with pytest.raises(ModelError, match=r"'PARROT_KEY' holds no key.*export PARROT_KEY"):
        permission = Permission({"example.org": Host(key_env="PARROT_KEY")})
        RemoteModel("https://example.org/v1", "parrot", permission=permission)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("base_url: http://example.org/v1", "http is for this machine only"),
        ("base_url: ftp://example.org/v1", "should be a URL"),
        ("base_url: https://ann:s3cret@example.org/v1", "may hold no user"),
        ("base_url: https://example.org/v1?api_key=s3cret", "may hold no user"),
        ("base_url: 'http://127.0.0.1.example.org/v1'", "http is for this machine only"),
        ("base_url: 'http://[::1'", "is not a URL"),
        ("base_url: https://example.org/v1\n  key: sk-s3cret", "names no key.*sandbox model allow HOST --key-env"),
    ],
)
def test_a_card_says_where_and_never_what_the_key_is(fields: str, expected: str) -> None:
    with pytest.raises(CardError, match=expected) as caught:
        parse_card(f"remote:\n  model: parrot\n  {fields}\n", "polly")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        "base_url: http://localhost:8000/v1",
        "base_url: 'http://[::1]:8000/v1'",
        "base_url: http://10.0.0.7/v1\n  plain_http: true",
    ],
)
def test_plain_http_is_for_this_machine_or_on_demand(fields: str) -> None:
    assert parse_card(f"remote:\n  model: parrot\n  {fields}\n", "polly").remote is not None


def test_a_card_has_one_model() -> None:
    with pytest.raises(CardError, match="give `model` or `remote`, not both"):
        parse_card("model: lm\nremote: {base_url: 'https://example.org/v1', model: parrot}", "polly")
