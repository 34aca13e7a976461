"""What each state accepted and refused of the commands an agent made up (after CALM, Yao et al. 2020)."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping

from sandbox.agent.grounding import looks_refused
from sandbox.errors import SaveError
from sandbox.types import Transition

MAX_STATES = 2000
MAX_COMMANDS = 64
_NAME = "memory/"


class CommandMemory:
    """For each state key the commands that did something and those that did not. Forgets the oldest states."""

    def __init__(self) -> None:
        self._states: OrderedDict[str, dict[str, bool]] = OrderedDict()
        self._changed: set[str] = set()

    def accepted(self, state_key: str) -> tuple[str, ...]:
        """Commands that did something here, oldest first."""
        return tuple(command for command, worked in self._states.get(state_key, {}).items() if worked)

    def refused(self, state_key: str, command: str) -> bool:
        """Whether the command was tried here and did nothing."""
        return self._states.get(state_key, {}).get(command) is False

    def note(self, transition: Transition) -> None:
        """Remember whether a command did something."""
        key = transition.observation.state_key
        commands = self._states.setdefault(key, {})
        self._states.move_to_end(key)
        worked = did_something(transition)
        if commands.get(transition.command) != worked:
            commands.pop(transition.command, None)
            commands[transition.command] = worked
            self._changed.add(key)
        if len(commands) > MAX_COMMANDS:
            del commands[next(iter(commands))]
        if len(self._states) > MAX_STATES:
            self._states.popitem(last=False)

    def dump(self) -> dict[str, bytes]:
        return {_NAME + key: _record(commands) for key, commands in self._states.items()}

    def changes(self) -> dict[str, bytes]:
        changed = {_NAME + key: _record(self._states.get(key, {})) for key in sorted(self._changed)}
        self._changed.clear()
        return changed

    def load(self, records: Mapping[str, bytes]) -> None:
        states: OrderedDict[str, dict[str, bool]] = OrderedDict()
        for name, record in records.items():
            try:
                states[name.removeprefix(_NAME)] = {
                    str(c): bool(worked) for c, worked in json.loads(record).items()
                }
            except (ValueError, AttributeError, RecursionError) as error:
                raise SaveError(f"record {name!r} of the agent's memory cannot be read: {error}") from error
        self._states = states
        self._changed.clear()


def did_something(transition: Transition) -> bool:
    """Whether the state as perceived changed or a reward came, and the reply is no complaint of the parser."""
    before, after = transition.observation, transition.next_observation
    if transition.terminated or transition.reward or after.score != before.score:
        return True
    if looks_refused(after.text):
        return False
    return after.state_key != before.state_key


def _record(commands: Mapping[str, bool]) -> bytes:
    return json.dumps(commands, ensure_ascii=False).encode()
