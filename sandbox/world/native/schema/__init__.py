"""The world file's schema: pydantic models, from which the JSON Schema and the format's documentation are made."""

from sandbox.world.native.schema.behaviour import (
    Character,
    CustomVerb,
    Deal,
    Ending,
    Event,
    Reaction,
    Response,
    Routine,
    Rule,
    Seat,
    Topic,
    VerbRule,
)
from sandbox.world.native.schema.definition import Adventure, Definition, Words
from sandbox.world.native.schema.places import (
    Container,
    Door,
    Exit,
    OneOf,
    Room,
    Supporter,
    Thing,
    ThingKind,
    Variable,
)
from sandbox.world.native.schema.tasks import FurtherTurn, Measure, Task

__all__ = [
    "Adventure",
    "Character",
    "Container",
    "Deal",
    "Definition",
    "Door",
    "Ending",
    "Event",
    "Exit",
    "FurtherTurn",
    "ThingKind",
    "Measure",
    "OneOf",
    "Reaction",
    "Response",
    "Room",
    "Routine",
    "Rule",
    "Seat",
    "Supporter",
    "Task",
    "Thing",
    "Topic",
    "Variable",
    "CustomVerb",
    "VerbRule",
    "Words",
]
