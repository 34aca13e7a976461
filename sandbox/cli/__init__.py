"""The command line: parse, build, call. Each noun is a module of its own, imported when it is called."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

import sandbox
from sandbox import passwords, paths
from sandbox.cli.context import Context
from sandbox.cli.lazy import LazyGroup
from sandbox.errors import MissingExtraError, NoMemoryError, SandboxError
from sandbox.paths import Home
from sandbox.text import clean_line

_UNUSABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR}
"""What is wrong with a disk or its permissions, and not with the program."""

app = typer.Typer(
    name="sandbox",
    cls=LazyGroup,
    help="""Play text worlds beside language-model agents, teach them, and watch them learn.

    Begin with `sandbox play`. An agent proposes commands, a Q-learner reranks them, and you can step in, reward
    what it did, and undo. `sandbox run` plays the same loop with no screen.""",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"sandbox {sandbox.__version__}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(
            help="Folder with your `worlds/`, `agents/` and `saves/`. Else `$SANDBOX_HOME`, else the current "
            "folder; what is not found there comes from the bundled content."
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that go before the command."""
    ctx.obj = Context(home=Home.find(home))


def main() -> None:
    """Entry point. Errors the package foresees become one line; any other goes to a file that the line names."""
    # No library below may phone a hub or report usage: models are local, or named in a card.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Threads of torch that spin while they wait cost more than they save as soon as anything else runs.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.argv[1:] = map(passwords.taken_off, sys.argv[1:])
    # The last collection walks everything for up to a second, to free what the end of the process frees anyway.
    atexit.register(gc.freeze)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # `nohup` has it ignored
            signal.signal(number, _end)
    try:
        app()
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader has gone. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if (lacking := MissingExtraError.of(error) or NoMemoryError.of(error)) is not None:
            print(f"sandbox: {lacking}", file=sys.stderr)
            sys.exit(lacking.exit_code)
        if isinstance(error, OSError) and error.errno in _UNUSABLE and error.filename:
            place = clean_line(os.fsdecode(error.filename))
            told = f"{place}: {error.strerror} (check its permissions, or name another place)"
            print(f"sandbox: {told}", file=sys.stderr)
            sys.exit(2)
        print(f"sandbox: unexpected {type(error).__name__}: {error}", file=sys.stderr)
        print(f"sandbox: {_write_crash()}; please report them", file=sys.stderr)
        sys.exit(70)


def _end(number: int, _frame: FrameType | None) -> None:
    """Told to end: whatever is open is closed on the way out."""
    sys.exit(128 + number)


def _write_crash() -> str:
    """Where the details are, in a sentence."""
    details = f"sandbox {sandbox.__version__}\n{sys.argv}\n\n{traceback.format_exc()}"
    file = paths.cache_dir() / "crashes" / time.strftime("%Y%m%d-%H%M%S.txt")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(details, encoding="utf-8", errors="replace")
    except OSError as error:
        return f"the details could not be written down ({file}: {error.strerror})"
    return f"the details are in {file}"
