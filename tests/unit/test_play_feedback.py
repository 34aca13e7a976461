from __future__ import annotations

from typing import Any

import pytest

from sandbox.errors import PlayError
from sandbox.feedback.book import FeedbackBook
from sandbox.store.feedback import Feedback, checked


def _record(**fields: Any) -> Feedback:
    plain: dict[str, Any] = {
        "id": 1,
        "turn": 3,
        "kind": "rating",
        "value": None,
        "data": {},
        "reasons": (),
        "comment": "",
        "annotator": "ann",
        "created": 1.0,
        "latency": None,
    }
    return checked(**{**plain, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"value": 3.0},
        {"value": float("nan")},
        {"value": None},
        {"kind": "no kind", "value": 1.0},
        {"kind": "comment", "value": 1.0},
        {"kind": "preference", "data": {"between": "turns", "better": 1}},
        {"kind": "preference", "data": {"between": "turns", "better": 1, "worse": 2, "verdict": "perhaps"}},
        {"kind": "correction", "data": {"command": "\x1b[2J"}},
        {"kind": "credit", "value": 1.0, "data": {"shares": {"3": 1.5}}},
        {"kind": "credit", "value": 1.0, "data": {"shares": {str(k): 0.5 for k in range(1, 9)}}},
        {"kind": "comment", "comment": "x" * 10_001},
        {"kind": "comment", "annotator": ""},
        {"kind": "comment", "latency": -1.0},
        {"value": 1.0, "data": {"more": 1}},
    ],
)
def test_what_is_out_of_bounds_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(PlayError, match="feedback"):
        _record(**fields)


def test_text_is_cleaned() -> None:
    record = _record(kind="comment", comment="a\x1b[31mb", reasons=("lo\nop",))
    assert (record.comment, record.reasons) == ("ab", ("lo op",))


def test_ratings_add_up_within_two() -> None:
    book = FeedbackBook(_record(id=k, value=value) for k, value in enumerate((1.0, 1.0, 1.0, -0.5), start=1))
    assert book.value(3) == 2.0
    book.add(_record(id=9, kind="retract", data={"feedback": 1}))
    assert book.value(3) == 1.5
    assert [record.id for record in book.at(3)] == [2, 3, 4]
    assert book.get(1) is None
    assert book.get(9) is None, "a retraction cannot be taken back"


def test_what_each_kind_is_worth() -> None:
    book = FeedbackBook(
        [
            _record(id=1, kind="preference", data={"between": "turns", "better": 4, "worse": 5}),
            _record(id=2, kind="preference", data={"between": "turns", "better": 6, "worse": 7, "verdict": "bad"}),
            _record(id=3, kind="preference", data={"between": "proposals", "better": 0, "worse": 1}),
            _record(id=4, turn=8, kind="correction", data={"command": "go"}),
            _record(id=5, turn=9, kind="credit", value=-2.0, data={"shares": {"9": 1.0, "7": 0.5}}),
            _record(id=6, turn=9, kind="comment", comment="hm"),
        ]
    )
    assert {turn: book.value(turn) for turn in range(1, 10)} == {
        1: 0, 2: 0, 3: 0, 4: 1, 5: -1, 6: -1, 7: -2, 8: -1, 9: -2
    }  # fmt: skip


def test_a_record_that_could_not_be_saved_is_forgotten() -> None:
    book = FeedbackBook([_record(id=1, value=1.0)])
    extra = _record(id=2, kind="retract", data={"feedback": 1})
    book.add(extra)
    assert book.value(3) == 0
    book.forget(extra)
    assert book.value(3) == 1.0
