"""What cannot be in a world, for certain: read off its relaxation, whatever its size."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from sandbox.world.check.coverage import Coverage
from sandbox.world.native import NativeWorld
from sandbox.world.native.schema.conditions import Conditions
from sandbox.world.native.schema.effects import TextPart, Variation
from sandbox.world.solver.grounding import Grounding
from sandbox.world.solver.planner import Planner
from sandbox.world.solver.reasons import Reason, reasons


class Evidence:
    """What may come true from any of a world's beginnings."""

    def __init__(self, world: NativeWorld, coverage: Coverage) -> None:
        self.world = world
        self.grounding = Grounding(world, dict(_texts(coverage)))
        self.planner = Planner(world, chance=True, grounding=self.grounding)
        self.starts = [state for _, state in world.initials()]
        true: set[int] = set()
        self.values: dict[Hashable, int] = {}
        for state in self.starts:
            facts, values = self.grounding.read(state)
            true |= set(facts)
            for name, value in values.items():
                self.values[name] = max(value, self.values.get(name, value))
        self.true = sorted(true)
        self.won = self.grounding.won(frozenset())
        self.spread = self.grounding.spread(self.true, self.values)

    def never(self, *names: Hashable) -> bool:
        """Whether none of these facts can ever be true."""
        facts = [self.grounding.number.get(name) for name in names]
        return not any(fact is not None and self.spread.reaches(fact) for fact in facts)

    def no_room(self, room: int) -> bool:
        """Whether no seat ever comes to a room."""
        return self.never(*(("in", seat, room) for seat in self.world.compiled.seats))

    def not_seen(self, thing: int) -> bool:
        """Whether no seat ever sees something."""
        seats = self.world.compiled.seats
        if thing in seats:
            return False
        return self.never(*(("see", thing, seat) for seat in seats))

    def not_held(self, thing: int) -> bool:
        """Whether no seat ever has a thing."""
        seats = self.world.compiled.seats
        return self.never(*((word, thing, seat) for word in ("has", "stock") for seat in seats))

    def silent(self, key: str) -> bool:
        """Whether a rule, event, ending or text of the file never comes to pass."""
        number = self.grounding.number
        if ("shows", key) in number and self.never(("shows", key)):
            return True
        for name in (key, key.rpartition(".")[0], key.rpartition("[")[0].rpartition(".")[0]):
            if ("fires", name) in number:
                return self.never(("fires", name))
        section, _, rest = key.partition(".")
        index = self.world.compiled.index
        entity = index.get(rest.partition(".")[0], -1)
        if section == "rooms" and entity >= 0:
            return self.no_room(entity)
        return section in ("things", "characters") and entity >= 0 and self.not_seen(entity)

    def hopeless(self, seats: Iterable[str] = ()) -> bool:
        """Whether these seats cannot win together; without any, whether nobody can win at all."""
        return not self.spread.reaches(self.goal(seats))

    def goal(self, seats: Iterable[str] = ()) -> int:
        """The fact that seats have won together, or that somebody has."""
        return self.grounding.won(frozenset(self.world.compiled.index[seat] for seat in seats))

    def why(self, goal: int, deadline: float) -> list[Reason]:
        """What a goal that is out of reach waits for, as far as that is found by then."""
        return reasons(self.grounding, self.starts[0], self.true, self.values, goal, deadline)


def _texts(coverage: Coverage) -> Iterable[tuple[str, tuple[Conditions, bool]]]:
    """Pieces of text under conditions, with these, and whether they must hold or fail."""
    for pieces in coverage.pieces.values():
        for piece in pieces:
            path, _, word = piece.rpartition(".")
            part = coverage.model_at(path)
            if isinstance(part, (TextPart, Variation)):
                yield piece, (part.when, word != "otherwise")
