"""What a person says to an agent: advice that stands until it is done, and questions that are answered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import Card, Talk
from sandbox.errors import PlayError
from sandbox.feedback.kinds.advice import Advice
from sandbox.llm.fake import ScriptedModel
from sandbox.paths import Home
from sandbox.render import formatting
from sandbox.session import remembered, runner, talk
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.tune.voice.worlds import house
from sandbox.world import registry
from sandbox.world.native import make_world, parse_source


@pytest.fixture
def session() -> Session:
    return opened()


def opened() -> Session:
    made = house(9001)
    world = make_world(parse_source(made.text), made.name)
    model = ScriptedModel({"wait": 0.0}, samples=['The chest is closed, as you say."'])
    agent = CardAgent(Card(name="mate", model="m"), model, verbs=world.verbs)
    return Session.create(Store.memory(), world, {"visitor": agent}, seed=0)


def test_advice_is_part_of_the_prompt_until_it_is_done(session: Session) -> None:
    way = next(c for c in session.observation().admissible or () if c.startswith("go "))
    record = talk.tell(session, way)
    assert (record.kind, record.data["question"]) == ("advice", False)
    assert record.data["answer"] == "The chest is closed, as you say."
    assert f'Your friend says: "{way}"' in session.decide().prompt
    session.act(way)
    assert "Your friend" not in session.decide().prompt
    session.undo()
    assert "Your friend" in session.decide().prompt
    assert talk.withdraw(session) == 1
    assert "Your friend" not in session.decide().prompt


def test_a_question_gets_an_answer_and_is_no_advice(session: Session) -> None:
    record = talk.tell(session, "where are you?")
    assert record.data["answer"] == f"I am in the {session.observation().description.splitlines()[0]}."
    assert "Your friend" not in session.decide().prompt
    decision = session.decide()
    why = talk.tell(session, f"why not {decision.proposals[-1].command}?", decision=decision)
    assert "the model gives it" in str(why.data["answer"])


def test_advice_that_was_followed_is_one_to_imitate(session: Session) -> None:
    way = next(c for c in session.observation().admissible or () if c.startswith("go "))
    record = talk.tell(session, way)
    session.act(way)
    (judged,) = Advice.model_validate(record.data).judgements(record, session.timeline)
    assert (judged.kind, judged.good) == ("advice", (way,))


def test_a_line_that_begins_with_a_name_is_meant_for_it(session: Session) -> None:
    assert talk.addressee(session, "mate, open the chest") == ("visitor", "open the chest")
    assert talk.addressee(session, "@agent try the cellar") == ("visitor", "try the cellar")
    assert talk.addressee(session, "open the chest") is None
    with pytest.raises(PlayError, match="nothing to say"):
        talk.tell(session, " ")


def test_words_come_after_the_choice_and_false_ones_are_found(session: Session) -> None:
    decision = session.decide()
    spoken = talk.speak(session, decision, session.current)
    assert all(proposal.said for proposal in spoken.proposals[:3])
    assert spoken.scores == decision.scores
    room = session.observation().description.splitlines()[0]
    false = replace(spoken.proposals[0], said=f"I carry the {room.lower()}.")
    true = replace(spoken.proposals[1], said=f"I am in the {room.lower()}.")
    checked = replace(spoken, proposals=(false, true, *spoken.proposals[2:]))
    assert talk.false_lines(session, checked, session.current) == {0}


def test_notes_are_read_edited_and_forgotten(session: Session) -> None:
    with pytest.raises(PlayError, match="keeps no notes"):
        talk.notes(session)
    agent = CardAgent(Card(name="scribe", model="m", memory=3), ScriptedModel(), verbs=session.world.verbs)
    agent.notebook.write(["the key is in the chest", "the gate is locked"])
    session.hand_over("visitor", agent)
    assert talk.notes(session) == "1. the key is in the chest\n2. the gate is locked"
    assert talk.notes(session, "2 the gate stands open").endswith("2. the gate stands open")
    assert talk.notes(session, "-1") == "1. the gate stands open"
    assert b"stands open" in session.store.records("visitor", "scribe")["notes"]
    with pytest.raises(PlayError, match="no note"):
        talk.notes(session, "7 x")


def test_one_piece_of_advice_is_withdrawn_and_what_is_done_stays(session: Session) -> None:
    ways = [command for command in session.observation().admissible or () if command.startswith("go ")]
    done = talk.tell(session, ways[0])
    session.act(ways[0])
    talk.tell(session, "take the ladle, then open the pantry")
    talk.tell(session, "ring the bell")
    assert [words for _, _, words in remembered.advice_in_force(session)] == [
        "take the ladle", "open the pantry", "ring the bell",
    ]  # fmt: skip
    with pytest.raises(PlayError, match="no advice 4"):
        talk.withdraw(session, 4)
    assert talk.withdraw(session, 2) == 2
    assert [words for _, _, words in remembered.advice_in_force(session)] == ["ring the bell"]
    assert talk.withdraw(session) == 1
    assert done.id in {record.id for turn in session.timeline.nodes() for record in session.feedback(turn.id)}


def test_notes_of_several_agents_are_numbered_through(tmp_path: Path) -> None:
    world = registry.open_world("millrace", home=Home(tmp_path))
    agents = {}
    for seat in world.seats:
        agents[seat] = CardAgent(Card(name="scribe", model="m", memory=2), ScriptedModel(), verbs=world.verbs)
        agents[seat].notebook.write([f"{seat} noted this", "and this"])
    session = Session.create(Store.memory(), world, agents, seed=0)
    assert talk.notes(session, "3 the crank hangs on a nail").splitlines() == [
        "1. tamsin: tamsin noted this",
        "2. tamsin: and this",
        "3. jory: the crank hangs on a nail",
        "4. jory: and this",
    ]
    tamsin, jory = remembered.memories(session).seats
    assert [piece.edit for piece in jory.notes] == ["/notes 3 the crank hangs on a nail", "/notes 4 and this"]
    assert (tamsin.name, tamsin.most, tamsin.notes[0].drop) == ("Tamsin", 2, "/notes -1")
    session.hand_over("tamsin", None)
    (jory,) = remembered.memories(session).seats
    assert [piece.drop for piece in jory.notes] == ["/notes -1", "/notes -2"]


def test_an_episode_played_aloud_keeps_its_sentences_and_its_choices(session: Session) -> None:
    silent = runner.play_episode(session, 3)
    assert silent.said == () and "said" not in runner.episode_as_json(silent)
    session = opened()
    spoken = runner.play_episode(session, 3, aloud=True)
    assert spoken.commands == silent.commands
    assert len(spoken.said) == 3 and all(line.startswith("“") for line in spoken.said)
    kept = session.timeline.path(session.current.id)[1:]
    assert [formatting.words(turn) for turn in kept] == [line.strip("“”≠ ") for line in spoken.said]
    assert runner.episode_as_json(spoken)["said"] == spoken.said


def test_two_seats_of_the_mill_ask_and_answer_and_do_not_chatter(tmp_path: Path) -> None:
    world = registry.open_world("millrace", home=Home(tmp_path))
    card = Card(name="mate", model="m", talk=Talk(asks=2))
    agents = {seat: CardAgent(card, ScriptedModel(), verbs=world.verbs) for seat in world.seats}
    session = Session.create(Store.memory(), world, agents, seed=0, learn=False)
    given = {"tamsin": ["go up", "go north", "pull red lever", "pull red lever"], "jory": ["go down", "go up"]}
    said = []
    for _ in range(40):
        decision = session.decide()
        seat, command = decision.seat, decision.command
        if command.startswith("say "):
            said.append((seat, command.removeprefix("say ")))
        elif given[seat]:
            command = given[seat].pop(0)
        session.act(command, decision=decision, chooser="agent" if command == decision.command else "person")
    light, lantern, lever, drums = said[:4]
    assert light == ("jory", "What do you know of a light?")
    assert lantern[0] == "tamsin" and lantern[1].endswith("the only lantern hangs by me.")
    assert lever == ("tamsin", "What do you know of the red lever?")
    assert drums[0] == "jory" and "Only the drum that has the iron pin through it" in drums[1]
    assert len(said) <= 8


def test_nobody_asks_in_a_world_of_one_seat(session: Session) -> None:
    agent = CardAgent(Card(name="mate", model="m", talk=Talk(asks=8)), ScriptedModel(), verbs=session.world.verbs)
    session.hand_over("visitor", agent)
    for _ in range(12):
        assert not session.step().command.startswith("say ")
