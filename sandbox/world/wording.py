"""What may be worth saying in a story: its grammar, the nouns in sight, and an order in which to try them.

Pure, and light to import: the interpreter's process uses it. `trying` finds out which of these do something.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from sandbox.world import printed
from sandbox.world.verb_tables import HERE, NOUN, TOLD, GrammarLine


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DIRECTIONS = (
    *("north", "south", "east", "west", "northeast", "northwest", "southeast", "southwest"),
    *("up", "down", "in", "out", "enter", "exit"),
)
_BARE = (
    *("wait", "yes", "no", "jump", "listen", "smell", "sleep", "pray", "sing", "dig", "swim", "wake"),
    "inventory",
)
_ONE = (
    *("take OBJ", "drop OBJ", "open OBJ", "close OBJ", "examine OBJ", "read OBJ", "search OBJ", "look in OBJ"),
    *("look under OBJ", "enter OBJ", "push OBJ", "pull OBJ", "turn OBJ", "turn on OBJ", "turn off OBJ"),
    *("light OBJ", "eat OBJ", "drink OBJ", "wear OBJ", "remove OBJ", "move OBJ", "climb OBJ", "touch OBJ"),
    *("attack OBJ", "kill OBJ", "break OBJ", "cut OBJ", "wave OBJ", "rub OBJ", "talk to OBJ", "kiss OBJ"),
    *("ring OBJ", "raise OBJ", "lower OBJ", "fill OBJ", "empty OBJ", "tie OBJ", "untie OBJ", "blow OBJ"),
    *("knock on OBJ", "sit on OBJ"),
)
_TWO = (
    *("put OBJ in OBJ", "put OBJ on OBJ", "give OBJ to OBJ", "unlock OBJ with OBJ", "open OBJ with OBJ"),
    *("show OBJ to OBJ", "throw OBJ at OBJ", "attack OBJ with OBJ", "cut OBJ with OBJ", "tie OBJ to OBJ"),
    *("lock OBJ with OBJ", "ask OBJ about OBJ", "tell OBJ about OBJ", "light OBJ with OBJ", "dig OBJ with OBJ"),
    *("fill OBJ with OBJ", "turn OBJ with OBJ", "pour OBJ in OBJ", "take OBJ from OBJ"),
)
"""For stories whose grammar Jericho does not know, as far as their dictionary has the verbs."""
_TELLING = frozenset(
    ("examine me", "examine OBJ", "read OBJ", "search OBJ", "look in OBJ", "look under OBJ", "talk to OBJ")
)
_FELT = frozenset(("smell OBJ", "touch OBJ", "taste OBJ", "listen to OBJ"))
"""Said for the answer: a new text is the effect. So are the topical verbs, and those of `_SENSES`."""
_SENSES = _words("smell listen")
TOPICAL = frozenset({"ask", "tell", "talk", "consult"})
"""Verbs whose second noun need not be here."""
_STOCK = _words("""
    answer awake awaken blow bother burn buy clean climb consult curse cut damn dig drat drink dust eat embrace
    exit fasten feed fight fill fuck hear hit hop hug jump kick kiss leave listen lock murder no nod pray prune
    punch purchase rotate rub say scrub set shift shine shit shout shut sing skip sleep slice smash smell sniff
    sorry squash squeeze stand swear swim swing taste tell think throw thump torture transfer twist uncover unwrap
    wake wash wave wreck yes
""")
"""Verbs that nearly every story understands and few need. Any other rare one a story has because it is of use."""
_SPECIAL = 1000
"""How useful a verb of the story's own counts, as people's use of a verb."""
_MANY = frozenset(("take", "get", "drop", "put", "insert"))
"""Verbs that nearly every story understands with `all`."""
_COMMON = (
    *DIRECTIONS,
    *sorted(_STOCK),
    *(
        "activate",
        "against",
        "around",
        "attach",
        "beneath",
        "between",
        "connect",
        "continue",
        "deflate",
        "destroy",
    ),
    *("diagnose", "disconnect", "examine", "extinguish", "inflate", "insert", "inventory", "launch", "remove"),
    *("restart", "restore", "unscript", "script", "verify", "transcript", "recording", "notify"),
    *("search", "strike", "swallow", "through", "toward", "towards", "underneath", "unfasten", "unfold", "unlock"),
)
"""As stories cut them after six letters, some words look odd."""
_SAME = {"inside": "in", "into": "in", "onto": "on", "through": "in", "using": "with"}
_NO_NAMES = _words("""
    a an the it its he him his she her hers they them their i me my we us our you your self this that these those
    all any anything anyone anybody both each every everything everyone some something someone nothing no not none
    other another more many much few one two three of and or but if as so than then to in into on onto at by for
    with from up down here there where who what which is are be was were has have had do does can could will would
    out off over under behind through inside outside again very just only too also about
    go ne nw se sw
""") | frozenset(DIRECTIONS)
_WORD = re.compile(r"[a-z0-9][a-z0-9'-]*")
_NAME = re.compile(r"(?<=[A-Za-z,;] )[A-Z][a-z'-]+")
_UNTOLD = frozenset(("a", "an", "the", "some", "me", "yourself"))
"""Words that tell no kinds of answers apart."""
_MAX_WORDS = 6
"""Behind the verb; without a noun, two."""
MAX_NOUNS = 50
MAX_FURTHER = 20
"""Words that a closer look adds to those in sight."""
MAX_THINGS = 20


@dataclass(frozen=True, slots=True)
class CommandForm:
    """A command with `OBJ` where a noun goes, one for each action of a story."""

    wording: str
    places: tuple[frozenset[str], ...] = ()
    """What each noun may be, as in `verb_tables`."""
    several: tuple[bool, ...] = ()
    """Of each noun, whether `all` is understood."""
    rare: bool = False
    """Whether the verb is the story's own: few stories have it."""
    telling: bool = False
    """Whether it is said for its answer."""
    used: int = 0
    """How often people begin a command with one of its verbs; 0 where only the wording's counts."""

    @property
    def verb(self) -> str:
        return self.wording.split(" ", 1)[0]

    @property
    def topic(self) -> int | None:
        """Which of its nouns is a topic, which need not be here; None where none is."""
        topics = [number for number, place in enumerate(self.places) if place == {TOLD}]
        return topics[-1] if topics else None

    @classmethod
    def of(cls, template: str, *, rare: bool) -> CommandForm:
        """A template of which nothing else is known."""
        verb, *others = template.split()
        first, second = frozenset((HERE,)), frozenset((TOLD if verb in TOPICAL else HERE,))
        places = (first, second)[: others.count(NOUN)]
        several = (verb in _MANY and len(places) > 0, False)[: len(places)]
        return cls(
            template, places, several, rare, template in _TELLING | _FELT or (verb in _SENSES and not places)
        )


@dataclass(frozen=True, slots=True)
class StoryGrammar:
    """What a story understands.

    Args:
        forms: its commands.
        nouns: words that can name a thing, cut to what counts of them.
        letters: how much of a word counts.
        usage: how often people begin a command with this verb.
    """

    forms: tuple[CommandForm, ...]
    nouns: frozenset[str]
    letters: int
    usage: Callable[[str], int]

    @classmethod
    def read(
        cls, lines: Iterable[GrammarLine], nouns: Iterable[str], letters: int, usage: Callable[[str], int]
    ) -> StoryGrammar:
        """The grammar of a story from its own tables: of each action the wording that people use most."""
        actions: dict[tuple[int, int], list[GrammarLine]] = {}
        for line in lines:
            verbs = tuple(verb for verb in line.verbs if verb.isalpha() and sayable(spelled(verb, letters)))
            if verbs and len(line.places) <= 2 and len(line.words) <= (_MAX_WORDS if line.places else 2):
                actions.setdefault((line.action, len(line.places)), []).append(line._replace(verbs=verbs))
        plain = [
            CommandForm.of(each, rare=False)
            for each in (*DIRECTIONS, *_BARE, "examine me", "take all", "drop all")
        ]
        forms = {form.wording: form for form in plain}
        for same in actions.values():
            form = _merged(same, letters, usage)
            forms.setdefault(form.wording, form)
        return cls(tuple(forms.values()), frozenset(nouns), letters, usage)

    @classmethod
    def of(
        cls,
        templates: Iterable[str] | None,
        nouns: Iterable[str],
        verbs: Iterable[str],
        letters: int,
        usage: Callable[[str], int],
        synonyms: frozenset[str] = frozenset(),
    ) -> StoryGrammar:
        """The grammar of a story whose tables cannot be read.

        Args:
            templates: Jericho's, one of each meaning; None where it has none, for common forms of its verbs.
            nouns: the words of the dictionary that name things.
            verbs: the words of the dictionary that begin a command.
            letters: how much of a word counts.
            usage: how often people begin a command with this verb.
            synonyms: verbs that the templates stand for too.
        """
        known = set(verbs)
        own: frozenset[str] = frozenset()
        if templates is None:
            usual = (*_BARE, *_ONE, *_TWO)
            found = [each for each in usual if each.split()[0][:letters] in known]
            done = {each.split()[0][:letters] for each in found} | {word[:letters] for word in DIRECTIONS}
            rare = [verb for verb in sorted(known - done) if verb.isalpha() and len(verb) > 1]
            templates = (*found, *(form for verb in rare for form in (verb, f"{verb} OBJ")))
        else:  # Jericho lists no verb that the story reads in a way of its own, and none whose topic is free text
            templates = tuple(templates)
            speech = (each for each in (*_ONE, *_TWO) if each.split()[0] in TOPICAL)
            listed = {verb for each in templates for verb in each.split()[0].split("/")} | synonyms
            own = frozenset(verb for verb in known - listed if verb.isalpha() and len(verb) > 1)
            spoken = (each for each in speech if each.split()[0][:letters] in known)
            templates = (*templates, *spoken, *(f"{verb} OBJ" for verb in sorted(own)))
        kept: dict[tuple[str, frozenset[str], int], str] = {}
        for each in (*DIRECTIONS, *_BARE, "examine me", "take all", "drop all", *templates):
            verb, *others = each.split()
            if "OBJ OBJ" in each or each.startswith("look at"):  # other wordings do: with a preposition, `examine`
                continue
            if sayable(each):
                form = frozenset(_SAME.get(word, word) for word in others if word != NOUN)
                kept.setdefault((verb, form, others.count(NOUN)), each)
        forms = (CommandForm.of(each, rare=_is_rare(each.split()[0], usage)) for each in kept.values())
        return cls(tuple(forms), frozenset(nouns), letters, usage)

    def usefulness(self, form: CommandForm) -> float:
        """Higher is tried earlier: verbs that people use and verbs of this story's own."""
        used = _SPECIAL if form.rare else max(form.used, self.usage(form.verb))
        wordy = form.wording.count(" ") > 3 or form.topic is not None or "OBJ OBJ" in form.wording
        return used / (1 if len(form.places) < 2 else 8 if wordy else 2)

    def named(self, text: str) -> list[str]:
        """The words in a text that can name things, in order."""
        return named(text, self.nouns, self.letters)

    def kind(self, reply: str, words: int = 5) -> str:
        """What kind of answer this is: its first words that name nothing. Refusals of one kind read alike then."""
        said = _WORD.findall(reply[:400].lower())
        telling = (word for word in said if word in _NO_NAMES or word[: self.letters] not in self.nouns)
        return " ".join(islice((word for word in telling if word not in _UNTOLD), words))

    def plainness(self, command: str) -> tuple[int, int, int, str]:
        """Sorts the plainest wording of an effect first: directions, few words, verbs that people use.

        A verb that wants a thing and is said without one, for which the story finds it, says less than naming it.
        """
        words = command.split()
        short = len(words) if len(words) > 1 or command in _BARE else 3
        return 0 if command in DIRECTIONS[:12] else short, -self.usage(words[0]), len(command), command

    def by_nouns(self, *counts: int) -> list[CommandForm]:
        """Forms with so many nouns, the most useful first."""
        return sorted(
            (form for form in self.forms if len(form.places) in counts), key=self.usefulness, reverse=True
        )


def _merged(lines: Sequence[GrammarLine], letters: int, usage: Callable[[str], int]) -> CommandForm:
    """The lines of one action with so many nouns as one form."""
    straight = [line for line in lines if not line.swapped] or list(lines)

    def plain(choice: tuple[GrammarLine, str]) -> tuple[bool, int, int]:
        line, verb = choice
        return " ".join(line.words).endswith(f"{NOUN} {NOUN}"), len(line.words), -usage(verb)

    line, verb = min(((line, verb) for line in straight for verb in line.verbs), key=plain)
    turned = line.swapped
    places: list[set[str]] = [set() for _ in line.places]
    several = [False] * len(line.places)
    wordings = set()
    for each in lines:
        wordings |= {" ".join((synonym, *each.words)) for synonym in each.verbs}
        step = 1 if each.swapped == turned else -1
        for number, (place, many) in enumerate(zip(each.places[::step], each.several[::step], strict=True)):
            places[number].add(place)
            several[number] |= many
    verbs = {synonym for each in lines for synonym in each.verbs}
    return CommandForm(
        wording=" ".join((spelled(verb, letters), *(spelled(word, letters) for word in line.words))),
        places=tuple(frozenset(place) for place in places),
        several=tuple(several),
        rare=all(_is_rare(synonym, usage) for synonym in verbs),
        used=max(map(usage, verbs)),
        telling=bool(wordings & (_TELLING | _FELT)) or (not line.places and bool(verbs & _SENSES)),
    )


def _is_rare(verb: str, usage: Callable[[str], int]) -> bool:
    """Whether few stories have this verb."""
    return usage(verb) < _SPECIAL and verb not in _STOCK


def spelled(word: str, letters: int) -> str:
    """A word that may be cut, as it is written where it is a common one."""
    if len(word) < letters:
        return word
    return next((whole for whole in _COMMON if whole.startswith(word)), word)


def named(text: str, nouns: Collection[str], letters: int) -> list[str]:
    """The words in a text that can name things, in order.

    Args:
        text: anything.
        nouns: words that can, cut to what counts of them.
        letters: how much of a word counts.
    """
    words = dict.fromkeys(_WORD.findall(text.lower()))
    return [word for word in words if len(word) > 1 and word[:letters] in nouns and word not in _NO_NAMES]


def names(text: str) -> set[str]:
    """The words of a text that are written like names, in the midst of a sentence, in small letters."""
    return {word.lower() for word in _NAME.findall(text)}


def sayable(template: str) -> bool:
    """Whether a template is for the world, not for the interpreter."""
    return not printed.refusal(template)


def filled(template: str, *nouns: str) -> str:
    """The template with these nouns in its holes."""
    for noun in nouns:
        template = template.replace("OBJ", noun, 1)
    return template


def heads(group: Sequence[str], text: str) -> list[str]:
    """Of the words that name one thing, those that no other one follows in the text: `paper` of `white paper`."""
    words = _WORD.findall(text.lower())
    members = set(group)
    leading = {one for one, after in pairwise(words) if one in members and after in members}
    return [word for word in group if word not in leading] or list(group)
