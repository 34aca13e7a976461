"""The process that holds the Z-machine interpreter: `python -m sandbox.world.interpreter_process`.

Requests and replies are frames on standard input and output (see `interpreter.py`). The process keeps nothing
between requests: each brings the snapshot it starts from and each reply carries the one it ended in, so that the
process can die at any moment and lose nothing. It imports neither pydantic nor TextWorld, to start quickly.

A snapshot is zlib over eight integers (program counter, stack pointer, frame pointer, frame count, opcode, and
the three words of the random generator), the dynamic memory as its difference (XOR) to the story file, the stack,
and the text last printed. Most of the difference is zeros, as in Quetzal's CMem chunk: a kilobyte or so remains.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import json
import mmap
import os
import re
import resource
import signal
import struct
import tempfile
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn

from sandbox.world import verb_tables
from sandbox.world.trials import Trials
from sandbox.world.trying import CommandTrial
from sandbox.world.wording import StoryGrammar

FRAME = struct.Struct("<II")
"""Length of the JSON and of the binary part that follow."""
REGISTERS = struct.Struct("<8q")
MAX_SNAPSHOT_BYTES = 1 << 20
_IDLE = ("look", "inventory", "xyzzy", "take all")
_READ_CHAR = 246
"""The instruction that reads one key (Standards Document, section 14)."""
_KEY_CODES = {
    "enter": b"",
    "space": b" ",
    "escape": b"\\[",
    "up": b"\\^",
    "down": b"\\.",
    "left": b"\\<",
    "right": b"\\>",
    "backspace": b"\\?",
    "\\": b"\\\\",
}
"""Keys as Frotz's plain terminal reads them."""
_TRY_SECONDS = 0.5
"""CPU time after which a command that is tried counts as frozen."""
_LIST_SECONDS = 20
"""CPU time that all tries at one state may take."""
_MOST_CRASHES = 4
_MEMORY = 512 << 20
"""Bytes of address space: about four times what the largest stories take."""
_FILE_BYTES = 1 << 20
"""The most that a story's own SAVE or SCRIPT can write."""


class MachineState(NamedTuple):
    """A state of the machine in this process, with no copy made of it."""

    ram: Any
    stack: Any
    registers: tuple[int, int, int, int]
    """Program counter, stack pointer, frame pointer, opcode."""
    frames: int
    chance: tuple[int, int, int]


class HaltedError(Exception):
    """The interpreter stopped with an error of the story's."""


class Machine:
    """One story in Jericho's Frotz."""

    def __init__(self, story_file: str, data: bytes) -> None:
        import jericho
        import numpy as np

        self._np = np
        self._data = data
        warnings.simplefilter("ignore")
        self._env = jericho.FrotzEnv(story_file, 1)
        self.supported = bool(self._env.is_fully_supported)
        self._keep_text_whole()
        self._seed = (self._env.bindings or {}).get("seed")
        self._ram_bytes: int = self._env.frotz_lib.getRAMSize()
        self._stack_bytes: int = self._env.frotz_lib.getStackSize()
        self._entry_bytes = 9 if data[0] <= 3 else 14
        self._table = self._object_table()
        self._hashes: dict[bytes, str] = {}
        self._scratch = np.zeros(self._ram_bytes, dtype=np.uint8)
        self.before_try: Callable[[str], None] | None = None
        """Told each command before it is tried."""
        self.trying_seconds = 0.0
        """CPU time that tries have taken."""
        self.freezing: set[str] = set()
        """Commands that a try did not come back from."""
        for call in ("getRAM", "setRAM", "getStack", "setStack"):
            getattr(self._env.frotz_lib, call).argtypes = [ctypes.c_void_p]
        self._meaningful = None if self.supported else self._find_meaningful()
        self._base = np.frombuffer(data[: self._ram_bytes], dtype=np.uint8)

    def describe(self) -> dict[str, Any]:
        """What does not change while the story is played."""
        words = self._env.get_dictionary()
        bindings = self._env.bindings if self.supported and self._env.bindings else {}
        return {
            "supported": self.supported,
            "max_score": self._env.get_max_score() if self.supported else None,
            "words": sorted({word.word for word in words if word.word}),
            "verbs": sorted({word.word for word in words if word.word and word.is_verb}),
            "nouns": sorted(self.grammar.nouns),
            "walkthrough": [command for command in bindings.get("walkthrough", "").split("/") if command],
        }

    def _keep_text_whole(self) -> None:
        """Have Jericho hand on all that a story prints.

        For stories it knows, Jericho cuts away what it takes for a status line and a prompt: the first line of
        some openings, the end of some questions. Its table of these functions is one of the library's symbols.
        """
        library = self._env.frotz_lib
        at = ctypes.c_int.in_dll(library, "ROM_IDX").value
        cleaners = (ctypes.c_void_p * (at + 1)).in_dll(library, "clean_observation_fns")
        cleaners[at] = ctypes.cast(library.default_clean_observation, ctypes.c_void_p).value

    def start(self, seed: int) -> str:
        """Begin anew and give the opening. Seed 0 is the one of Jericho's walkthrough, where it has one."""
        # Jericho's own `seed` takes 0 for none, and most of its walkthroughs have seed 0.
        walked = seed == 0 and self._seed is not None
        self._env._seed = self._seed if walked else 1000 + seed % 30000
        text, _ = self._env.reset()
        return str(text)

    def step(self, command: str) -> str:
        """Give the story a line. Backslashes are left out: Frotz takes them for orders to itself."""
        return self._type(command.replace("\\", "").encode("cp1252", "replace")[:190])

    def press(self, key: str) -> str:
        """Give the story one key, by character or name."""
        return self._type(_KEY_CODES.get(key, key[:1].encode("cp1252", "replace")))

    def _type(self, line: bytes) -> str:
        text: bytes = self._env.frotz_lib.step(line + b"\n")
        if self._env._emulator_halted():
            raise HaltedError
        return text.decode("cp1252", "replace")

    @property
    def wants_key(self) -> bool:
        """Whether the story waits for one key."""
        return int(self._env.frotz_lib.get_opcode()) == _READ_CHAR

    def probe(self, command: str) -> str:
        """As `step`, but an error of the story's is an empty answer. Leaves the machine anywhere."""
        try:
            return self.step(command)
        except HaltedError:
            self._env.reset()
            return ""

    @functools.cached_property
    def grammar(self) -> StoryGrammar:
        """What the story understands: Jericho's list of its grammar, or what its dictionary allows."""
        from jericho.util import verb_usage_count

        letters = 6 if self._data[0] <= 3 else 9
        usage = functools.cache(lambda verb: int(verb_usage_count(verb, letters)))
        nouns, verbs = self._parts_of_speech()
        lines = verb_tables.read(self._data)
        if lines:
            return StoryGrammar.read(lines, nouns, letters, usage)
        return StoryGrammar.of(
            self._env.act_gen.templates if self._env.act_gen else None,
            nouns,
            verbs,
            letters,
            usage,
            frozenset(re.findall(r"[^\s;/]+", (self._env.bindings or {}).get("grammar", ""))),
        )

    def _parts_of_speech(self) -> tuple[set[str], set[str]]:
        """The words of the dictionary that name things, and those that begin a command.

        Inform marks nouns with 0x80 and verbs with 0x01, in the first byte behind a word, Infocom's own compiler
        verbs with 0x40 (as its games show; the Z-Machine Standards Document 1.1, section 13, leaves these bytes to
        the compiler).
        """
        words = [(word.text, word.marks[0]) for word in verb_tables.dictionary(self._data).values() if word.text]
        verb = 0x01 if verb_tables.is_inform(self._data) else 0x40
        verbs = {word for word, mark in words if mark & verb}
        nouns = {word for word, mark in words if mark & 0x80}
        return nouns or {word for word, _ in words} - verbs, verbs

    def mark(self) -> MachineState:
        """The present state, to go back to at once within this process."""
        library = self._env.frotz_lib
        ram = self._env._get_ram()
        stack = self._np.zeros(self._stack_bytes, dtype=self._np.uint8)
        library.getStack(stack.ctypes.data)
        registers = (library.getPC(), library.getSP(), library.getFP(), library.get_opcode())
        chance = (library.getRngA(), library.getRngInterval(), library.getRngCounter())
        return MachineState(ram, stack, registers, library.getFrameCount(), chance)

    def go_to(self, mark: MachineState) -> None:
        """Go back to a state of this process."""
        library = self._env.frotz_lib
        library.setRng(*mark.chance)
        library.setRAM(mark.ram.ctypes.data)
        library.setStack(mark.stack.ctypes.data)
        pc, sp, fp, opcode = mark.registers
        library.setPC(pc)
        library.setSP(sp)
        library.setFP(fp)
        library.set_opcode(opcode)
        library.setFrameCount(mark.frames)

    def try_out(self, command: str, *, press: bool = False) -> str | None:
        """As `step` or `press`, for a state that is left again; None where the story stops with an error."""
        if self.before_try is not None:
            self.before_try(command)
        try:
            return self.press(command) if press else self.step(command)
        except HaltedError:
            self._env.reset()
            return None

    def effect(self) -> tuple[str, int, bool, bool]:
        """What tells the present state from others: world hash, score, whether it has ended, wants a key."""
        first, end = self._table
        self._env.frotz_lib.getRAM(self._scratch.ctypes.data)
        special = self._env._get_special_ram().tobytes() if self.supported else b""
        key = self._scratch[first:end].tobytes() + special
        known = self._hashes.get(key)
        if known is None:
            known = self._hashes[key] = self.world_hash()
        ended = bool(self._env.victory() or self._env.game_over())
        return known, int(self._env.get_score()) if self.supported else 0, ended, self.wants_key

    def snapshot(self) -> bytes:
        ram, stack, pc, sp, fp, frames, opcode, rng, narrative = self._env.get_state()
        stack[: 2 * sp] = 0  # it grows downwards: what lies below is no part of the state
        registers = REGISTERS.pack(pc, sp, fp, frames, opcode, *(int(word) for word in rng))
        return zlib.compress(registers + (ram ^ self._base).tobytes() + stack.tobytes() + narrative, 1)

    def restore(self, snapshot: bytes) -> None:
        """Raises ValueError where the bytes are not a snapshot of this story."""
        inflate = zlib.decompressobj()
        try:
            data = inflate.decompress(snapshot, MAX_SNAPSHOT_BYTES)
        except zlib.error as error:
            raise ValueError("not a snapshot") from error
        ram_at = REGISTERS.size
        stack_at = ram_at + self._ram_bytes
        text_at = stack_at + self._stack_bytes
        if not inflate.eof or len(data) < text_at:
            raise ValueError("not a snapshot of this story")
        pc, sp, fp, frames, opcode, *rng = REGISTERS.unpack_from(data)
        ram = self._np.frombuffer(data[ram_at:stack_at], dtype=self._np.uint8) ^ self._base
        stack = self._np.frombuffer(data[stack_at:text_at], dtype=self._np.uint8).copy()
        self._env.set_state((ram, stack, pc, sp, fp, frames, opcode, tuple(rng), data[text_at:]))

    def world_hash(self) -> str:
        """Hash of the object tree and its attributes: where everything is, without clocks and counters."""
        if self.supported:  # Jericho knows what is noise in this story, such as a thief who wanders
            objects = bytes(self._env.get_world_objects(clean=True))
            return hashlib.md5(objects + self._env._get_special_ram().tobytes()).hexdigest()
        attributes, parents = self._objects()
        return hashlib.md5((attributes & self._meaningful).tobytes() + parents.tobytes()).hexdigest()

    def _find_meaningful(self) -> Any:
        """The attributes that tell something about the world, as a bit mask over those of one object.

        Stories keep books in attributes too (mentioned in this room description, considered by this command): what
        changes when nothing happens is left out.
        """
        self.start(0)
        before, _ = self._objects()
        mask = self._np.full(before.shape[1:], 0xFF, dtype=self._np.uint8)
        for command in _IDLE:
            with contextlib.suppress(HaltedError):
                self.step(command)
            after, _ = self._objects()
            mask &= ~self._np.bitwise_or.reduce(before ^ after, axis=0)
            before = after
        self._env.reset()
        return mask

    def _object_table(self) -> tuple[int, int]:
        """Where the object table begins and ends in memory (Standards Document, section 12).

        It has no length: it ends where the first property table begins.
        """
        ram = self._env._get_ram().tobytes()
        first = int.from_bytes(ram[0x0A:0x0C], "big") + (62 if self._data[0] <= 3 else 126)
        entry, end = first, len(ram)
        while entry + self._entry_bytes <= end:
            properties = int.from_bytes(ram[entry + self._entry_bytes - 2 : entry + self._entry_bytes], "big")
            end = min(end, properties) if properties > first else end
            entry += self._entry_bytes
        return first, entry

    def _objects(self) -> tuple[Any, Any]:
        """Attributes and parents of all objects, now: arrays of bytes, objects x 4 or 6, and objects x 1 or 2."""
        first, end = self._table
        entries = self._env._get_ram()[first:end].reshape(-1, self._entry_bytes)
        attributes, parent = (4, 1) if self._entry_bytes == 9 else (6, 2)
        return entries[:, :attributes], entries[:, attributes : attributes + parent]

    def facts(self) -> dict[str, Any]:
        """What is known about the present state without asking the story."""
        return {
            "score": self._env.get_score() if self.supported else None,
            "won": bool(self._env.victory()),
            "over": bool(self._env.game_over()),
            "world_hash": self.world_hash(),
            "wants_key": self.wants_key,
        }


def answer(machine: Machine, request: dict[str, Any], snapshot: bytes) -> tuple[dict[str, Any], bytes]:
    """Carry out one request: go to a state, give the commands, look around on a copy of the result."""
    if request["op"] == "describe":
        return machine.describe(), b""
    if request["op"] == "list":
        machine.restore(snapshot)
        return {**listed(machine, request)._asdict(), "cpu_seconds": machine.trying_seconds}, b""
    if request["op"] == "start":
        text = machine.start(request["seed"])
        for command in request["setup"]:
            machine.step(command)
    else:
        machine.restore(snapshot)
        text = (machine.press if request["op"] == "press" else machine.step)(request["command"])
    after = machine.snapshot()
    reply = machine.facts()
    probes = []
    for command in () if machine.wants_key else request["probes"]:
        probes.append(machine.probe(command))
        machine.restore(after)
    return {**reply, "text": text, "probes": probes}, after


def listed(machine: Machine, request: dict[str, Any]) -> Trials:
    """The commands that do something at the present state, one for each effect; none where it cannot be told.

    They are tried in a child process, so that a command that freezes or crashes the interpreter costs that child:
    the next one leaves this command out.
    """
    tried = mmap.mmap(-1, 256)
    for _ in range(_MOST_CRASHES):
        source, sink = os.pipe()
        child = os.fork()
        if not child:
            os.close(source)
            _try(machine, request, tried, sink)
        os.close(sink)
        with os.fdopen(source, "rb") as result:
            body = result.read()
        _, _, used = os.wait4(child, 0)
        machine.trying_seconds += used.ru_utime + used.ru_stime
        if body:
            return Trials(*json.loads(body))
        machine.freezing.add(tried[:].split(b"\0", 1)[0].decode())
    return Trials([], [], [], [])


def _try(machine: Machine, request: dict[str, Any], tried: mmap.mmap, sink: int) -> NoReturn:
    """The child's part of `listed`: write what was found to the pipe, as JSON, and end."""
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (_LIST_SECONDS, _LIST_SECONDS))

        def begin(command: str) -> None:
            name = command.encode()[:255]
            tried[: len(name) + 1] = name + b"\0"
            signal.setitimer(signal.ITIMER_PROF, _TRY_SECONDS)

        machine.before_try = begin
        trial = CommandTrial(machine, machine.grammar, request["limit"], machine.freezing)
        if machine.wants_key:
            found = Trials(trial.keys(), [], [], [])
        elif request["heard"]:
            known = Trials(*request["known"])
            found = known._replace(commands=trial.recalled(request["heard"], known))
        else:
            found = trial.commands(request["seen"], request["inventory"])
        with os.fdopen(sink, "wb") as result:
            result.write(json.dumps(found).encode())
    finally:
        os._exit(0)


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """The next request, or None at the end."""
    head = stream.read(FRAME.size)
    if len(head) < FRAME.size:
        return None
    size, blob = FRAME.unpack(head)
    return json.loads(stream.read(size)), stream.read(blob)


def frame(message: dict[str, Any], blob: bytes) -> bytes:
    """A request or reply, as bytes."""
    body = json.dumps(message).encode()
    return FRAME.pack(len(body), len(blob)) + body + blob


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Read the story and the CPU seconds that one request may take, then answer until the input ends."""
    first = read_frame(requests)
    if first is None:
        return
    greeting, data = first
    limit: float = greeting["cpu_seconds"]
    with tempfile.TemporaryDirectory(prefix="sandbox-story-") as folder:
        os.chdir(folder)  # a story's SAVE and SCRIPT write here
        file = Path(folder, "story" + greeting["suffix"])
        file.write_bytes(data)
        signal.setitimer(signal.ITIMER_PROF, greeting["start_seconds"])
        machine = Machine(str(file), data)
        while (received := read_frame(requests)) is not None:
            # The default action of SIGPROF ends the process, even inside the interpreter's own code.
            signal.setitimer(signal.ITIMER_PROF, limit)
            try:
                message, after = answer(machine, *received)
            except ValueError as error:
                message, after = {"refused": str(error)}, b""
            except HaltedError:
                return
            signal.setitimer(signal.ITIMER_PROF, 0)
            replies.write(frame(message, after))
            replies.flush()


def main() -> None:
    """Keep the frames to ourselves, send every stray print of the libraries nowhere, and serve."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the one who started us, who closes the input
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for kind, most in (
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))
    serve(requests, replies)


if __name__ == "__main__":
    main()
