"""What the screen of a game does for authors: it opens the world's file beside it, and builds at its prompt."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on
from textual.screen import Screen
from textual.widgets import Label

from sandbox.paths import Home
from sandbox.session import authoring
from sandbox.tui import format as fmt
from sandbox.tui.author import pages
from sandbox.tui.author.controller import AuthorController, AuthorNews
from sandbox.tui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from sandbox.session.command import Typed
    from sandbox.session.controller import Controller
    from sandbox.session.driver import Answered, Driver
    from sandbox.tui.screens.author import AuthorScreen

_ASK = 'Play, or build: dig north "Cave"   (/author off ends it)'


class AuthorsScreen(Screen[None]):
    """A screen of a game whose world can be written while it is played.

    Once the author's screen has been opened, verbs that build need no slash at the prompt: that is author mode.
    """

    driver: Driver
    controller: Controller

    def __init__(self) -> None:
        super().__init__()
        self.author = AuthorController(self.post_message)
        self.authoring = False
        """Whether verbs that build need no slash."""
        self._asked = ""
        self._warned = False
        self._beside: AuthorScreen | None = None
        """The author's screen; it is kept, with cursor and undo, while the game is in front."""

    def on_unmount(self) -> None:
        self.author.close()
        if self._beside is not None and self._beside not in self.app.screen_stack:
            self.app.uninstall_screen(self._beside)
            self._beside.remove()

    # What a person wants.

    def author_mode(self, word: str) -> None:
        """`/author` opens the file, `/author off` ends author mode."""
        if word.lower() == "off":
            self._set_mode(on=False)
        else:
            self.driver.ask("author", authoring.site)

    def may_leave(self) -> bool:
        """Whether nothing is lost that was written; asked again, it may be."""
        if not self.author.unsaved or self._warned:
            return True
        self._warned = True
        told = "What you wrote in the world's file is not saved: F8 and Ctrl+S save it. Asked again, it is lost."
        self.notify(told, severity="warning", markup=False)
        return False

    def as_builder(self, typed: Typed) -> Typed:
        """What was typed; a builder's command where it is one, now."""
        from sandbox.world.building import BUILDERS

        word = typed.argument.split(" ")[0].lower()
        if self.authoring and typed.verb == "command" and word in {builder.name for builder in BUILDERS}:
            return replace(typed, verb="build")
        return typed

    def build(self, line: str) -> None:
        """Change the world's file as a builder says, and go on in it."""
        self.controller.change("build", lambda session: authoring.build(session, line))

    def test(self, room: str) -> None:
        """Go on in the world as its file is now; in a room, if one is named."""
        self.controller.change("test", lambda session: authoring.test(session, room))

    def copy_world(self) -> None:
        """Copy the world to where the player's own are, and go on with that."""
        folder = Home.find().folder("worlds")
        self.driver.ask("copy", lambda session: authoring.copied(session, folder))

    def build_words(self, typed: str) -> Sequence[str]:
        """Completions for builders."""
        if not self.authoring or " " in typed:
            return ()
        from sandbox.world.building import BUILDERS

        return [builder.name for builder in BUILDERS]

    # Answers.

    def authored(self, event: Answered) -> bool:
        """Take an answer, if it is one for authors."""
        if not isinstance(event.answer, authoring.Site):
            return False
        site = event.answer
        self.author.open(site)
        self._set_mode(on=site.file is not None and not site.foreign)
        self._open()
        return True

    def built(self, line: str) -> None:
        """Something was built."""
        self.say(line)
        if self._beside is not None and self._beside.is_current:
            self._beside.built(line)

    @on(AuthorNews)
    def _author_news(self, news: AuthorNews) -> None:
        if self._beside is not None:
            self._beside.note()
        self.author.take(news)
        self._warned = self._warned and self.author.unsaved
        if self._beside is not None:
            self._beside.show(news)

    @abstractmethod
    def say(self, text: str) -> None:
        """Say something below the story."""

    def _open(self) -> None:
        from sandbox.tui.screens.author import AuthorScreen

        if self._beside is None:
            self._beside = AuthorScreen(self.author, self.build, self.test, self.copy_world)
            self.app.install_screen(self._beside, "author")
        if self._beside.is_current:
            self._beside.begin()
        elif self._beside not in self.app.screen_stack:
            self.app.push_screen(self._beside)

    def _set_mode(self, *, on: bool) -> None:
        self.authoring = on
        prompt = self.query_one("#prompt", Prompt)
        self._asked = self._asked or str(prompt.placeholder)
        prompt.placeholder = _ASK if on else self._asked
        self.query_one("#sign", Label).update(pages.PENCIL if on else fmt.PERSON)
