"""`sandbox join`: a seat in a game that runs at another screen, or elsewhere."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
import threading
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Annotated, TextIO

import typer

from sandbox.cli import context
from sandbox.cli.plain import say
from sandbox.errors import SandboxError, UsageError
from sandbox.together import wire
from sandbox.together.guest import Guest, Server, offers
from sandbox.together.places import GameOffer, running


def join(
    ctx: typer.Context,
    game: Annotated[
        str | None,
        typer.Argument(
            metavar="[GAME|ADDRESS]",
            help="A game that this command lists; or the address of a `sandbox serve`, with or without a game.",
        ),
    ] = None,
    seat: Annotated[
        str, typer.Option(metavar="NAME", help="The seat to take. [default: the first free one]")
    ] = "",
    watch: Annotated[
        bool, typer.Option("--watch", help="Take no seat: see what the game's own screen shows.")
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="In lines: for screen readers and pipes.")] = False,
    token: Annotated[
        str,
        typer.Option(
            envvar="SANDBOX_TOKEN",
            help="Of the server, where the address has none. Others on this machine can read command lines: "
            "better give it in the variable.",
        ),
    ] = "",
) -> None:
    """Join a game that runs at another screen: take a free seat, or watch, and talk with the people there.

    Games can be joined that were opened with `sandbox play --open`, or in `sandbox serve`. Without an argument,
    and with the bare address of a server, those that run are listed. You see what your seat perceives and no
    more; what you type is its command. `/chat WORDS` is for the people alone, `/quit` leaves. The game and its
    save stay where they are.

        sandbox join
        sandbox join 3f2a9c1d --seat jory
        sandbox join 3f2a9c1d --watch
        sandbox join "http://host:8000/?token=..."
        sandbox join "http://host:8000/join/3f2a9c1d?token=..." --seat jory
    """
    if watch and seat:
        raise UsageError("who watches takes no seat", hint="leave --watch or --seat out")
    server = Server.parse(game, token) if game is not None and "://" in game else None
    name = game if server is None else server.game
    if not name:
        _list(server)
        return
    in_browser = "TEXTUAL_DRIVER" in os.environ
    if in_browser:
        from sandbox.tui.web.orphan import end_with_parent

        end_with_parent()
    wish = wire.Join(seat=seat, watch=watch)
    if in_browser or (not plain and sys.stdin.isatty() and sys.stdout.isatty()):
        from sandbox.tui.join_app import JoinApp

        told = JoinApp(name, server, wish, context.of(ctx).settings).run()
        if isinstance(told, SandboxError):
            raise told
        if told and not in_browser:
            print(told)
        return
    asyncio.run(_in_lines(name, server, wish, sys.stdin))


def _list(server: Server | None) -> None:
    """The games there are, each with what would join it."""
    found: list[GameOffer] = running() if server is None else asyncio.run(offers(server))
    if not found:
        context.console.print("No game runs here that could be joined. One is opened with:  sandbox play --open")
        return
    for each in found:
        address = each.id if server is None else shlex.quote(server.address(each.id))
        say(f"{each.title}  ({each.told})")
        ways = [f"sandbox join {address} --seat {shlex.quote(free.seat)}" for free in each.free]
        ways += [f"sandbox join {address} --watch"] if each.watchers else []
        say(*(f"  {way}" for way in ways))
    if server is not None and server.token:
        say("The token is taken from SANDBOX_TOKEN, or from the address: ...?token=TOKEN")


async def _in_lines(game: str, server: Server | None, wish: wire.Join, source: TextIO) -> None:
    """Play in lines until they end or one side has had enough. Raises `SandboxError`."""
    typed_by_hand = source.isatty()
    my_turn, latest = asyncio.Event(), wire.WhoseTurn(yours=False)

    def hear(message: wire.ToGuest) -> None:
        nonlocal latest
        if isinstance(message, wire.WhoseTurn):
            (my_turn.set if message.yours or not message.who else my_turn.clear)()
            if message == latest and not message.yours:
                return
            latest = message
        for line in lines_of(message):
            say(line)

    guest = Guest(game, server, wish, hear)
    lines: asyncio.Queue[str] = asyncio.Queue(1)
    loop = asyncio.get_running_loop()

    def read() -> None:
        with suppress(RuntimeError, CancelledError):  # the game is over
            while line := source.readline():
                asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()
            asyncio.run_coroutine_threadsafe(lines.put(""), loop).result()

    async def type_all() -> None:
        while line := await lines.get():
            if not typed_by_hand and not wish.watch and not line.startswith("/"):
                await my_turn.wait()  # a pipe takes its turns one after the other
                my_turn.clear()
            try:
                guest.type(line)
            except SandboxError as error:
                print(f"sandbox: {error}", file=sys.stderr, flush=True)
        if not typed_by_hand and not wish.watch:
            await my_turn.wait()  # what the last one led to is heard
        guest.leave()

    threading.Thread(target=read, name="lines", daemon=True).start()
    typing = asyncio.ensure_future(type_all())
    try:
        await guest.run()
    finally:
        typing.cancel()


def lines_of(message: wire.ToGuest) -> tuple[str, ...]:
    """A message as lines."""
    match message:
        case wire.Welcome(world=world, name=name):
            return (
                f"{world}. " + (f"You are {name}." if name else "You watch.") + " /help lists what you can type.",
            )
        case wire.SeatStory(lines=lines):
            return lines
        case wire.Chat(who=who, words=words):
            return (f"[chat] {who}: {words}",)
        case wire.Note(text=text):
            return (f"[{text}]",)
        case wire.WhoseTurn(yours=yours, who=who):
            return ("", "[your turn]" if yours else f"[{who} is to move]" if who else "[the episode is over]")
        case wire.Bye(why=why):
            return (f"[{why}]",)
