"""What servers of each make do: exact scores, streams, thoughts, replies that cannot be used, adapters."""

from __future__ import annotations

import itertools
import json
import math
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from small_server import Answer, Body, Server, in_turn, problem, said, serving
from tiny_chat import GEMMA, QWEN, tiny_chat

from sandbox import wiring
from sandbox.agent.cards import parse_card
from sandbox.config import Host, Settings
from sandbox.errors import HostError, ModelError
from sandbox.llm import chatml, endpoint
from sandbox.llm.chatml import Message
from sandbox.llm.fallback import FallbackModel, UniformModel
from sandbox.llm.local import LocalModel
from sandbox.llm.permission import Permission
from sandbox.llm.questions import Continue, ask
from sandbox.llm.remote import FEW, ROOM, RemoteModel
from sandbox.llm.streaming import StoppedError, streaming
from sandbox.tune.adapters import Adapters, describe

TRANSCRIPT = "Hall. There is a lamp here.\n\n>"
CHAT = chatml.render([Message("system", "You are careful."), Message("user", "Hall. There is a lamp here.")])
COMMANDS = ("take lamp", "take", "go north")
OPTIONS = [f" {command}\n" for command in COMMANDS]
REPLIES = [command + chatml.END for command in COMMANDS]


def remote(server: Server, **given: Any) -> RemoteModel:
    return RemoteModel(server.url, "parrot", **{"pause": lambda seconds: None, "retries": 0, **given})


def one_sample(model: RemoteModel | FallbackModel, prompt: str = CHAT, n: int = 1, **given: Any) -> list[str]:
    return [sample.text for sample in model.sample(prompt, n, **{"seed": 1, **given})]


def reply(content: str | None, finish: str = "stop", **more: Any) -> Answer:
    message = {"role": "assistant", "content": content, **more}
    choices = [{"index": 0, "message": message, "finish_reason": finish}]
    return 200, {}, json.dumps({"choices": choices}).encode()


def prompt_logprobs(model: LocalModel, tokens: Sequence[int]) -> list[float]:
    with torch.inference_mode():
        logits = model.network(input_ids=torch.tensor([tokens])).logits[0, :-1].float().log_softmax(-1)
    found: list[float] = logits.gather(1, torch.tensor(tokens)[1:, None])[:, 0].tolist()
    return found


def vllm_of(model: LocalModel) -> Callable[[str, Body], Answer]:
    """What vLLM answers, by a plain forward pass of each prompt and the tokenizer's own template."""

    def tokens_of(prompt: str | list[int]) -> list[int]:
        return list(model.encode(prompt)) if isinstance(prompt, str) else prompt

    def answer(path: str, body: Body) -> Answer:
        if path == "/tokenize" and "messages" in body:
            messages = body["messages"]
            if model.tokenizer.chat_template == GEMMA and messages[0]["role"] == "system":
                return problem(400, "System role not supported")
            text = model.tokenizer.apply_chat_template(
                messages,
                tokenize=False,
                add_generation_prompt=body["add_generation_prompt"],
                **body["chat_template_kwargs"],
            )
            return 200, {}, json.dumps({"tokens": list(model.encode(text))}).encode()
        if path == "/tokenize":
            assert body["add_special_tokens"] is False
            return 200, {}, json.dumps({"tokens": list(model.encode(body["prompt"]))}).encode()
        if path != "/v1/completions":
            return problem(404)
        choices = []
        for index, prompt in enumerate(body["prompt"]):
            tokens = tokens_of(prompt)
            known = zip(tokens[1:], prompt_logprobs(model, tokens), strict=True)
            told = [None, *({str(token): {"logprob": logprob, "rank": 9}} for token, logprob in known)]
            choices.insert(0, {"index": index, "text": "", "prompt_logprobs": told})
        return 200, {}, json.dumps({"choices": choices}).encode()

    return answer


def sglang_of(model: LocalModel) -> Callable[[str, Body], Answer]:
    def answer(path: str, body: Body) -> Answer:
        assert path == "/generate" and body["return_logprob"] and body["logprob_start_len"] == 0
        replies = []
        for text in body["text"]:
            tokens = model.encode(text)
            pairs = zip(prompt_logprobs(model, tokens), tokens[1:], strict=True)
            known = [[logprob, token, None] for logprob, token in pairs]
            replies.append({"text": "", "meta_info": {"input_token_logprobs": [[None, tokens[0], None], *known]}})
        return 200, {}, json.dumps(replies).encode()

    return answer


@pytest.fixture(scope="module")
def tiny(local_model: LocalModel) -> LocalModel:
    return tiny_chat(local_model, QWEN)


def assert_scores(found: RemoteModel, tiny: LocalModel, prompt: str, options: list[str]) -> None:
    scores, expected = found.score(prompt, options), tiny.score(prompt, options)
    assert [score.logprob for score in scores] == pytest.approx([e.logprob for e in expected], abs=1e-3)
    assert [score.tokens for score in scores] == [e.tokens for e in expected]


# Exact scores.


def test_vllm_scores_transcripts_and_conversations_exactly_in_batches(tiny: LocalModel) -> None:
    with serving(vllm_of(tiny)) as server:
        model = remote(server)
        assert_scores(model, tiny, TRANSCRIPT, OPTIONS)
        assert server.paths == ["completions", "completions"]  # found out, and asked for all at once
        assert_scores(model, tiny, CHAT, REPLIES)
        before = len(server.asked)
        assert_scores(model, tiny, CHAT, REPLIES)
        assert server.paths[before:] == ["/tokenize", "completions"]  # the tokens of commands are known
        assert model.chats


def test_vllm_scores_behind_a_thought(tiny: LocalModel) -> None:
    with serving(vllm_of(tiny)) as server:
        assert_scores(remote(server), tiny, chatml.behind(CHAT, "The lamp is useful."), REPLIES)


def test_where_a_template_knows_no_system_its_words_go_into_the_first_message(local_model: LocalModel) -> None:
    gemma = tiny_chat(local_model, GEMMA)
    with serving(vllm_of(gemma)) as server:
        assert_scores(remote(server), gemma, CHAT, REPLIES)

    def picky(path: str, body: Body) -> Answer:
        refused = body["messages"][0]["role"] == "system"
        return problem(400, "System role not supported") if refused else said("go north")

    with serving(picky) as server:
        model = remote(server, api="chat")
        assert one_sample(model) == one_sample(model) == [" go north"]
        assert len(server.asked) == 3
        assert server.asked[-1][1]["messages"] == [
            {"role": "user", "content": "You are careful.\n\nHall. There is a lamp here."}
        ]


def test_sglang_scores_by_its_own_endpoint(tiny: LocalModel) -> None:
    with serving(sglang_of(tiny), owner="sglang") as server:
        model = remote(server)
        assert_scores(model, tiny, TRANSCRIPT, OPTIONS)
        assert server.paths == ["/generate"]
        assert not model.chats


def test_a_server_that_knows_no_prompt_logprobs_is_asked_to_echo() -> None:
    def answer(path: str, body: Body) -> Answer:
        if "prompt_logprobs" in body:
            return problem(400, "Unrecognized request argument supplied: prompt_logprobs")
        choices = [
            {"index": i, "text": text, "logprobs": {"token_logprobs": [None, -float(len(text))]}}
            for i, text in enumerate(body["prompt"])
        ]
        return 200, {}, json.dumps({"choices": choices}).encode()

    with serving(answer) as server:
        scores = remote(server).score(TRANSCRIPT, OPTIONS)
        assert [score.logprob for score in scores] == [-float(len(option)) for option in OPTIONS]
        assert server.paths == ["completions"] * 3


def test_what_a_server_says_of_log_probabilities_is_not_trusted(tiny: LocalModel) -> None:
    good = sglang_of(tiny)

    def answer(path: str, body: Body) -> Answer:
        bad = [{"meta_info": {"input_token_logprobs": [["north", 1, None]]}}] * len(body["text"])
        return 200, {}, json.dumps(bad).encode() if len(body["text"]) > 3 else good(path, body)[2]  # type: ignore[return-value]

    with serving(answer, owner="sglang") as server, pytest.raises(ModelError, match="gives no log-probabilities"):
        remote(server).score(TRANSCRIPT, OPTIONS)


def test_lm_studio_says_no_with_a_success() -> None:
    unknown: Answer = 200, {}, b'{"error": "Unexpected endpoint or method. (POST /v1/completions)"}'
    with serving(lambda path, body: unknown if path == "/v1/completions" else said("go north")) as server:
        assert one_sample(remote(server, retries=3), TRANSCRIPT) == [" go north"]
        assert server.paths == ["completions", "chat/completions"]


# Conversations.


def test_a_conversation_is_sent_as_messages_and_the_options_stand_at_its_end() -> None:
    with serving(lambda path, body: said(*["take lamp"] * body["n"])) as server:
        scores = remote(server, api="chat", votes=2).score(CHAT, REPLIES)
        messages = server.asked[0][1]["messages"]
    assert [message["role"] for message in messages] == ["system", "user"]
    assert messages[0]["content"] == "You are careful."
    assert messages[1]["content"].startswith("Hall. There is a lamp here.\n\n")
    assert messages[1]["content"].endswith("- take lamp\n- take\n- go north")
    assert math.exp(scores[0].logprob) == pytest.approx((2 + 1 / 3) / 3)


# Thoughts.


@pytest.mark.parametrize(
    "thinks",
    [
        reply("go north", reasoning_content="It is dark."),
        reply("go north", reasoning="It is dark."),
        reply("<think>\nIt is dark.\n</think>\n\ngo north"),
        reply("It is dark.\n</think>\n\ngo north"),
    ],
)
def test_thoughts_are_kept_apart_wherever_a_server_puts_them(thinks: Answer) -> None:
    with serving(in_turn(thinks)) as server:
        (sample,) = remote(server, api="chat").sample(CHAT, 1, seed=1)
    assert sample.text == " go north"
    assert sample.thought == "It is dark."


def test_a_model_that_thinks_unasked_is_asked_not_to_and_given_room() -> None:
    def answer(path: str, body: Body) -> Answer:
        if "chat_template_kwargs" in body and "reasoning_effort" in body:
            return problem(400, '"parrot" does not support thinking')
        return reply("go north") if body["max_tokens"] > 100 else reply("<think>Well, it is", "length")

    with serving(answer) as server:
        model = remote(server, api="chat")
        assert one_sample(model, max_tokens=24) == [" go north"]
        bodies = [body for _, body in server.asked]
    assert "chat_template_kwargs" not in bodies[0]
    assert bodies[1]["chat_template_kwargs"] == {"enable_thinking": False}
    assert bodies[-1]["max_tokens"] == 24 + ROOM
    assert "reasoning_effort" not in bodies[-1]


def test_thoughts_that_are_asked_for_come_by_themselves_however_they_end() -> None:
    with serving(in_turn(reply("", "length", reasoning_content="It is dark, so"), reply("go north"))) as server:
        model = remote(server, api="chat")
        (sample,) = model.sample(chatml.wondering(CHAT), 1, seed=1, max_tokens=100, stop=(chatml.THOUGHT,))
        assert sample.text == "It is dark, so"
        assert one_sample(model, chatml.behind(CHAT, sample.text)) == [" go north"]
        thinking, acting = (body for _, body in server.asked)
    assert thinking["chat_template_kwargs"] == {"enable_thinking": True}
    assert thinking["max_tokens"] > 100
    assert [message["role"] for message in acting["messages"]] == ["system", "user", "assistant", "user"]
    assert acting["messages"][2]["content"] == "It is dark, so"


# Replies that cannot be used.


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (reply(""), "says nothing"),
        (reply(None, "tool_calls", tool_calls=[{"function": {"name": "go"}}]), "calls tools"),
        (reply("<think>It is dark, so", "length"), "cut off amid its thoughts"),
        (reply("", "length"), "cut off before it said anything"),
        ((200, {}, b'{"choices": []}'), "gives no choices"),
        ((200, {}, b'{"choices": null}'), "gives no choices"),
    ],
)
def test_replies_that_cannot_be_used_make_a_model_away_after_a_few(answer: Answer, reason: str) -> None:
    with serving(in_turn(answer)) as server:
        model = remote(server, api="chat")
        fallen = FallbackModel(model, UniformModel)
        assert one_sample(fallen) == []
        assert len(server.asked) == FEW
        assert model.state.kind == "away" and reason in model.state.reason
        assert fallen.name == "none@uniform"


def test_votes_of_which_none_names_a_command_are_the_fallbacks() -> None:
    with serving(lambda path, body: said(*["I would rather not say"] * body.get("n", 1))) as server:
        fallen = FallbackModel(remote(server, api="chat", votes=2), UniformModel)
        assert {score.logprob for score in fallen.score(CHAT, REPLIES)} == {-math.log(3)}
        assert fallen.name == "none@uniform"
        assert "names none of the commands" in fallen.state.reason


def test_one_that_can_be_used_among_some_that_cannot_is_enough() -> None:
    with serving(in_turn(said("", "go north"))) as server:
        model = remote(server, api="chat")
        assert one_sample(model, n=2) == [" ", " go north"]
        assert model.state.kind == "ok"


def test_a_server_that_comes_back_while_the_fallback_answers_gets_no_credit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endpoint, "REST", 0.0)
    with serving(in_turn(problem(500), said("go north"))) as server:
        model = remote(server, api="chat")
        fallen = FallbackModel(model, UniformModel)
        assert one_sample(fallen) == []
        assert model.ready and fallen.name == "none@uniform"
        assert one_sample(fallen) == [" go north"]
        assert fallen.name == model.name


# Streams.


def events(*parts: Body | str) -> Answer:
    lines = [f"data: {part if isinstance(part, str) else json.dumps(part)}\n\n".encode() for part in parts]
    whole = b": keep-alive\n\n" + b"".join(lines)
    pieces = (whole[i : i + 7] for i in range(0, len(whole), 7))
    return 200, {"Content-Type": "text/event-stream"}, pieces


def delta(index: int = 0, finish: str | None = None, **said: Any) -> Body:
    return {"choices": [{"index": index, "delta": said, "finish_reason": finish}]}


def test_words_of_a_chat_are_heard_while_they_are_written_and_thoughts_are_not() -> None:
    stream = events(
        delta(role="assistant", content=""),
        delta(reasoning_content="It is dark."),
        delta(content="go "),
        delta(content="no\x1b[31mrth"),
        delta(finish="stop"),
        {"choices": [], "usage": {"total_tokens": 7}},
        "[DONE]",
    )
    heard: list[Sequence[str]] = []
    with serving(in_turn(stream)) as server, streaming(heard.append):
        model = remote(server, api="chat")
        (sample,) = model.sample(CHAT, 1, seed=1)
        assert server.asked[0][1]["stream"] is True
    assert (sample.text, sample.thought) == (" go north", "It is dark.")
    assert [texts[0] for texts in heard if texts[0]][:2] == ["go ", "go north"]
    assert model.spent.tokens == 7


def test_words_of_a_transcript_are_heard_too(tiny: LocalModel) -> None:
    scores = vllm_of(tiny)
    stream = [
        {"choices": [{"index": 0, "text": " take", "logprobs": {"token_logprobs": [-1.0]}}]},
        {
            "choices": [
                {"index": 0, "text": " lamp", "logprobs": {"token_logprobs": [-2.0]}, "finish_reason": "stop"}
            ]
        },
    ]
    heard: list[Sequence[str]] = []
    with serving(lambda path, body: events(*stream) if body.get("stream") else scores(path, body)) as server:
        model = remote(server)
        with streaming(heard.append):
            (sample,) = model.sample(TRANSCRIPT, 1, seed=1)
    assert (sample.text, sample.logprob, sample.tokens) == (" take lamp", -3.0, 2)
    assert [texts[0] for texts in heard] == [" take", " take lamp"]


def test_several_questions_are_asked_side_by_side_and_heard_in_their_order() -> None:
    both = threading.Barrier(2, timeout=20)

    def answer(path: str, body: Body) -> Answer:
        both.wait()
        word = body["messages"][-1]["content"]
        return events(delta(content=f"{word} "), delta(content="lamp", finish="stop"), "[DONE]")

    heard: list[Sequence[str]] = []
    questions = [Continue(prompt=chatml.render([Message("user", word)]), n=1, seed=1) for word in ("take", "drop")]
    with serving(answer) as server, streaming(heard.append):
        answers = ask(remote(server, api="chat"), questions)
    assert [samples[0].text for samples in answers] == [" take lamp", " drop lamp"]
    assert heard[-1] == ("take lamp", "drop lamp")


def test_a_server_that_does_not_stream_is_heard_at_the_end_and_one_that_refuses_is_not_asked_again() -> None:
    def answer(path: str, body: Body) -> Answer:
        return problem(400, "stream is not supported") if "stream" in body else said("go north")

    with serving(answer) as server, streaming(lambda texts: None):
        model = remote(server, api="chat")
        assert one_sample(model) == one_sample(model) == [" go north"]
        assert ["stream" in body for _, body in server.asked] == [True, False, False]
    with serving(in_turn(said("go north"))) as server, streaming(lambda texts: None):
        assert one_sample(remote(server, api="chat")) == [" go north"]


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (events(delta(content="go")), "none of an OpenAI-compatible server"),  # it broke off
        (events(delta(content="go"), {"error": {"message": "out of memory"}}), "out of memory"),
        (events("{"), "none of an OpenAI-compatible server"),
        (events("[1]"), "none of an OpenAI-compatible server"),
        (events({"choices": [3]}), "none of an OpenAI-compatible server"),
        (events({"choices": [{"index": "x"}]}), "none of an OpenAI-compatible server"),
        (events({"choices": 3}), "none of an OpenAI-compatible server"),
    ],
)
def test_faults_of_a_stream_are_one_clear_line(stream: Answer, reason: str) -> None:
    with (
        serving(in_turn(stream)) as server,
        streaming(lambda texts: None),
        pytest.raises(ModelError, match=f"away: .*{reason}"),
    ):
        one_sample(remote(server, api="chat"))


def test_a_stream_that_never_ends_ends_at_the_deadline() -> None:
    over = threading.Event()

    def trickle() -> Iterator[bytes]:
        while not over.wait(0.02):
            yield b'data: {"choices": [{"index": 0, "delta": {"content": "x"}}]}\n\n'

    stream: Answer = 200, {"Content-Type": "text/event-stream"}, trickle()
    with serving(lambda path, body: stream) as server, streaming(lambda texts: None):
        with pytest.raises(ModelError, match=r"away: no whole reply within 0.3 s"):
            one_sample(remote(server, api="chat", timeout=0.3))
        over.set()


def test_whoever_listens_can_stop_a_stream() -> None:
    def enough(texts: Sequence[str]) -> None:
        raise StoppedError

    stream = events(delta(content="go"), delta(content=" north", finish="stop"), "[DONE]")
    with serving(in_turn(stream)) as server, streaming(enough), pytest.raises(StoppedError):
        one_sample(remote(server, api="chat"))


def test_a_key_in_a_stream_is_blotted_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARROT_KEY", "sk-abcdefghijklmnop")
    permission = Permission({"127.0.0.1": Host(key_env="PARROT_KEY")})
    heard: list[str] = []
    stream = events(delta(content="say sk-abcdefghijkl"), delta(content="mnop", finish="stop"), "[DONE]")
    with serving(in_turn(stream)) as server, streaming(lambda texts: heard.append(texts[0])):
        assert one_sample(remote(server, api="chat", permission=permission)) == [" say ***"]
    assert heard and not any("abcdefgh" in text for text in heard)


# Adapters.


def test_an_adapter_is_loaded_by_the_server_and_named_in_requests(tmp_path: Path) -> None:
    loaded: list[Body] = []

    def vllm(path: str, body: Body) -> Answer:
        if path == "/v1/load_lora_adapter":
            loaded.append(body)
            if len(loaded) > 1:
                return problem(400, "The lora adapter 'sft-1-ab' has already been loaded. If you want to")
            return 200, {"Content-Type": "text/plain"}, b"Success: LoRA adapter 'sft-1-ab' added successfully."
        return said("go north")

    with serving(vllm) as server:
        model = remote(server, api="chat")
        for _ in range(2):
            tuned = model.with_adapter(tmp_path, "sft-1-ab")
            assert one_sample(tuned) == [" go north"]
        assert one_sample(model) == [" go north"]
        models = [body["model"] for path, body in server.asked if path.endswith("chat/completions")]
    assert loaded == [{"lora_name": "sft-1-ab", "lora_path": str(tmp_path)}] * 2
    assert models == ["sft-1-ab", "sft-1-ab", "parrot"]
    assert tuned.name.startswith("sft-1-ab@127.0.0.1")


def test_the_adapter_that_a_save_has_in_use_plays_on_the_server(tmp_path: Path) -> None:
    adapters = Adapters.of(tmp_path)
    for number, model in enumerate(("tiny", "tiny", "other"), 1):
        about = describe(f"sft-{number}", model=model, method="sft", data="", settings={})
        adapters.publish(about, b"weights %d" % number, {"peft_type": "LORA"})
    loaded: list[str] = []

    def vllm(path: str, body: Body) -> Answer:
        if path == "/v1/load_lora_adapter":
            loaded.append(body["lora_name"])
            return 200, {}, b"Success"
        return said("go north") if body["model"] in ("parrot", *loaded) else problem(404, "no such model")

    with serving(vllm) as server:
        text = f"remote: {{base_url: '{server.url}', model: parrot, api: chat, adapters: tiny, retries: 0}}\n"
        file = wiring.CardFile(parse_card(text, "polly"), text, own=True)
        model = wiring.Models(Settings()).playing(file, tmp_path)
        assert model is not None
        seed = itertools.count()

        def asked() -> str:
            model.sample(CHAT, 1, seed=next(seed))
            return str(server.asked[-1][1]["model"])

        assert asked() == "parrot" and model.name.startswith("parrot@127.0.0.1")
        adapters.use("sft-1")
        first = asked()
        assert re.fullmatch(r"sft-1-[0-9a-f]{8}", first) and model.name.startswith(f"{first}@127.0.0.1")
        adapters.use("sft-2")
        second = asked()
        assert second.startswith("sft-2-")
        adapters.rollback()
        assert asked() == first
        assert loaded == [first, second]
        adapters.use("sft-3")  # another model's
        assert asked() == "parrot"
        adapters.use("sft-1")
        loaded.clear()  # the server was started anew
        with pytest.raises(ModelError, match="no such model"):
            asked()
        pinned = wiring.Models(Settings()).playing(file, tmp_path, "sft-2")
        assert pinned is not None and pinned.name.startswith(second)


def test_a_server_that_loads_no_adapters_says_so(tmp_path: Path) -> None:
    with (
        serving(in_turn(problem(404, "Not Found"))) as server,
        pytest.raises(ModelError, match=r"does not load the adapter sft-1: 404 Not Found.*--enable-lora"),
    ):
        remote(server, api="chat").with_adapter(tmp_path, "sft-1")


def test_an_adapter_goes_to_no_host_that_is_not_allowed(tmp_path: Path) -> None:
    with serving(in_turn(said("go"))) as server:
        model = RemoteModel(server.url, "parrot", permission=Permission(), own=False)
        with pytest.raises(HostError):
            model.with_adapter(tmp_path, "sft-1")
        assert server.asked == []
