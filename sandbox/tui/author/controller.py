"""The file that an author is writing, apart from how it looks: what is in it, what is wrong, what is saved.

All that takes time happens on threads of a worker; what came of it arrives as messages that carry values.
It outlives its screen: a text that has not been saved is still there when the screen is opened again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING

from textual.message import Message

from sandbox.errors import Finding, SandboxError, WorldError
from sandbox.session import trials
from sandbox.session.reading import ParsedSource, read
from sandbox.session.trials import Standing
from sandbox.tui.worker import BackgroundWorker, News

if TYPE_CHECKING:
    from sandbox.session.authoring import Site
    from sandbox.world.check import Checked

Stamp = tuple[int, int]
_EVERY = 0.2


@dataclass(kw_only=True)
class AuthorNews(News):
    """The controller knows something that it did not. A part that is None is as it was."""

    text: str | None = None
    """What the file holds now, where it was read."""
    stamp: Stamp | None = None
    saved: str | None = None
    """What was written into the file."""
    changed: bool = False
    """Whether the file was not written, because somebody else has changed it."""
    reading: ParsedSource | None = None
    about: int = 0
    """Which text the reading is of."""
    doing: str | None = None
    """What takes long: how far it is, and empty at its end."""
    checked: Checked | None = None
    standing: Standing | None = None
    work: Event | None = None
    """What stops the work that this is news of, if it is of any that takes long."""
    error: Exception | None = None


class AuthorController:
    """Reads, writes and checks one file at a time. Its methods are for the screen's thread.

    Args:
        post: delivers a message to the screen from any thread.
    """

    def __init__(self, post: Callable[[Message], object]) -> None:
        self.site: Site | None = None
        self.text = ""
        """What the author sees."""
        self.on_disk = ""
        """What the file holds, as far as is known."""
        self.reading = ParsedSource()
        self.plan = self.reading.plan
        """The rooms, as the text last was a world."""
        self.checked: Checked | None = None
        self.check_is_stale = False
        """Whether the text has changed since it was checked."""
        self.standings: dict[str, Standing] = {}
        """How agents have fared, by their names."""
        self.doing = ""
        """What is under way that takes long."""
        self.since = 0.0
        """When that began, in monotonic seconds."""
        self.conflict = False
        """Whether the file was changed by somebody else while there were changes here."""
        self._worker = BackgroundWorker(post)
        self._stamp: Stamp | None = None
        self._version = 0
        self._stop = Event()

    @property
    def file(self) -> Path | None:
        """The file that is written, if there is one."""
        return self.site.file if self.site is not None else None

    @property
    def unsaved(self) -> bool:
        """Whether the file lacks what the author sees."""
        return self.text != self.on_disk

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that is known to be wrong, without what the text shows at sight to be right again."""
        checked = self.checked.findings if self.checked is not None and self.reading.loads else ()
        return tuple(dict.fromkeys((*self.reading.findings, *checked)))

    # What a person wants. Each is answered by `AuthorNews`.

    def open(self, site: Site) -> None:
        """Begin with the file of a world, or go on with it where it is open."""
        if self.site is None or site.file != self.site.file:
            self.stop()
            self.text = self.on_disk = ""
            self.reading, self.plan, self.checked = ParsedSource(), None, None
            self.standings, self._stamp, self.conflict = {}, None, False
        self.site = site
        self.look()

    def edit(self, text: str) -> None:
        """The author sees another text now."""
        if text != self.text:
            self.text = text
            self.check_is_stale = True
            self._version += 1

    def read(self) -> None:
        """Have what the author sees read."""
        text, version = self.text, self._version

        def job() -> None:
            if version == self._version:
                self._worker.tell(AuthorNews(reading=read(text, self.file), about=version))

        self._submit("author-reader", job)

    def look(self) -> None:
        """See whether the file is another than it was, and read it then."""
        file, stamp = self.file, self._stamp
        if file is None:
            return

        def job() -> None:
            now = _stamp(file)
            if now is not None and now != stamp:
                from sandbox.session.authoring import read as contents

                self._worker.tell(AuthorNews(text=contents(file), stamp=now))

        self._submit("author-file", job)

    def save(self, *, anyway: bool = False) -> None:
        """Write what the author sees, unless somebody else has changed the file meanwhile."""
        file, text, known = self.file, self.text, self.on_disk
        if file is None:
            return

        def job() -> None:
            from sandbox.files import write_bytes
            from sandbox.session.authoring import read as contents

            there = contents(file) if file.exists() else None
            if there not in (known, text, None) and not anyway:
                self._worker.tell(AuthorNews(changed=True))
                return
            try:
                write_bytes(file, text.encode())
            except OSError as error:
                raise WorldError(f"not saved: {error.strerror or error}", where=file) from error
            self._worker.tell(AuthorNews(saved=text, stamp=_stamp(file)))

        self._submit("author-file", job)

    def check(self) -> None:
        """Have the world played in every way there is, as far as that goes in a minute."""
        text, file = self.text, self.file
        stop = self._begin("checking")

        def job() -> None:
            from sandbox.world.check import check
            from sandbox.world.native import NativeWorld, parse_source

            source = parse_source(text, file or "world.yaml")
            if source.definition.kind == "task":
                raise WorldError("a text task is checked when it is read", hint="play it")
            said = 0.0

            def progress(known: int, waiting: int) -> None:
                nonlocal said
                if stop.is_set():
                    raise _StoppedError
                if monotonic() - said > _EVERY:
                    said = monotonic()
                    doing = f"checking: {known:,} states, {waiting:,} to look into"
                    self._worker.tell(AuthorNews(doing=doing, work=stop))

            self._worker.tell(AuthorNews(checked=check(NativeWorld(source), progress=progress), work=stop))

        self._submit("author-work", job, work=stop)

    def measure(self) -> None:
        """Have agents play the world as it is saved, to see how hard it is."""
        file = self.file
        if file is None:
            return
        self.standings = {}
        stop = self._begin("agents begin to play")

        def job() -> None:
            for standing in trials.run(file, stop):
                self._worker.tell(AuthorNews(standing=standing, doing=standing.progress, work=stop))

        self._submit("author-work", job, work=stop)

    def stop(self) -> None:
        """Wait no more for what takes long; it comes to its end by itself, its result dropped."""
        self._stop.set()
        self.doing = ""

    def close(self) -> None:
        """Stop everything."""
        self.stop()
        self._worker.close()

    # Answers.

    def take(self, news: AuthorNews) -> None:
        """Keep what a message says, but for news of what nobody waits for any more."""
        if news.work is not None and (news.work is not self._stop or news.work.is_set()):
            return
        if news.text is not None:
            self._stamp = news.stamp
            if news.text != self.on_disk:
                clean = not self.unsaved
                self.on_disk = news.text
                self.conflict = not clean and self.unsaved
                if clean:
                    self.edit(news.text)
        if news.saved is not None:
            self.on_disk, self._stamp, self.conflict = news.saved, news.stamp, False
        if news.reading is not None and news.about == self._version:
            self.reading = news.reading
            self.plan = news.reading.plan or self.plan
        if news.doing is not None:
            self.doing = news.doing
        if news.checked is not None:
            self.checked, self.check_is_stale = news.checked, False
        if news.standing is not None:
            self.standings[news.standing.agent] = news.standing

    def _begin(self, doing: str) -> Event:
        """Begin something that takes long in place of what is under way; what stops it."""
        self.stop()
        self._stop = Event()
        self.doing, self.since = doing, monotonic()
        return self._stop

    def _submit(self, thread: str, job: Callable[[], None], *, work: Event | None = None) -> None:
        def run() -> None:
            with suppress(_StoppedError):
                job()
            if work is not None:
                self._worker.tell(AuthorNews(doing="", work=work))

        def failed(error: Exception) -> AuthorNews:
            return AuthorNews(error=error, doing=None if work is None else "", work=work)

        self._worker.submit(thread, run, failed)


class _StoppedError(SandboxError):
    """Nobody waits for it any more."""

    def __init__(self) -> None:
        super().__init__("stopped")


def _stamp(file: Path) -> Stamp | None:
    try:
        status = file.stat()
    except OSError:  # an editor may be putting another file in its place
        return None
    return status.st_mtime_ns, status.st_size
