"""Any Z-machine story as a world: `.z3` to `.z8`, in Jericho's interpreter (Hausknecht et al. 2020).

Such a story lists no admissible commands. They are found by trying (`trying`): `world_hash` tells whether a
command changed anything, `vocabulary` which words the story knows at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from sandbox.paths import cache_dir
from sandbox.types import Observation
from sandbox.world import printed, wording
from sandbox.world.envelope import Sealed, decode, encode, seal, unseal
from sandbox.world.interpreter import InterpreterReply
from sandbox.world.listings import NOTHING, Listing, Listings
from sandbox.world.story_world import StoryState, StoryWorld

TRIES = 800
"""Commands that are tried to find those that do something at a state."""
_RECALL_TRIES = 150
"""Further ones, with words from earlier in the episode."""
_HEARD, _RECALLED = 60, 20
"""Words that a state remembers, and those that are tried at one state."""
_PROBES = ("look", "inventory")
_SCORE = "score"
_USEFUL_FIRST = ("look", "examine", "take", "open", "go", "drop", "put", "unlock", "close", "push", "pull", "read")


def _words(text: str) -> set[str]:
    return set(re.findall(r"[\w'-]+", text.lower()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ZMachineState(StoryState):
    """Everything about a moment of a story. Equal states behave alike, in any process."""

    max_score: float | None
    world_hash: str
    wants_key: bool = False
    heard: tuple[str, ...] = ()
    """Words that can name things, out of what was read in this episode: names, with a capital, then the latest."""


class _StoredStory(Sealed):
    world_hash: str
    wants_key: bool = False
    heard: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words a story knows, cut to the length it recognises (6 or 9 letters)."""

    words: frozenset[str]
    verbs: frozenset[str]
    letters: int
    """How much of a word counts."""
    nouns: frozenset[str] = frozenset()
    """Those that can name a thing."""

    def named(self, text: str) -> list[str]:
        """The words in a text that can name things, in order."""
        return wording.named(text, self.nouns, self.letters)

    def knows(self, word: str) -> bool:
        return word.lower()[: self.letters] in self.words


class ZMachineWorld(StoryWorld[ZMachineState]):
    """A story for one seat, `player`. Implements `sandbox.types.World`.

    The reward is the change in score: Jericho's where it knows the story, otherwise what the story itself answers
    to `score`; 0 where it has no score. An end is recognised the same two ways, the second by the line between
    asterisks (`*** You have won ***`) that Inform prints.

    Args:
        file: the story file.
        name: the reference that leads back to this world.
        title: what a person calls it.
        cpu_seconds: CPU time that a command may take before it counts as frozen.
        listing: whether observations list the commands that do something, found by trying them.
        cache: the folder where these are kept between runs; that of the user's cache if not given.
        tries: commands that are tried to find them.
    """

    def __init__(
        self,
        file: Path,
        *,
        name: str,
        title: str = "",
        cpu_seconds: float = 3.0,
        listing: bool = True,
        cache: Path | None = None,
        tries: int = TRIES,
    ) -> None:
        super().__init__(file, name=name, title=title, cpu_seconds=cpu_seconds)
        self._made[1].update(listing=listing, cache=cache, tries=tries)
        self._tries = tries
        self._listing = listing
        self._listings = Listings(
            (cache or cache_dir() / "commands") / f"{self._interpreter.story.digest[:24]}.sqlite"
        )
        self.fingerprint = self._interpreter.story.digest
        self._openings: dict[int, ZMachineState] = {}
        self._vocabulary: Vocabulary | None = None

    @property
    def verbs(self) -> tuple[str, ...]:
        known = self.vocabulary.verbs
        useful = tuple(verb for verb in _USEFUL_FIRST if verb in known)
        return useful + tuple(sorted(verb for verb in known - set(useful) if not printed.refusal(verb)))

    @property
    def vocabulary(self) -> Vocabulary:
        """The story's dictionary: what a command can be made of, to ground what a model says."""
        if self._vocabulary is None:
            about = self._interpreter.about
            letters = 6 if self._interpreter.story.version == 3 else 9
            self._vocabulary = Vocabulary(
                frozenset(about.words), frozenset(about.verbs), letters, frozenset(about.nouns)
            )
        return self._vocabulary

    @property
    def trying_seconds(self) -> float:
        """CPU time that finding commands has taken so far."""
        return self._interpreter.trying_seconds

    def walkthrough(self) -> tuple[str, ...]:
        """Commands that win from `initial(0)`, where Jericho has a solution of this very file; empty elsewhere."""
        return self._interpreter.about.walkthrough

    @property
    def _highest(self) -> float | None:
        """The highest score, where Jericho knows it."""
        known = self._interpreter.about.max_score
        return None if known is None else float(known)

    def world_hash(self, state: ZMachineState) -> str:
        """Identity of where everything is. A command that leaves it as it was did nothing, it seems."""
        return state.world_hash

    def initial(self, seed: int) -> ZMachineState:
        """The opening. The seed is that of the story's random numbers."""
        if seed not in self._openings:
            reply = self._interpreter.start(seed, probes=self._probes)
            description, inventory, score, max_score = self._looked(reply, None)
            text = printed.reply_text(reply.text, menu=reply.wants_key)
            self._openings = {
                seed: ZMachineState(
                    machine=reply.snapshot,
                    turn=0,
                    text=printed.without_banner(text) or text,
                    description=description,
                    inventory=inventory,
                    score=score,
                    max_score=max_score,
                    world_hash=reply.world_hash,
                    wants_key=reply.wants_key,
                    heard=self._heard_now((), text, description, inventory),
                )
            }
        return self._openings[seed]

    def wants_key(self, state: ZMachineState) -> bool:
        """Whether the story waits for one key here: a menu, a page to be turned."""
        return state.wants_key

    def observe(self, state: ZMachineState, seat: str) -> Observation:
        return replace(self.glimpse(state, seat), admissible=self._admissible(state))

    def glimpse(self, state: ZMachineState, seat: str) -> Observation:
        """What is perceived, without the commands that do something: those take long to find."""
        return Observation(
            seat=seat,
            turn=state.turn,
            text=state.text,
            description=state.description,
            inventory=state.inventory,
            score=state.score,
            max_score=state.max_score,
            admissible=() if state.done else None,
            done=state.done,
            won=state.won,
        )

    def commands(self, state: ZMachineState) -> tuple[str, ...]:
        """The commands that do something here, one for each effect, sorted; keys where the story waits for one.

        What counts as an effect is a change of the world's hash, the score or the end, or a new text in answer to
        a question. The list is found once for a state and then remembered, on disk too. What is found with words
        from earlier in the episode is remembered apart, so that the rest serves every way to this state.
        """
        if state.done:
            return ()
        tries = str(self._tries)
        if state.wants_key:
            key: tuple[str, ...] = (tries, "key", state.world_hash, state.text)
            return self._found(key, state).commands
        read = sorted(word for word in _words(state.text) if self.vocabulary.knows(word))
        key = (tries, state.world_hash, state.description, state.inventory, " ".join(read))
        found = self._found(key, state)
        sight = set(self.vocabulary.named(f"{state.inventory}\n{state.text}\n{state.description}"))
        before = (word.lower() for word in state.heard)
        heard = tuple(word for word in before if word not in sight)[:_RECALLED]
        if not heard or found == NOTHING:
            return found.commands
        recalled = self._listings.get(
            (*key, "heard", *heard),
            lambda: self._interpreter.commands(
                state.machine, "", "", limit=_RECALL_TRIES, heard=heard, known=found
            ),
        )
        return tuple(sorted((*found.commands, *recalled.commands)))

    def _found(self, key: tuple[str, ...], state: ZMachineState) -> Listing:
        """What does something at a state, with the words in sight."""
        seen = f"{state.text}\n{state.description}"
        return self._listings.get(
            key, lambda: self._interpreter.commands(state.machine, seen, state.inventory, limit=self._tries)
        )

    def close(self) -> None:
        self._listings.close()
        super().close()

    def _admissible(self, state: ZMachineState) -> tuple[str, ...] | None:
        """As in `Observation`: None where nothing was found, so that a seat says what it likes."""
        if state.done:
            return ()
        return (self.commands(state) or None) if self._listing else None

    def dump(self, state: ZMachineState) -> bytes:
        return seal(
            _StoredStory(
                world=self.fingerprint,
                machine=encode(state.machine),
                turn=state.turn,
                text=state.text,
                description=state.description,
                inventory=state.inventory,
                score=state.score,
                max_score=state.max_score,
                done=state.done,
                won=state.won,
                world_hash=state.world_hash,
                wants_key=state.wants_key,
                heard=state.heard,
            )
        )

    def load(self, data: bytes) -> ZMachineState:
        stored = unseal(data, _StoredStory, self.fingerprint, self.name)
        return ZMachineState(
            machine=decode(stored.machine),
            turn=stored.turn,
            text=stored.text,
            description=stored.description,
            inventory=stored.inventory,
            score=stored.score,
            max_score=stored.max_score,
            world_hash=stored.world_hash,
            wants_key=stored.wants_key,
            heard=stored.heard[:_HEARD],
            done=stored.done,
            won=stored.won,
        )

    def _heard(self, state: ZMachineState, command: str) -> tuple[str, str]:
        if state.wants_key:
            return printed.key(command), ""
        line = printed.one_line(command)
        return line, printed.refusal(line)

    def _presses(self, state: ZMachineState) -> bool:
        return state.wants_key

    @property
    def _probes(self) -> tuple[str, ...]:
        return _PROBES if self._interpreter.about.supported else (*_PROBES, _SCORE)

    def _after(self, state: ZMachineState, reply: InterpreterReply) -> ZMachineState:
        text = printed.reply_text(reply.text, menu=reply.wants_key)
        if reply.wants_key and not text:  # a key that moved a mark in the menu: the menu is still there
            text = state.text
        last_words = printed.ending(text)
        done = reply.won or reply.over or bool(last_words)
        if done:  # the story now asks whether to restart: it answers no look and no score
            description, inventory, max_score = state.description, state.inventory, state.max_score
            stated = printed.announced_score(text)
            score = float(reply.score if reply.score is not None else stated[0] if stated else state.score)
        else:
            description, inventory, score, max_score = self._looked(reply, state)
        return ZMachineState(
            machine=reply.snapshot,
            turn=state.turn + 1,
            text=text,
            description=description,
            inventory=inventory,
            score=score,
            max_score=max_score,
            world_hash=reply.world_hash,
            wants_key=reply.wants_key and not done,
            heard=self._heard_now(state.heard, text, description, inventory),
            done=done,
            won=reply.won or (bool(last_words) and not reply.over and printed.is_victory(last_words)),
        )

    def _heard_now(self, before: tuple[str, ...], *texts: str) -> tuple[str, ...]:
        """The words to remember after these texts."""
        text = "\n".join(texts)
        written = wording.names(text)
        words = [word.title() if word in written else word for word in self.vocabulary.named(text)]
        names = {word.lower(): word for word in (*words, *before) if word != word.lower()}
        others = [word for word in dict.fromkeys((*words, *before)) if word not in names]
        others = [word for word in others if word == word.lower()]
        return (*list(names.values())[: _HEARD // 2], *others[: _HEARD // 2])

    def _looked(
        self, reply: InterpreterReply, before: ZMachineState | None
    ) -> tuple[str, str, float, float | None]:
        """Description, inventory, score and highest score, out of the answers to the probes."""
        known = (
            (before.description, before.inventory, before.score, before.max_score)
            if before
            else ("", "", 0.0, None)
        )
        if not reply.probes:  # it waits for a key: nothing can be asked
            return known if reply.score is None else (*known[:2], float(reply.score), self._highest)
        answers = [printed.reply_text(text) for text in reply.probes]
        answers[:2] = printed.without_news(*answers[:2])
        description, inventory = answers[:2]
        if reply.score is not None:
            return description, inventory, float(reply.score), self._highest
        stated = printed.announced_score(answers[2])
        if stated is not None:
            return description, inventory, float(stated[0]), float(stated[1])
        return description, inventory, *known[2:]
