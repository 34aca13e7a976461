"""Text tasks: one turn, a free answer, a reward that is a function of it."""

import textwrap

import pytest

from sandbox.abilities import Enumerable
from sandbox.errors import SaveError, WorldFileError
from sandbox.testing import check_world
from sandbox.world.native import TaskWorld, load_world, parse_definition, parse_source
from sandbox.world.native.patterns import Pattern
from sandbox.world.native.schema.tasks import (
    Avoid,
    Exact,
    Format,
    JsonAnswer,
    Keywords,
    Length,
    Near,
    NumericAnswer,
    OfItem,
    Overlap,
    RegexAnswer,
    SetAnswer,
)
from sandbox.world.native.task_measures import has_form, measure, parse_format, tokens

ITEM = {"facts": ("ferry", "gale|storm", "Isle of Skye"), "answer": ("The cat sat.",), "bad": ("dog",)}
ITEM |= {"total": "1240.5", "towns": ("Skye", "Oban"), "fields": ("name: Ann", "home.town: Skye", "age: 7")}


@pytest.mark.parametrize(
    ("rule", "answer", "share"),
    [
        (Length(length="words", at_most=3), "one two three", 1.0),
        (Length(length="words", at_most=3), "one two three four", 0.75),
        (Length(length="words", at_least=4), "one two", 0.5),
        (Length(length="words", at_most=4), "灯塔亮了", 1.0),
        (Length(length="characters", at_most=4), " abcde ", 0.8),
        (Length(length="lines", at_least=2, at_most=2), "a\n\nb", 1.0),
        (Length(length="sentences", at_most=2), "One. Two! Three?", 2 / 3),
        (Length(length="words"), "", 0.0),
        (Keywords(keywords="facts"), "A storm sank the FERRY off the isle of skye.", 1.0),
        (Keywords(keywords="facts"), "A gale. Ferryman!", 1 / 3),
        (Exact(exact="answer"), "  the cat  sat ", 1.0),
        (Exact(exact="answer"), "the cat sits", 0.0),
        (Near(near="answer"), "the cat sat", 1.0),
        (Near(near="answer"), "the bat sat", 10 / 11),
        (Near(near="answer"), "", 0.0),
        (Overlap(overlap="answer"), "sat the cat", 1.0),
        (Overlap(overlap="answer"), "a cat", 0.4),
        (Avoid(avoid="bad"), "a dogma", 1.0),
        (Avoid(avoid="bad"), "a Dog!", 0.0),
        (NumericAnswer(number="total"), "That makes 7 + 5, so 1,240.5 in all.", 1.0),
        (NumericAnswer(number="total"), "1240", 0.0),
        (NumericAnswer(number="total", within=1), "about 1241", 1.0),
        (NumericAnswer(number="total"), "none at all", 0.0),
        (SetAnswer.model_validate({"set": "towns"}), "- Oban\n- Skye", 1.0),
        (SetAnswer.model_validate({"set": "towns"}), "Skye, Oban and Mull", 0.8),
        (SetAnswer.model_validate({"set": "towns"}), "", 0.0),
        (JsonAnswer.model_validate({"json": "fields"}), 'Here: {"name": "Ann", "home": {"town": "skye"}}', 2 / 3),
        (
            JsonAnswer.model_validate({"json": "fields"}),
            '{"name": "Ann", "home": {"town": "Skye"}, "age": 7}',
            1.0,
        ),
        (JsonAnswer.model_validate({"json": "fields"}), '{"name": "Ann"', 0.0),
        (JsonAnswer.model_validate({"json": "fields"}), '{"a":' * 500 + "1" + "}" * 500, 0.0),
        (Format(format="- {word}: {number}"), "- a: 1\n- b: 2,5\n- c: x", 2 / 3),
        (Format(format="{words}.", lines=2), "It rains.", 0.5),
        (Format(format="{words}."), "", 0.0),
    ],
)
def test_measures(rule, answer, share):
    assert measure(rule, ITEM, answer) == pytest.approx(share)


@pytest.mark.parametrize(
    ("form", "line", "fits"),
    [
        ("{word}", "one", True),
        ("{word}", "one two", False),
        ("{words}", "one two", True),
        ("{any}!", "a!b!", True),
        ("{any}", "", True),
        ("({number})", "(-12.5)", True),
        ("({number})", "(x)", False),
        ("a  {word}", "a b", True),
    ],
)
def test_forms(form, line, fits):
    assert has_form(parse_format(form), line) is fits


def test_a_task_with_all_kinds_of_answers_is_read_and_played():
    world = load_text("""
        kind: task
        title: All
        goal: Answer.
        items: [{text: Go., total: "12", towns: [Oban], fields: ["n: 1"]}]
        reward: [{number: total, within: 0.5}, {set: towns}, {json: fields}]
        """)
    step = world.step(world.initial(0), "writer", '{"n": 1} 12')
    assert step.rewards["writer"] == pytest.approx(2 / 3)
    assert "the number 100%" in world.observe(step.state, "writer").text
    with pytest.raises(WorldFileError) as caught:
        parse_source(
            "kind: task\ntitle: A\ngoal: B.\nitems: [{text: Go., towns: [Oban]}]\nreward: {set: town}\n", "x.yaml"
        )
    assert "did you mean 'towns'" in caught.value.findings[0].hint


def load_text(text: str) -> TaskWorld:
    return TaskWorld(parse_source(textwrap.dedent(text), "task.yaml"), "task")


def test_forms_take_no_long_time_on_hostile_lines():
    assert has_form(parse_format("{any}" * 20 + "x"), "a" * 4000) is False
    assert has_form(parse_format("{words}" * 20 + "x"), "a " * 400) is False


def test_words_of_any_script():
    assert tokens("Don’t stop, 灯塔!") == ["don’t", "stop", "灯", "塔"]


TEXT = """
kind: task
title: Sum up
goal: In at most {limit} words.
prompt: "Text: {text}"
items:
  - {text: A gale sank the ferry., limit: "4", facts: [ferry, gale]}
  - {text: Rain fell., limit: "2", facts: [rain]}
reward:
  - {length: words, at_most: 4}
  - {keywords: facts, weight: 3}
points: 8
win_at: 0.75
"""


def task() -> TaskWorld:
    return TaskWorld(parse_source(TEXT), "sum")


def test_an_episode():
    world = task()
    assert isinstance(world, Enumerable)
    state = world.initial(2)
    seen = world.observe(state, "writer")
    assert (seen.text, seen.goal, seen.admissible, seen.max_score) == (
        "Text: A gale sank the ferry.",
        "In at most 4 words.",
        None,
        8.0,
    )
    assert world.observe(world.initial(1), "writer").text == "Text: Rain fell."
    step = world.step(state, "writer", "A gale, \x1b[31mno ferry")
    assert step.terminated and step.rewards == {"writer": 8.0}
    after = world.observe(step.state, "writer")
    assert after.done and after.won and after.text.startswith("That is worth 8 of 8 points: length 100%")
    assert world.to_move(state) == "writer" and world.to_move(step.state) is None
    assert world.load(world.dump(step.state)) == step.state
    assert world.step(step.state, "writer", "more").rewards == {}
    assert not world.observe(world.step(state, "writer", "A gale").state, "writer").won


def test_initials_are_the_items():
    assert [p for p, _ in task().initials()] == [0.5, 0.5]


@pytest.mark.parametrize("data", [b"", b"[]", b'[9,null,0,""]', b'[0,5,0,""]', b'["x",null,0,""]'])
def test_damaged_states_are_refused(data):
    with pytest.raises(SaveError):
        task().load(data)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("win_at: 0.75", "win_at: 2", "win_at: should be less than or equal to 1"),
        ("{limit}", "{limt}", "line 4: goal: item 0 has no field 'limt' (did you mean 'limit'?)"),
        ("keywords: facts", "keywords: fact", "line 11: reward[1].keywords: item 0 has no field 'fact'"),
        ("length: words", "lenth: words", "not a measure (did you mean 'length'?)"),
        ("at_most: 4}", 'at_most: 4}\n  - {format: "{foo}"}', "the slots of a format are"),
    ],
)
def test_faults_of_tasks(old, new, fault):
    with pytest.raises(WorldFileError) as caught:
        parse_definition(TEXT.replace(old, new))
    found = [str(finding) for finding in caught.value.findings]
    assert any(fault in line for line in found), found


def test_a_task_loads_like_any_world(tmp_path):
    path = tmp_path / "sum" / "world.yaml"
    path.parent.mkdir()
    path.write_text(TEXT, encoding="utf-8")
    assert load_world(path).name == "sum"


@pytest.mark.parametrize(
    ("pattern", "text", "found", "whole"),
    [
        (r"\d{4}-\d\d", "on 1912-04 it sank", True, False),
        (r"\d{4}-\d\d", "1912-4", False, False),
        (r"^(yes|no)$", "yes", True, True),
        (r"^(yes|no)$", "yes, no", False, False),
        (r"(?i)ferry [A-Z]+", "The Ferry linnet", True, False),
        (r"ferry", "Ferry", False, False),
        (r"[^a-c\d]+x?", "zzx", True, True),
        (r"\bcat\b", "a cat.", True, False),
        (r"\bcat\b", "concat", False, False),
        (r"(?:ab){2,3}", "ababab", True, True),
        (r"(?:ab){2,3}", "abab" * 2, False, True),
        (r"a.c|\[x\]", "[x]", True, True),
        (r"", "anything", False, True),
        (r"a*?b+", "aaab", True, True),
        (r"灯[塔台]", "老灯塔", True, False),
    ],
)
def test_patterns(pattern: str, text: str, found: bool, whole: bool) -> None:
    assert Pattern(pattern).found_in(text, whole) is found


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("(a", "a '(' is not closed"),
        ("a)", "a ')' closes nothing"),
        ("[a", "a '[' is not closed"),
        ("*a", "nothing before '*'"),
        ("a**", "two repetitions"),
        (r"(a)\1", r"there is no \1"),
        ("(?=a)", "there is only (?:"),
        ("(?P<n>a)", "there is only (?:"),
        ("a{5,2}", "is no range"),
        ("a{999}", "is no range"),
        ("(" * 30 + ")" * 30, "nested too deep"),
        ("((a{99}){99}){99}", "repeats too much"),
        ("((((){200}){200}){200}){200}", "repeats too much"),
        ("[z-a]", "bad character range"),
        ("x" * 201, "200 characters at most"),
    ],
)
def test_patterns_that_are_refused(pattern: str, fault: str) -> None:
    with pytest.raises(ValueError) as caught:
        Pattern(pattern)
    assert fault in str(caught.value)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(a|aa)+$", "(.*a){12}", "(a?){50}a{50}", "(x+x+)+y"])
def test_patterns_that_would_backtrack_for_ever_do_not(pattern: str) -> None:
    text = ("a" * 2_000 + "!") * 2
    assert not Pattern(pattern).found_in(text, whole=True)


def test_regex_is_a_measure() -> None:
    item = {"codes": (r"AB-\d+", r"CD-\d+")}
    assert measure(RegexAnswer(regex=r"\d+", whole=True), item, " 42 ") == 1.0
    assert measure(RegexAnswer(regex=OfItem(field="codes")), item, "It is CD-7.") == 1.0
    assert measure(RegexAnswer(regex=OfItem(field="codes"), whole=True), item, "It is CD-7.") == 0.0


SEVERAL = """
kind: task
title: Sums
goal: Answer.
prompt: "What is {sum}?"
items:
  - {sum: 2 + 3, total: "5", more: "10", code: '[A-Z]{2}\\d'}
reward: {number: total}
then:
  - {prompt: "You said {answer}. Twice that?", reward: {number: more}, weight: 2}
  - {prompt: "A code, please.", reward: [{regex: {field: code}, whole: true}], weight: 2}
points: 10
win_at: 0.8
"""


def test_a_task_of_several_turns() -> None:
    world = load_text(SEVERAL)
    assert isinstance(world, Enumerable)
    state, seat = world.initial(0), world.seats[0]
    assert world.observe(state, seat).text == "What is 2 + 3?"
    step = world.step(state, seat, "5")
    assert step.rewards == {seat: 2.0} and not step.terminated
    seen = world.observe(step.state, seat)
    assert seen.text.endswith("\n\nYou said 5. Twice that?") and seen.turn == 1 and not seen.done
    assert world.load(world.dump(step.state)) == step.state
    step = world.step(step.state, seat, "11")
    assert step.rewards == {}
    step = world.step(step.state, seat, "AB7")
    assert step.terminated and step.rewards == {seat: 4.0}
    seen = world.observe(step.state, seat)
    assert (seen.score, seen.done, seen.won) == (6.0, True, False)
    assert world.to_move(step.state) is None and world.step(step.state, seat, "x").terminated
    check_world(world, seeds=(0,), steps=5)


def test_saves_with_one_answer_are_still_read() -> None:
    world = task()
    assert world.load(b'[0, null, 0.0, ""]') == world.initial(0)
    assert world.load(b'[0, "x", 0.5, "So."]').answer == "x"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "{number: more}",
            "{number: mor}",
            "then[0].reward.number: item 0 has no field 'mor' (did you mean 'more'?)",
        ),
        ("{answer}", "{anser}", "then[0].prompt: item 0 has no field 'anser'"),
        ('prompt: "A code', 'promt: "A code', "then[1].promt: no such key (did you mean 'prompt'?)"),
        ("{field: code}", "{field: cod}", "then[1].reward[0].regex.field: item 0 has no field 'cod'"),
        ("[A-Z]{2}", "[A-Z]{2,1}", "items[0].code: {2,1} is no range"),
        ("{field: code}", "'(a'", "then[1].reward[0].regex: a '(' is not closed"),
        ("regex:", "regx:", "then[1].reward[0]: not a measure (did you mean 'regex'?)"),
    ],
)
def test_faults_of_further_turns(old: str, new: str, fault: str) -> None:
    assert old in SEVERAL
    with pytest.raises(WorldFileError) as caught:
        load_text(SEVERAL.replace(old, new))
    assert any(fault in str(finding) for finding in caught.value.findings), caught.value.findings
