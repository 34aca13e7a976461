"""Hearing what a real model writes while it writes it."""

import pytest

from sandbox.llm.streaming import StoppedError, streaming, tell

PROMPT = "You are in a kitchen. A lamp stands here.\n\n>"


def test_what_is_written_is_heard_token_by_token(local_model):
    heard = []
    with streaming(lambda texts: heard.append(tuple(texts))):
        samples = local_model.sample(PROMPT, 2, seed=3, max_tokens=5, stop=())
    written = [texts for texts in heard if texts]
    assert len(written) == 5
    assert written[-1] == tuple(sample.text for sample in samples)
    assert all(after.startswith(before) for before, after in zip(written[1], written[2], strict=True))


def test_it_stops_before_the_next_token_and_is_none_the_worse(local_model):
    before = local_model.sample(PROMPT, 2, seed=4, max_tokens=4)
    heard = []

    def stop(texts):
        heard.append(texts)
        if len(heard) == 3:
            raise StoppedError

    with pytest.raises(StoppedError), streaming(stop):
        local_model.sample(PROMPT, 2, seed=5, max_tokens=40)
    assert len(heard) == 3
    assert local_model.sample(PROMPT, 2, seed=4, max_tokens=4) == before


def test_nobody_listening_is_no_trouble():
    tell(["words"])
    with streaming(lambda texts: None):
        pass
    tell(["more words"])
