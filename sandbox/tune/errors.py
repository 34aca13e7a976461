"""What can go wrong in a round."""

from __future__ import annotations

from sandbox.errors import SandboxError


class RoundError(SandboxError):
    """A round cannot be started, or has failed. The agent keeps the adapter that it had."""


class NothingLearnedError(RoundError):
    """All samples of every step got the same reward: there was nothing to tell them apart by."""


class Stopped(SandboxError):  # noqa: N818
    """A round was asked to stop, and did."""
