"""A small real world and a small real agent for the screen to be tried with."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from textual import constants
from textual.app import App
from textual.pilot import Pilot

from sandbox.bench.terminal import Terminal
from sandbox.config import Settings
from sandbox.rl.tabular import TabularQ
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.tui.app import SandboxApp
from sandbox.tui.screens.start import Sitting
from sandbox.tui.widgets.header import Title
from sandbox.tui.widgets.prompt import Prompt
from sandbox.types import Decision, History, Observation, Proposal, Step, Transition, Update

ROOMS = {
    "kitchen": "-= Kitchen =-\nYou are in a low kitchen that smells of tar. A [red] sign hangs by the door: "
    "[bold]MIND YOUR HEAD[/bold]. North lies the yard.",
    "yard": "-= Yard =-\nThe lighthouse stands black against the evening. A stair leads up, the kitchen is south.",
    "lamp room": "-= Lamp room =-\nThe great lens waits in the dark. 灯塔里很安静。 The stair leads down.",
}
EXITS = {
    "kitchen": {"go north": "yard"},
    "yard": {"go south": "kitchen", "go up": "lamp room"},
    "lamp room": {"go down": "yard"},
}


@dataclass(frozen=True)
class State:
    room: str = "kitchen"
    matches: bool = False
    turn: int = 0
    score: int = 0
    won: bool = False
    said: str = "A storm is coming, and the light is out.\n\n" + ROOMS["kitchen"]


class Lighthouse:
    """Take the matches (1 point), climb up, light the lamp (2 points)."""

    name = "lighthouse"
    title = "The Lighthouse"
    seats = ("keeper",)
    fingerprint = "0" * 64
    verbs = ("go", "take", "light", "look")

    def initial(self, seed: int) -> State:
        return State()

    def to_move(self, state: State) -> str | None:
        return None if state.won else "keeper"

    def admissible(self, state: State) -> tuple[str, ...]:
        commands = list(EXITS[state.room])
        if state.room == "kitchen" and not state.matches:
            commands.append("take matches")
        if state.room == "lamp room" and state.matches:
            commands.append("light lamp")
        return tuple(sorted((*commands, "look")))

    def observe(self, state: State, seat: str) -> Observation:
        return Observation(
            seat=seat,
            turn=state.turn,
            text=state.said,
            description=ROOMS[state.room],
            inventory="You carry a box of matches." if state.matches else "You carry nothing.",
            goal="Light the lamp before the storm breaks.",
            score=float(state.score),
            max_score=3.0,
            admissible=() if state.won else self.admissible(state),
            done=state.won,
            won=state.won,
        )

    def step(self, state: State, seat: str, command: str) -> Step[State]:
        state = replace(state, turn=state.turn + 1)
        if command not in self.admissible(state):
            return Step(state=replace(state, said=f"You cannot {command} here."))
        if command == "take matches":
            state = replace(state, matches=True, score=state.score + 1, said="You pocket the matches.")
            return Step(state=state, rewards={"keeper": 1.0})
        if command == "light lamp":
            state = replace(state, won=True, score=state.score + 2, said="The lens catches fire with light.")
            return Step(state=state, rewards={"keeper": 2.0}, terminated=True)
        room = EXITS[state.room].get(command, state.room)
        return Step(state=replace(state, room=room, said=ROOMS[room]))

    def dump(self, state: State) -> bytes:
        return json.dumps(vars(state)).encode()

    def load(self, data: bytes) -> State:
        return State(**json.loads(data))

    def close(self) -> None: ...


class Weigher:
    """Prefers short commands (its prior), learns with a table, and thinks until `gate` is open."""

    name = "q-table"
    model = ""

    def __init__(self, *, gate: threading.Event | None = None) -> None:
        self.q = TabularQ(alpha=0.5, gamma=0.9)
        self.gate = gate
        self.decisions = 0

    def decide(self, observation: Observation, history: History, *, seed: int, explore: bool = True) -> Decision:
        if self.gate is not None:
            assert self.gate.wait(40)
        self.decisions += 1
        commands = sorted(observation.admissible or ("look",))
        priors = {command: -0.25 * len(command) for command in commands}
        values = dict(zip(commands, self.q.values(observation, commands), strict=True))
        order = sorted(commands, key=lambda command: -(0.1 * priors[command] + values[command]))
        return Decision(
            seat=observation.seat,
            state_key=observation.state_key,
            proposals=tuple(Proposal(command=command, prior=priors[command]) for command in order),
            q_values=tuple(values[command] for command in order),
            scores=tuple(0.1 * priors[command] + values[command] for command in order),
            visits=tuple(self.q.visits(observation, order)),
            chosen=0,
            reason="the highest of 0.1·prior + Q",
            agent=self.name,
        )

    def weigh_again(self, decision: Decision, observation: Observation, history: History) -> tuple[float, ...]:
        commands = [proposal.command for proposal in decision.proposals]
        values = self.q.values(observation, commands)
        return tuple(0.1 * each.prior + q for each, q in zip(decision.proposals, values, strict=True))

    def learn(self, transition: Transition) -> Update | None:
        return self.q.update(transition)

    def end_episode(self) -> None: ...

    def dump(self) -> dict[str, bytes]:
        return self.q.dump()

    def changes(self) -> dict[str, bytes]:
        return self.q.changes()

    def load(self, records: Mapping[str, bytes]) -> None:
        self.q.load(records)


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SANDBOX_SETTINGS", str(tmp_path / "settings.toml"))


@pytest.fixture(autouse=True)
def numbers_jump(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without animations: a test waits for each key's to end. A test about them turns them on in its app."""
    monkeypatch.setattr(constants, "TEXTUAL_ANIMATIONS", "none")


@pytest.fixture
def save(tmp_path: Path) -> Path:
    """The folder of a save that does not exist yet."""
    return tmp_path / "saves" / "friday"


def open_session(save: Path, agent: Weigher | None) -> Session:
    if (save / "save.db").exists():
        return Session.resume(Store.open(save), Lighthouse(), {"keeper": agent})
    return Session.create(Store.create(save), Lighthouse(), {"keeper": agent}, seed=7, annotator="ada")


MakeApp = Callable[..., SandboxApp]


@pytest.fixture
def make_app(save: Path) -> MakeApp:
    def make(
        agent: Weigher | None = None, *, before: Sequence[str] = (), speed: float = 20.0, **more: object
    ) -> SandboxApp:
        def factory(say: Callable[[str], None]) -> Session:
            say("lighting the stove")
            session = open_session(save, agent)
            for command in before:
                session.act(command)
            return session

        return SandboxApp(Sitting(factory, Title("lighthouse", save="friday")), Settings(speed=speed, **more))

    return make


async def until(pilot: Pilot[object], condition: Callable[[], object]) -> None:
    """Wait for something to become true, and for the rest of the screen to catch up with it."""
    async with asyncio.timeout(25):
        while not condition():
            await pilot.pause(0.01)
    await pilot.pause()


def screen_text(app: App[object]) -> str:
    """What is on the screen, line by line."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def sees(pilot: Pilot[object], words: str) -> None:
    """Wait for words on the screen: its parts are drawn one after the other."""
    try:
        await until(pilot, lambda: words in screen_text(pilot.app))
    except TimeoutError:
        raise AssertionError(f"{words!r} is not in\n{screen_text(pilot.app)}") from None


async def settled(pilot: Pilot[object]) -> None:
    """Wait until the screen awaits no answer and every message is dealt with."""
    app = pilot.app
    assert isinstance(app, SandboxApp)
    await pilot.pause()
    await until(pilot, lambda: app.play.controller.view is not None and not app.play.busy)
    await pilot.pause()


async def typed(pilot: Pilot[object], line: str) -> None:
    """Put a line into the prompt, press enter, and wait for what it leads to."""
    prompt = pilot.app.screen.query_one(Prompt)
    prompt.value = line
    await pilot.press("enter")
    await settled(pilot)


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Starts `sandbox play` with these words in a terminal, after some lines of Python."""
    opened = []

    def start(*words: str, columns: int = 80, rows: int = 24, before: str = "") -> Terminal:
        main = f"{before}\nfrom sandbox.cli import main; main()"
        environment = {**os.environ, "SANDBOX_HOME": str(tmp_path)}
        terminal = Terminal([sys.executable, "-c", main, "play", *words], columns, rows, environment=environment)
        opened.append(terminal)
        return terminal

    yield start
    for terminal in opened:
        terminal.kill()
