"""The process of a language model, as `ModelProcess` starts it."""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from sandbox.llm.service.place import ServicePlace
from sandbox.llm.service.server import ModelService

SEATS = 32
"""That many games ask one process at once before it forgets what it has read of them."""

if TYPE_CHECKING:
    from sandbox.llm.local import LocalModel


def main() -> int:
    """Serve a model, unless another process does already."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.llm.service", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="of the model")
    parser.add_argument("--place", type=Path, required=True, help="folder where it can be found")
    parser.add_argument("--idle", type=float, required=True, help="seconds to stay where nobody is connected")
    parser.add_argument("name", help="under which it can be found")
    parser.add_argument("--loading", type=json.loads, required=True, help="what else the model is loaded with")
    given = parser.parse_args()
    place = ServicePlace(given.place, given.name)

    def load() -> LocalModel:
        from sandbox.llm.local import LocalModel

        model = LocalModel.load(given.folder, seats=SEATS, **given.loading)
        gc.freeze()  # half a million objects of torch and transformers, which stay
        return model

    try:
        with FileLock(place.lock, timeout=0, mode=0o600):
            service = ModelService(place, load, idle=given.idle)

            def end(number: int, frame: FrameType | None) -> None:
                service.end()

            signal.signal(signal.SIGTERM, end)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            service.run()
    except Timeout:
        return 0
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # the thread that computes may be in the middle of a pass
