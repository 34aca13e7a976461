"""The line at the bottom: the keys that apply now, and of those as many as there is room for."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding
from textual.screen import Screen
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

_PADDING = 3
"""Cells around a key and its label."""


class KeyLine(Footer):
    """A footer that leaves out whole keys where it is narrow, the least important first.

    Args:
        importance: ids of bindings, the most important first. Others come after these.
    """

    def __init__(self, importance: Collection[str]) -> None:
        super().__init__(show_command_palette=False)
        self._importance = {name: at for at, name in enumerate(importance)}
        self._idle: frozenset[str] = frozenset()
        self._instead: Mapping[str, tuple[str, str]] = {}
        self._shown: list[ActiveBinding] = []

    def leave_out(self, idle: frozenset[str], instead: Mapping[str, tuple[str, str]]) -> None:
        """Show what the keys come to now.

        Args:
            idle: ids of bindings that would come to nothing. They are not shown, and say why when pressed.
            instead: key and label of those that mean something else than usual.
        """
        if (idle, instead) != (self._idle, self._instead):
            self._idle, self._instead = idle, instead
            self._renew()

    def compose(self) -> ComposeResult:
        return ()

    def _show(self) -> None:
        """Bring the keys in line. Widgets are used again: new ones at each turn would fill Textual's caches."""
        self._shown = self._fitting()
        keys = list(self.query(FooterKey))
        self.mount_all(self._made(each) for each in self._shown[len(keys) :])
        for key, each in zip(keys, self._shown, strict=False):
            display, description = self._told(each.binding)
            key.key, key.action, key.tooltip = each.binding.key, each.binding.action, each.tooltip
            if (display, description) != (key.key_display, key.description):
                key.key_display, key.description = display, description
                key.refresh(layout=True)
        for at, key in enumerate(keys):
            key.display = at < len(self._shown)

    def _made(self, each: ActiveBinding) -> FooterKey:
        key = FooterKey(each.binding.key, *self._told(each.binding), each.binding.action, tooltip=each.tooltip)
        key.set_reactive(FooterKey.compact, False)
        return key

    def _told(self, binding: Binding) -> tuple[str, str]:
        """The key as it is shown, and its label."""
        return self._instead.get(binding.id or "") or (self.app.get_key_display(binding), binding.description)

    def on_resize(self) -> None:
        if self._fitting() != self._shown:
            self._renew()

    def bindings_changed(self, screen: Screen[object]) -> None:
        self._bindings_ready = True
        if screen is self.screen:
            self._renew()

    def _renew(self) -> None:
        if self.is_attached and self.app.app_focus:
            self.call_after_refresh(self._show)

    def _fitting(self) -> list[ActiveBinding]:
        """The bindings that there is room for, in their own order."""
        if not self._bindings_ready:
            return []
        bound = [
            each
            for each in self.screen.active_bindings.values()
            if each.binding.show and each.enabled and each.binding.id not in self._idle
        ]
        last, room, kept = len(self._importance), self.size.width, set()
        for binding in sorted(
            (each.binding for each in bound), key=lambda binding: self._importance.get(binding.id or "", last)
        ):
            room -= sum(map(cell_len, self._told(binding))) + _PADDING
            if room < 0:
                break
            kept.add(binding)
        return [each for each in bound if each.binding in kept]
