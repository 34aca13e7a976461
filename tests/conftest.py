"""What several test modules share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sandbox.llm.local import LocalModel

for _size in ("COLUMNS", "LINES"):  # pytest-xdist sets them, and they outweigh what a test says
    os.environ.pop(_size, None)


@pytest.fixture(scope="session")
def local_model() -> LocalModel:
    """The real default model, fetched where it is not here yet and loaded once."""
    from sandbox.llm import fetch
    from sandbox.llm.catalogue import DEFAULT
    from sandbox.llm.local import LocalModel

    fetch.pull(DEFAULT)
    return LocalModel.load(DEFAULT)
