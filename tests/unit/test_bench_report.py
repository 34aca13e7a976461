import io
import json

import pytest
from rich.console import Console

from sandbox.bench.report import Figure, Report, machine


@pytest.mark.parametrize(
    ("figure", "target", "met"),
    [
        (Figure.at_least("x", 30.0, 30), ">= 30", True),
        (Figure.at_least("x", 29.9, 30), ">= 30", False),
        (Figure.at_most("x", 1e-4, 1e-4), "<= 0.0001", True),
        (Figure.at_most("x", 2e-4, 1e-4), "<= 0.0001", False),
        (Figure.below("x", 0.39, 0.4), "< 0.4", True),
        (Figure.below("x", 0.4, 0.4), "< 0.4", False),
        (Figure("x", 1.0), "", None),
    ],
)
def test_targets(figure, target, met):
    assert (figure.target, figure.met) == (target, met)


def test_a_report_as_json():
    report = Report(machine(), 1.23456, (Figure.at_least("speed", 42.0, 30, "x"), Figure("tokens", 400, "tokens")))
    found = json.loads(json.dumps(report.as_json()))
    assert list(found) == ["machine", "seconds", "figures"]
    assert found["figures"] == [
        {"name": "speed", "value": 42.0, "unit": "x", "target": ">= 30", "met": True},
        {"name": "tokens", "value": 400, "unit": "tokens", "target": "", "met": None},
    ]
    assert found["seconds"] == 1.235
    assert found["machine"]["cores"] >= 1 and found["machine"]["memory_gib"] > 0 and found["machine"]["cpu"]


def test_a_report_as_a_table():
    console = Console(file=io.StringIO(), width=80)
    console.print(Report(machine(), 1.0, (Figure.below("seconds_per_turn", 0.51234, 0.4, "s"),)).table())
    shown = console.file.getvalue()
    assert all(part in shown for part in ("seconds_per_turn", "0.5123", "< 0.4", "no"))
