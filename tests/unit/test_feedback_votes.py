"""Only deeds are examples, and everybody has one vote on each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import parse_card
from sandbox.cli import app
from sandbox.errors import PlayError
from sandbox.feedback import dataset
from sandbox.feedback.dataset import Material, gathered
from sandbox.feedback.kind import Judgement
from sandbox.feedback.votes import Poll, Votes
from sandbox.llm.fake import ScriptedModel
from sandbox.paths import Home
from sandbox.session import moves
from sandbox.session.curves import curves
from sandbox.session.session import Session
from sandbox.session.view import Camera
from sandbox.store import Store
from sandbox.tune import collect
from sandbox.tune.examples import PreferencePair
from sandbox.types import World
from sandbox.world import registry

HOME = Home(Path())
CARD = parse_card("model: smollm2-135m-instruct\npersona: You play.\ncombine: {method: prior}\n", "lm")

# Votes, by hand.


def prefers(who: str, good: str, bad: str, created: float = 0.0) -> Judgement:
    return Judgement(
        kind="preference",
        state=1,
        turn=2,
        seat="s",
        good=(good,),
        bad=(bad,),
        absolute=False,
        annotator=who,
        created=created,
    )


def ties(who: str, one: str, other: str) -> Judgement:
    return Judgement(
        kind="preference", state=1, turn=2, seat="s", equal=(one, other), absolute=False, annotator=who
    )


def poll(*said: Judgement, effect: Callable[[str], object] = str) -> Poll:
    made = Poll()
    for judgement in said:
        made.add(judgement, effect)  # type: ignore[arg-type]
    return made


def pairs(made: Poll, how: Votes) -> list[tuple[str, str]]:
    return [(each.better, each.worse) for each in made.settled(how)]


def test_what_most_say_is_one_example_and_never_both_directions() -> None:
    made = poll(prefers("a", "n", "s", 1), prefers("b", "s", "n", 2), prefers("c", "n", "s", 3))
    (only,) = made.settled("majority")
    assert (only.better, only.worse, only.raters, only.against) == ("n", "s", ("a", "c"), 1)
    assert (only.created, only.weight) == (3, 1.0)
    assert pairs(made, "all") == [("n", "s"), ("s", "n"), ("n", "s")]
    (soft,) = made.settled("soft")
    assert soft.weight == pytest.approx(2 / 3)


def test_a_tie_is_left_out_and_counted() -> None:
    made = poll(prefers("a", "n", "s"), prefers("b", "s", "n"), ties("c", "n", "s"))
    for how in ("majority", "weighted", "soft"):
        assert pairs(made, how) == []  # type: ignore[arg-type]
    assert made.ties(pairs=True) == 1
    (disputed,) = made.disputes()
    assert (disputed.better, len(disputed.raters), disputed.against) == ("n", 1, 2), "it is told all the same"
    assert not list(poll(prefers("a", "n", "s"), prefers("b", "n", "s")).disputes())
    assert pairs(poll(prefers("a", "n", "s"), ties("b", "n", "s"), ties("c", "n", "s")), "majority") == [
        ("n", "s")
    ]


def test_the_model_weighs_all_votes_of_the_state() -> None:
    """One prefers s to n, but everything else that is said of the two speaks for n."""
    others = [prefers(who, good, bad) for who in "bcd" for good, bad in (("n", "e"), ("e", "s"))]
    made = poll(prefers("a", "s", "n"), prefers("b", "n", "s"), *others)
    assert ("n", "s") in pairs(made, "weighted") and ("n", "s") not in pairs(made, "majority")
    weights = {(each.better, each.worse): each.weight for each in made.settled("weighted")}
    assert 0.5 < weights["n", "s"] < 1 and weights["n", "e"] < 1


def test_one_person_has_one_vote_however_often_they_say_it() -> None:
    made = poll(*[prefers("a", "n", "s")] * 5, prefers("b", "s", "n"), prefers("c", "s", "n"))
    assert pairs(made, "majority") == [("s", "n")]


def test_wordings_of_one_deed_are_one_command() -> None:
    made = poll(
        prefers("a", "go north", "s"),
        prefers("b", "n", "s"),
        prefers("c", "go north", "s"),
        effect=lambda command: "north" if command != "s" else "south",
    )
    (only,) = made.settled("majority")
    assert (only.better, len(only.raters)) == ("go north", 3)


# Deeds, in a real world.


@pytest.fixture
def world() -> Iterator[World[Any]]:
    opened = registry.open_world("lighthouse", home=HOME)
    yield opened
    opened.close()


@pytest.fixture
def session(world: World[Any], tmp_path: Path) -> Iterator[Session]:
    agent = CardAgent(CARD, ScriptedModel(), None, verbs=world.verbs)
    made = Session.create(
        Store.create(tmp_path / "saves" / "s"), world, {world.seats[0]: agent}, seed=0, annotator="ann"
    )
    yield made
    made.close()


def rows(session: Session, form: dataset.Format) -> list[dict[str, Any]]:
    return [dict(each.row) for each in dataset.examples(Material.of(session.store, HOME), form)]


@pytest.mark.parametrize("line", ["asdfgh", "take", "fly to the moon", "quit", "look", "inventory"])
def test_what_does_nothing_is_no_example(session: Session, line: str) -> None:
    session.act(line, decision=session.decide())
    session.rate(1)
    for form in ("sft", "dpo", "kto", "prm"):
        assert rows(session, form) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(("wanted", "said"), [("go east", "e"), ("go east", "EAST"), ("go up", "up")])
def test_another_wording_of_what_the_agent_wanted_is_no_preference(
    session: Session, wanted: str, said: str
) -> None:
    decision = session.decide()
    chosen = [each.command for each in decision.proposals].index(wanted)
    session.act(said, decision=type(decision)(**{**_fields(decision), "chosen": chosen}))
    assert rows(session, "dpo") == rows(session, "kto") == rows(session, "sft") == []
    session.correct(wanted)
    assert rows(session, "dpo") == []


def test_a_deed_in_the_agents_place_is_a_preference_and_a_demonstration(session: Session) -> None:
    decision = session.decide()
    other = next(c for c in ("go up", "go east") if c != decision.command)
    session.act(other, decision=decision)
    (pair,) = rows(session, "dpo")
    assert (pair["chosen"], pair["rejected"]) == (f" {other}\n", f" {decision.command}\n")
    assert [row["completion"] for row in rows(session, "sft")] == [f" {other}\n"]


@pytest.mark.parametrize("value", [1, 2])
def test_what_is_both_praised_and_corrected_has_one_label(session: Session, value: int) -> None:
    turn = session.step()
    session.rate(value)
    session.correct(next(c for c in ("go up", "go east") if c != turn.command))
    labels = [row["label"] for row in rows(session, "kto") if row["completion"] == f" {turn.command}\n"]
    assert labels == [False]


def test_a_correction_that_the_world_would_not_understand_is_nothing_to_imitate(session: Session) -> None:
    session.act("go up", decision=session.decide())
    session.correct("fly to the moon")
    assert rows(session, "dpo") == [each for each in rows(session, "dpo") if "moon" not in each["chosen"]]
    completions = {row["completion"]: row["label"] for row in rows(session, "kto")}
    assert " fly to the moon\n" not in completions
    assert rows(session, "sft") == [] or all("moon" not in row["completion"] for row in rows(session, "sft"))


def test_a_correction_of_what_a_person_typed_in_vain_has_nothing_to_be_better_than(session: Session) -> None:
    session.act("asdfgh", decision=session.decide())
    session.correct("go up")
    assert rows(session, "dpo") == []
    assert [row["completion"] for row in rows(session, "sft")] == [" go up\n"]


def test_a_correction_that_would_not_be_understood_is_asked_about(session: Session) -> None:
    session.act("go up", decision=session.decide())
    with pytest.raises(PlayError, match="would not understand “take”"):
        moves.correct(session, "take", None)
    moves.correct(session, "go east", None)
    with pytest.raises(PlayError, match="say it again"):
        moves.correct(session, "take", None)
    moves.correct(session, "take", None)
    assert [each.data["command"] for each in session.feedback()] == ["go east", "take"]


def test_the_screen_counts_deeds(session: Session) -> None:
    wanted = session.decide()
    other = next(c for c in ("go up", "go east") if c != wanted.command)
    for line in ("asdfgh", "look", other):
        session.act(line, decision=session.decide())
    view = Camera(session).view()
    assert view.interventions == pytest.approx(1 / 3)
    assert curves(session, None).episodes[0].interventions == pytest.approx(1 / 3)


def test_what_leads_to_the_same_state_is_kept_once_however_often_it_is_done(session: Session) -> None:
    for _ in range(3):
        session.act("look", decision=session.decide())
    assert Camera(session).view().interventions == 0
    states = session.timeline.path_ids(session.current.id)[:-1]
    effects = [session.deeds.effect(state, session.world.seats[0], "look") for state in states]
    assert len(states) == 3 and all(effect is effects[0] for effect in effects)


def test_what_was_typed_in_vain_has_no_share_of_the_credit(session: Session) -> None:
    session.step()
    session.act("asdfgh", decision=session.decide())
    session.step()
    assert session.credit(1).data["shares"] == {"4": 1.0, "2": 0.5}


# Several people, several saves.


@pytest.fixture
def three(tmp_path: Path, world: World[Any]) -> Path:
    """Three people's own copies of one game; two of them would go up, one would not."""
    from sandbox.store import upkeep

    saves = tmp_path / "saves"
    agent = CardAgent(CARD, ScriptedModel(), None, verbs=world.verbs)
    session = Session.create(Store.create(saves / "a"), world, {world.seats[0]: agent}, seed=0)
    session.step()
    session.close()
    for name in ("b", "c"):
        upkeep.fork(saves / "a", saves / name)
    for name, best in (("a", "go up"), ("b", "go up"), ("c", "go east")):
        session = Session.resume(Store.open(saves / name), world, {}, annotator=name)
        decision = session.timeline.get(2).decision
        assert decision is not None
        places = {each.command: place for place, each in enumerate(decision.proposals)}
        worst = "go east" if best == "go up" else "go up"
        session.prefer_proposal(places[best], places[worst], turn=2)
        session.close()
    return tmp_path


def test_rounds_and_exports_bring_votes_together_alike(three: Path) -> None:
    folders = [three / "saves" / name for name in "abc"]
    with ExitStack() as stack:
        stores = [stack.enter_context(Store.open(folder, readonly=True)) for folder in folders]
        found = gathered([Material.of(store, HOME) for store in stores], "dpo")
    (example,) = found.examples
    assert (example.row["chosen"], example.row["rejected"]) == (" go up\n", " go east\n")
    assert example.votes["raters"] == ["a", "b"] and (example.votes["votes"], example.votes["against"]) == (2, 1)
    learned = collect.usable(collect.from_saves(HOME, folders, CARD, "feedback"), "dpo")
    assert [(e.chosen, e.rejected) for e in learned if isinstance(e, PreferencePair)] == [
        (" go up\n", " go east\n")
    ]
    every = collect.usable(collect.from_saves(HOME, folders, CARD, "feedback", "all"), "dpo")
    assert len(every) == 2


def test_the_command_line_counts_ties_and_lists_what_is_disputed(three: Path) -> None:
    def export(*arguments: str) -> str:
        told = CliRunner().invoke(
            app,
            ["--home", str(three), "feedback", "export", *arguments],
            env={"COLUMNS": "200"},
            catch_exceptions=False,
        )
        assert told.exit_code == 0, told.output
        return told.stdout

    said = export("a", "b", "c", "--out", str(three / "most"), "--disputed")
    assert "1 not all agreed about" in said and "2 to 1  “go up” over “go east”" in said
    export("a", "b", "c", "--out", str(three / "each"), "--votes", "all")
    lines = [json.loads(line) for line in (three / "each" / "train.jsonl").read_text().splitlines()]
    assert [line["raters"] for line in lines] == [["a"], ["b"], ["c"]]
    with pytest.raises(Exception, match="no feedback"):
        export("a", "c", "--out", str(three / "tied"))


def _fields(decision: Any) -> dict[str, Any]:
    return {name: getattr(decision, name) for name in decision.__dataclass_fields__}
