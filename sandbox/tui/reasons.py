"""Why an action was good or bad, in a word: a digit after `+` or `-` says it."""

from __future__ import annotations

PRAISE = ("progress", "good idea", "explores", "careful", "in character")
BLAME = ("loop", "ignores goal", "not understood", "reckless", "out of character")


def tags(value: float) -> tuple[str, ...]:
    """The reasons that go with a reward of this sign."""
    return PRAISE if value > 0 else BLAME
