"""The palette's entries on the author's screen."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from sandbox.tui.author.keys import KEYS
from sandbox.tui.keys import Key


class AuthorCommands(Provider):
    """Offers in the palette what the keys of this screen do."""

    async def discover(self) -> Hits:
        for key in self._keys():
            run = partial(self.screen.run_action, key.action)
            yield DiscoveryHit(key.help, run, help=key.display or key.key)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for key in self._keys():
            if (score := matcher.match(key.help)) > 0:
                run = partial(self.screen.run_action, key.action)
                yield Hit(score, matcher.highlight(key.help), run, help=key.display or key.key)

    def _keys(self) -> list[Key]:
        return [key for key in KEYS if self.screen.check_action(key.action, ())]
