"""Which servers may be asked, and with which key: the user says so, content never does."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from sandbox.config import Host
from sandbox.errors import HostError, ModelError
from sandbox.hosts import host_name, is_loopback, names_of


class Permission:
    """What a user allows. Made once for a program; safe to use from several threads.

    A card of the user's own may ask the hosts of the settings, and this machine where no key is needed. Any other
    card may ask only what is allowed for this run.

    Args:
        hosts: those of the settings, by name.
        once: names of hosts that are allowed for this run.
        asks: whether there is somebody to be asked when a card that is not the user's own wants to send something.
    """

    def __init__(
        self, hosts: Mapping[str, Host] | None = None, once: Iterable[str] = (), *, asks: bool = False
    ) -> None:
        self._hosts = {host_name(name): host for name, host in (hosts or {}).items()}
        self._once = {host_name(name) for name in once}
        self.asks = asks

    def check(self, url: str, *, own: bool) -> None:
        """Raises `HostError` where a card may not ask the server at this URL.

        Args:
            url: as `hosts.checked_url` let it through.
            own: whether the card is the user's own.
        """
        names = names_of(url)
        known = not self._once.isdisjoint(names)
        if own:
            here = is_loopback(urlsplit(url).hostname or "")
            known = known or here or not self._hosts.keys().isdisjoint(names)
        if not known:
            raise HostError(names[0], own=own, allow=lambda: self._once.add(names[0]))

    def key_name(self, url: str) -> str | None:
        """The environment variable with the key for the server at this URL; None where it gets none."""
        found = (self._hosts[name] for name in names_of(url) if name in self._hosts)
        host = next(found, None)
        return None if host is None else host.key_env

    def key(self, url: str) -> str:
        """The key itself; empty where it gets none. Raises `ModelError` where its variable holds none."""
        name = self.key_name(url)
        if name is None:
            return ""
        key = os.environ.get(name, "").strip()
        if not (key and key.isascii() and key.isprintable()):
            raise ModelError(
                f"the environment variable {name!r} holds no key", where=url, hint=f"set it: export {name}=..."
            )
        return key
