"""What lines mean, and how numbers are written."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import Lighthouse
from rich.cells import cell_len

from sandbox.errors import UsageError
from sandbox.render.formatting import overruled
from sandbox.session.command import Typed
from sandbox.session.commands import parse
from sandbox.session.completion import candidates, matches
from sandbox.session.view import View, signature
from sandbox.timeline import Turn
from sandbox.tui import format as fmt
from sandbox.tui.story import prose
from sandbox.types import BellmanUpdate, Decision, Proposal


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("  take lamp ", Typed("command", "take lamp")),
        ("* hm", Typed("comment", "hm")),
        ("UNDO", Typed("undo")),
        ("undo it", Typed("command", "undo it")),
        ("/Reward +1 well  done", Typed("reward", "+1 well  done")),
        ("/run", Typed("run")),
        ("", None),
    ],
)
def test_lines(line: str, meaning: Typed | None) -> None:
    assert parse(line) == meaning


def test_numbers_in_lines() -> None:
    assert Typed("reward", "-0.5 no").number(1) == (-0.5, "no")
    assert Typed("reward", "−2").number(1) == (-2.0, "")
    assert Typed("run").number(7) == (7, "")
    for bad in ("nan", "inf", "1e9", "lots"):
        with pytest.raises(UsageError):
            Typed("reward", bad).number(1)
    with pytest.raises(UsageError):
        parse("/nonsense")


def test_an_update_is_written_as_it_happened() -> None:
    update = BellmanUpdate(
        state_key="s", command="take lamp", before=0.0, reward=1.0, gamma=0.9, next_value=0.0, alpha=0.5, after=0.5
    )
    assert update.formula == "0.00 + 0.5·(1 + 0.9·0.00 − 0.00) = 0.50"
    below = replace(update, before=-0.25, reward=-1.0, next_value=-0.5, after=-0.85)
    assert below.formula == "(−0.25) + 0.5·(−1 + 0.9·(−0.50) − (−0.25)) = −0.85"


def test_numbers_and_bars_keep_their_width() -> None:
    assert [fmt.signed(value) for value in (0.5, -1.0, 0.0, -0.001)] == ["+0.50", "−1.00", " 0.00", " 0.00"]
    assert [fmt.bar(part, 4, "").plain for part in (-1, 0, 0.4, 0.5, 1, 7)] == [
        "────", "────", "━╸──", "━━──", "━━━━", "━━━━",
    ]  # fmt: skip
    assert fmt.points(3.0, 10.0) == "3/10"
    assert fmt.points(2.5, None) == "2.5"


def test_q_overrules_only_where_it_prefers_the_choice() -> None:
    decision = Decision(
        seat="a", state_key="", chosen=0, scores=(1.0, 0.5), q_values=(0.5, 0.0),
        proposals=(Proposal(command="go west", prior=-2.0), Proposal(command="go east", prior=-1.0)),
    )  # fmt: skip
    assert overruled(decision)
    assert not overruled(replace(decision, q_values=(0.0, 0.0)))
    assert not overruled(replace(decision, chosen=1))
    assert not overruled(replace(decision, chooser="exploration"))


def test_text_is_fitted_into_cells() -> None:
    assert fmt.fit("look", 6) == "look  "
    assert fmt.fit("examine", 6) == "exami…"
    assert cell_len(fmt.fit("拿起灯笼", 6)) == cell_len(fmt.fit("拿起灯笼", 9)) - 3 == 6


def test_an_agent_is_named_with_its_adapter() -> None:
    assert signature("lm-q", "smollm2-135m-instruct@round-3") == "lm-q@round-3"
    assert signature("q-table", "") == "q-table"


def view(admissible: tuple[str, ...] | None) -> View:
    world = Lighthouse()
    state = world.initial(0)
    observation = replace(world.observe(state, "keeper"), admissible=admissible)
    opening = Turn(
        id=1, parent=None, episode=1, depth=0, seat="", command="", chooser="opening",
        observations={"keeper": observation}, snapshot=b"",
    )  # fmt: skip
    return View(
        world="", seed=0, verbs=world.verbs, seats=world.seats, names={}, agents={}, watcher="keeper",
        simultaneous=False, path=(opening,), fresh=(), to_move="keeper", observation=observation, feedback={},
        marks={}, updates=(),
    )  # fmt: skip


def test_completion_knows_what_the_world_accepts() -> None:
    assert matches("ta", candidates(view(("go north", "take matches")), None, "ta")) == ["take matches"]
    assert matches("mat", candidates(view(("go north", "take matches")), None, "mat")) == ["take matches"]


def test_where_the_world_cannot_say_words_in_sight_are_offered() -> None:
    assert matches("ta", candidates(view(None), None, "ta")) == ["take"]
    assert matches("take si", candidates(view(None), None, "take si"))[0] == "take sign"
    assert "examine north" in candidates(view(None), None, "examine n")


def test_the_name_of_the_room_is_a_heading() -> None:
    told = list(prose("The boat leaves.\nLanding\nStone steps.\n\n\nExits: up.\n", "Landing"))
    assert [line.text.plain for line in told] == [
        "The boat leaves.", "", "Landing", "Stone steps.", "", "Exits: up.",
    ]  # fmt: skip
    assert [bool(line.text.spans) for line in told] == [False, False, True, False, False, False]
