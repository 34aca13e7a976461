"""A save as a page: what is on it, in which order, and that nothing from outside gets to do anything there."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from play_parts import CaveWorld, TableAgent

from sandbox.cli import save as command_line
from sandbox.errors import SaveError
from sandbox.render.html import page
from sandbox.session.session import Session
from sandbox.store import Store

EVIL = "<script>window.fired = true</script><img src=x>"
_VOID = {"meta", "br", "img", "link", "hr"}


class Reader(HTMLParser):
    """The tags and texts of a page; complains where tags do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.deepest = 0
        self.told: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)
        self.deepest = max(self.deepest, len(self.open))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "title"} & set(self.open):
            self.told.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.told).split())


def session(*, evil: str = "", length: int = 30, cards: dict[str, str] | None = None) -> Session:
    return Session.create(
        Store.memory(),
        CaveWorld(length=length),
        {"digger": TableAgent(f"table{evil}")},
        seed=1,
        annotator=f"ada{evil}",
        cards=cards,
    )


def read(played: Session, **more: int | None) -> Reader:
    return Reader("".join(page(played.store, "friday", **more)))


def test_the_story_is_told_with_decisions_feedback_and_other_tries() -> None:
    played = session()
    played.step()
    played.rate(1, comment="well dug")
    played.undo()
    played.act("west", decision=played.decide())
    played.act("east")
    played.bookmark("the fork")
    played.jump(2)
    played.step()
    text = read(played).text
    order = [
        "A cave Save friday",
        "Episode 1, seed 1",
        "You enter the cave.",
        f"> {played.timeline.get(2).command} table",
        "★ +1 from ada: well dug",
        "Also tried: > west , 2 turns",
        "> west a person, in place of",
        "> east a person",
        "⚑ the fork",
        "Nothing happens.",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places), text
    assert "proposal prior Q score dig I dig −1.00 0.00 0.00" in text
    assert "fake@base highest Q" in text


def test_agents_greet_at_the_opening_of_each_episode() -> None:
    played = session(cards={"digger": "greeting: Dig in, <b>friend</b>."})
    played.act("dig")
    played.new_episode()
    told = Reader("".join(page(played.store, "friday")))
    assert told.text.count("table: “Dig in, <b>friend</b>.”") == 2
    assert "Dig in" not in Reader("".join(page(session(cards={"digger": "greeting: ["}).store, "x"))).text


def test_nothing_from_outside_becomes_part_of_the_page() -> None:
    played = session(evil=EVIL)
    played.act(f"shout {EVIL}", decision=played.decide())
    played.rate(-1, comment=EVIL, reasons=(EVIL,))
    played.correct(EVIL)
    played.comment(EVIL)
    played.bookmark(EVIL[:60])
    played.undo()
    played.step()
    reader = Reader("".join(page(played.store, EVIL)))
    assert not {"script", "img", "link", "iframe"} & {tag for tag, _ in reader.tags}
    assert not any(name.startswith("on") or name == "src" for _, names in reader.tags for name in names)
    assert all(names["href"].startswith("#") for _, names in reader.tags if names.get("href"))  # type: ignore[union-attr]
    assert reader.text.count("<script>window.fired = true</script>") >= 6
    (policy,) = (names["content"] for _, names in reader.tags if names.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_tries_within_tries_without_end() -> None:
    played = session(length=200)
    spine = [played.act("west").id for _ in range(60)]
    for turn in reversed(spine):  # so that each was left for another way on
        played.jump(turn)
        played.act("east")
    reader = read(played)
    numbers = {names["id"] for tag, names in reader.tags if tag == "article"}
    assert numbers == {f"t{node.id}" for node in played.timeline.nodes()}
    assert reader.deepest < 60


def test_the_latest_episodes_or_all() -> None:
    played = session()
    for _ in range(3):
        played.new_episode()
    assert "Episode 1," in read(played).text
    latest = read(played, latest=2).text
    assert "2 earlier episodes are left out" in latest
    assert "Episode 2," not in latest
    assert "Episode 3, seed 3" in latest


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="no-such-folder"):
        command_line._write(tmp_path / "no-such-folder" / "page.html", ["<!DOCTYPE html>"])
