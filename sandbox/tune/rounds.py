"""Rounds as their starter sees them: plan, start, follow, cancel, resume. Imports nothing heavy.

A round is a folder, `saves/<name>/rounds/<number>/`, and a process that fills it. All that is told about it goes
through the folder, so it does not matter whether the one who started it still lives:

    plan.json                 what was asked for
    data.jsonl                the examples
    before.json  after.json   episodes of the gate
    checkpoint.safetensors    the training so far
    adapter/                  what the training came to, before the gate
    published.json            what it is called among the adapters of the save
    events.jsonl              what happened, one line each
    log.txt                   what libraries printed
    cancel                    a wish
    trial                     only there where no more is wanted than an estimate
    .running                  locked while a process is at work on it

One round runs at a time in a folder of saves: `saves/.round.lock` is held for it. Whoever starts a round takes
both locks before there is a process, and the process inherits them: at no moment could a second one start.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.agent.cards import Card, parse_card
from sandbox.errors import SaveError
from sandbox.files import read_bytes, write_bytes
from sandbox.processes import search_path
from sandbox.scale.crew import HERE, Crew
from sandbox.tune.adapters import BASE, Adapters
from sandbox.tune.collect import Source
from sandbox.tune.errors import RoundError
from sandbox.tune.gate import CONFIDENCE, TOLERANCE, Rule
from sandbox.tune.settings import TrainingSettings
from sandbox.tune.tracking import Tracker
from sandbox.types import Device, Dtype

State = Literal["running", "finished", "failed", "cancelled", "interrupted"]
FINAL = ("finished", "failed", "cancelled")
"""Kinds of the last event of a round; `estimated` ends a trial."""

_TRIES, _PAUSE = 5, 0.02
_MAX_PLAN = 16 << 20


class RoundPlan(BaseModel):
    """All that a round is to do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Path
    """Where worlds are looked up by name."""
    save: Path
    """The save's folder, where the adapter goes. It may hold no save yet."""
    saves: tuple[Path, ...] = ()
    """Folders of the saves to learn from."""
    card_name: str = "lm"
    card: str
    """Text of the card of the agent that is to learn."""
    model: str
    """The language model, as `sandbox.llm.catalogue` resolves it."""
    parent: str = BASE
    """The adapter to train on from."""
    sources: tuple[Source, ...] = ("all",)
    worlds: tuple[str, ...] = ()
    """Worlds to learn from: their walkthroughs, by exploring them, or by playing them."""
    eval_worlds: tuple[str, ...] = ()
    """Worlds of the gate; none of them may be learned from."""
    eval_seeds: tuple[int, ...] = (0,)
    max_steps: int = Field(default=25, ge=1, le=10_000)
    """Commands that an episode of the gate may take."""
    rule: Rule = "not-worse"
    tolerance: float = Field(default=TOLERANCE, gt=0, lt=1)
    """How much worse counts as not worse."""
    confidence: float = Field(default=CONFIDENCE, gt=0.5, lt=1)
    """How sure the gate has to be."""
    settings: TrainingSettings = TrainingSettings()
    threads: int = Field(default=0, ge=0, le=256)
    device: Device = "auto"
    """Where the model computes; `auto` goes by the card."""
    dtype: Dtype = "auto"
    model_process: bool = False
    """Whether the gate asks the model's own process, which games share, unless `memory_gib` bounds this one."""
    memory_gib: float | None = Field(default=None, gt=0)
    """Most memory that the round may take."""
    report_to: tuple[Tracker, ...] = ()
    """Where else its curves go. TensorBoard's files are in the round's folder, under `tensorboard`."""

    def parsed_card(self) -> Card:
        """The card."""
        return parse_card(self.card, self.card_name, stored=True)

    def checked(self) -> RoundPlan:
        """Itself. Raises `RoundError` where a world is both learned from and evaluated on."""
        both = sorted(set(self.worlds) & set(self.eval_worlds))
        if both:
            raise RoundError(
                f"{both[0]} would be both learned from and evaluated on",
                hint="choose other --eval-worlds: only worlds never seen tell what was learned",
            )
        if not self.saves and not self.worlds:
            raise RoundError("there is nothing to learn from", hint="name a save that was played, or --worlds")
        return self


@dataclass(frozen=True, slots=True)
class RoundEvent:
    """Something that happened in a round."""

    kind: str
    """`started`, `phase` (what, done, of), `data` (the survey), `episode` (side, done, of, won, score, steps),
    `estimate` (seconds, steps, tokens_per_second), `step` (step, of, loss, tokens_per_second, seconds_left),
    `note` (text), `gate` (outcome); last `finished` (adapter, passed, memory_gib), `failed` (message, hint),
    `cancelled` or `estimated`."""
    at: float
    """Unix time, seconds."""
    data: dict[str, Any]


class Round:
    """A round that was started, now or earlier.

    Args:
        folder: `saves/<name>/rounds/<number>`.
        process: the one that runs it, where it was started here.
    """

    def __init__(self, folder: Path, process: subprocess.Popen[bytes] | None = None) -> None:
        self.folder = folder
        self._process = process

    @property
    def number(self) -> int:
        return int(self.folder.name)

    @property
    def plan(self) -> RoundPlan:
        """Raises `SaveError`."""
        file = self.folder / "plan.json"
        try:
            return RoundPlan.model_validate_json(read_bytes(file, _MAX_PLAN))
        except (OSError, ValidationError) as error:
            raise SaveError("is no plan of a round", where=file) from error

    def events(self, skip: int = 0) -> list[RoundEvent]:
        """What has happened so far, without the first `skip`."""
        try:
            lines = (self.folder / "events.jsonl").read_bytes().split(b"\n")[:-1]
        except OSError:
            return []
        return [event for line in lines if (event := _event(line)) is not None][skip:]

    @property
    def trial(self) -> bool:
        """Whether it only gathers the data and times a step."""
        return (self.folder / "trial").exists()

    @property
    def running(self) -> bool:
        """Whether a process is at work on it."""
        if self._process is not None:
            return self._process.poll() is None
        return is_taken(self.folder / ".running")

    @property
    def state(self) -> State:
        """How it stands; `interrupted` is without a last word. All but a finished one can be resumed."""
        if self.running:
            return "running"
        kind = next((event.kind for event in reversed(self.events())), "")
        return kind if kind in FINAL else "interrupted"  # type: ignore[return-value]

    @property
    def adapter(self) -> str | None:
        """The adapter it made; None where it has not finished."""
        return next((e.data["adapter"] for e in self.events() if e.kind == "finished"), None)

    def follow(self, every: float = 0.2) -> Iterator[RoundEvent]:
        """Events as they happen, from the first on, until the round is over."""
        seen = 0
        while True:
            running = self.running
            for event in self.events(seen):
                seen += 1
                yield event
            if not running:
                return
            time.sleep(every)

    def cancel(self) -> None:
        """Ask it to stop. It does so after the step that it is at, and can be resumed."""
        (self.folder / "cancel").touch()

    def wait(self, timeout: float | None = None) -> State:
        """Wait until it is over. Raises `TimeoutError`."""
        until = None if timeout is None else time.monotonic() + timeout
        while self.running:
            if until is not None and time.monotonic() > until:
                raise TimeoutError(f"round {self.number} is still running")
            time.sleep(0.1)
        return self.state

    def accept(self) -> str:
        """Put the adapter it made into use. Returns its name. Raises `RoundError` where there is none."""
        made = self._made()
        Adapters.of(self.plan.save, self.plan.parsed_card().adapter).use(made)
        return made

    def reject(self) -> None:
        """Delete the adapter it made; what the round measured stays in its folder."""
        Adapters.of(self.plan.save).delete(self._made())

    def discard(self) -> None:
        """Delete all that is left of a trial that is over; of other rounds, nothing."""
        if self.trial and not self.running:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _made(self) -> str:
        if self.adapter is None:
            raise RoundError("it has made no adapter", where=self.folder, hint="resume it, or start another")
        return self.adapter


def start(plan: RoundPlan, *, trial: bool = False, crew: Crew = HERE) -> Round:
    """Start a round in a process of its own, which outlives this one.

    Args:
        plan: what is to be done.
        trial: only gather the data and time the first step; the last event is then `estimated`, not `finished`.
        crew: who explores worlds, and plays the episodes of the gate. No part of the plan, which may lie in a save
            from elsewhere: a cluster runs what it is sent.

    Raises:
        RoundError: another round is running in the same folder of saves, or the plan cannot be.
    """
    plan.checked()
    with _only_one(plan.save.parent) as lock:
        for earlier in _folders(plan.save):
            earlier.discard()
        folder = plan.save / "rounds" / str(max((each.number for each in _folders(plan.save)), default=0) + 1)
        folder.mkdir(parents=True)
        if trial:
            (folder / "trial").touch()
        write_bytes(folder / "plan.json", plan.model_dump_json(indent=2).encode() + b"\n")
        return _launch(folder, lock, crew)


def resume(round_: Round, *, crew: Crew = HERE) -> Round:
    """Go on with a round that was cancelled or interrupted, or failed, from where it was. Raises `RoundError`."""
    plan = round_.plan
    if plan.save.resolve() != round_.folder.parent.parent.resolve():  # a save from elsewhere could write anywhere
        raise RoundError("its plan is of another folder", where=round_.folder, hint="start a new round")
    with _only_one(plan.save.parent) as lock:
        if round_.state in ("running", "finished"):
            raise RoundError(f"round {round_.number} is {round_.state}", where=round_.folder)
        (round_.folder / "cancel").unlink(missing_ok=True)
        return _launch(round_.folder, lock, crew)


def rounds_of(save: Path) -> list[Round]:
    """All rounds of a save, oldest first."""
    found = [each for each in _folders(save) if (each.folder / "plan.json").is_file()]
    return sorted(found, key=lambda each: each.number)


def _folders(save: Path) -> list[Round]:
    return [Round(folder) for folder in (save / "rounds").glob("*") if folder.name.isdecimal()]


def _only_one(saves: Path) -> IO[bytes]:
    saves.mkdir(parents=True, exist_ok=True)
    lock = take(saves / ".round.lock")
    if lock is None:
        raise RoundError("another round is running", where=saves, hint="wait for it, or cancel it first")
    return lock


def _launch(folder: Path, lock: IO[bytes], crew: Crew) -> Round:
    """Start the process. The locks are the open files: it inherits them, and has them as long as it lives."""
    with ExitStack() as opened:
        running = take(folder / ".running")
        if running is None:
            raise RoundError("it is running already", where=folder)
        opened.enter_context(running)
        log = opened.enter_context((folder / "log.txt").open("ab"))
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.tune.worker", str(folder), json.dumps(asdict(crew))],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock.fileno(), running.fileno()),
            env={**os.environ, "PYTHONPATH": search_path()},
            start_new_session=True,
        )
    return Round(folder, process)


def take(file: Path) -> IO[bytes] | None:
    """A file with its lock, which is held until it is closed here and in all processes that inherit it.

    None where another has it. The lock is of the system and ends with the processes, however they end.
    """
    handle = file.open("ab")
    for _ in range(_TRIES):
        if _lock(handle):
            return handle
        time.sleep(_PAUSE)  # somebody may only be looking
    handle.close()
    return None


def is_taken(file: Path) -> bool:
    """Whether somebody has a file's lock."""
    try:
        with file.open("ab") as handle:
            return not _lock(handle)
    except OSError:
        return False


def _lock(handle: IO[bytes]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _event(line: bytes) -> RoundEvent | None:
    try:
        data = json.loads(line)
        return RoundEvent(str(data.pop("event")), float(data.pop("at")), data)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
