"""The keys of the author's screen: bindings, help and palette are made from them."""

from __future__ import annotations

from sandbox.tui.keys import Key

KEYS = (
    Key(
        "author-save", "ctrl+s", "save", "Save", "Write the file; the game goes on in the edited world", show=True
    ),
    Key("author-help", "f1", "help", "Help", "Show the keys and the verbs that build", show=True),
    Key("author-pane", "f2", "pane", "Pane", "Show or hide map and findings", show=True),
    Key("author-build", "f3", "build", "Build", "Go to the line at which verbs build the world", show=True),
    Key("author-map", "f4", "map", "Map", "Show the map"),
    Key("author-test", "f5", "test", "Test here", "Save, and play on in the room of this line", show=True),
    Key(
        "author-check", "f6", "check", "Check", "Play the world in every way there is, to find mistakes", show=True
    ),
    Key("author-stop", "f6", "stop", "Stop", "Stop the check, or the agents that play", show=True),
    Key(
        "author-findings", "f7", "findings", "Findings", "Go to the list of findings; Enter jumps there", show=True
    ),
    Key("author-leave", "f8", "leave", "Game", "Back to the game; what is not saved stays here", show=True),
    Key(
        "author-measure",
        "f9",
        "measure",
        "Difficulty",
        "See how often agents win, to tell how hard it is",
        show=True,
    ),
    Key("author-reload", "ctrl+r", "reload", "From disk", "Take what the file holds, in place of what is here"),
    Key("author-copy", "c", "copy", "Copy", "Copy the world into your own worlds, to edit it there", show=True),
    Key("author-back", "escape", "back", "Back", "Back to the editor, else to the game", show=True),
)
IMPORTANCE = (
    *("author-copy", "author-save", "author-stop", "author-leave", "author-test", "author-build", "author-help"),
    *("author-check", "author-findings", "author-pane", "author-measure"),
)
"""Names of the keys in the order in which a narrow footer has room for them."""
