"""In a real browser, headless Chromium: the game that `sandbox serve` shows, and the page that a save becomes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte
import pytest
from conftest import Weigher, open_session
from playwright.sync_api import Browser, Page, WebSocket, sync_playwright

from sandbox.render.html import page as page_of
from sandbox.store import Store

pytestmark = pytest.mark.browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = next(filter(None, map(shutil.which, NAMES)), None)  # else playwright's own
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        opened.close()


def serve(home: Path, *words: str, port: int = 0, token: str = "") -> subprocess.Popen[str]:
    """Start `sandbox serve`."""
    left_out = ("NO_COLOR", "SANDBOX_HOME", "SANDBOX_TOKEN")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--home", str(home), "serve", *words, "--port", str(port)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment | ({"SANDBOX_TOKEN": token} if token else {}),
    )


def address_of(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    return server.stdout.readline().split()[1]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of a server that shows the lighthouse."""
    server = serve(tmp_path, "lighthouse", "--agent", "q-table")
    try:
        yield address_of(server)
    finally:
        server.terminate()
        assert server.wait(30) == 0


class Terminal:
    """The terminal in a page: what was sent to it is drawn here too, so that it can be read."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.asked: list[str] = []
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", self._connect)
        page.goto(address)

    def _connect(self, socket: WebSocket) -> None:
        columns, rows = map(int, re.findall(r"(?:width|height)=(\d+)", socket.url))
        self._screen.resize(rows, columns)
        self._screen.reset()
        socket.on("framereceived", lambda data: self._stream.feed(data) if isinstance(data, bytes) else None)

    def clear(self) -> None:
        """Forget what was drawn, for a page that is going to be loaded anew."""
        self._screen.reset()

    def reload(self) -> None:
        self.clear()
        self.page.reload()

    def type(self, line: str) -> None:
        self.page.keyboard.type(line)
        self.page.keyboard.press("Enter")

    def until(self, seen: Callable[[str], bool]) -> str:
        end = time.monotonic() + 60
        while not seen(text := "\n".join(line.rstrip() for line in self._screen.display)):
            assert time.monotonic() < end, f"never seen:\n{text}"
            self.page.wait_for_timeout(50)
        return text


def saves(home: Path) -> dict[str, list[str]]:
    """What was done in each save, in the order of their names; rewards as numbers."""
    done = {}
    for folder in sorted((home / "saves").glob("*")):
        with Store.open(folder, readonly=True) as store:
            acts = [node.command for node in store.timeline().nodes() if node.parent]
            done[folder.name] = [*acts, *(str(said.value) for said in store.feedback())]
    return done


def test_two_browsers_play_reward_and_undo_each_in_a_save_of_its_own(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    ann = Terminal(browser.new_context(viewport={"width": 1100, "height": 640}).new_page(), address)
    ann.until(lambda text: "Landing" in text and "wants" in text)
    ann.type("go up")
    ann.until(lambda text: "> go up" in text and "Cliff path" in text)
    ann.type("/reward +1")
    ann.until(lambda text: "+1 from you" in text and "Q(s, go up)" in text)
    bob = Terminal(browser.new_page(), address)
    bob.until(lambda text: "Landing" in text and "wants" in text)
    bob.type("go east")
    bob.until(lambda text: "> go east" in text)
    ann.type("undo")
    ann.until(lambda text: "> go up" not in text and "Landing" in text)
    assert sorted(saves(tmp_path).values()) == [["go east"], ["go up", "1.0"]]

    bob.reload()
    bob.until(lambda text: "> go east" in text and "wants" in text)
    bob.type("/quit")
    bob.page.get_by_text("This game has ended here").wait_for()
    assert len(saves(tmp_path)) == 2
    assert {url.split("/")[2] for url in ann.asked + bob.asked} == {address.split("/")[2]}


def test_a_seat_is_taken_from_the_lobby_in_another_browser(browser: Browser, tmp_path: Path) -> None:
    server = serve(tmp_path, "millrace", "--seat", "tamsin=human", "--seat", "jory=human")
    try:
        address = address_of(server)
        tamsin = Terminal(browser.new_context().new_page(), address)
        tamsin.until(lambda text: "Enter, when nobody else is looking" in text)
        tamsin.page.keyboard.press("Enter")
        tamsin.until(lambda text: "Your turn, Tamsin" in text)
        jory = Terminal(browser.new_context().new_page(), address.replace("/?", "/lobby?"))
        jory.page.get_by_text("Hollin Mill").wait_for()
        jory.page.get_by_text("Play Jory").click()
        jory.until(lambda text: "You are Jory" in text and "Tamsin is to move" in text)
        tamsin.type("take lantern")
        jory.until(lambda text: "Your turn." in text)
        jory.type("/chat here I go")
        jory.type("go east")
        jory.until(lambda text: "> go east" in text and "Wheelhouse" in text)
        told = tamsin.until(lambda text: "Jory: here I go" in text and "Your turn, Tamsin" in text)
        assert "Wheelhouse" not in told
        (commands,) = saves(tmp_path).values()
        assert commands == ["take lantern", "go east"]
    finally:
        server.terminate()
        assert server.wait(30) == 0


def test_a_page_waits_for_a_server_that_restarts_and_goes_on(browser: Browser, tmp_path: Path) -> None:
    server = serve(tmp_path, "lighthouse", "--agent", "q-table", token="open-sesame-open-sesame")
    try:
        address = address_of(server)
        ann = Terminal(browser.new_page(), address)
        ann.until(lambda text: "Landing" in text and "wants" in text)
        ann.type("go up")
        ann.until(lambda text: "> go up" in text and "Cliff path" in text)
        server.kill()
        server.wait()
        ann.page.get_by_text("The server is away; the game is saved. Waiting for it").wait_for()
        ann.clear()
        port = int(address.split(":")[2].partition("/")[0])
        server = serve(tmp_path, "lighthouse", "--agent", "q-table", port=port, token="open-sesame-open-sesame")
        address_of(server)
        ann.until(lambda text: "> go up" in text and "Cliff path" in text and "wants" in text)
        assert list(saves(tmp_path).values()) == [["go up"]]
        server.terminate()
        server.wait(30)
        server = serve(tmp_path, "lighthouse", port=port, token="another-sesame-another")
        ann.page.get_by_text("The server is back with another token").wait_for()
    finally:
        server.terminate()
        server.wait(30)


def test_the_page_of_a_save(browser: Browser, save: Path, tmp_path: Path) -> None:
    session = open_session(save, Weigher())
    session.step()
    session.rate(1, comment="<script>document.title = 'mine'</script>")
    session.undo()
    session.act("take matches", decision=session.decide())
    file = tmp_path / "friday.html"
    file.write_text("".join(page_of(session.store, "friday")), encoding="utf-8")
    session.close()
    backgrounds = set()
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(file.as_uri())
        assert asked == [file.as_uri()]
        assert page.title() == "The Lighthouse · friday"
        assert not page.get_by_text("document.title = 'mine'").is_visible()
        page.get_by_text("Also tried:").click()
        assert page.get_by_text("document.title = 'mine'").is_visible()
        page.get_by_text("q-table wanted").last.click()
        assert page.locator("details[open] td").first.inner_text() == "look"
        backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2
