"""What may be worth saying in a story: its grammar, the nouns in sight, and an order in which to try them.

Pure, and light to import: the interpreter's process uses it. `trying` finds out which of these do something.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from sandbox.world import printed


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DIRECTIONS = (
    *("north", "south", "east", "west", "northeast", "northwest", "southeast", "southwest"),
    *("up", "down", "in", "out", "enter", "exit"),
)
_BARE = (
    "wait",
    "yes",
    "no",
    "jump",
    "listen",
    "smell",
    "sleep",
    "pray",
    "sing",
    "dig",
    "swim",
    "wake",
    "inventory",
)
_ONE = (
    *("take OBJ", "drop OBJ", "open OBJ", "close OBJ", "examine OBJ", "read OBJ", "search OBJ", "look in OBJ"),
    *(
        "look under OBJ",
        "enter OBJ",
        "push OBJ",
        "pull OBJ",
        "turn OBJ",
        "turn on OBJ",
        "turn off OBJ",
        "light OBJ",
    ),
    *("eat OBJ", "drink OBJ", "wear OBJ", "remove OBJ", "move OBJ", "climb OBJ", "touch OBJ", "attack OBJ"),
    *(
        "kill OBJ",
        "break OBJ",
        "cut OBJ",
        "wave OBJ",
        "rub OBJ",
        "talk to OBJ",
        "kiss OBJ",
        "ring OBJ",
        "raise OBJ",
    ),
    *("lower OBJ", "fill OBJ", "empty OBJ", "tie OBJ", "untie OBJ", "blow OBJ", "knock on OBJ", "sit on OBJ"),
)
_TWO = (
    *("put OBJ in OBJ", "put OBJ on OBJ", "give OBJ to OBJ", "unlock OBJ with OBJ", "open OBJ with OBJ"),
    *("show OBJ to OBJ", "throw OBJ at OBJ", "attack OBJ with OBJ", "cut OBJ with OBJ", "tie OBJ to OBJ"),
    *("lock OBJ with OBJ", "ask OBJ about OBJ", "tell OBJ about OBJ", "light OBJ with OBJ", "dig OBJ with OBJ"),
    *("fill OBJ with OBJ", "turn OBJ with OBJ", "pour OBJ in OBJ", "take OBJ from OBJ"),
)
"""For stories whose grammar Jericho does not know, as far as their dictionary has the verbs."""
TELLING = ("examine OBJ", "read OBJ", "search OBJ", "look in OBJ", "talk to OBJ")
"""Said for the answer: a new text is the effect. So are the topical verbs."""
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
_OWN = 3000
_SPECIAL = 1000
"""How useful a verb of the story's own counts, as people's use of a verb."""
LAST_OF_THE_USUAL = "take OBJ"
"""After this one, nouns are tried as verbs: a story of magic has spells that are named like things."""
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
_ARTICLES = frozenset(("a", "an", "the", "some"))
MAX_NOUNS = 60
MAX_THINGS = 20


@dataclass(frozen=True, slots=True)
class StoryGrammar:
    """What a story understands.

    Args:
        templates: commands with `OBJ` where a noun goes, one of each meaning.
        nouns: words that can name a thing, cut to what counts of them.
        letters: how much of a word counts.
        usage: how often people begin a command with this verb.
    """

    templates: tuple[str, ...]
    nouns: frozenset[str]
    letters: int
    usage: Callable[[str], int]
    own: frozenset[str] = frozenset()
    """Verbs of the dictionary that no template has: the story reads them in a way of its own."""

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
        """The grammar of a story, from Jericho's templates or, where there are none, from its dictionary.

        Args:
            templates: Jericho's, None where it has none.
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
        for each in (*DIRECTIONS, *_BARE, "take all", "drop all", *templates):
            verb, *others = each.split()
            if "OBJ OBJ" in each or each.startswith("look at"):  # other wordings do: with a preposition, `examine`
                continue
            if sayable(each):
                form = frozenset(_SAME.get(word, word) for word in others if word != "OBJ")
                kept.setdefault((verb, form, others.count("OBJ")), each)
        return cls(tuple(kept.values()), frozenset(nouns), letters, usage, own)

    def usefulness(self, template: str) -> float:
        """Higher is tried earlier: verbs that people use and verbs of this story's own."""
        verb, *others = template.split()
        used = self.usage(verb)
        if verb in self.own:
            return _OWN
        if used < _SPECIAL and verb not in _STOCK:
            return _SPECIAL
        if others.count("OBJ") < 2:
            return used
        wordy = len(others) > 3 or verb in TOPICAL or verb in ("look", "read")
        return used / (8 if wordy else 2)

    def named(self, text: str) -> list[str]:
        """The words in a text that can name things, in order."""
        words = dict.fromkeys(_WORD.findall(text.lower()))
        return [
            word
            for word in words
            if len(word) > 1 and word[: self.letters] in self.nouns and word not in _NO_NAMES
        ]

    def kind(self, reply: str, words: int = 5) -> str:
        """What kind of answer this is: its first words that name nothing. Refusals of one kind read alike then."""
        telling = (word for word in _WORD.findall(reply[:400].lower()) if word[: self.letters] not in self.nouns)
        return " ".join(islice((word for word in telling if word not in _ARTICLES), words))

    def plainness(self, command: str) -> tuple[int, int, int, str]:
        """Sorts the plainest wording of an effect first: directions, few words, verbs that people use.

        A verb that wants a thing and is said without one, for which the story finds it, says less than naming it.
        """
        words = command.split()
        short = len(words) if len(words) > 1 or command in _BARE else 3
        return 0 if command in DIRECTIONS[:12] else short, -self.usage(words[0]), len(command), command

    def by_holes(self, holes: int) -> list[str]:
        """Templates with this many nouns."""
        return [each for each in self.templates if each.split().count("OBJ") == holes]


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
