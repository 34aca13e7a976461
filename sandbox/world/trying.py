"""Finding out which commands do something at a moment of a story, by trying them on copies of it.

Runs in the interpreter's process, where a try costs ten microseconds besides the story's own work. Candidates
are the story's grammar filled with the nouns in sight (`wording`); what is kept is one command for each effect.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

from sandbox.world import printed
from sandbox.world.trials import Effect, TrialMachine, Trials
from sandbox.world.verb_tables import ALIVE, HELD, HERE, TOLD
from sandbox.world.wording import (
    DIRECTIONS,
    MAX_FURTHER,
    MAX_NOUNS,
    MAX_THINGS,
    CommandForm,
    StoryGrammar,
    filled,
    heads,
)

Pair = tuple[str, str]
_KEYS = (*printed.KEYS, *"qnpyhmx123456789")
_WHOLE = 60
"""Words of an answer that are compared where it is to be a new text."""
_MAX_TOLD = 48
_MAX_POWERS = 8
"""Commands that are listed for their answer alone."""
MAX_TOPICS = 24
"""Words that are tried as topics, and as verbs, at one state."""
_MAX_PAIRS = 40
"""Promising pairs of nouns that are tried at once with one form; the others are last."""
_MAX_FOUND = 4
"""Things that are here though nothing in sight names them."""
_NEW, _KNOWN = "*new*", "*known*"
"""Kinds of answers that come with an effect, one that no other command has shown, or a known one."""
_TELLS_APART = 40
"""Characters from which on an answer to `examine` is taken to be that of one thing only."""
_ALL = "all"
_SEVERAL = 4
_ALL_AROUND = 900
"""Commands that are this useful are tried with all things; others first with those that something came of."""
_SAMPLE = 5
"""Topics that are tried to see whether there is something to talk about."""
_CAST = CommandForm("OBJ OBJ", (frozenset((HERE,)), frozenset((HERE,))))
_SAID = CommandForm("OBJ", (frozenset((HERE,)),))
"""Nouns said as verbs: a story of magic has spells that are named like things."""
_EXAMINE = CommandForm("examine OBJ", (frozenset((HERE,)),), (False,), telling=True)


class CommandTrial:
    """Tries from one state, at most so many. The order, and so the result, is the same each time.

    Args:
        machine: stands at the state, and is left anywhere.
        grammar: the story's.
        limit: commands that may be tried.
        skip: commands known to freeze the interpreter.
    """

    def __init__(self, machine: TrialMachine, grammar: StoryGrammar, limit: int, skip: Iterable[str] = ()) -> None:
        self._machine = machine
        self._grammar = grammar
        self._left = limit
        self._skip = frozenset(skip)
        self._here = machine.mark()
        self._before = machine.effect()
        self._idle: set[Effect] = set()
        """The world's own doing, which comes with every command that takes a turn."""
        self._effects: dict[Effect, list[str]] = {}
        self._replies: dict[str, str] = {}
        """Replies of commands that changed nothing."""
        self._sampled: dict[str, str] = {}
        """Replies to samples of words that are likely not here."""
        self._texts: dict[str, str] = {}
        """Replies of all commands."""
        self._cleaned: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self._nouns: dict[str, tuple[str, ...]] = {}
        self._telling: set[str] = set()
        self._guessed: set[str] = set()
        """Commands of which the story said what it took to be meant."""
        self._about: dict[str, str] = {}
        """Commands that ask or tell somebody about something, with the verb and whom."""
        self._carried: frozenset[str] = frozenset()
        self._taken: set[str] = set()
        """Things that can be taken, and so used like those that are carried."""
        self._absent: set[str] = set()
        """Kinds of answers about things that are not here."""
        self._unseen: list[str] = []
        """What can be looked at and nothing else, such as spells that one has heard of."""
        self._dropped: set[str] = set()
        self._lively: set[str] = set()
        """Things that something came of so far."""
        self._alive: list[str] | None = None
        self._asked: dict[str, None] = {}

    def keys(self) -> list[str]:
        """Keys that do something where the story waits for one, one for each effect."""
        found: dict[tuple[Effect, str], str] = {}
        for key in _KEYS:
            self._machine.go_to(self._here)
            text = printed.reply_text(self._machine.try_out(key, press=True) or "", menu=True)
            effect = self._machine.effect()
            if text or effect != self._before:
                found.setdefault((effect, text), key)
        return sorted(found.values())

    def commands(self, seen: str, inventory: str) -> Trials:
        """What does something here, found with the words in sight.

        Args:
            seen: what can be read here: the latest reply, and the description.
            inventory: what is carried, as the story lists it.
        """
        grammar = self._grammar
        self._be_idle()
        self._carried = frozenset(grammar.named(inventory))
        things, named = self._things(seen, inventory)
        words = [word for word in named if word not in things]
        things = self._sorted_out(things)
        spoken = self._unseen + things + words[:MAX_TOPICS]
        numbers = printed.numbers(seen)
        heard_of = grammar.named(" ".join(self._unseen))
        for word in self._words_of_power(list(dict.fromkeys((*heard_of, *words)))[:MAX_TOPICS]):
            for thing in things:
                self._say(_CAST, word, thing)
        forms = grammar.by_nouns(1, 2)
        later: list[tuple[CommandForm, tuple[str, ...]]] = []
        last: list[tuple[CommandForm, list[Pair]]] = []
        for form in forms:
            places = [self._fitting(place, things, spoken, numbers) for place in form.places]
            dull = set() if grammar.usefulness(form) >= _ALL_AROUND else set(things) - self._lively
            if form.topic is not None:
                self._ask(form, *places)
            elif len(places) == 1:
                self._say_each(form, [noun for noun in places[0] if noun not in dull])
                later += [(form, (noun,)) for noun in places[0] if noun in dull]
            else:
                firsts, seconds = ([noun for noun in nouns if noun not in dull] for nouns in places)
                last.append((form, self._say_pairs(form, firsts, seconds)))
                later += [(form, (noun, seconds[0])) for noun in places[0] if noun in dull and seconds]
                later += [(form, (firsts[0], noun)) for noun in places[1] if noun in dull and firsts]
        for form, nouns in later:
            self._say(form, *nouns)
        for form, pairs in last:
            for pair in pairs:
                self._say(form, *pair)
        kept, shown = self._kept()
        return Trials(kept, things, list(self._asked), shown)

    def _say_each(self, form: CommandForm, nouns: list[str]) -> None:
        """Try a command of one noun with each. Those with an answer of their own, or an effect, are lively."""
        kinds: dict[str, list[str]] = {}
        for noun in (*nouns, *([_ALL] if form.several[0] else [])):
            kinds.setdefault(self._kind_of(form, noun), []).append(noun)
        self._lively.update(
            noun for kind, same in kinds.items() if kind in (_NEW, _KNOWN) or len(same) == 1 for noun in same
        )

    def _kind_of(self, form: CommandForm, *nouns: str) -> str:
        """Try one command; what kind of answer it gets."""
        effects = len(self._effects)
        reply = self._say(form, *nouns)
        if len(self._effects) > effects:
            return _NEW
        return self._kind(reply) if filled(form.wording, *nouns) in self._replies else _KNOWN

    def recalled(self, heard: Sequence[str], known: Trials) -> list[str]:
        """What else does something here, found with words that were named before and are not in sight.

        Args:
            heard: these words, the most promising first.
            known: what was found with the words in sight.
        """
        self._be_idle()
        self._absent = self._absence(heard)
        found = [word for word in heard if self._is_here(self._say(_EXAMINE, word))]
        for word in self._words_of_power(heard):
            for thing in known.things:
                self._say(_CAST, word, thing)
        for form in self._grammar.by_nouns(1, 2):
            if form.topic is None:
                for word in found[:_MAX_FOUND] if len(form.places) == 1 else ():
                    self._say(form, word)
            elif len(form.places) == 1:
                self._ask(form, list(heard))
            else:
                for someone in known.asked:
                    for word in heard:
                        self._say(form, *((someone, word) if form.topic else (word, someone)))
        return self._kept(frozenset(known.shown))[0]

    def _be_idle(self) -> None:
        """Try the commands without a noun. What several of them do is not their doing."""
        for form in self._grammar.by_nouns(0):
            self._say(form)
        self._idle = {
            effect for effect, commands in self._effects.items() if len(commands) >= _SEVERAL or "wait" in commands
        }

    @property
    def done(self) -> bool:
        """Whether no more may be tried."""
        return self._left <= 0

    def _fitting(
        self, place: frozenset[str], things: list[str], spoken: list[str], numbers: list[str]
    ) -> list[str]:
        """The nouns that may stand in a place."""
        if HERE in place:
            return things
        if not place & {HELD, ALIVE}:
            return spoken if TOLD in place else numbers
        held = [thing for thing in things if thing in self._carried or thing in self._taken]
        if HELD in place:
            return held + [thing for thing in self._people(things) if thing not in held] * (ALIVE in place)
        return self._people(things)

    def _people(self, things: list[str]) -> list[str]:
        """Those that the story takes for somebody.

        What its parser says where it refuses is the answer that most things give to several verbs for people.
        """
        if self._alive is None:
            forms = [form for form in self._grammar.by_nouns(1) if form.places[0] == {ALIVE}][:3]
            kinds = {thing: [self._kind(self._say(form, thing)) for form in forms] for thing in things}
            common = Counter(
                kind for answers in kinds.values() for kind in set(answers) if answers.count(kind) > 1
            )
            refusals = {kind for kind, count in common.items() if count > 1 or len(things) == 1}
            self._alive = [thing for thing in things if not refusals & set(kinds[thing])]
            self._lively.update(self._alive if forms else ())
        return self._alive

    def _sorted_out(self, things: list[str]) -> list[str]:
        """The things that are worth trying.

        Some answer to `examine` alone, such as spells that one has heard of, and others answer everything alike.
        """
        forms = [form for form in self._grammar.by_nouns(1) if form.places[0] >= {HERE} and not form.several[0]]
        forms = [form for form in forms if form.wording != _EXAMINE.wording][:2]
        kept = []
        for thing in things:
            looked = self._say(_EXAMINE, thing)
            replies = [self._say(form, thing) for form in forms]
            if replies and all(self._kind(reply) in self._absent for reply in replies):
                self._unseen.append(thing)
            elif len(replies) < 2 or not looked or {looked} != set(replies):
                kept.append(thing)
        for form in self._grammar.by_nouns(1):
            if form.wording == "drop OBJ":  # not all that the inventory names is carried
                for thing in kept:
                    if thing in self._carried:
                        self._say(form, thing)
                self._carried = frozenset(self._dropped) or self._carried
        return kept[:MAX_THINGS] or things[:MAX_THINGS]  # in the dark, nothing can be looked at

    def _words_of_power(self, named: Sequence[str]) -> list[str]:
        """Nouns that the story takes for verbs too, such as the names of spells."""
        kinds: dict[str, list[str]] = {}
        for word in named:
            kinds.setdefault(self._kind_of(_SAID, word), []).append(word)
        told_apart = [
            (kind not in (_NEW, _KNOWN), len(same), word)
            for kind, same in kinds.items()
            if kind in (_NEW, _KNOWN) or len(same) <= len(named) // 3
            for word in same
        ]
        return [word for *_, word in sorted(told_apart, key=lambda each: each[:2])][:_MAX_POWERS]

    def _kind(self, reply: str) -> str:
        kind = self._kinds.get(reply)
        if kind is None:
            kind = self._kinds[reply] = self._grammar.kind(reply)
        return kind

    def _say(self, form: CommandForm, *nouns: str) -> str:
        """Try one command, once; its reply, empty where it was not tried."""
        command = filled(form.wording, *nouns)
        if command in self._nouns or command in self._skip or self.done:
            if command in self._sampled:
                self._replies[command] = self._sampled.pop(command)
            return self._texts.get(command, "")
        self._left -= 1
        self._nouns[command] = nouns
        self._machine.go_to(self._here)
        reply = self._machine.try_out(command)
        if reply is None:
            return ""
        effect = self._machine.effect()
        text = self._cleaned.get(reply)
        if text is None:  # an old story prints its status line before it
            text = self._cleaned[reply] = printed.reply_text(reply)
        plain = printed.without_guess(text)
        if plain != text:
            self._guessed.add(command)
            text = plain
        self._texts[command] = text
        if form.telling:
            self._telling.add(command)
        if form.topic is not None:
            self._about[command] = f"{form.verb} {nouns[not form.topic] if len(nouns) > 1 else ''}"
        self._replies[command] = text
        if printed.asks_which(text):  # it asked back: nothing has been done yet
            return text
        if effect[:3] != self._before[:3] and effect not in self._idle:
            self._effects.setdefault(effect, []).append(command)
            del self._replies[command]
            if form.wording == "take OBJ":
                self._taken.update(nouns)
            elif form.wording == "drop OBJ":
                self._dropped.update(nouns)
        elif effect[3] or not text:  # a menu is no part of the world
            del self._replies[command]
        elif printed.ending(text) or printed.scored(text):
            self._effects.setdefault((text, *effect[1:]), []).append(command)
            del self._replies[command]
        return text

    def _things(self, seen: str, inventory: str) -> tuple[list[str], list[str]]:
        """What can be spoken of here, a word or two for each, and all that was named."""
        grammar = self._grammar
        text = f"{inventory}\n{seen}"
        named = grammar.named(text)[:MAX_NOUNS]
        most = len(named) + MAX_FURTHER
        self._absent = self._absence(named)
        groups: dict[str, list[str]] = {}
        hidden: list[str] = []
        apart: set[str] = set()
        at = 0
        while at < len(named):
            word = named[at]
            at += 1
            reply = self._say(_EXAMINE, word)
            which = [name for name in printed.offered(reply) if name not in named]
            if sum(name.split()[0] in DIRECTIONS for name in which) > 3:  # walls all around
                which = []
            if which:  # several things have this name
                apart.update(which)
                self._carried |= {name for name in which if name in inventory.lower()}
                named[at:at] = which
                most += len(which)
            if not self._is_here(reply):
                hidden += [word] * (word in self._carried and not which)
                continue
            groups.setdefault(reply or word, []).append(word)
            text += "\n" + reply  # what a closer look names is in sight too
            named += [more for more in grammar.named(reply) if more not in named][: max(0, most - len(named))]
        things: list[str] = []
        for reply, group in groups.items():
            whole = [name for name in group if name in apart]
            if whole:
                said = {word for name in whole for word in name.split()}
                things += whole
                group = [word for word in group if word not in said and word not in apart]
            # a short answer that names nothing is given for different things
            same = len(reply) > _TELLS_APART or any(word in reply.lower() for word in group)
            things += heads(group, text)[:1] if same else group
        if self._carried.isdisjoint(things):  # in the dark, what is carried is there all the same
            things += hidden
        order = {word: place for place, word in enumerate(named)}
        things.sort(key=order.__getitem__)
        return things, named

    def _is_here(self, reply: str) -> bool:
        """Whether this answer to `examine` is about something."""
        return bool(reply) and self._kind(reply) not in self._absent and not printed.asks_which(reply)

    def _absence(self, named: Sequence[str]) -> set[str]:
        """What the story answers about things that are not here."""
        here = {word[: self._grammar.letters] for word in named}
        others = self._grammar.named(" ".join(sorted(self._grammar.nouns - here)))
        kinds: Counter[str] = Counter()
        for word in others[:: len(others) // 6 + 1]:
            kinds[self._kind(self._say(_EXAMINE, word))] += 1
            command = filled(_EXAMINE.wording, word)
            if command in self._replies:  # counts only where the word is met as well
                self._sampled[command] = self._replies.pop(command)
        return {kind for kind, _ in kinds.most_common(1)} | {kind for kind, count in kinds.items() if count > 1}

    def _ask(self, form: CommandForm, *places: list[str]) -> None:
        """Talk about what there is to talk about, with those who answer some topics in ways of their own."""
        if len(places) == 1:
            kinds = {self._kind(self._say(form, word)) for word in places[0][:_SAMPLE]}
            for word in places[0] if len(kinds) > 1 else ():
                self._say(form, word)
            return
        who, topics = (places[0], places[1]) if form.topic else (places[1], places[0])
        for someone in who:
            kinds = set()
            for number, topic in enumerate(each for each in topics if each != someone):
                if number == _SAMPLE and len(kinds) < 2 and someone not in self._people(who):
                    break
                kinds.add(self._kind(self._say(form, *((someone, topic) if form.topic else (topic, someone)))))
            if len(kinds) > 1 or someone in self._people(who):
                self._asked[someone] = None

    def _say_pairs(self, form: CommandForm, firsts: list[str], seconds: list[str]) -> list[Pair]:
        """Try a command of two nouns where it is promising; the pairs that are left.

        Each noun that need not be carried is tried in its place with one other, something carried if there is. An
        answer that two nouns get is a refusal; a noun that gets another one is tried with all.
        """
        held = self._carried
        inside = form.several[0] and HERE in form.places[0]  # out of something: what is in there, nobody has told
        promising: list[Pair] = []
        for nouns, others, swapped in ((firsts, seconds, False), (seconds, firsts, True)):
            if HERE not in form.places[swapped] and HERE in form.places[not swapped]:
                continue
            if inside and not swapped:
                continue
            partners = [_ALL] if inside else [other for other in others if other in held] or others
            kinds: dict[str, list[str]] = {}
            for place, noun in enumerate(nouns):
                other = next((each for each in (*partners, *others[place + 1 :], *others) if each != noun), None)
                if other is None:
                    continue
                pair = (other, noun) if swapped else (noun, other)
                kinds.setdefault(self._kind_of(form, *pair), []).append(noun)
            told_apart = [noun for kind, same in kinds.items() if kind == _NEW or len(same) == 1 for noun in same]
            promising += [(other, noun) if swapped else (noun, other) for noun in told_apart for other in others]
            if swapped and form.several[0] and len(firsts) > 1:
                promising += [(_ALL, noun) for noun in told_apart]
        promising.sort(key=lambda pair: pair[0] not in held and pair[1] not in held)
        for first, second in promising[:_MAX_PAIRS]:
            if first != second:
                self._say(form, first, second)
        left = [pair for pair in promising[_MAX_PAIRS:] if pair[0] != pair[1]]
        left += [(first, second) for first in firsts for second in seconds if first != second]
        return sorted(left, key=lambda pair: pair[0] not in held and pair[1] not in held)

    def _kept(self, known: frozenset[str] = frozenset()) -> tuple[list[str], list[str]]:
        """One command for each effect whose digest is not known, sorted; and the digests."""
        grammar = self._grammar
        effects = {_digest(effect): commands for effect, commands in self._effects.items()}
        kept = {min(commands, key=grammar.plainness) for key, commands in effects.items() if key not in known}
        rough: dict[str, set[str]] = {}
        for command, reply in self._replies.items():
            rough.setdefault(self._kind(reply), set()).add(" ".join(self._nouns[command]) or command)
        whole = Counter((grammar.kind(reply, _WHOLE), reply) for reply in self._replies.values())
        alike = Counter(kind for kind, _ in whole)
        talks: dict[str, Counter[str]] = {}
        for command, someone in self._about.items():
            if command in self._replies:
                talks.setdefault(someone, Counter())[self._replies[command]] += 1
        told: dict[str, list[str]] = {}
        for command, reply in self._replies.items():
            if command in self._about:  # what somebody says to many things is no answer
                said = talks[self._about[command]]
                if said[reply] <= max(2, said.total() // 4) and len(said) > 1:
                    told.setdefault(reply, []).append(command)
                continue
            tells = command in self._telling and self._kind(reply) not in self._absent
            given = rough[self._kind(reply)]
            own = len(given) == 1 or len(reply) > 2 * _TELLS_APART
            if tells and own and alike[grammar.kind(reply, _WHOLE)] == 1:
                told.setdefault(reply, []).append(command)
        answers = {
            _digest(reply): min(commands, key=lambda said: (said in self._guessed, grammar.plainness(said)))
            for reply, commands in list(told.items())[:_MAX_TOLD]
        }
        kept |= {command for key, command in answers.items() if key not in known}
        return sorted(kept), [*effects, *answers]


def _digest(shown: object) -> str:
    return hashlib.md5(repr(shown).encode()).hexdigest()[:12]
