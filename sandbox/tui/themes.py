"""Themes beside Textual's own: for eyes that need more contrast, and for eyes that do not tell red from green."""

from __future__ import annotations

from typing import Any, TypeVar

from textual.app import App
from textual.color import Color
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.theme import Theme

from sandbox.text import clean_line
from sandbox.tui.keys import bindings
from sandbox.tui.terminal import TerminalDriver

R = TypeVar("R")

HIGH_CONTRAST = Theme(
    name="high-contrast",
    primary="#ffff00",
    secondary="#00ffff",
    accent="#ff80ff",
    warning="#ffb000",
    error="#ff6060",
    success="#40ff40",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#202020",
    dark=True,
)
HIGH_CONTRAST_LIGHT = Theme(
    name="high-contrast-light",
    primary="#0000c0",
    secondary="#005050",
    accent="#800080",
    warning="#804000",
    error="#a00000",
    success="#005000",
    foreground="#000000",
    background="#ffffff",
    surface="#ffffff",
    panel="#e0e0e0",
    dark=False,
)
COLOUR_BLIND_SAFE = Theme(
    name="colour-blind-safe",
    primary="#56b4e9",
    secondary="#cc79a7",
    accent="#f0e442",
    warning="#e69f00",
    error="#d55e00",
    success="#0099dd",
    foreground="#e8e8e8",
    background="#101418",
    surface="#181d22",
    panel="#20262c",
    dark=True,
)
"""The palette of Okabe and Ito (2008): good is blue and bad is vermilion, whatever the kind of colour vision."""

THEMES = (HIGH_CONTRAST, HIGH_CONTRAST_LIGHT, COLOUR_BLIND_SAFE)


class ThemedApp(App[R]):
    """An application in one of Textual's themes or ours, with two more colours, `$muted` and `$faint`.

    Shades of the foreground; where a terminal's own colours are used, which know no shades, its grey.
    (`$text-muted` has no fixed colour, and only style sheets can resolve it.)
    """

    CSS_PATH = "app.tcss"
    BINDINGS = bindings("process")

    def __init__(self, theme: str) -> None:
        super().__init__()
        for each in THEMES:
            self.register_theme(each)
        self._asked_theme = theme
        if theme in self.available_themes:
            self.theme = theme

    def on_mount(self) -> None:
        if self._asked_theme not in self.available_themes:
            known = ", ".join(sorted(self.available_themes))
            told = f"There is no theme {clean_line(self._asked_theme, 40)!r}. There are: {known}"
            self.notify(told, severity="warning", timeout=15, markup=False)

    def get_driver_class(self) -> type[Driver]:
        found = super().get_driver_class()
        return TerminalDriver if found is LinuxDriver else found

    def run(self, *arguments: Any, **options: Any) -> R | None:
        """As Textual has it. Raises `SystemExit` where a signal ended the app: there is nobody left to tell."""
        result = super().run(*arguments, **options)
        if (self.return_code or 0) > 128:
            raise SystemExit(self.return_code)
        return result

    def get_css_variables(self) -> dict[str, str]:
        variables = super().get_css_variables()
        theme, foreground = self.current_theme, Color.parse(variables["foreground"])
        strong = theme in (HIGH_CONTRAST, HIGH_CONTRAST_LIGHT)
        shades = {"muted": 0.85 if strong else 0.6, "faint": 0.45 if strong else 0.2}
        for name, alpha in shades.items():
            variables[name] = "ansi_bright_black" if theme.ansi else foreground.with_alpha(alpha).hex
        return variables
