"""From play to examples, on a real TextWorld game."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from play_parts import CaveWorld

from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import Card, parse_card
from sandbox.feedback import dataset
from sandbox.feedback.sentences import judged_lines
from sandbox.llm.fake import ScriptedModel
from sandbox.paths import Home
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.tune import collect, examples
from sandbox.tune.errors import RoundError
from sandbox.tune.examples import Label, Origin, PreferencePair, TranscriptExample, play_through, transcripts
from sandbox.tune.selfplay import explore
from sandbox.tune.shorten import Remembered, shorten, win
from sandbox.types import World
from sandbox.world import registry

CARD = parse_card("model: smollm2-135m-instruct\npersona: You play.", "lm")
HOME = Home(Path())


@pytest.fixture(scope="module")
def world() -> Iterator[World[Any]]:
    opened = registry.open_world("tw:coin?level=3&seed=1")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def walkthrough(world: World[Any]) -> tuple[str, ...]:
    found: tuple[str, ...] = world.walkthrough()  # type: ignore[attr-defined]
    assert play_through(world, 0, found)[1].won
    return found


def test_a_transcript_is_one_sequence_of_which_the_commands_are_learned(
    world: World[Any], walkthrough: tuple[str, ...]
) -> None:
    (made,) = collect.from_walkthrough(world, CARD)
    learned = [segment.text for segment in made.segments if segment.learned]
    assert learned == [f" {command}\n" for command in walkthrough]
    text = "".join(segment.text for segment in made.segments)
    assert text.startswith("You play.\n\nGoal: ") and text.endswith(f"\n> {walkthrough[-1]}\n")


def test_the_text_before_each_command_is_the_prompt_of_play(
    world: World[Any], walkthrough: tuple[str, ...]
) -> None:
    moments, _ = play_through(world, 0, walkthrough)
    (made,) = transcripts(CARD, moments, Origin(kind="win"))
    text, prompts = "", []
    for segment in made.segments:
        if segment.learned:
            prompts.append(text)
        text += segment.text
    assert prompts == [examples.context_of(CARD, moment.observation, moment.history) for moment in moments]


def test_a_prompt_that_was_cut_begins_a_new_sequence(world: World[Any], walkthrough: tuple[str, ...]) -> None:
    short: Card = CARD.model_copy(update={"prompt": CARD.prompt.model_copy(update={"max_chars": 700})})
    moments, _ = play_through(world, 0, ("look",) * 6 + walkthrough)
    made = transcripts(short, moments, Origin(kind="win"))
    assert len(made) > 1 and sum(each.commands for each in made) == len(moments)


def test_examples_survive_a_file(tmp_path: Path) -> None:
    origin = Origin(kind="rating", world="w", annotator="ann")
    made = [
        TranscriptExample(segments=(examples.Segment("a", False), examples.Segment(" b\n", True)), origin=origin),
        PreferencePair(prompt="p", chosen=" a\n", rejected=" b\n", origin=origin),
        Label(prompt="p", completion=" a\n", good=False, origin=origin),
    ]
    examples.write(tmp_path / "data.jsonl", made)
    assert examples.read(tmp_path / "data.jsonl") == made
    assert examples.digest(made) != examples.digest(made[:2])


def test_shortening_keeps_the_win_and_leaves_nothing_out_that_is_needed(
    world: World[Any], walkthrough: tuple[str, ...]
) -> None:
    first, *rest = walkthrough
    detour = ("look", first, "look", "inventory", "examine me", *rest)
    found = shorten(Remembered(world), 0, detour)
    assert found == walkthrough
    assert win(Remembered(world), 0, found[:-1]) is None
    assert shorten(Remembered(world), 0, ("look", "look")) == ("look", "look")


def test_exploring_finds_a_win_without_the_walkthrough(world: World[Any], walkthrough: tuple[str, ...]) -> None:
    found = explore(world)
    assert play_through(world, 0, found.commands)[1].won
    assert len(found.commands) <= len(walkthrough) < found.steps
    assert explore(world) == found
    assert explore(world, budget=1, max_steps=1).commands == ()


@pytest.fixture(scope="module")
def save(world: World[Any], walkthrough: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A game that a person won, with one of everything that can be said about it."""
    folder = tmp_path_factory.mktemp("saves") / "friday"
    session = Session.create(Store.create(folder), world, {}, seed=0, annotator="ann")
    wrong = session.act("look")
    session.correct(walkthrough[0], turn=wrong.id)
    session.rate(-1.0, turn=wrong.id)
    session.undo()
    right = session.act(walkthrough[0])
    session.rate(2.0, turn=right.id)
    session.prefer(right.id, wrong.id)
    for command in walkthrough[1:]:
        session.act(command)
    assert session.done
    session.close()
    return folder


def test_a_save_gives_wins_corrections_preferences_and_ratings(save: Path, walkthrough: tuple[str, ...]) -> None:
    found = collect.from_save(HOME, save, CARD)
    kinds = {(each.type, each.origin.kind) for each in found}
    assert kinds == {
        ("transcript", "demonstration"),
        ("transcript", "correction"),
        ("transcript", "rating"),
        ("pair", "correction"),
        ("pair", "preference"),
        ("label", "correction"),
        ("label", "rating"),
    }
    (pair,) = {(each.chosen, each.rejected) for each in found if isinstance(each, PreferencePair)}
    assert pair == (f" {walkthrough[0]}\n", " look\n")
    assert {each.good for each in found if isinstance(each, Label) and each.completion == " look\n"} == {False}
    assert {each.origin.annotator for each in found if isinstance(each, PreferencePair)} == {"ann"}
    win_, *_ = (each for each in found if each.origin.kind == "demonstration")
    assert isinstance(win_, TranscriptExample) and win_.commands == len(walkthrough)


def test_each_source_gives_its_own(save: Path) -> None:
    assert collect.from_save(HOME, save, CARD, "wins") == []
    assert {each.origin.kind for each in collect.from_save(HOME, save, CARD, "demonstrations")} == {
        "demonstration"
    }
    assert "demonstration" not in {each.origin.kind for each in collect.from_save(HOME, save, CARD, "feedback")}


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """A lighthouse that an agent plays, with a card that names the verbs; a person takes its place twice."""
    folder, world = tmp_path / "saves" / "judged", registry.open_world("lighthouse", home=HOME)
    agent = CardAgent(NAMING, ScriptedModel(), None, verbs=world.verbs)
    session = Session.create(Store.create(folder), world, {world.seats[0]: agent}, seed=0, annotator="ann")
    for number in range(4):
        decision = session.decide()
        others = [each.command for each in decision.proposals if each.command != decision.command]
        session.act(others[number % len(others)], decision=decision)
        if number == 1:
            session.rate(-2.0)  # not a good idea, she found
    session.undo()
    session.step()
    session.correct("look")
    session.prefer(session.alternatives()[0].id, session.current.id)
    session.close()
    return folder


NAMING = parse_card(
    "model: smollm2-135m-instruct\nprompt: {head: 'Goal: {goal}\\nYou can: {verbs}.'}\ncombine: {method: prior}\n",
    "naming",
)


def test_training_reads_the_very_prompts_of_play(judged: Path) -> None:
    found = collect.from_save(HOME, judged, NAMING)
    with Store.open(judged, readonly=True) as store:
        timeline = store.timeline()
        decisions = [timeline.get(node.id).decision for node in timeline.nodes() if node.parent is not None]
    read = {decision.prompt for decision in decisions if decision}
    assert all("You can: " in each for each in read)
    contexts = {each.prompt for each in found if not isinstance(each, TranscriptExample)}
    contexts |= {each.segments[0].text for each in found if isinstance(each, TranscriptExample)}
    assert contexts <= read and len(contexts) >= 3


def test_feedback_is_read_as_for_export(judged: Path) -> None:
    found = collect.from_save(HOME, judged, NAMING, "feedback")
    punished, *_ = (each for each in found if each.origin.kind == "rating")
    assert isinstance(punished, Label) and not punished.good
    praised = {
        (each.segments[0].text, each.segments[1].text) for each in found if isinstance(each, TranscriptExample)
    }
    praised |= {(each.prompt, each.completion) for each in found if isinstance(each, Label) and each.good}
    praised |= {(each.prompt, each.chosen) for each in found if isinstance(each, PreferencePair)}
    assert (punished.prompt, punished.completion) not in praised
    assert [each.origin.kind for each in found].count("intervention") >= 3
    with Store.open(judged, readonly=True) as store:
        material = dataset.Material.of(store)
        exported = {form: [e.row for e in dataset.examples(material, form)] for form in ("sft", "dpo", "kto")}
    learned = {
        "sft": [
            {"prompt": each.segments[0].text, "completion": each.segments[1].text}
            for each in collect.usable(found, "sft")
            if isinstance(each, TranscriptExample)
        ],
        "dpo": [
            {"prompt": each.prompt, "chosen": each.chosen, "rejected": each.rejected}
            for each in collect.usable(found, "dpo")
            if isinstance(each, PreferencePair)
        ],
        "kto": [
            {"prompt": each.prompt, "completion": each.completion, "label": each.good}
            for each in collect.usable(found, "kto")
            if isinstance(each, Label)
        ],
    }
    assert learned == exported


def test_thin_and_one_sided_data_is_refused_with_what_is_missing(save: Path) -> None:
    found = collect.from_save(HOME, save, CARD, "feedback")
    with pytest.raises(RoundError, match="1 different preferences or corrections, at least 8"):
        collect.check(collect.usable(found, "dpo"), "dpo")
    good = [Label(prompt=str(i), completion=" a\n", good=True, origin=Origin(kind="rating")) for i in range(9)]
    with pytest.raises(RoundError, match="one-sided: only 0 of 9 ratings are bad"):
        collect.check(good, "kto")
    same = [
        TranscriptExample(
            segments=(examples.Segment(str(i), False), examples.Segment(" go\n", True)), origin=good[0].origin
        )
        for i in range(9)
    ]
    with pytest.raises(RoundError, match="one-sided"):
        collect.check(same, "sft")
    survey = collect.survey(found)
    assert set(survey.missing) >= {"dpo", "kto"} and survey.by_annotator == {"ann": len(found)}


def test_what_is_said_once_is_one_occasion_however_many_examples_it_makes(save: Path) -> None:
    found = collect.from_save(HOME, save, CARD, "feedback")
    said = [(each.origin.kind, each.origin.annotator) for each in collect.occasions([*found, *found])]
    assert sorted(said) == sorted(set(said)) and len(said) < len(found)


def test_what_was_said_and_is_not_so_is_a_bad_example(tmp_path: Path) -> None:
    world = registry.open_world("tutorial", home=Home(tmp_path))
    agent = CardAgent(CARD, ScriptedModel(), verbs=world.verbs)
    session = Session.create(Store.create(tmp_path / "saves" / "said"), world, {"tutor": agent}, seed=0)
    session.act("take badge")
    session.act("go north")
    decision = session.decide()
    lines = ("The cabinet is closed. On we go!", "The cabinet is open.", "What a day this is.")
    spoken = replace(
        decision,
        proposals=tuple(replace(each, said=line) for each, line in zip(decision.proposals, lines, strict=False)),
    )
    commands = [each.command for each in spoken.proposals]
    session.act(commands[0], decision=spoken, chooser="agent")
    session.close()
    folder = tmp_path / "saves" / "said"
    found = collect.from_save(Home(tmp_path), folder, CARD, "truth")
    labels = {(each.completion, each.good) for each in found if isinstance(each, Label)}
    assert labels == {('The cabinet is closed. On we go!"\n', True), ('The cabinet is open."\n', False)}
    (pair,) = [each for each in found if isinstance(each, PreferencePair)]
    assert (pair.chosen, pair.rejected) == ('The cabinet is closed."\n', 'The cabinet is open."\n')
    assert f"\n> {commands[1]}\n(You play. " in pair.prompt and pair.prompt.endswith('.)\n"')
    assert {each.origin.kind for each in found} == {"truth"}
    assert set(found) <= set(collect.from_save(Home(tmp_path), folder, CARD))


def test_a_world_that_does_not_know_its_facts_judges_nothing(world: World[Any]) -> None:
    agent = CardAgent(CARD, ScriptedModel(), verbs=world.verbs)
    session = Session.create(Store.memory(), world, {world.seats[0]: agent}, seed=0)
    decision = session.decide()
    said = tuple(replace(each, said="I carry the coin.") for each in decision.proposals)
    session.act(decision.command, decision=replace(decision, proposals=said), chooser="agent")
    judged = list(judged_lines(session.timeline, world))
    assert [line.true for line in judged] == [False] * len(said)
    assert list(judged_lines(session.timeline, CaveWorld())) == []
