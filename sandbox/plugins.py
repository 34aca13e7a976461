"""Kinds of worlds, learners, models and feedback, found through the entry points of the installed packages.

A package adds a kind by naming an object under one of the groups `sandbox.worlds`, `sandbox.learners`,
`sandbox.models` and `sandbox.feedback` in its `pyproject.toml`; the bundled kinds are registered in the same way.
Listing reads the packages' metadata and imports nothing: a kind's module is imported when that kind is asked for.
A plugin that cannot be used is a row with the reason, and everything else goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any, Final, Literal, get_args

from sandbox.errors import NoMemoryError, PluginError
from sandbox.text import clean_line

Group = Literal["worlds", "learners", "models", "feedback"]
GROUPS: Final[tuple[Group, ...]] = get_args(Group)
BUNDLED: Final = "chat-agent-sandbox"
"""The distribution whose kinds nobody else's replace."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One kind that a package offers."""

    group: Group
    name: str
    package: str
    """The distribution that it comes with."""
    target: str
    """Where the object is: `module:attribute`."""
    taken_by: str = ""
    """The distribution that has the name already, where there is one: then this one is not used."""

    def load(self, protocol: type | None = None, *, base: type | None = None) -> Any:
        """The object, its module imported the first time.

        Args:
            protocol: what it must implement (runtime-checkable); None takes it as it is.
            base: what it must be a subclass of, where the kind is a class.

        Raises:
            PluginError: it cannot be imported, or is not what it must be.
        """
        where = f"{self.package}: {self.target}"
        if self.taken_by:
            raise PluginError(
                f"{self.name!r} is the name of a kind from {self.taken_by} already",
                where=where,
                hint="have its author choose another name, or uninstall one of the two packages",
            )
        found = _imported(self)
        if isinstance(found, Exception):
            if (lacking := NoMemoryError.of(found)) is not None:
                raise lacking from found
            raise PluginError(
                f"the plugin {self.name!r} cannot be loaded: {type(found).__name__}: {clean_line(str(found))}",
                where=where,
                hint=f"repair the package {self.package}, or uninstall it",
            ) from found
        fits = protocol is None or isinstance(found, protocol)
        if base is not None:
            fits = fits and isinstance(found, type) and issubclass(found, base)
        if not fits:
            wanted = next(each.__name__ for each in (base, protocol) if each is not None)
            raise PluginError(
                f"the plugin {self.name!r} is no {wanted}",
                where=where,
                hint="docs/extend.md says what each kind offers",
            )
        return found

    def problem(self, protocol: type | None = None, *, base: type | None = None) -> str:
        """Why it cannot be used, in one line; empty where it can. Imports it."""
        try:
            self.load(protocol, base=base)
        except PluginError as error:
            return error.message
        return ""


@cache
def _imported(plugin: Plugin) -> Any:
    """The object, or the exception that came instead: whatever a stranger's module raises stays its own."""
    try:
        return metadata.EntryPoint(plugin.name, plugin.target, f"sandbox.{plugin.group}").load()
    except Exception as error:  # not only ImportError: a module may raise anything
        return error


@cache
def offered(group: Group) -> dict[str, Plugin]:
    """The kinds of a group by name, the bundled ones first; imports none of them.

    Where two packages offer one name the bundled kind keeps it, else the package that sorts first.
    """
    return {plugin.name: plugin for plugin in rows(group) if not plugin.taken_by}


@cache
def rows(group: Group) -> tuple[Plugin, ...]:
    """All that packages offer in a group, those included whose name is taken; imports none of them."""
    found = {
        (point.dist.name if point.dist else "", point.name, point.value)
        for point in metadata.entry_points(group=f"sandbox.{group}")
    }
    owners: dict[str, str] = {}
    listed = []
    for package, name, target in sorted(found, key=lambda row: (row[0] != BUNDLED, row)):
        listed.append(Plugin(group, name, package, target, owners.get(name, "")))
        owners.setdefault(name, package)
    return tuple(listed)


def find(group: Group, name: str) -> Plugin | None:
    """The kind of this name, or None."""
    return offered(group).get(name)


def usable(group: Group, protocol: type | None = None) -> dict[str, Any]:
    """The objects of a group by name, without those that cannot be loaded. Imports them all."""
    found = {}
    for name, plugin in offered(group).items():
        if not plugin.problem(protocol):
            found[name] = plugin.load(protocol)
    return found
