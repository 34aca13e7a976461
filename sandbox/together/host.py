"""The game's side: it lets people in, tells each what their seat perceives, and takes their commands in turn.

All of it runs on one event loop, the screen's; the session is reached through the screen alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from hmac import compare_digest
from time import monotonic
from typing import Protocol

from sandbox.errors import PlayError
from sandbox.session.view import View
from sandbox.text import clean_line, counted
from sandbox.together import Invitation, telling, wire
from sandbox.together.places import GameOffer, GamePlace, SeatOffer

_MOST_GUESTS = 16
_MOST_CONNECTIONS = 2 * _MOST_GUESTS
_GREETING = 10.0
"""Seconds in which a guest has to say what it wants."""
_GRACE = 30.0
"""Seconds for which a seat stays a guest's whose connection was lost."""
_LAST_WORDS = 1.0
"""Seconds for which guests may take to hear that the game is over."""
_AT_ONCE, _PER_SECOND = 40, 5.0
"""Messages of a guest: so many at once, so many a second in the long run."""
_LONGEST_QUEUE = 20
"""Commands of a seat that wait for its turn."""
_UNREAD = 256
"""Messages that a guest has not read yet; one that leaves more is put out."""


class HostScreen(Protocol):
    """The screen whose game others join."""

    @property
    def under_way(self) -> bool:
        """Whether something is being done to the session."""

    def seat_elsewhere(self, seat: str, elsewhere: bool) -> None:
        """The person of a seat sits at another screen, or no longer."""

    def act_elsewhere(self, seat: str, command: str) -> None:
        """A command of such a seat, whose turn it is."""

    def hear(self, who: str, words: str) -> None:
        """Somebody says something to the people."""

    def remark(self, text: str) -> None:
        """Something about those who have joined."""


@dataclass(eq=False)
class _Guest:
    seat: str | None
    """None for one who watches."""
    name: str
    ticket: str = field(default_factory=lambda: secrets.token_hex(16))
    lines: deque[str] = field(default_factory=deque)
    outbox: asyncio.Queue[wire.ToGuest | None] = field(default_factory=lambda: asyncio.Queue(_UNREAD))
    """None hangs up."""
    connection: asyncio.StreamWriter | None = None
    """None while it is lost."""
    late: asyncio.TimerHandle | None = None
    """Gives the seat back."""


class GameHost:
    """One game that can be joined.

    Args:
        screen: whose game it is.
        invitation: to whom it is open.
        save: its name; a game has the same id whenever it is opened.
    """

    def __init__(self, screen: HostScreen, invitation: Invitation, save: str) -> None:
        self.id = hashlib.sha256(f"{invitation.home.resolve()}\0{save}".encode()).hexdigest()[:8]
        self._screen = screen
        self._home, self._watchers = invitation.home, invitation.watchers
        self._key = secrets.token_hex(16)
        self._guests: list[_Guest] = []
        self._attending: set[asyncio.Task[object]] = set()
        """One for each connection."""
        self._view: View | None = None
        self._place: GamePlace | None = None
        self._server: asyncio.Server | None = None
        self._offered: GameOffer | None = None

    async def open(self, view: View) -> None:
        """Let people in from now on. Raises `UsageError`, `OSError` where there is no place for the socket."""
        self._view = view
        self._place = place = GamePlace.of(self.id)
        self._server = await asyncio.start_unix_server(
            self._attend, place.socket, limit=wire.FROM_GUEST, backlog=_MOST_CONNECTIONS
        )
        place.socket.chmod(0o600)
        self._offer()

    async def close(self) -> None:
        """Send everybody away."""
        if self._server is not None:
            self._server.close()
        for guest in self._guests:
            if guest.late is not None:
                guest.late.cancel()
            self._tell(guest, wire.Bye(why="whose game it is has left; what was played is saved"))
            self._tell(guest, None)
        self._guests.clear()
        if attending := list(self._attending):
            _, slow = await asyncio.wait(attending, timeout=_LAST_WORDS)
            for task in slow:
                task.cancel()
        if self._place is not None:
            self._place.leave()

    # What the screen tells.

    def follow(self, view: View) -> None:
        """The game stands so now: everybody is told what is new to them."""
        before, self._view = self._view, view
        if before is None:
            return
        for guest in list(self._guests):
            if guest.seat in view.agents:
                self._put_out(guest, f"an agent plays {guest.name} from now on")
                continue
            eyes = view.watcher if guest.seat is None else guest.seat
            lines = telling.change(before, view, eyes, typed=guest.seat is not None)
            for piece in wire.story(lines):
                self._tell(guest, piece)
            if view.current is not before.current or view.to_move != before.to_move:
                self._tell(guest, self._turn_of(guest, view))
        self._offer()
        self._go_on()

    def note(self, text: str) -> None:
        """Something that all who have joined should know."""
        for guest in self._guests:
            self._tell(guest, wire.Note(text=clean_line(text)))

    def failed(self, text: str) -> None:
        """What was being done could not be done: told to whom it may have been."""
        for guest in self._guests:
            if self._view is not None and guest.seat is not None and guest.seat == self._view.to_move:
                guest.lines.clear()
                self._tell(guest, wire.Note(text=clean_line(text)))
                self._tell(guest, self._turn_of(guest, self._view))

    def chat(self, words: str) -> None:
        """The person at the screen says something to all. Raises `PlayError` where nobody is there."""
        if not self._guests:
            raise PlayError("nobody has joined", hint="`sandbox join` on this machine lists the games to join")
        words = clean_line(words)
        if not words:
            raise PlayError("there is nothing to say", hint="such as: /chat shall we go north?")
        self._spread(self._host_name, words)

    @property
    def _host_name(self) -> str:
        view = self._view
        return view.name(view.people[0]) if view is not None and view.people else "the host"

    # Guests.

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from the first word to the last."""
        guest: _Guest | None = None
        outbox: asyncio.Queue[wire.ToGuest | None] = asyncio.Queue(_UNREAD)
        sending = asyncio.ensure_future(_send(outbox, writer))
        left = len(self._attending) >= _MOST_CONNECTIONS
        task = asyncio.current_task()
        assert task is not None, "each connection has a task"
        self._attending.add(task)
        try:
            if not left:
                async with asyncio.timeout(_GREETING):
                    hello = wire.from_guest(await reader.readuntil())
                guest = self._let_in(hello, writer, outbox)
                left = await self._listen(guest, reader)
        except PlayError as error:
            left = True
            with suppress(asyncio.QueueFull):
                outbox.put_nowait(wire.Bye(why=clean_line(str(error))))
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # it is gone, slow, sends more than a guest would, or the game is over
        finally:
            self._attending.discard(task)
            if guest is not None and guest.connection is writer:
                guest.connection = None
                self._left(guest, for_good=left)
            with suppress(asyncio.QueueFull):
                outbox.put_nowait(None)
            await asyncio.wait({sending}, timeout=_LAST_WORDS)
            sending.cancel()
            with suppress(OSError):
                writer.close()

    def _let_in(
        self, hello: wire.FromGuest, writer: asyncio.StreamWriter, outbox: asyncio.Queue[wire.ToGuest | None]
    ) -> _Guest:
        """Raises `PlayError` where it may not come in."""
        view = self._view
        if (
            not isinstance(hello, wire.Join)
            or not compare_digest(hello.key.encode(), self._key.encode())
            or view is None
        ):
            raise PlayError("this is not for you")
        guest = next((each for each in self._guests if hello.ticket and each.ticket == hello.ticket), None)
        if guest is None:
            guest = self._new_guest(hello, view)
        elif guest.connection is not None:
            guest.connection.close()
        if guest.late is not None:
            guest.late.cancel()
        guest.connection, guest.outbox = writer, outbox
        self._tell(
            guest, wire.Welcome(world=view.world, name=guest.name if guest.seat else "", ticket=guest.ticket)
        )
        eyes = view.watcher if guest.seat is None else guest.seat
        for piece in wire.story(telling.so_far(view, eyes)):
            self._tell(guest, piece)
        self._tell(guest, self._turn_of(guest, view))
        return guest

    def _new_guest(self, hello: wire.Join, view: View) -> _Guest:
        if len(self._guests) >= _MOST_GUESTS:
            raise PlayError("all places are taken")
        if hello.watch:
            if not self._watchers:
                raise PlayError("nobody may watch this game")
            guest = _Guest(None, f"watcher {1 + sum(each.seat is None for each in self._guests)}")
        else:
            free = self._free(view)
            if not free:
                raise PlayError("no seat is free here", hint="--watch lets you watch")
            seat = hello.seat or free[0]
            if seat not in free:
                raise PlayError(f"the seat {seat!r} is not free", hint=f"free: {', '.join(free)}")
            guest = _Guest(seat, view.name(seat))
            self._screen.seat_elsewhere(seat, True)
        self._guests.append(guest)
        sees = " and sees what you see" if guest.seat is None else ""
        self._announce(f"{guest.name} has joined{sees}", but=guest)
        return guest

    async def _listen(self, guest: _Guest, reader: asyncio.StreamReader) -> bool:
        """Take what a guest says until it leaves: True where it said so. Raises `PlayError` for nonsense."""
        allowed, at = float(_AT_ONCE), monotonic()
        while True:
            said = wire.from_guest(await reader.readuntil())
            now = monotonic()
            allowed, at = min(allowed + _PER_SECOND * (now - at), _AT_ONCE) - 1, now
            if allowed < 0:
                raise PlayError("that was too much at once")
            match said:
                case wire.SeatCommand():
                    self._take(guest, said.text)
                case wire.Chat() if said.words:
                    self._spread(guest.name, said.words)
                case wire.Leave():
                    return True
                case wire.Join():
                    raise PlayError("you have joined already")

    def _take(self, guest: _Guest, command: str) -> None:
        view = self._view
        if guest.seat is None:
            self._tell(guest, wire.Note(text="You watch: commands are for those who have a seat. /chat speaks."))
        elif view is None or view.done:
            self._tell(guest, wire.Note(text="The episode is over. Whose game it is can begin another."))
        elif len(guest.lines) >= _LONGEST_QUEUE:
            self._tell(guest, wire.Note(text=f"{_LONGEST_QUEUE} commands wait already."))
        elif command:
            guest.lines.append(command)
            if view.to_move != guest.seat:
                who = view.name(view.to_move or "")
                waits = counted(len(guest.lines), "command")
                self._tell(guest, wire.Note(text=f"{who} is to move first: {waits} of yours for later."))
            self._go_on()

    def _go_on(self) -> None:
        """Do what waited for this moment."""
        view = self._view
        if view is None or self._screen.under_way:
            return
        for guest in self._guests:
            if guest.seat is not None and guest.seat == view.to_move and guest.lines:
                self._screen.act_elsewhere(guest.seat, guest.lines.popleft())
                return

    def _left(self, guest: _Guest, *, for_good: bool) -> None:
        """A connection is over: at once for good, or when nobody has come back for some time."""
        if guest not in self._guests:
            return
        if for_good or guest.seat is None:
            self._give_back(guest)
        else:
            self._announce(f"{guest.name} is away; the seat is kept for {_GRACE:.0f} seconds")
            guest.late = asyncio.get_running_loop().call_later(_GRACE, self._give_back, guest)

    def _give_back(self, guest: _Guest) -> None:
        if guest not in self._guests:
            return
        self._guests.remove(guest)
        self._announce(f"{guest.name} has left")
        if guest.seat is not None and self._view is not None and guest.seat in self._view.elsewhere:
            self._screen.seat_elsewhere(guest.seat, False)
        self._offer()

    def _put_out(self, guest: _Guest, why: str) -> None:
        self._tell(guest, wire.Bye(why=clean_line(why)))
        self._tell(guest, None)
        self._give_back(guest)

    # What people are told.

    def _tell(self, guest: _Guest, message: wire.ToGuest | None) -> None:
        if guest.connection is None:
            return
        try:
            guest.outbox.put_nowait(message)
        except asyncio.QueueFull:
            guest.connection.close()  # it does not read

    def _turn_of(self, guest: _Guest, view: View) -> wire.WhoseTurn:
        who = "" if view.to_move is None else view.name(view.to_move)
        return wire.WhoseTurn(yours=guest.seat is not None and guest.seat == view.to_move, who=who)

    def _spread(self, who: str, words: str) -> None:
        self._screen.hear(who, words)
        for guest in self._guests:
            self._tell(guest, wire.Chat(who=who, words=words))

    def _announce(self, text: str, *, but: _Guest | None = None) -> None:
        self._screen.remark(text)
        for guest in self._guests:
            if guest is not but:
                self._tell(guest, wire.Note(text=clean_line(text)))

    # What there is to join.

    def _free(self, view: View) -> list[str]:
        """Seats that somebody may take: the first that a person holds stays with the screen."""
        taken = {guest.seat for guest in self._guests}
        return [seat for seat in view.people[1:] if seat not in taken]

    def _offer(self) -> None:
        view, place = self._view, self._place
        if view is None or place is None:
            return
        free, taken = self._free(view), {guest.seat for guest in self._guests}
        seats = tuple(
            SeatOffer(
                seat=seat,
                name=clean_line(view.name(seat)),
                holder="agent"
                if seat in view.agents
                else "guest"
                if seat in taken
                else "free"
                if seat in free
                else "host",
            )
            for seat in view.seats
        )
        offer = GameOffer(id=self.id, title=clean_line(view.world), seats=seats, watchers=self._watchers)
        if offer != self._offered:
            self._offered = offer
            place.write(self._key, self._home, offer)


async def _send(outbox: asyncio.Queue[wire.ToGuest | None], writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while (message := await outbox.get()) is not None:
            writer.write(wire.packed(message))
            await writer.drain()
    writer.close()
