"""Recordings: an asciicast that an emulator can play, of what was played and of somebody playing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pyte
import pytest
from conftest import MakeApp, Weigher, open_session, settled, typed
from textual.drivers.headless_driver import HeadlessDriver

from sandbox.cli.animation import animate
from sandbox.errors import UsageError
from sandbox.render.asciicast import Recording
from sandbox.session.replay import RecordedPlay
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.tui.recording import recorded, replay


def moments(cast: Path) -> Iterator[tuple[float, str]]:
    """The time and the text of the screen after each line of a recording."""
    header, *lines = map(json.loads, cast.read_text(encoding="utf-8").splitlines())
    assert header["version"] == 2
    screen = pyte.Screen(header["width"], header["height"])
    stream = pyte.Stream(screen)
    before = 0.0
    for seconds, kind, text in lines:
        assert seconds >= before
        before = seconds
        if kind == "o":
            stream.feed(text)
        yield seconds, "\n".join(line.rstrip() for line in screen.display)


def played(save: Path) -> tuple[RecordedPlay, Session]:
    """The agent acts, is rewarded, a person oversteps it, takes that back and tries something else."""
    session = open_session(save, Weigher())
    session.step()
    session.rate(1, comment="bravely done")
    session.act("take matches", decision=session.decide())
    session.undo()
    session.act("go north")
    session.comment("a better way")
    session.close()
    store = Store.open(save, readonly=True)
    return RecordedPlay.of(store), session


def test_what_was_played_is_seen_again(save: Path, tmp_path: Path) -> None:
    recorded, session = played(save)
    file = tmp_path / "friday.cast"
    with Store.open(save, readonly=True) as store:
        replay(recorded, store.feedback(), file, size=(100, 30))
    seen = list(moments(file))
    texts = [text for _, text in seen]

    def first(part: str) -> int:
        return next(index for index, text in enumerate(texts) if part in text)

    command = session.timeline.node(2).command
    order = [
        first("A storm is coming"),
        first(f"◆ > {command}"),
        first("★ +1 from ada  bravely done"),
        first("❯ take mat"),
        first("▲ > take matches"),
        first("> go north"),
        first("✎ a better way"),
    ]
    assert order == sorted(order)
    assert "> take matches" not in texts[-1]
    assert "> go north" in texts[-1]
    assert 10 < seen[-1][0] < 60  # waiting is left out; reading is not
    assert "38;2;" in file.read_text(encoding="utf-8")


def test_neither_world_nor_agent_is_needed(save: Path, tmp_path: Path) -> None:
    recorded, _ = played(save)
    session = recorded.session()
    assert session.observation().text.startswith("A storm is coming")
    assert session.decide() == recorded.turns[0].decision
    recorded.next = recorded.turns[0]
    with pytest.raises(Exception, match="not what was done"):
        session.act("sing")
    assert session.act(recorded.turns[0].command).command == recorded.turns[0].command


def test_a_recording_becomes_a_picture_that_moves(tmp_path: Path) -> None:
    cast, svg = tmp_path / "session.cast", tmp_path / "session.svg"
    with cast.open("w", encoding="utf-8") as stream:
        recording = Recording(stream, (20, 3), "a <title>")
        for number in range(5):
            recording.write(
                number, f"\x1b[2J\x1b[H\x1b[38;2;1;2;3mturn {number} & so on\x1b[0m\r\n同じ\r\nthe same"
            )
        recording.close()
    animate(cast, svg)
    picture = ElementTree.parse(svg).getroot()
    texts = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert [text for text in texts if "turn" in (text or "")] == [f"turn {number} & so on" for number in range(5)]
    assert [text.strip() for text in texts if text and "the same" in text] == ["the same"]  # once for all frames
    assert "#010203" in svg.read_text(encoding="utf-8")
    assert len(list(picture.iter("{http://www.w3.org/2000/svg}use"))) == 5 * 3


async def test_somebody_playing_is_recorded(make_app: MakeApp, tmp_path: Path) -> None:
    app, file = make_app(Weigher()), tmp_path / "live.cast"
    app.driver_class = HeadlessDriver
    with recorded(app, file):
        async with app.run_test(headless=False, size=(100, 30)) as pilot:
            await settled(pilot)
            await typed(pilot, "take matches")
    assert any("> take matches" in text and "You pocket" in text for _, text in moments(file))


def test_a_recording_that_cannot_be_written_is_an_error_of_the_user(make_app: MakeApp) -> None:
    with pytest.raises(UsageError, match="nowhere"), recorded(make_app(), Path(os.devnull) / "nowhere.cast"):
        raise AssertionError("nothing is recorded")
