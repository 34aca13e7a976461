from __future__ import annotations

import pytest

from sandbox.errors import PlayError
from sandbox.timeline import Node, Timeline, Turn, history
from sandbox.types import Observation


def _turn(turn_id: int, parent: int | None, depth: int, seat: str, command: str, **texts: str) -> Turn:
    return Turn(
        id=turn_id,
        parent=parent,
        episode=1,
        depth=depth,
        seat=seat,
        command=command,
        chooser="opening" if parent is None else "agent",
        observations={each: Observation(seat=each, turn=0, text=text) for each, text in texts.items()},
        snapshot=b"",
    )


@pytest.fixture
def tree() -> Timeline:
    """1 -> 2 -> (3, 4 -> 5)"""
    timeline = Timeline()
    for turn_id, parent, depth in ((1, None, 0), (2, 1, 1), (3, 2, 2), (4, 2, 2), (5, 4, 3)):
        timeline.add(_turn(turn_id, parent, depth, "a" if parent else "", f"do {turn_id}", a="x"))
    return timeline


def test_the_tree_is_walked_by_ids(tree: Timeline) -> None:
    assert tree.path_ids(5) == [1, 2, 4, 5]
    assert tree.child_ids(2) == (3, 4)
    assert [turn.id for turn in tree.siblings(4)] == [3, 4]
    assert [turn.id for turn in tree.siblings(1)] == [1]
    assert tree.opening_ids() == (1,)
    with pytest.raises(PlayError, match="no turn 9"):
        tree.get(9)


def test_redo_leads_to_the_child_that_was_visited_last(tree: Timeline) -> None:
    assert tree.redo_target(2) == 4
    tree.visit(3)
    assert tree.redo_target(2) == 3
    assert tree.redo_target(3) is None
    assert tree.visits(5) == {2: 4}, "only what changes"
    tree.visit(1)
    assert tree.redo_target(2) == 3, "going up changes nothing"


def test_a_turn_that_could_not_be_saved_is_forgotten(tree: Timeline) -> None:
    before = (tree.nodes(), tree.child_ids(4))
    tree.add(_turn(6, 4, 3, "a", "do 6", a="x"))
    tree.forget(6)
    assert (tree.nodes(), tree.child_ids(4)) == before
    assert tree.redo_target(4) == 5


def test_history_gives_each_command_all_that_was_read_until_the_next() -> None:
    path = (
        _turn(1, None, 0, "", "", a="a opens", b="b opens"),
        _turn(2, 1, 1, "a", "hello", a="said", b="b opens, heard hello"),
        _turn(3, 2, 2, "b", "bye", a="said, heard bye", b="b said"),
        _turn(4, 3, 3, "a", "leave", a="left", b="b said, a left"),
    )
    assert [(each.command, each.reply) for each in history(path, "a")] == [
        ("", "a opens"),
        ("hello", "said, heard bye"),
        ("leave", "left"),
    ]
    assert [(each.command, each.reply) for each in history(path, "b")] == [
        ("", "b opens, heard hello"),
        ("bye", "b said, a left"),
    ]
    assert history(path[:1], "a")[-1].reply == "a opens"


def test_an_intervention_is_a_person_doing_otherwise_than_the_agent_wanted() -> None:
    def node(chooser: str, agent: str, wanted: str | None) -> Node:
        return Node(
            id=2, parent=1, episode=1, depth=1, seat="a", command="go", chooser=chooser, agent=agent, wanted=wanted
        )  # type: ignore[arg-type]

    assert node("person", "table", "dig").intervened
    assert node("person", "table", None).intervened, "the agent was not even asked"
    assert not node("person", "table", "go").intervened
    assert not node("person", "", None).intervened, "the seat is a person's"
    assert not node("agent", "table", "go").intervened
