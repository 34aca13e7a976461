"""`sandbox serve`: the screen in a browser."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote, unquote

import typer

from sandbox import passwords
from sandbox.cli import context
from sandbox.errors import UsageError
from sandbox.paths import Home, safe_name
from sandbox.store.server import is_url, without_password

if TYPE_CHECKING:
    from sandbox.tui.web.server import ServedGame

_SHORTEST_TOKEN, _LONGEST_TOKEN = 16, 1024


def serve(
    ctx: typer.Context,
    worlds: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[WORLD]...",
            help="What visitors may choose from, as for `sandbox play`; without any, its start screen.",
        ),
    ] = None,
    agent: context.Agent = None,
    seat: context.Seat = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; `0.0.0.0` lets other machines in, with the token.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any that is free.")
    ] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="SANDBOX_TOKEN",
            help="What visitors have to bring; a random one if not given. Others on this machine can read command "
            "lines: better give it in the variable, or with --token-file.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File that the token is in; `-` is standard input."),
    ] = None,
    rate: Annotated[
        list[str] | None,
        typer.Option("--rate", metavar="SAVE", help="Let people rate this save instead of playing. Repeatable."),
    ] = None,
    rater: Annotated[
        list[str] | None,
        typer.Option(
            "--rater", metavar="NAME", help="Pseudonym of somebody who gets a link. [default: those of the plan]"
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="How ratings are collected, as for `sandbox rate --plan`."),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Keep visitors' saves in this PostgreSQL database, such as postgresql://ann@server/class.",
        ),
    ] = None,
    most: Annotated[
        int, typer.Option("--most", min=1, max=1000, help="Games at once; each is a process of its own.")
    ] = 8,
    watchers: Annotated[
        bool, typer.Option("--watchers/--no-watchers", help="Whether visitors may watch each other's games.")
    ] = True,
) -> None:
    """Show the game in web browsers, until Ctrl+C.

    Only this machine can connect, unless `--host` says otherwise. Every visitor needs the token, which stands in
    the address that is printed. Whoever has it can do all that the screen can do with this home: play, edit
    worlds, train. Every browser has a save of its own in each world named here, and finds it again when it comes
    back.

        sandbox serve
        sandbox serve lighthouse honey --agent q-table
        sandbox serve tutorial --host 0.0.0.0 --port 8080

    Whoever has the token can join the running games, too: in the browser at `/lobby`, in a terminal with `sandbox
    join ADDRESS`. Seats that people hold are free to take, but for the first of each game.

        sandbox serve millrace --seat tamsin=human --seat jory=human

    With `--rate`, people rate the decisions of a save by a link of their own, each in a fork of it (`SAVE-NAME`),
    so that any number can at once; `sandbox feedback stats` and `export` take the forks together. A save in a
    PostgreSQL database is rated as it is, by all of them. Whoever has a link can rate under that name, and nothing
    else.

        sandbox serve --rate friday --rater ann --rater bo --host 0.0.0.0
        sandbox serve --rate "postgresql://ann@server/class#friday" --rater ann --rater bo
        sandbox serve honey --database "postgresql://ann@server/class"
    """
    from sandbox import wiring
    from sandbox.tui.web.lobby import WebLobby
    from sandbox.tui.web.server import GameServer, ServedGame, listen

    where = context.of(ctx)
    if token_file is not None:
        token = _first_line(token_file)
    if token is not None and len(token) < _SHORTEST_TOKEN:
        raise UsageError("the token is too short", hint=f"{_SHORTEST_TOKEN} characters at least")
    cast = [*(["--agent", agent] if agent else []), *(word for each in seat or [] for word in ("--seat", each))]
    if cast and not worlds:
        raise UsageError("who plays is chosen on the start screen", hint="name a world, or leave the agent out")
    if rate and (worlds or cast):
        raise UsageError("rating and playing are served apart", hint="leave the worlds or --rate out")
    if database is not None:
        if not worlds:
            raise UsageError("saves in a database are of worlds named here", hint="name a world")
        if not is_url(database) or "#" in database:
            raise UsageError("this is no address of a database", hint="such as postgresql://ann@server/class")
    for address in (database, *(rate or [])):
        _hand_on_password(address or "")
    games = rating_games(where.home, rate, rater or [], plan) if rate else []
    own = (*_program(where.home), "play", "--open", *([] if watchers else ["--no-watchers"]))
    games += [] if worlds or rate else [ServedGame("sandbox", lambda visitor: own)]
    for world in worlds or []:
        wiring.PlayPlan.make(where.home, where.settings, world, agent, seat or [], None, None)
        games.append(ServedGame(world, _command(own, world, cast, database, wiring.save_stem(world))))
    listening = listen(host, port)
    token = token or secrets.token_urlsafe(24)
    links = [
        (game.title, _address(host, listening, token, f"play/{game.secret}")) for game in games if game.secret
    ]
    lines = [f"{name}: {link}" for name, link in links] or [
        f"Open {_address(host, listening, token)}",
        f"Join running games at {_address(host, listening, token, 'lobby')}",
    ]
    told = "\n".join([*lines, "Ctrl+C ends it."])
    lobby = None if rate else WebLobby(where.home.root, _program(where.home))
    GameServer(games, listening, token, most, lobby).run(lambda: print(told, flush=True))


def rating_games(home: Home, saves: Sequence[str], raters: Sequence[str], file: Path | None) -> list[ServedGame]:
    """A link for each rater and save.

    Each rates a fork of the save, which is made where it is not there yet; on a server all rate the save itself.
    """
    from sandbox.feedback.plan import FILE, RatingPlan, read_plan
    from sandbox.store import upkeep
    from sandbox.tui.web.server import ServedGame

    own = home.root / FILE
    plan = read_plan(file or own) if file or own.is_file() else RatingPlan()
    names = list(dict.fromkeys(raters or plan.raters))
    if not names:
        raise UsageError("nobody is named who rates", hint="give --rater NAME, or `raters` in the plan")
    more = ["--plan", str(file.resolve())] if file else []
    games = []
    for save in saves:
        for name in names:
            if is_url(save):
                words = (*_program(home), "rate", save, "--annotator", safe_name(name, "a pseudonym"), *more)
                title = f"{without_password(save)}: {name}" if len(saves) > 1 else name
                games.append(ServedGame(title, partial(_same, words), secrets.token_urlsafe(16)))
                continue
            theirs = f"{save}-{safe_name(name, 'a pseudonym')}"
            if not (home.save_folder(theirs) / "save.db").exists():
                upkeep.fork(home.save_folder(save), home.save_folder(theirs))
            words = (*_program(home), "rate", theirs, "--annotator", name, *more)
            title = f"{save}: {name}" if len(saves) > 1 else name
            games.append(ServedGame(title, partial(_same, words), secrets.token_urlsafe(16)))
    return games


def _command(
    own: Sequence[str], world: str, cast: Sequence[str], database: str | None, stem: str
) -> Callable[[str], Sequence[str]]:
    """How a visitor's game in this world is opened."""
    beginning = stem if database is None else f"{database}#{stem}"
    return lambda visitor: (*own, world, *cast, "--save", f"{beginning}-{visitor}")


def _hand_on_password(address: str) -> None:
    """Let the processes of visitors have the password of an address, which is on no command line."""
    if password := passwords.password_for(address):
        os.environ["PGPASSWORD"] = unquote(password)


def _first_line(file: Path) -> str:
    """The token in a file. Raises `UsageError`."""
    try:
        if str(file) == "-":
            return sys.stdin.readline().strip()
        with file.open(encoding="utf-8") as lines:
            return lines.readline(_LONGEST_TOKEN).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the token cannot be read: {error}", where=file, hint="write it into a text file"
        ) from error


def _same(words: Sequence[str], visitor: str) -> Sequence[str]:
    """A command that is the same for every visitor."""
    return words


def _program(home: Home) -> Sequence[str]:
    """The beginning of the command line of this very program, in the same home."""
    return (sys.executable, "-m", "sandbox", "--home", str(home.root))


def _address(host: str, listening: socket.socket, token: str, path: str = "") -> str:
    port = listening.getsockname()[1]
    name = socket.gethostname() if host in ("0.0.0.0", "::", "") else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/{path}?token={quote(token)}"
