"""What several test modules share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sandbox.llm.local import LocalModel


@pytest.fixture(scope="session")
def local_model() -> LocalModel:
    """The real default model, fetched where it is not here yet and loaded once."""
    from sandbox.llm import fetch
    from sandbox.llm.catalogue import DEFAULT
    from sandbox.llm.local import LocalModel

    fetch.pull(DEFAULT)
    return LocalModel.load(DEFAULT)
