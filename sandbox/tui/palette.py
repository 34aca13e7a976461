"""The palette's entries: every key of a screen, by what it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Protocol, runtime_checkable

from textual.command import DiscoveryHit, Hit, Hits, Provider

from sandbox.tui.keys import Key


@runtime_checkable
class KeyedScreen(Protocol):
    """A screen with keys of its own."""

    def offered(self) -> Sequence[Key]:
        """The keys that make sense now."""


class KeyCommands(Provider):
    """Offers what the keys of a `KeyedScreen` screen do; of those with equal actions, the first."""

    async def discover(self) -> Hits:
        for key in self._keys():
            if not key.id.startswith("pick-"):
                run = partial(self.screen.run_action, key.action)
                yield DiscoveryHit(key.help, run, help=key.display or key.key)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for key in self._keys():
            if (score := matcher.match(key.help)) > 0:
                run = partial(self.screen.run_action, key.action)
                yield Hit(score, matcher.highlight(key.help), run, help=key.display or key.key)

    def _keys(self) -> Iterator[Key]:
        taken: set[str] = set()
        for key in self.screen.offered() if isinstance(self.screen, KeyedScreen) else ():
            if key.action not in taken:
                taken.add(key.action)
                yield key
