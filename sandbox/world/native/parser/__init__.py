"""From a typed line to commands. What goes wrong is answered in words and costs no turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sandbox.text import clean_line, near_miss
from sandbox.world.native.compiled import CompiledWorld, Draft
from sandbox.world.native.describe import exits, inventory, look
from sandbox.world.native.forms import Form, Spans, lower
from sandbox.world.native.parser.errands import ERRANDS, Errand, Errands
from sandbox.world.native.parser.hints import Adviser, give_hint
from sandbox.world.native.parser.nouns import NounMatch, Unclear, all_of, resolve, several, unknown_word
from sandbox.world.native.prose import CountedThing
from sandbox.world.native.schema.base import MAX_NUMBER
from sandbox.world.native.scope import Scope, access, scope_of
from sandbox.world.native.seating import aboard, keeps
from sandbox.world.native.state import FIXED, NOWHERE, RUNNING, ParsedCommand, SeatMemory

MAX_SENTENCES = 20
MAX_DEPTH = 3
"""How deep a line may stand for others that stand for others."""
MAX_LISTED_VERBS = 40

Perform = Callable[[Sequence[ParsedCommand]], bool]

_SPEECH = ("say", "tell", "ask")
_BY_HAND = ("put", "give", "show", "wear")
"""Actions with a thing that one has in one's hands."""
_ONE = {"put_in": "put", "put_on": "put", "board_in": "board", "get_out": "get_off"}
"""Actions that are one, however they are called."""
_POSTURES = ("sit", "lie", "stand", "climb")


class Parser:
    """Reads lines for all seats of a world. Holds nothing between calls: what it remembers is in the state."""

    def __init__(self, compiled: CompiledWorld) -> None:
        self.compiled = compiled
        self.lexicon = compiled.lexicon
        self.grammar = compiled.grammar
        own = [self._bare(compiled.lexicon.forms[name][0]) for name in compiled.definition.verbs]
        usual = [v.strip() for v in compiled.language.shown.replace("、", ",").split(",")]
        self.errands = Errands(compiled)
        self.adviser: Adviser | None = None
        """Who is asked for hints."""
        self.verbs = tuple(dict.fromkeys(v for v in (*own, *usual) if v))[:MAX_LISTED_VERBS]

    def _bare(self, form: Form) -> str:
        """A form without its nouns: `pry` of `pry {thing} with {other}`."""
        if self.grammar.spaced:
            return form.parts[0].strip()
        return "".join("……" if p[0] == "{" else p for p in form.parts)

    def run(self, draft: Draft, line: str, perform: Perform) -> None:
        """Carry out a line, sentence by sentence, until one fails or the turn is another's."""
        seat = draft.actor
        text = self.grammar.tidy(clean_line(line))
        if not text:
            draft.say("pardon")
            return
        text = self._answered(draft, self._plain(text))
        alone = len(self.compiled.seats) == 1
        position = 0
        parts = self.grammar.sentences(text)
        if not parts:
            draft.say("pardon")
        for number, part in enumerate(parts):
            if number >= MAX_SENTENCES:
                draft.say("too_much")
                break
            position = text.index(part, position)
            sentence = text[position:] if self._is_speech(part) else part
            position += len(part)
            done, took_turn = self._sentence(draft, sentence, perform)
            if not done or draft.ended != RUNNING or sentence is not part:
                break
            if took_turn and not alone:
                if number + 1 < len(parts):
                    draft.say("one_at_a_time")
                break
        draft.actor = seat

    def named(self, command: ParsedCommand) -> CountedThing:
        """The thing of a command, as many as it is about."""
        return CountedThing(command.thing, command.amount or 2)

    def remember(self, draft: Draft, command: ParsedCommand) -> None:
        """Let pronouns mean what a command was about."""
        index = draft.actor - self.compiled.seats[0]
        draft.memory[index] = self.remembered(draft.memory[index], command, draft.actor)

    def remembered(self, memory: SeatMemory, command: ParsedCommand, seat: int) -> SeatMemory:
        """A seat's memory with pronouns that mean what a command was about."""
        pronouns = list(memory.pronouns)
        for thing in (command.other, command.thing, command.extra):
            if thing < 0 or thing == seat:
                continue
            noun = self.compiled.entities[thing].noun
            if noun.plural or (noun.one and command.amount != 1):
                pronouns[1] = thing
            elif noun.pronoun in ("he", "she", "they"):
                pronouns[{"they": 1, "he": 2, "she": 3}[noun.pronoun]] = thing
            else:
                pronouns[0] = thing
        it, them, him, her = pronouns
        meant = (it, them, him, her)
        if meant == memory.pronouns:
            return memory
        return memory._replace(pronouns=meant, group=memory.group if them == memory.pronouns[1] else ())

    def remember_all(self, draft: Draft, commands: Sequence[ParsedCommand]) -> None:
        """Let `them` mean the things of several commands."""
        index = draft.actor - self.compiled.seats[0]
        group = tuple(dict.fromkeys(command.thing for command in commands if command.thing >= 0))
        draft.memory[index] = draft.memory[index]._replace(group=group)

    def _plain(self, text: str) -> str:
        """A line without manners, and without `I` before a verb."""
        text = self.grammar.courteous(text)
        low = lower(text)
        if low.startswith(("i ", "you ")) and self.lexicon.starting(low.partition(" ")[2]):
            text = text.partition(" ")[2]
        spoken = any(self._is_speech(part) for part in self.grammar.sentences(text))
        return text if spoken else self.grammar.parting(text)

    # One sentence

    def _is_speech(self, sentence: str) -> bool:
        low = lower(sentence)
        return any(
            (
                form.action in _SPEECH
                or (form.parts[-1] == "{text}" and form.action in self.compiled.definition.verbs)
            )
            and any(True for _ in form.match(low))
            for form in self.lexicon.starting(low)
        )

    def _sentence(self, draft: Draft, text: str, perform: Perform, depth: int = 0) -> tuple[bool, bool]:
        """Carry out one sentence. Answers whether it was understood and done, and whether it took a turn."""
        index = draft.actor - self.compiled.seats[0]
        low = lower(text)
        meaning = self._read(draft, text, low)
        if isinstance(meaning, Unclear):
            if depth < MAX_DEPTH:
                order = self.errands.order(draft, text)
                if order is not None:
                    return self._all(draft, order, perform, depth)
                joined = None if self._is_speech(text) else self.errands.joined(text)
                if joined is not None:
                    return self._all(draft, Errand(joined), perform, depth)
                errand = self.errands.read(draft, text)
                if errand is not None:
                    return self._all(draft, errand, perform, depth)
            self._explain(draft, text, low, meaning)
            return False, False
        action, commands = meaning
        memory = draft.memory[index]
        if action == "again":
            if not memory.last or depth:
                draft.say("no_again")
                return False, False
            return self._sentence(draft, memory.last, perform, depth + 1)
        if action == "oops":
            if memory.mistake is None or depth:
                draft.say("no_oops")
                return False, False
            fixed = memory.mistake[0] + commands[0].text + memory.mistake[1]
            return self._sentence(draft, fixed, perform, depth + 1)
        draft.memory[index] = memory._replace(last=text, mistake=None, question=None)
        if not commands:
            self._tell_freely(draft, action)
            return True, False
        if len(commands) == 1 and (first := self.step_before(draft, commands[0])) is not None:
            draft.say("first_taking" if first.action == "take" else "first_off", thing=CountedThing(first.thing))
            if not perform((first,)):
                return False, False
            if draft.ended != RUNNING or len(self.compiled.seats) > 1:
                return draft.ended == RUNNING, True
        took_turn = perform(commands)
        return took_turn or action in ("examine", "talk"), took_turn

    def _all(self, draft: Draft, errand: Errand, perform: Perform, depth: int) -> tuple[bool, bool]:
        """Carry out the lines of an errand, until one fails, something happens, or the turn is another's."""
        done, took_turn, seat = bool(errand.lines), False, draft.actor
        for number, line in enumerate(errand.lines):
            draft.actor, draft.stirred = seat, False
            done, took = self._sentence(draft, line, perform, depth + 1)
            took_turn |= took
            left = number + 1 < len(errand.lines)
            if not done or draft.ended != RUNNING or (errand.patient and draft.stirred):
                break
            if took and left and len(self.compiled.seats) > 1:
                draft.say("one_at_a_time", seat)
                break
        return done, took_turn

    def step_before(self, draft: Draft, command: ParsedCommand) -> ParsedCommand | None:
        """What has to be done before: getting off, or taking what is named and lies within reach."""
        action, thing = command.action, command.thing
        if action == "go":
            on = aboard(draft, draft.actor) if keeps(draft, draft.actor) else NOWHERE
            return None if on == NOWHERE else ParsedCommand("get_off", on)
        if action in ("unlock", "lock"):
            thing = command.other if command.other in self.compiled.entities[thing].keys else NOWHERE
        elif action not in _BY_HAND:
            return None
        if thing < 0 or thing >= self.compiled.people or self.compiled.entities[thing].counted:
            return None
        if draft.flags(thing) & FIXED or draft.holder(thing) != NOWHERE or access(draft, draft.actor, thing) < 2:
            return None
        return ParsedCommand("take", thing)

    def _tell_freely(self, draft: Draft, action: str) -> None:
        seat = draft.actor
        index = seat - self.compiled.seats[0]
        if action == "look":
            draft.tell(seat, look(draft, seat))
        elif action == "inventory":
            draft.tell(seat, inventory(draft, seat))
        elif action == "exits":
            draft.tell(seat, exits(draft, seat, draft.here()))
        elif action == "score":
            model = self.compiled.definition.seats[self.compiled.ids[seat]]
            slots = {"score": f"{draft.scores[index]:g}", "turns": str(draft.memory[index].turns - 1)}
            if model.max_score is not None:
                draft.say("score_of", max=f"{model.max_score:g}", **slots)
            else:
                draft.say("score", **slots)
        elif action == "help":
            joint = ", " if self.grammar.spaced else "、"
            draft.say("goal", goal=self.compiled.definition.seats[self.compiled.ids[seat]].goal)
            draft.say("help", verbs=joint.join(self.verbs))
        elif action == "hint":
            give_hint(draft, self.adviser)
        else:
            draft.say("undo" if action == "undo" else "session")

    def _read(self, draft: Draft, text: str, low: str) -> tuple[str, list[ParsedCommand]] | Unclear:
        if (direction := self.lexicon.directions.get(low)) is not None:
            return "go", [ParsedCommand("go", text=direction)]
        scope: Scope | None = None
        worst = Unclear(-1, "unknown_verb", low)
        for form in self.lexicon.starting(low):
            if form.action in ERRANDS:
                continue
            for spans in form.match(low):
                scope = scope or scope_of(draft, draft.actor)
                meaning = self._interpret(draft, scope, form, spans, text, low)
                if not isinstance(meaning, Unclear):
                    return form.action, meaning
                if meaning.rank > worst.rank:
                    worst = meaning
        return worst if worst.rank >= 0 else self._missing(low) or worst

    def _missing(self, low: str) -> Unclear | None:
        """A command that lacks its last noun."""
        for form in sorted(self.lexicon.starting(low), key=lambda f: f.weight):
            parts = form.parts
            own = form.action in self.compiled.definition.verbs
            if ("text" in form.slots and not own) or "direction" in form.slots:
                if form.action == "go" and parts[0].strip() == low:
                    return Unclear(0, "which_direction")
                continue
            if len(parts) == 2 and parts[0].strip() == low:
                return Unclear(0, "what", parts[0])
            if len(parts) == 4 and low.startswith(parts[0]) and parts[2] not in low and "thing" in parts[1]:
                return Unclear(0, "what", low + parts[2])
        return None

    def _interpret(
        self, draft: Draft, scope: Scope, form: Form, spans: Spans, text: str, low: str
    ) -> list[ParsedCommand] | Unclear:
        action = form.action
        memory = draft.memory[draft.actor - self.compiled.seats[0]]
        if "direction" in spans:
            start, end = spans["direction"]
            direction = self.lexicon.directions.get(low[start:end])
            return [ParsedCommand("go", text=direction)] if direction else Unclear(-1, "unknown_verb", low)
        said = text[slice(*spans["text"])].strip(" “”\"'") if "text" in spans else ""
        if "text" in spans and not said:
            return Unclear(-1, "unknown_verb", low)
        number = -1
        if "number" in spans:
            typed = self.grammar.numeral(low[slice(*spans["number"])])
            if typed is None or typed > MAX_NUMBER:
                return Unclear(1, "number_wanted", low[slice(*spans["number"])])
            number = typed
        nouns: dict[str, NounMatch] = {}
        for slot in ("other", "extra"):
            if slot in spans:
                picked = resolve(draft, scope, memory, low[slice(*spans[slot])], action, slot)
                if isinstance(picked, Unclear):
                    return picked
                nouns[slot] = picked
        other = nouns["other"].thing if "other" in nouns else NOWHERE
        named = _ONE.get(action, action)
        within = other if action == "take" else NOWHERE
        extra = nouns.get("extra", NounMatch(NOWHERE))
        if "things" in spans or "thing" in spans:
            slot = "things" if "things" in spans else "thing"
            things = self._things(draft, scope, low[slice(*spans[slot])], action, slot, within, other)
            if isinstance(things, Unclear):
                return things
        else:
            things = [NounMatch(NOWHERE)]
        if action in _POSTURES and self.compiled.enterable and action not in self.compiled.definition.verbs:
            action, things = self._posture(draft, scope, action, things)
            named = action
            if not form.slots:
                return [ParsedCommand(action, things[0].thing)]
        if action in ("oops",):
            return [ParsedCommand(action, text=said)]
        if not form.slots:
            if action in ("look", "inventory", "exits", "score", "help", "hint", "again", "undo", "save"):
                return []
            return [ParsedCommand(named)]
        if action == "take":
            other = NOWHERE
        return [
            ParsedCommand(named, t.thing, other, t.count, said, extra.thing, extra.count, number) for t in things
        ]

    def _things(
        self, draft: Draft, scope: Scope, phrase: str, action: str, slot: str, within: int, other: int
    ) -> list[NounMatch] | Unclear:
        memory = draft.memory[draft.actor - self.compiled.seats[0]]
        if slot == "things" and len(memory.group) > 1 and self.grammar.pronoun(phrase) == 1:
            meant = [NounMatch(t) for t in memory.group if t in scope.held or t in scope.near or t in scope.far]
            return meant or Unclear(1, "not_here")
        single = resolve(draft, scope, memory, phrase, action, "thing", within)
        if isinstance(single, NounMatch):
            return [single]
        if single.rank <= 1 and (found := several(draft, scope, phrase, action, within)) is not None:
            return found if slot == "things" or isinstance(found, Unclear) else Unclear(2, "only_one")
        but = self.grammar.everything(phrase)
        parts = self.grammar.parts(phrase)
        if but is None and len(parts) < 2:
            return single
        if slot == "thing":
            return Unclear(2, "only_one")
        chosen: list[NounMatch] = []
        for part in (but and self.grammar.parts(but)) or (parts if but is None else []):
            picked = resolve(draft, scope, memory, part, action, "thing", within)
            if isinstance(picked, Unclear) and (found := several(draft, scope, part, action, within)) is not None:
                if isinstance(found, Unclear):
                    return found
                chosen += found
            elif isinstance(picked, Unclear):
                return picked
            else:
                chosen.append(picked)
        if but is None:
            return list(dict.fromkeys(chosen))
        left_out = {p.thing for p in chosen}
        everything = [
            t for t in all_of(draft, scope, action, within if within != NOWHERE else other) if t not in left_out
        ]
        return [NounMatch(t) for t in everything] or Unclear(2, "nothing_to_do")

    def _posture(
        self, draft: Draft, scope: Scope, action: str, things: list[NounMatch]
    ) -> tuple[str, list[NounMatch]]:
        """Sitting and lying on what one can get on is getting on it, and standing up is getting off."""
        thing, enterable = things[0].thing, self.compiled.enterable
        if action == "stand" and thing < 0 and aboard(draft, draft.actor) != NOWHERE:
            return "get_off", [NounMatch(aboard(draft, draft.actor))]
        if thing < 0 and action in ("sit", "lie"):
            seats = [t for t in scope.near if t in enterable]
            thing = seats[0] if len(seats) == 1 else NOWHERE
        ruled = self.compiled.rules.instead.get((action, thing)) or self.compiled.rules.instead.get((action, -1))
        return ("board", [NounMatch(thing)]) if thing in enterable and not ruled else (action, things)

    # What went wrong

    def _explain(self, draft: Draft, text: str, low: str, unclear: Unclear) -> None:
        index = draft.actor - self.compiled.seats[0]
        memory = draft.memory[index]._replace(question=None, mistake=None)
        key = unclear.key
        if key == "which":
            start = low.index(unclear.text)
            memory = memory._replace(
                question=(text[:start], text[start + len(unclear.text) :], unclear.candidates)
            )
            names = [self.grammar.definite(self.compiled.entities[t].noun, 2) for t in unclear.candidates]
            draft.say("which", list=self.grammar.choice(names))
        elif key == "what":
            memory = memory._replace(question=(unclear.text, "", ()))
            draft.say("what", verb=unclear.text.strip())
        elif key == "not_countable":
            draft.say(key, thing=CountedThing(unclear.candidates[0], 2))
        elif key == "unknown_verb" or (key == "not_here" and unclear.rank == 0):
            word = unknown_word(draft, unclear.text) if key == "not_here" else self._first_word(low)
            word = word or low
            start = max(low.find(word), 0)
            memory = memory._replace(mistake=(text[:start], text[start + len(word) :]))
            near = self._near(draft, word, verbs=key == "unknown_verb")
            name = "unknown_verb" if key == "unknown_verb" else "unknown_word"
            if (understood := self._understood(draft, text, low)) is not None:
                draft.say("understood", text=understood, rest=text[len(understood) :].strip())
            elif near and near != word:
                draft.say(f"{name}_near", text=word, near=near)
            else:
                draft.say(name, text=word)
        else:
            draft.say(key, text=unclear.text)
        draft.memory[index] = memory

    def _understood(self, draft: Draft, text: str, low: str) -> str | None:
        """The longest beginning of a line that is a command by itself."""
        words = low.split(" ") if self.grammar.spaced else []
        for count in range(len(words) - 1, 0, -1):
            begin = " ".join(words[:count])
            if self.grammar.dangling(words[count - 1]):
                continue
            if not isinstance(self._read(draft, text[: len(begin)], begin), Unclear):
                return text[: len(begin)]
        return None

    def _first_word(self, low: str) -> str:
        return low.split(" ", 1)[0] if self.grammar.spaced else low

    def _near(self, draft: Draft, word: str, *, verbs: bool) -> str:
        if verbs:
            words = self.lexicon.verb_words() | set(self.lexicon.directions)
        else:
            entities = self.compiled.entities
            scope = scope_of(draft, draft.actor)
            words = {w for thing in scope.all() for w in self.grammar.words(entities[thing].noun)}
        return near_miss(word, words)

    def _answered(self, draft: Draft, text: str) -> str:
        """The line, put into the open question that it answers, if it does."""
        index = draft.actor - self.compiled.seats[0]
        memory = draft.memory[index]
        if memory.question is None:
            return text
        before, after, candidates = memory.question
        draft.memory[index] = memory._replace(question=None)
        low = lower(text)
        if candidates:
            _, bare = self.grammar.quantity(low)
            ranked = [(self.grammar.match(bare, self.compiled.entities[t].noun), t) for t in candidates]
            best = max(rank for rank, _ in ranked)
            fitting = [t for rank, t in ranked if rank == best] if best else []
            if len(fitting) == 1:
                return before + self.compiled.canonical(fitting[0]) + after
            if fitting:
                return before + bare + after
            return text
        if low in self.lexicon.directions or any(
            True for form in self.lexicon.starting(low) for _ in form.match(low)
        ):
            return text
        return before + text + after
