"""Who is answered with whom, without any model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox.llm.batching import ModelRequest, RequestQueue, answered
from sandbox.llm.questions import ScoreQuestion

ONE, OTHER = Path("one"), Path("other")


def request(*prompts: str, adapter: Path | None = ONE) -> ModelRequest:
    return ModelRequest(adapter, [ScoreQuestion(prompt, ()) for prompt in prompts])


def test_the_oldest_comes_first_and_those_of_its_adapter_with_it() -> None:
    queue: RequestQueue[ModelRequest] = RequestQueue()
    first, second, third, last = request("a"), request("b", adapter=OTHER), request("c", "d"), request("e")
    for each in (first, second, third, last):
        queue.add(each)
    third.over = True
    assert queue and queue.take() == [first, last]
    assert queue.take() == [second]
    assert not queue and queue.take() == []


def test_no_more_go_together_than_have_room_but_one_does_always() -> None:
    queue: RequestQueue[ModelRequest] = RequestQueue(most=10)
    large, small, middle, more = request("a" * 50), request("b" * 3), request("c" * 4, "d" * 4), request("e" * 7)
    for each in (large, small, middle, more):
        queue.add(each)
    assert [queue.take() for _ in range(4)] == [[large], [small, more], [middle], []]


def test_a_batch_that_fails_is_asked_one_by_one_and_nothing_for_who_is_gone() -> None:
    asked: list[list[str]] = []
    good, bad, gone, other = request("a", "b"), request("bad"), request("nobody"), request("c")

    def ask(requests: Sequence[ModelRequest]) -> list[Any]:
        prompts = [question.prompt for each in requests for question in each.questions]
        asked.append(prompts)
        gone.over = True
        if "bad" in prompts:
            raise ValueError("bad")
        return [prompt.upper() for prompt in prompts]

    found = {id(each): value for each, value in answered([good, bad, gone, other], ask)}
    assert found.pop(id(good)) == ["A", "B"] and found.pop(id(other)) == ["C"]
    assert isinstance(found.pop(id(bad)), ValueError) and not found
    assert asked == [["a", "b", "bad", "nobody", "c"], ["a", "b"], ["bad"], ["c"]]
    assert list(answered([gone], ask)) == []
