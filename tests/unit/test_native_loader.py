"""What is wrong with a world file is said at once, with line and mend; hostile files are refused."""

import textwrap

import pytest

from sandbox.errors import WorldError, WorldFileError
from sandbox.text import near_miss
from sandbox.world.native import Adventure, load_world, parse_definition, parse_source, read_source
from sandbox.world.native.references import parts
from sandbox.world.native.starter import starter_world

HEAD = """\
title: T
seats: {ann: {name: Ann, start: hall, goal: G}}
rooms:
  hall: {exits: {north: yard}}
  yard: {}
"""


def faults(text: str) -> list[str]:
    with pytest.raises(WorldFileError) as caught:
        parse_definition(text, "w.yaml")
    return [str(finding) for finding in caught.value.findings]


def test_all_faults_at_once_with_lines_and_near_misses():
    text = textwrap.dedent(
        """\
        titel: Oops
        seats:
          ann: {start: hal, goal: G}
        rooms:
          hall:
            exits:
              nrth: yard
              east: {to: yrad, dor: gate}
          yard: {descripton: Mud.}
        things:
          lamp: {at: hall, count: many}
          gate: {at: [hall]}
        rules:
          - {after: tke, thing: lmap, do: {scor: 5}}
        endings:
          won: {when: {has: lamb}, won: [anne]}
        """
    )
    found = faults(text)
    for expected in (
        "the key 'title' is missing",
        "line 1: titel: no such key (did you mean 'title'?)",
        "line 3: seats.ann.start: there is no room 'hal' (did you mean 'hall'?)",
        "line 7: rooms.hall.exits.nrth: 'nrth' is none of north, south",
        "line 8: rooms.hall.exits.east.to: there is no room 'yrad' (did you mean 'yard'?)",
        "line 8: rooms.hall.exits.east.dor: no such key (did you mean 'door'?)",
        "line 9: rooms.yard.descripton: no such key (did you mean 'description'?)",
        "line 11: things.lamp.count: a whole number is wanted here",
        "line 12: things.gate.at",
        "line 14: rules[0].after: there is no verb 'tke' (did you mean 'take'?)",
        "line 14: rules[0].thing: there is no thing, character or seat 'lmap' (did you mean 'lamp'?)",
        "line 14: rules[0].do[0]: not an effect (did you mean 'score'?)",
        "line 16: endings.won.when.has: there is no thing 'lamb' (did you mean 'lamp'?)",
        "line 16: endings.won.won: there is no seat 'anne' (did you mean 'ann'?)",
    ):
        assert any(line.startswith(expected) for line in found), (expected, found)


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ("things: {a: {at: b, container: true}, b: {at: a, container: true}}", "'a' is inside itself"),
        ("things: {a: {at: a, container: true}}", "'a' is inside itself"),
        ("things: {a: {at: b}, b: {at: hall}}", "'b' holds nothing (give it 'container: true'"),
        ("things: {hall: {}}", "'hall' is among the rooms too"),
        ("things: {a: {at: hall, name: lamp}, lamp: {at: hall}}", "'lamp' is the name of 'a' too"),
        ("things: {a: {at: hall, name: Ann}}", "'ann' is the name of 'a' too"),
        ("things: {all: {at: hall}}", "'all' is a word of the format"),
        ("things: {it: {at: hall}}", "'it' cannot be typed in a command"),
        ("things: {now then: {at: hall}}", "'now then' cannot be typed in a command"),
        ("things: {a: {at: hall, container: true, supporter: true}}", "a thing is one of container and supporter"),
        ("things: {a: {at: hall, count: 3}}", "a counted thing needs 'one'"),
        ("things: {a: {at: hall, count: 99999999, one: b}}", "should be less than or equal to 10000"),
        ("things: {a: {at: hall, worn: true}}", "'worn' needs 'wearable: true'"),
        ("things: {a: {at: hall, container: {locked: true, open: true}}}", "what is locked is not open"),
        ("things: {a: {at: hall, container: {key: nope}}}", "there is no thing 'nope'"),
        ("things: {a: {at: hall, door: true}}", "a door is where the exits are that name it"),
        ('things: {a: {at: hall, name: "x\\ey"}}', "a name is one line without control characters"),
        ('things: {a: {at: hall, description: "x\\e[2Jy"}}', "text holds terminal escapes"),
        ('things: {"a\\u202eb": {at: hall}}', "cannot be an identifier"),
        ("variables: {x: 12345678901234567890}", "a number with too many digits"),
        ("variables: {x: 5000000}", "should be less than or equal to 1000000"),
        ("variables: {x: {start: 5, max: 3}}", "'start' lies between 'min' and 'max'"),
        ("variables: {x: {start: red, values: [blue]}}", "'start' is not among 'values'"),
        ("rules: [{after: take, do: {set: x, to: 1}}]", "there is no variable 'x'"),
        ("variables: {x: true}\nrules: [{after: take, do: {set: x, to: 1}}]", "'x' is true or false"),
        ("rules: [{after: take, instead: drop}]", "give one of 'instead' and 'after'"),
        ("rules: [{after: take, do: {chance: 3/2, do: []}}]", "a chance lies between 0 and 1"),
        ("rules: [{after: take, do: {chance: 1/0, do: []}}]", "write a chance as 1/4"),
        ("rules: [{after: take, do: {score: .nan}}]", "a number is wanted here"),
        ("rules: [{after: take, say: '{frog}'}]", "there is nothing to fill {frog} with"),
        ("rules: [{after: take, say: 'a } b'}]", "a lone '}'"),
        ("events: {e: {do: {score: 1}}}", "nobody acts here, so there is no 'me'"),
        ("events: {e: {every: 2, after: 3}}", "give one of 'every' and 'after'"),
        ("events: {e: {do: {move: ann, to: nowhere}}}", None),
        ("verbs: {take: {forms: [take]}}", "'take' is one of the usual actions"),
        ("verbs: {ring: {forms: ['{thing} ring']}}", "a form begins with a word"),
        ("verbs: {ring: {forms: ['ring{thing}']}}", "a slot needs blanks around it"),
        ("verbs: {ring: {forms: ['ring {foo}']}}", "{foo} is no slot"),
        ("verbs: {ring: {forms: [ring], rules: [{thing: ann}]}}", None),
        ("messages: {takn: Yours.}", "the engine has no such message (did you mean 'taken'?)"),
        ("messages: {taken: '{foo}'}", "there is nothing to fill {foo} with"),
        ("words: {verbs: {take: ['nick {thing} for {extra}']}}", "has other slots than"),
        ("language: xx", "there is no language 'xx'"),
        ("rewards: zero-sum", "zero-sum rewards need two seats"),
        ("min_seats: 2", "'min_seats' is more than there are seats"),
        ("title: Again", "the key is there twice, first in line 1"),
        ("format: 2", "'2' is none of 1"),
        ("title", "not YAML"),
        ("things: {a: &x {at: hall}, b: *x}", "anchors (&name) are not allowed"),
        ("things: {a: !!python/object:os.system {}}", "tags (!name) are not allowed"),
        ("---\nx: 1", "a second document begins here"),
        ("things: " + "[" * 40 + "]" * 40, "nested deeper than 24 levels"),
        ("x: \x00", "NUL"),
        ("x: \x1b[2J", "control character"),
        ("? {a: b}\n: c", "a key is a mapping or a list"),
        ("intro: " + "a" * 30_000, "at most 20000 characters"),
    ],
)
def test_one_fault(more, fault):
    if fault is None:
        parse_definition(HEAD + more)
        return
    found = faults(HEAD + more)
    assert any(fault in line for line in found), found


def test_billion_laughs():
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    assert faults("\n".join(lines))[0].startswith("line 1")


@pytest.mark.parametrize(
    "text",
    [
        "a: b\n" * 300_000,
        b"\xff\xfe",
        "x: \ud800",
        "- " * 5_000,
        "{" * 100_000,
        "[" * 100_000,
        "x: [" + "1," * 200_000 + "]",
        "",
        "42",
        "- a",
        "null",
        "# nothing",
        "%YAML 9.9\n---\na",
    ],
)
def test_hostile_texts_are_refused(text):
    assert faults(text)


def test_too_much_of_everything():
    rooms = "".join(f"  r{i}: {{}}\n" for i in range(2001))
    assert any(
        "at most 2000" in line
        for line in faults(f"title: T\nseats: {{a: {{start: r0, goal: G}}}}\nrooms:\n{rooms}")
    )


def test_thousands_of_faults_are_not_all_compared_with_thousands_of_names(monkeypatch):
    asked = []
    monkeypatch.setattr(parts, "near_miss", lambda word, known: asked.append(word) or near_miss(word, known))
    things = "".join(f"  ball {n}: {{at: hal, text: '{{nothing{n}}}'}}\n" for n in range(500))
    found = faults(f"{HEAD}things:\n{things}")
    assert len(found) == 100 and "did you mean 'hall'" in found[0]
    assert 0 < len(asked) <= 10


def test_words_of_yaml_1_1_stay_words():
    definition = parse_definition(HEAD + "things: {lamp: {at: hall, switch: off}, no: {at: hall}}")
    assert isinstance(definition, Adventure)
    assert definition.things["lamp"].switch == "off" and "no" in definition.things


def test_lines_of_everything():
    source = parse_source(HEAD + "things:\n  lamp:\n    at: hall\n")
    assert source.line("things", "lamp", "at") == 8
    assert source.line("things", "lamp", "nothing") == 7
    assert source.line("rooms", "yard") == 5


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(WorldError, match="cannot be read"):
        read_source(tmp_path / "nope.yaml")
    with pytest.raises(WorldError, match="cannot be read"):
        read_source(tmp_path)


def test_the_error_names_file_line_and_mend(tmp_path):
    path = tmp_path / "world.yaml"
    path.write_text(HEAD + "thngs: {}\n", encoding="utf-8")
    with pytest.raises(WorldFileError) as caught:
        load_world(path)
    assert str(caught.value) == f"{path}:6: thngs: no such key (did you mean 'things'?)"


def test_the_starter_world_loads_and_can_be_won(tmp_path):
    path = tmp_path / "my-house" / "world.yaml"
    path.parent.mkdir()
    path.write_text(starter_world("my-house"), encoding="utf-8")
    world = load_world(path)
    assert (world.title, world.name) == ("My house", "my-house")
    state = world.initial(0)
    for line in (
        *("take lamp", "light lamp", "s", "take apple", "n", "e", "give apple to mara", "w", "unlock door"),
        *("open door", "n", "open casket", "read letter", "take letter", "s", "s"),
    ):
        step = world.step(state, "visitor", line)
        state = step.state
    seen = world.observe(state, "visitor")
    assert step.terminated and seen.won and seen.score == seen.max_score


@pytest.mark.parametrize("name", ["", 'a"b', "x: y", "#1", "世界"])
def test_starter_worlds_of_any_name(name):
    assert parse_definition(starter_world(name))
