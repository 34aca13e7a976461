"""What the screen of a game does for people at other screens: it lets them join, and shows what they say."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content
from textual.screen import Screen

from sandbox.errors import PlayError, SandboxError
from sandbox.session import moves
from sandbox.tui import format as fmt
from sandbox.tui.story import Block, Paragraph

if TYPE_CHECKING:
    from sandbox.session.controller import Controller
    from sandbox.session.driver import Failed
    from sandbox.session.view import View
    from sandbox.together import Invitation
    from sandbox.together.host import GameHost

_SAID = 200
"""Lines of the people's talk that are kept."""


class HostingScreen(Screen[None]):
    """A screen of a game that others may join, where it was opened to that."""

    controller: Controller
    save: str

    def __init__(self) -> None:
        super().__init__()
        self.invitation: Invitation | None = None
        """None where nobody may join."""
        self._host: GameHost | None = None
        self._talk: list[tuple[int, Block]] = []
        """What people said, each with the turn after which they said it."""

    # What the game tells.

    def host_opens(self) -> None:
        """Let people in."""
        if self.invitation is not None:
            self.run_worker(self._open_host(self.invitation))

    async def _open_host(self, invitation: Invitation) -> None:
        from sandbox.together.host import GameHost

        view = self.controller.view
        assert view is not None, "the game is open"
        host = GameHost(self, invitation, self.save)
        try:
            await host.open(view)
        except (SandboxError, OSError) as error:
            self.notify(f"Nobody can join: {error}", severity="warning", markup=False)
        else:
            self._host = host

    def host_follows(self, view: View) -> None:
        """Tell those who have joined."""
        if self._host is not None:
            self._host.follow(view)

    def host_failed(self, event: Failed) -> None:
        """Something could not be done: where it was a command of theirs, they are told."""
        if self._host is not None and event.doing.startswith(">"):
            self._host.failed(str(event.error))

    def host_waits(self, text: str) -> None:
        """The game waits for something, or no longer where the text is empty: they wait, too."""
        if self._host is not None:
            self._host.note(text or "It is back.")

    async def close_host(self) -> None:
        """Send everybody away."""
        if self._host is not None:
            host, self._host = self._host, None
            await host.close()

    def chat(self, words: str) -> None:
        """Say something to those who have joined. Raises `PlayError` where there is nobody."""
        if self._host is None:
            raise PlayError("nobody can join this game", hint="open it with: sandbox play --open")
        self._host.chat(words)

    def with_talk(self, blocks: Sequence[Block]) -> list[Block]:
        """The story's blocks, one for each turn on the way here, with what people said in between."""
        view = self.controller.view
        if view is None or not self._talk:
            return list(blocks)
        after: dict[int, list[Block]] = {}
        for turn, block in self._talk:
            after.setdefault(turn, []).append(block)
        told: list[Block] = []
        for turn_of, block in zip(view.path, blocks, strict=False):
            told += [block, *after.get(turn_of.id, ())]
        return [*told, *blocks[len(view.path) :]]

    # What the host asks for.

    @property
    def under_way(self) -> bool:
        return self.controller.pending > 0

    def seat_elsewhere(self, seat: str, elsewhere: bool) -> None:
        self.controller.change(
            "seat", partial(moves.sit, seat=seat, elsewhere=elsewhere), halting=False, keeps=True
        )

    def act_elsewhere(self, seat: str, command: str) -> None:
        self.controller.act_elsewhere(seat, command)

    def hear(self, who: str, words: str) -> None:
        self._said(Content.assemble((f"{who}: ", "bold"), words), fmt.CHAT)

    def remark(self, text: str) -> None:
        self._said(Content.styled(text, fmt.MUTED), fmt.CHAT)

    def _said(self, text: Content, glyph: str) -> None:
        view = self.controller.view
        if view is None or not self.is_attached:
            return
        paragraph = Paragraph(text, glyph, "$text-accent")
        self._talk = [*self._talk, (view.current.id, Block(("talk", object()), lambda: (paragraph,)))][-_SAID:]
        self.show_talk()

    def show_talk(self) -> None:
        """Draw the story again, with what was said."""
