"""The files of TensorBoard, read."""

from __future__ import annotations

import struct
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event


def read_curves(folder: Path) -> dict[str, dict[int, float]]:
    """The points that TensorBoard would show, by curve and step."""
    found: dict[str, dict[int, float]] = {}
    for file in sorted(folder.glob("events.out.tfevents.*")):
        data, start = file.read_bytes(), 0
        while start < len(data):  # length, its checksum, the event, its checksum
            (length,) = struct.unpack_from("<Q", data, start)
            event = Event.FromString(data[start + 12 : start + 12 + length])
            start += 16 + length
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found
