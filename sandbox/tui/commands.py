"""The palette's entries: every key of a screen, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Protocol, runtime_checkable

from textual.command import DiscoveryHit, Hit, Hits, Provider

from sandbox.tui.keys import KEYS, Key


class PlayCommands(Provider):
    """Offers what the keys do; a key with two names is offered once."""

    def _keys(self) -> Iterator[tuple[Key, Callable[[], object]]]:
        offered = set()
        for key in KEYS:
            if key.scope != "app" and key.action not in offered:
                offered.add(key.action)
                yield key, partial(self.screen.run_action, key.action)

    async def discover(self) -> Hits:
        for key, run in self._keys():
            if key.id.startswith("pick-"):
                continue
            yield DiscoveryHit(key.help, run, help=key.display or key.key)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for key, run in self._keys():
            if (score := matcher.match(key.help)) > 0:
                yield Hit(score, matcher.highlight(key.help), run, help=key.display or key.key)


@runtime_checkable
class KeyedScreen(Protocol):
    """A screen with keys of its own."""

    def offered(self) -> Sequence[Key]:
        """The keys that make sense now."""


class KeyCommands(Provider):
    """Offers what the keys of a `KeyedScreen` screen do."""

    async def discover(self) -> Hits:
        for key in self._keys():
            yield DiscoveryHit(key.help, partial(self.screen.run_action, key.action), help=key.display or key.key)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for key in self._keys():
            if (score := matcher.match(key.help)) > 0:
                run = partial(self.screen.run_action, key.action)
                yield Hit(score, matcher.highlight(key.help), run, help=key.display or key.key)

    def _keys(self) -> Sequence[Key]:
        return self.screen.offered() if isinstance(self.screen, KeyedScreen) else ()
