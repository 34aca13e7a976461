"""Planning without losses: what can come true at all, at what cost, and by which steps.

The delete relaxation of a planning problem (Bonet and Geffner 2001; Hoffmann and Nebel, *The FF Planning System*,
2001): whatever was true once stays true. What is out of reach even so is out of reach for certain; what is not
gives the search its estimate and its next steps.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

INFINITE = 1 << 40
_SHIFT = 22
_MASK = (1 << _SHIFT) - 1


@dataclass(frozen=True, slots=True)
class Operator:
    """One thing that can happen: it needs facts and makes facts true."""

    needs: tuple[int, ...]
    makes: tuple[int, ...]
    cost: int
    label: Any = None
    """What it is for whoever carries it out; None for what merely follows from other facts."""
    raises: tuple[tuple[Hashable, int], ...] = ()
    """Numbers that it changes, and by how much each time."""


class Relaxation:
    """Facts by number, and the operators over them."""

    def __init__(self) -> None:
        self.number: dict[Hashable, int] = {}
        self.facts: list[Hashable] = []
        self.operators: list[Operator] = []
        self.makers: list[list[int]] = []
        """For each fact the operators that make it true, but for those that raise numbers."""
        self.users: list[list[int]] = []
        """For each fact the operators that need it."""
        self._open: list[int] = []
        self._free: list[int] = []
        self.thresholds: dict[Hashable, list[tuple[int, int]]] = {}
        """For each number the bounds that are asked for, with their facts."""

    def fact(self, name: Hashable) -> int:
        """The number of a fact."""
        found = self.number.get(name)
        if found is None:
            found = self.number[name] = len(self.facts)
            self.facts.append(name)
            self.makers.append([])
            self.users.append([])
        return found

    def threshold(self, variable: Hashable, bound: int) -> int:
        """The fact that a number has come to a bound."""
        known = self.number.get(("reaches", variable, bound))
        if known is not None:
            return known
        fact = self.fact(("reaches", variable, bound))
        self.thresholds.setdefault(variable, []).append((bound, fact))
        return fact

    def add(
        self,
        needs: Iterable[int],
        makes: Iterable[int],
        cost: int = 0,
        label: Any = None,
        raises: tuple[tuple[Hashable, int], ...] = (),
    ) -> int:
        """A new operator, by number."""
        operator = Operator(tuple(dict.fromkeys(needs)), tuple(dict.fromkeys(makes)), cost, label, raises)
        index = len(self.operators)
        self.operators.append(operator)
        self._open.append(len(operator.needs))
        for fact in operator.needs:
            self.users[fact].append(index)
        for fact in operator.makes:
            self.makers[fact].append(index)
        if not operator.needs:
            self._free.append(index)
        return index

    def spread(self, true: Iterable[int], values: dict[Hashable, int] | None = None, goal: int = -1) -> Spread:
        """Everything that can come true from some facts, cheapest first.

        The cost of an operator is its own plus that of its dearest need.

        Args:
            true: the facts that hold.
            values: what the numbers are that thresholds are about.
            goal: stop as soon as this fact has come true; -1 for all.
        """
        costs = [INFINITE] * len(self.facts)
        by = [-1] * len(self.facts)
        missing = self._open[:]
        operators, users = self.operators, self.users
        heap: list[int] = []
        settled = bytearray(len(self.facts))
        for fact in true:
            if costs[fact]:
                costs[fact] = 0
                heap.append(fact)
        values = values or {}
        for variable, value in values.items():
            for bound, fact in self.thresholds.get(variable, ()):
                if value >= bound and costs[fact]:
                    costs[fact] = 0
                    heap.append(fact)
        heapq.heapify(heap)

        def fire(index: int, total: int) -> None:
            operator = operators[index]
            for made in operator.makes:
                if total < costs[made]:
                    costs[made], by[made] = total, index
                    heapq.heappush(heap, total << _SHIFT | made)
            for variable, change in operator.raises:
                value = values.get(variable, 0)
                for bound, made in self.thresholds.get(variable, ()):
                    times = max(-((value - bound) // change), 1)
                    cost = total + (times - 1) * max(operator.cost, 1)
                    if cost < costs[made]:
                        costs[made], by[made] = cost, index
                        heapq.heappush(heap, cost << _SHIFT | made)

        for index in self._free:
            fire(index, operators[index].cost)
        while heap:
            entry = heapq.heappop(heap)
            fact = entry & _MASK
            if settled[fact]:
                continue
            settled[fact] = 1
            if fact == goal:
                break
            cost = costs[fact]
            for index in users[fact]:
                missing[index] -= 1
                if not missing[index]:
                    fire(index, cost + operators[index].cost)
        return Spread(self, costs, by)


@dataclass(slots=True)
class Spread:
    """What can come true from one state."""

    relaxation: Relaxation
    costs: list[int]
    """For each fact what it takes to come true; `INFINITE` where it never does."""
    by: list[int]
    """For each fact the operator that makes it true at that cost; -1 where it holds, or never will."""

    def reaches(self, fact: int) -> bool:
        return fact < len(self.costs) and self.costs[fact] < INFINITE

    def cost_of(self, index: int) -> int:
        """What an operator costs, with all that it depends on."""
        operator = self.relaxation.operators[index]
        return operator.cost + max((self.costs[need] for need in operator.needs), default=0)

    def plan(self, goals: Sequence[int]) -> list[int]:
        """The operators of a relaxed plan, each after those that it depends on."""
        operators, by = self.relaxation.operators, self.by
        order: list[int] = []
        seen: set[int] = set()
        stack: list[tuple[int, bool]] = [(by[goal], False) for goal in goals if by[goal] >= 0]
        while stack:
            index, done = stack.pop()
            if done:
                order.append(index)
                continue
            if index in seen:
                continue
            seen.add(index)
            stack.append((index, True))
            stack += [(by[need], False) for need in operators[index].needs if by[need] >= 0]
        return order

    def before(self, index: int) -> Iterator[int]:
        """The operators that an operator directly depends on, looked for through what merely follows."""
        operators, by = self.relaxation.operators, self.by
        seen = {index}
        stack = [by[need] for need in operators[index].needs if by[need] >= 0]
        while stack:
            each = stack.pop()
            if each in seen:
                continue
            seen.add(each)
            if operators[each].label is None:
                stack += [by[need] for need in operators[each].needs if by[need] >= 0]
            else:
                yield each
