"""Tabular Q-learning (Watkins, *Learning from Delayed Rewards*, 1989; Sutton & Barto, 2nd ed., ch. 6.5).

    Q(s, a) <- Q(s, a) + alpha * (r + gamma * max_a' Q(s', a') - Q(s, a))

A state is what the seat perceives (`Observation.state_key`), an action is the text of a command. Pairs that were
never updated are worth `initial`; above the reachable return it makes the learner try everything once ("optimism
in the face of uncertainty", ch. 2.6).

With `trace` above 0 this is Watkins's Q(lambda) with replacing traces (ch. 12.10; Singh & Sutton 1996): the error
of a step also moves the pairs that led to it, each by its trace, until the first command that was not greedy.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence

from sandbox.errors import SaveError
from sandbox.ranges import in_range
from sandbox.types import BellmanUpdate, Observation, Transition

_MOST_VISITS = 10**15
_TABLE = "q/"
_TRACES = "traces"
_NEGLIGIBLE = 1e-4
"""A trace below this is forgotten, so that an episode's tail stays short."""


class TabularQ:
    """A table of Q-values; a `QFunction`.

    Args:
        alpha: step size of a pair's first update, in (0, 1].
        gamma: discount, in [0, 1].
        initial: value of a pair without updates.
        alpha_decay: the n-th update of a pair steps by `alpha / n ** alpha_decay`. 0 keeps alpha constant; above
            0.5 and up to 1 the values converge with probability 1 (ch. 2.5).
        trace: lambda of Q(lambda); 0 is one-step Q-learning.
    """

    def __init__(
        self,
        *,
        alpha: float = 0.5,
        gamma: float = 0.9,
        initial: float = 0.0,
        alpha_decay: float = 0.0,
        trace: float = 0.0,
    ) -> None:
        in_range("alpha", alpha, 0, 1, above=True)
        in_range("gamma", gamma, 0, 1)
        in_range("alpha_decay", alpha_decay, 0, 1)
        in_range("trace", trace, 0, 1)
        if not math.isfinite(initial):
            raise ValueError(f"initial should be a finite number, not {initial!r}")
        self.alpha = alpha
        self.gamma = gamma
        self.initial = initial
        self.alpha_decay = alpha_decay
        self.trace = trace
        self._q: dict[str, dict[str, float]] = {}
        self._n: dict[str, dict[str, int]] = {}
        self._traces: dict[tuple[str, str], float] = {}
        self._expected = ""
        """The state in which the running episode should go on; elsewhere the traces do not apply."""
        self._changed: set[str] = set()

    def values(self, observation: Observation, commands: Sequence[str]) -> list[float]:
        known = self._q.get(observation.state_key, {})
        return [known.get(command, self.initial) for command in commands]

    def visits(self, observation: Observation, commands: Sequence[str]) -> list[int]:
        known = self._n.get(observation.state_key, {})
        return [known.get(command, 0) for command in commands]

    def update(self, transition: Transition) -> BellmanUpdate:
        """One step of Q-learning.

        The maximum goes over the candidates of the successor and every command the table knows there.
        """
        state, command = transition.observation.state_key, transition.command
        successor = transition.next_observation.state_key

        if self.trace:
            self._carry_traces(state, command, transition.observation.admissible or ())
        visits = self._n.setdefault(state, {}).get(command, 0) + 1
        self._n[state][command] = visits
        alpha = self.alpha / visits**self.alpha_decay
        before = self._q.setdefault(state, {}).get(command, self.initial)
        candidates = transition.candidates or transition.next_observation.admissible or ()
        next_value = 0.0 if transition.terminated else self._best(successor, candidates)
        error = transition.reward + self.gamma * next_value - before
        after = before + alpha * error
        self._q[state][command] = after
        self._changed.add(_TABLE + state)

        if self.trace:
            self._spread(state, command, alpha * error)
            self._expected = "" if transition.terminated else successor
        return BellmanUpdate(
            state_key=state,
            command=command,
            before=before,
            reward=transition.reward,
            gamma=self.gamma,
            next_value=next_value,
            alpha=alpha,
            after=after,
            source=transition.source,
        )

    def _best(self, state: str, candidates: Sequence[str]) -> float:
        known = self._q.get(state, {})
        values = [*known.values(), *(self.initial for command in candidates if command not in known)]
        return max(values, default=self.initial)

    def _carry_traces(self, state: str, command: str, candidates: Sequence[str]) -> None:
        """Let the traces fade by gamma * lambda; cut them where the episode broke off or the command explored."""
        value = self._q.get(state, {}).get(command, self.initial)
        if state != self._expected or value < self._best(state, candidates):
            self._traces.clear()
        fade = self.gamma * self.trace
        self._traces = {pair: faded for pair, e in self._traces.items() if (faded := e * fade) > _NEGLIGIBLE}

    def _spread(self, state: str, command: str, step: float) -> None:
        """Move every traced pair by its share of the step; the pair itself has already moved by all of it."""
        self._traces.pop((state, command), None)
        for (earlier, its_command), eligibility in self._traces.items():
            self._q[earlier][its_command] += eligibility * step
            self._changed.add(_TABLE + earlier)
        self._traces[state, command] = 1.0
        self._changed.add(_TRACES)

    def dump(self) -> dict[str, bytes]:
        """One JSON record a state, `{command: [value, visits]}`, and one for the traces where there are any."""
        names = [_TABLE + state for state in self._q]
        return {name: self._record(name) for name in (*names, *([_TRACES] if self.trace else []))}

    def changes(self) -> dict[str, bytes]:
        changed = {name: self._record(name) for name in sorted(self._changed)}
        self._changed.clear()
        return changed

    def load(self, records: Mapping[str, bytes]) -> None:
        """Replace everything learned. Raises `SaveError`, and changes nothing, where a record is damaged."""
        q: dict[str, dict[str, float]] = {}
        n: dict[str, dict[str, int]] = {}
        traces: dict[tuple[str, str], float] = {}
        expected = ""
        for name, record in records.items():
            try:
                data = json.loads(record)
                if name == _TRACES:
                    expected = str(data["state"])
                    traces = {(s, a): _finite(e) for s, a, e in data["traces"]}
                elif name.startswith(_TABLE):
                    state = name.removeprefix(_TABLE)
                    q[state] = {command: _finite(value) for command, (value, _) in data.items()}
                    n[state] = {command: _count(visits) for command, (_, visits) in data.items()}
                else:
                    raise ValueError("no record of a Q-table")
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                raise SaveError(
                    f"record {name!r} of the Q-table cannot be read: {error}",
                    hint="play on with the learner that wrote it, or start a new save",
                ) from error
        self._traces = {pair: e for pair, e in traces.items() if pair[1] in q.get(pair[0], {})}
        self._q, self._n, self._expected = q, n, expected
        self._changed.clear()

    def __iter__(self) -> Iterator[tuple[str, str, float, int]]:
        """Every (state key, command, value, visits) in the table."""
        for state, row in self._q.items():
            for command, value in row.items():
                yield state, command, value, self._n[state][command]

    def _record(self, name: str) -> bytes:
        data: object
        if name == _TRACES:
            data = {"state": self._expected, "traces": [[s, a, e] for (s, a), e in self._traces.items()]}
        else:
            state = name.removeprefix(_TABLE)
            data = {command: [value, self._n[state][command]] for command, value in self._q[state].items()}
        return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def _count(value: object) -> int:
    """A number of visits. Raises `ValueError`."""
    if not isinstance(value, int) or not 0 <= value <= _MOST_VISITS:
        raise ValueError(f"{value!r:.40} is no number of visits")
    return value


def _finite(value: object) -> float:
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is no finite number")
    return number
