"""What the tests of play and store share: a small world of chance for any number of seats, and an agent."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.errors import SaveError
from sandbox.types import BellmanUpdate, Decision, History, Observation, Proposal, Step, Transition

MOVES = ("dig", "east", "west")


@dataclass(frozen=True)
class Cave:
    """Where everyone is, what was found, and the generator of everything that happens by chance."""

    place: tuple[int, ...]
    coins: tuple[int, ...]
    mover: int
    counts: tuple[int, ...]
    heard: tuple[str, ...]
    over: bool
    random: tuple[Any, ...]


class CaveWorld:
    """Corridors in which digging finds coins by chance and bats carry people off: no two seeds are alike."""

    verbs = ("dig", "east", "west")

    def __init__(self, *seats: str, length: int = 30) -> None:
        self.seats = seats or ("digger",)
        self.name = f"cave-{len(self.seats)}"
        self.title = "A cave"
        self.fingerprint = "c" * 64
        self.length = length

    def initial(self, seed: int) -> Cave:
        n = len(self.seats)
        state = random.Random(seed).getstate()
        return Cave((0,) * n, (0,) * n, 0, (0,) * n, ("You enter the cave.",) * n, False, state)

    def to_move(self, state: Cave) -> str | None:
        return None if state.over else self.seats[state.mover]

    def observe(self, state: Cave, seat: str) -> Observation:
        i = self.seats.index(seat)
        return Observation(
            seat=seat,
            turn=state.counts[i],
            text=state.heard[i],
            description=f"You stand at {state.place[i]}.",
            inventory=f"{state.coins[i]} coins",
            goal="Find five coins.",
            score=float(state.coins[i]),
            max_score=5.0,
            admissible=MOVES,
            done=state.over,
            won=state.coins[i] >= 5,
        )

    def step(self, state: Cave, seat: str, command: str) -> Step[Cave]:
        i = self.seats.index(seat)
        assert i == state.mover
        rng = random.Random()
        rng.setstate(state.random)
        place, coins, rewards = list(state.place), list(state.coins), {}
        text = "Nothing happens."
        if command == "east":
            place[i] += 1
            text = "You walk east."
        elif command == "west":
            place[i] -= 1
            text = "You walk west."
        elif command == "dig" and rng.random() < 0.3:
            coins[i] += 1
            rewards = {each: -1.0 / (len(self.seats) - 1) for each in self.seats if len(self.seats) > 1} | {
                seat: 1.0
            }
            text = "You find a coin!"
        if rng.random() < 0.1:
            place[i] = rng.randrange(-9, 9)
            text += f" A bat carries you to {place[i]}."
        counts = tuple(count + (k == i) for k, count in enumerate(state.counts))
        heard = tuple(text if k == i else f"{said} {seat} did something." for k, said in enumerate(state.heard))
        if len(self.seats) > 1:  # what a seat heard before its own command is done with
            heard = tuple(said if k != i else text for k, said in enumerate(heard))
        over = max(coins) >= 5
        mover = (i + 1) % len(self.seats)
        after = Cave(tuple(place), tuple(coins), mover, counts, heard, over, rng.getstate())
        return Step(
            state=after, rewards=rewards, terminated=over, truncated=not over and sum(counts) >= self.length
        )

    def dump(self, state: Cave) -> bytes:
        return json.dumps(
            [state.place, state.coins, state.mover, state.counts, state.heard, state.over, state.random]
        ).encode()

    def load(self, data: bytes) -> Cave:
        try:
            place, coins, mover, counts, heard, over, (version, numbers, gauss) = json.loads(data)
        except ValueError as error:
            raise SaveError("not a state of this world") from error
        generator = (version, tuple(numbers), gauss)
        return Cave(tuple(place), tuple(coins), mover, tuple(counts), tuple(heard), over, generator)

    def close(self) -> None: ...


class TableAgent:
    """Tabular Q-learning in its smallest form, with a prompt that grows as a language model's would."""

    model = "fake@base"

    def __init__(self, name: str = "table", epsilon: float = 0.3) -> None:
        self.name = name
        self.epsilon = epsilon
        self.q: dict[str, float] = {}
        self.episodes = 0
        self.seen: list[Transition] = []
        self._changed: set[str] = set()

    def decide(self, observation: Observation, history: History, *, seed: int, explore: bool = True) -> Decision:
        rng = random.Random(seed)
        commands = list(observation.admissible or ("look",))
        values = [self.q.get(f"{observation.state_key}|{command}", 0.0) for command in commands]
        exploring = explore and rng.random() < self.epsilon
        chosen = rng.randrange(len(commands)) if exploring else values.index(max(values))
        prompt = "You are in a cave.\n" + "".join(f"> {each.command}\n{each.reply}\n" for each in history) + ">"
        return Decision(
            seat=observation.seat,
            state_key=observation.state_key,
            proposals=tuple(
                Proposal(command=command, prior=-1.0 / (k + 1), said=f"I {command}")
                for k, command in enumerate(commands)
            ),
            q_values=tuple(values),
            scores=tuple(values),
            visits=tuple(1 for _ in commands),
            chosen=chosen,
            chooser="exploration" if exploring else "agent",
            reason="highest Q",
            agent=self.name,
            model=self.model,
            prompt=prompt,
        )

    def learn(self, transition: Transition) -> BellmanUpdate:
        self.seen.append(transition)
        key = f"{transition.observation.state_key}|{transition.command}"
        before = self.q.get(key, 0.0)
        after_key = transition.next_observation.state_key
        following = max((self.q.get(f"{after_key}|{each}", 0.0) for each in transition.candidates), default=0.0)
        after = before + 0.5 * (transition.reward + 0.9 * following - before)
        self.q[key] = after
        self._changed.add(key)
        return BellmanUpdate(
            state_key=transition.observation.state_key,
            command=transition.command,
            before=before,
            reward=transition.reward,
            gamma=0.9,
            next_value=following,
            alpha=0.5,
            after=after,
            source=transition.source,
        )

    def end_episode(self) -> None:
        self.episodes += 1

    def dump(self) -> dict[str, bytes]:
        return {key: json.dumps(value).encode() for key, value in self.q.items()} | {
            "episodes": str(self.episodes).encode()
        }

    def changes(self) -> dict[str, bytes]:
        changed = {key: json.dumps(self.q[key]).encode() for key in self._changed}
        self._changed.clear()
        return changed | {"episodes": str(self.episodes).encode()}

    def load(self, records: Mapping[str, bytes]) -> None:
        values = {key: json.loads(data) for key, data in records.items()}
        self.episodes = values.pop("episodes", 0)
        self.q = values
