"""An agent that plays what it is given: walkthroughs, examples, the other seat of a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sandbox.types import Decision, History, Observation, Proposal, Transition, Update


class ScriptedAgent:
    """Gives the commands of a list, the n-th at the seat's n-th turn.

    Args:
        commands: one for each turn.
        then: given once the list is at its end.
        name: what decisions say they came from.
    """

    def __init__(self, commands: Sequence[str], *, then: str = "wait", name: str = "scripted") -> None:
        self.commands = tuple(commands)
        self.then = then
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @property
    def model(self) -> str:
        return ""

    def decide(self, observation: Observation, history: History, *, seed: int, explore: bool = True) -> Decision:
        turn = observation.turn
        inside = turn < len(self.commands)
        return Decision(
            seat=observation.seat,
            state_key=observation.state_key,
            proposals=(Proposal(command=self.commands[turn] if inside else self.then, source="scripted"),),
            q_values=(0.0,),
            scores=(0.0,),
            visits=(0,),
            chosen=0,
            chooser="script",
            reason=f"line {turn + 1} of {len(self.commands)}" if inside else "the script is at its end",
            agent=self.name,
        )

    def learn(self, transition: Transition) -> Update | None:
        return None

    def end_episode(self) -> None: ...

    def dump(self) -> dict[str, bytes]:
        return {}

    def changes(self) -> dict[str, bytes]:
        return {}

    def load(self, records: Mapping[str, bytes]) -> None: ...
