"""Rules, events, endings and the ways of characters, made ready to be carried out."""

from __future__ import annotations

from sandbox.world.native.aims import make_aim
from sandbox.world.native.compiled import (
    Acceptance,
    Act,
    CompiledDeal,
    CompiledEnding,
    CompiledEvent,
    CompiledPersona,
    CompiledRule,
    CompiledTopic,
    CompiledWorld,
    Test,
)
from sandbox.world.native.conditions import compile_all
from sandbox.world.native.effects import compile_effects
from sandbox.world.native.fillings import fillings_of
from sandbox.world.native.forms import FILLED
from sandbox.world.native.operands import members
from sandbox.world.native.prose import Prose
from sandbox.world.native.schema import Adventure, Character, Reaction, VerbRule
from sandbox.world.native.schema import Ending as EndingModel
from sandbox.world.native.schema import Event as EventModel
from sandbox.world.native.schema import Rule as RuleModel
from sandbox.world.native.state import NOWHERE
from sandbox.world.native.texts import Text, compile_prose


class RuleCompiler:
    """Compiles the rules of a world into its `Rules`. The world must know all entities by then."""

    def __init__(self, compiled: CompiledWorld) -> None:
        self.compiled, self.rules = compiled, compiled.rules

    def prose(self, key: str, text: Text) -> Prose:
        """An author's text."""
        return compile_prose(self.compiled, key, text)

    def all_of(self, conditions: tuple[object, ...]) -> Test:
        """Conditions that must all hold."""
        return compile_all(self.compiled, conditions)  # type: ignore[arg-type]

    def compile(self, world: Adventure) -> None:
        """Make everything ready."""
        own = frozenset(world.verbs)
        for number, rule in enumerate(world.rules):
            self._add(f"rules[{number}]", rule.instead or rule.after or "", rule, own)
        for name, verb in world.verbs.items():
            self.rules.refusals[name] = self.prose(f"verbs.{name}.otherwise", verb.otherwise)
            for number, entry in enumerate(verb.rules):
                self._add(f"verbs.{name}.rules[{number}]", name, entry, own)
            slots = self.compiled.lexicon.forms[name][0].slots
            if slots & FILLED:
                besides = [rule for rule in world.rules if rule.instead == name]
                self.rules.fillings[name] = fillings_of(self.compiled, verb, (*besides, *verb.rules), slots)
        self._index()
        self.rules.events[:] = [self._event(name, event) for name, event in world.events.items()]
        self.rules.endings[:] = [self._ending(name, ending) for name, ending in world.endings.items()]
        for name, character in world.characters.items():
            self.rules.personas[self.compiled.index[name]] = self._persona(name, character, len(world.events))

    def _response(self, key: str, model: Reaction) -> tuple[str, int, Test, Prose, Prose, Act | None, bool]:
        self.rules.keys.append(key)
        return (
            key,
            self._bit() if model.once else 0,
            self.all_of(model.when),
            self.prose(f"{key}.say", model.say),
            self.prose(f"{key}.seen", model.seen),
            compile_effects(self.compiled, f"{key}.do", model.do) if model.do else None,
            model.listed,
        )

    def _bit(self) -> int:
        self.rules.bits += 1
        return 1 << (self.rules.bits - 1)

    def _numbers(self, names: tuple[str, ...] | None) -> frozenset[int] | None:
        return None if names is None else frozenset(members(self.compiled, names))

    def _add(self, key: str, action: str, model: VerbRule, own: frozenset[str]) -> None:
        rule = model if isinstance(model, RuleModel) else None
        instead = rule is None or rule.instead is not None
        self.rules.all.append(
            CompiledRule(
                *self._response(key, model),
                action,
                self._numbers(model.thing),
                self._numbers(model.other),
                self._numbers(model.room),
                self._numbers(model.seat),
                (rule.direction or "") if rule else "",
                tuple(w.lower() for w in model.words),
                instead,
                action in own or bool(model.do) or model.once,
                len(self.rules.all),
            )
        )

    def _index(self) -> None:
        for instead, table in ((True, self.rules.instead), (False, self.rules.after)):
            rules = [r for r in self.rules.all if r.instead is instead]
            keys = {(r.action, t) for r in rules for t in (r.things or ())} | {(r.action, -1) for r in rules}
            chosen: dict[tuple[str, int], list[CompiledRule]] = {key: [] for key in keys}
            specific: dict[str, list[tuple[str, int]]] = {}
            for key in keys:
                specific.setdefault(key[0], []).append(key)
            for rule in rules:
                for key in (
                    specific[rule.action]
                    if rule.things is None
                    else [(rule.action, t) for t in sorted(rule.things)]
                ):
                    chosen[key].append(rule)
            table.update({key: tuple(sorted(found, key=lambda r: r.order)) for key, found in chosen.items()})
        self.rules.replaced = frozenset(action for action, _ in self.rules.instead)
        self.rules.watches_examine = any(action == "examine" for action, _ in self.rules.after)
        for rule in self.rules.all:
            if not (rule.instead and rule.listed and rule.costs):
                continue
            if rule.things is not None:
                for thing in rule.things:
                    self.rules.listing.by_thing.setdefault(thing, []).append(rule)
            elif rule.rooms is not None:
                for room in rule.rooms:
                    self.rules.listing.by_room.setdefault(room, []).append(rule)
            else:
                self.rules.listing.anywhere.append(rule)

    def _event(self, name: str, model: EventModel) -> CompiledEvent:
        key = f"events.{name}"
        self.rules.keys.append(key)
        chance = model.chance
        self.rules.random |= chance is not None
        return CompiledEvent(
            key,
            self._bit() if model.once else 0,
            model.after or model.every or 1,
            model.after is None,
            model.starts,
            None if chance is None else (chance.numerator, chance.denominator - chance.numerator),
            self.all_of(model.when),
            model.each,
            self._numbers(model.room),
            self.prose(f"{key}.say", model.say),
            compile_effects(self.compiled, f"{key}.do", model.do) if model.do else None,
        )

    def _ending(self, name: str, model: EndingModel) -> CompiledEnding:
        key = f"endings.{name}"
        self.rules.keys.append(key)
        return CompiledEnding(
            key,
            self.all_of(model.when) if model.when else None,
            model.won,
            self.prose(f"{key}.say", model.say),
            model.points,
            compile_effects(self.compiled, f"{key}.do", model.do) if model.do else None,
        )

    def _persona(self, name: str, model: Character, clocks: int) -> CompiledPersona:
        key, index = f"characters.{name}", self.compiled.index
        persona = CompiledPersona(
            self.prose(f"{key}.greeting", model.greeting),
            [
                CompiledTopic(*self._response(f"{key}.topics[{i}]", t), tuple(w.lower() for w in t.about))
                for i, t in enumerate(model.topics)
            ],
            [
                Acceptance(
                    *self._response(f"{key}.{part}[{i}]", r), self._numbers(r.thing) or frozenset(), r.count
                )
                for part in ("accepts",)
                for i, r in enumerate(model.accepts)
            ],
            [
                Acceptance(
                    *self._response(f"{key}.{part}[{i}]", r), self._numbers(r.thing) or frozenset(), r.count
                )
                for part in ("notices",)
                for i, r in enumerate(model.notices)
            ],
            [
                CompiledDeal(
                    *self._response(f"{key}.trades[{i}]", Reaction(when=d.when, say=d.say, do=d.do)),
                    index[d.takes],
                    d.takes_count,
                    index[d.gives],
                    d.gives_count,
                )
                for i, d in enumerate(model.trades)
            ],
        )
        who = index[name]
        persona.aims = tuple(
            make_aim(self.compiled, who, self.all_of(aim.when), self.all_of(aim.reach), aim.reach)
            for aim in model.aims
        )
        if (routine := model.routine) is not None:
            chance = routine.chance
            self.rules.random |= chance is not None
            persona.route = tuple(index[r] for r in routine.rooms)
            persona.wanders = chance is not None
            persona.follows = index[routine.follows] if routine.follows else NOWHERE
            persona.period = routine.every
            persona.odds = None if chance is None else (chance.numerator, chance.denominator - chance.numerator)
            persona.when = self.all_of(routine.when) if routine.when else None
            persona.clock = clocks + len(self.rules.routine_clocks)
            persona.step_clock = persona.clock + 1
            start = persona.route.index(index[model.at]) if index.get(model.at) in persona.route else -1
            self.rules.routine_clocks += [routine.every, max(start, 0)]
        return persona
