"""Random files and random commands: the loader refuses or loads, the engine answers, and neither ever raises."""

import string
import unicodedata

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from native_play import make

from sandbox.errors import WorldFileError
from sandbox.text import clean
from sandbox.world.native import NativeWorld, TaskWorld, make_world, parse_source
from sandbox.world.native.admissible import commands_of
from sandbox.world.native.compiled import Draft
from sandbox.world.native.starter import starter_world
from sandbox.world.native.state import RUNNING

RICH = """
title: Rich
{head}
seats:
  ann: {{name: Ann, start: hall, goal: G, capacity: 4}}
  bob: {{name: the Twins, article: none, start: hall, goal: G}}
trading: true
variables: {{heat: 0, mood: {{start: calm, values: [calm, wild]}}}}
rooms:
  hall:
    description: [A hall., {{when: {{var: heat, at_least: 1}}, say: "{{heat}} {{me}}"}}]
    exits: {{north: {{to: yard, door: gate}}, down: cave, east: {{to: yard, when: {{has: lamp}}, hidden: true}}}}
  yard: {{exits: {{south: {{to: hall, door: gate}}, down: cave}}}}
  cave: {{dark: true, exits: {{up: hall, out: yard}}}}
things:
  gate: {{door: {{locked: true, key: [brass key, iron key]}}}}
  brass key: {{at: hall}}
  iron key: {{at: chest}}
  chest: {{at: hall, container: {{transparent: true, capacity: 3}}}}
  bag: {{at: ann, container: true}}
  table: {{at: yard, supporter: true, fixed: true}}
  lamp: {{at: yard, light: true, switch: "off", appearance: A lamp gleams.}}
  coins: {{at: hall, count: 6, one: coin}}
  nuts: {{at: bag, count: 3, one: nut, edible: true}}
  cake: {{at: table, edible: true}}
  cap: {{at: bob, wearable: true, worn: true}}
  note: {{at: bob, concealed: true, text: "Psst, {{me}}."}}
  gem: {{at: cave, hidden: true}}
  rock: {{at: cave, fixed: true}}
characters:
  mara:
    name: Mara
    article: none
    pronoun: she
    at: yard
    topics: [{{about: [gem], say: "Dig.", once: true}}, {{about: [weather], say: "Fine."}}]
    accepts: [{{thing: coins, count: 2, do: [{{please: mara, by: 1}}]}}]
    notices: [{{thing: [gem, note], do: {{score: 1}}}}]
    trades: [{{takes: coins, takes_count: 2, gives: pie}}]
    routine: {{rooms: [yard, hall, cave], chance: 1/2}}
  dog: {{at: hall, article: the, routine: {{follows: bob}}}}
verbs:
  dig: {{forms: [dig, "dig at {{thing}}"], rules: [{{room: cave, once: true, do: {{make: gem, be: shown}}}}]}}
  rub:
    forms: ["rub {{thing}} with {{other}}"]
    rules: [{{thing: rock, other: cap, do: {{pick: [{{do: {{score: 1}}}}, {{do: {{change: heat, by: 1}}}}]}}}}]
rules:
  - {{instead: take, thing: cake, when: {{var: heat, at_most: 0}}, say: It is frozen.}}
  - {{after: drop, do: {{change: heat, by: 1}}, when: {{var: heat, at_most: 3}}}}
  - {{after: say, words: [xyzzy], do: {{move: me, to: cave}}}}
  - {{instead: go, direction: west, do: {{score: -1}}}}
events:
  tick: {{every: 3, chance: 1/3, each: true, say: Tick., do: {{chance: 1/2, do: {{score: 1}}}}}}
endings: {{rich: {{when: [{{has: gem}}, {{room: yard}}], won: actor, points: 5}}}}
"""
RICH = RICH.replace("  rock:", "  pie: {{at: mara, edible: true}}\n  rock:")
WORLDS = [
    make(RICH.format(head=head)) for head in ("", "turns: simultaneous\nconflicts: random\nrewards: zero-sum")
]

TYPED = """
    take drop put open close unlock lock switch on off wear eat read give show ask tell say trade accept decline
    follow push dig rub go n s e w u d in out look i x z g oops undo score help wait all but and then it them her
    him the a two 3 brass iron key keys gate chest bag table lamp coin coins nut nuts cake cap note gem rock ann
    twins mara dog me with to from for about gem weather xyzzy , . ; ? 拿 \x1b[2J \u202e ' " {thing} %s { }
    99999999999 -1 one of everything
"""
WORDS = st.sampled_from(TYPED.split())
LINES = st.one_of(
    st.lists(WORDS, max_size=8).map(" ".join),
    st.text(max_size=60),
    st.integers(0, 10_000),
)
SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def check_text(text: str) -> None:
    assert text == clean(text)
    assert not any(unicodedata.category(ch) == "Cc" and ch != "\n" for ch in text)


@SLOW
@given(st.sampled_from(WORLDS), st.integers(0, 50), st.lists(LINES, max_size=25))
def test_any_line_is_answered_and_nothing_is_changed_but_the_state(world, seed, lines):
    state = world.initial(seed)
    said = "".join(str(line) for line in lines)
    for line in lines:
        seat = world.to_move(state)
        if seat is None:
            break
        seen = world.observe(state, seat)
        command = seen.admissible[line % len(seen.admissible)] if isinstance(line, int) else line
        before = (hash(state), world.dump(state))
        step = world.step(state, seat, command)
        assert world.step(state, seat, command) == step
        assert (hash(state), world.dump(state)) == before
        assert world.load(world.dump(step.state)) == step.state
        assert sum(p for p, _ in world.outcomes(state, seat, command)) > 1 - 1e-9
        state = step.state
        for other in world.seats:
            after = world.observe(state, other)
            for text in (after.text, after.description, after.inventory):
                check_text(text)
                assert "{" not in text or "{" in said
    check_books(world, state)


def check_books(world: NativeWorld, state) -> None:
    """Everything is where its holder says it is, and nothing counted is lost or made."""
    core = state.core
    records = [record for page in core.things for record in page]
    for number, record in enumerate(records):
        assert list(record.contents) == sorted(set(record.contents))
        assert all(records[inner].parent == number for inner in record.contents)
        if record.parent >= 0:
            assert number in records[record.parent].contents
    coins = world.compiled.index["coins"]
    assert sum(dict(record.stock).get(coins, 0) for record in records) == 6
    if world.definition.rewards == "zero-sum":
        assert abs(sum(core.scores)) < 1e-6


@SLOW
@given(st.sampled_from(WORLDS), st.integers(0, 50), st.lists(st.integers(0, 10_000), max_size=20))
def test_listed_commands_take_a_turn_and_read_as_what_they_are(world, seed, choices):
    state = world.initial(seed)
    for choice in choices:
        seat = world.to_move(state)
        if seat is None:
            return
        number = world.compiled.index[seat]
        listed = {world.compiled.phrase(c): c for c in commands_of(Draft(world.compiled, state, number), number)}
        seen = world.observe(state, seat)
        assert seen.admissible == tuple(sorted(listed)) and listed
        for text in listed:
            known = dict(world.compiled.known)
            fast = world.step(state, seat, text)
            world.compiled.known.clear()
            slow = world.step(state, seat, text)
            world.compiled.known.update(known)
            assert slow == fast, text
            assert fast.state.core.mover != state.core.mover or fast.state.core.ended != RUNNING, text
        state = world.step(state, seat, seen.admissible[choice % len(seen.admissible)]).state


@SLOW
@given(st.sampled_from(WORLDS), st.integers(0, 20), st.lists(st.integers(0, 10_000), max_size=12))
def test_states_that_a_solver_takes_for_one_go_on_alike(world, seed, choices):
    state = world.initial(seed)
    for choice in choices:
        seat = world.to_move(state)
        if seat is None:
            return
        talked = world.step(world.step(state, seat, "look").state, seat, "take key").state
        if talked.core.mover == state.core.mover and talked.core == state.core:
            assert world.solver_key(talked) == world.solver_key(state)
            assert world.observe(talked, seat).admissible == world.observe(state, seat).admissible
        admissible = world.observe(state, seat).admissible
        state = world.step(state, seat, admissible[choice % len(admissible)]).state


STARTER = starter_world("fuzz")
HOSTILE = st.text(alphabet=string.printable + "\x00\x1b\x85\u2028\u202e\ufeff\ud800é世🎲", max_size=200)
TOKENS = st.sampled_from(
    (
        "&a ",
        "*a",
        "!!python/name:os.system ",
        "[",
        "]",
        "{",
        "}",
        ": ",
        "- ",
        "\n",
        "  ",
        "'",
        '"',
        "|\n",
        "null",
        "true",
        "1e999",
        "-1",
        "99999999999999999999",
        "{me}",
        "{",
        "\x1b[2J",
        "\t",
        "#",
        "---\n",
        "me",
        "nowhere",
        "hall",
        "1/0",
    )
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(HOSTILE, st.lists(TOKENS, max_size=30).map("".join), st.binary(max_size=200)))
def test_hostile_files_are_refused_with_findings(text):
    load(text)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, len(STARTER)), st.integers(0, 30), st.one_of(TOKENS, st.text(max_size=10)), st.integers(0, 9)
)
def test_damaged_files_are_refused_or_can_be_played(place, length, insert, seed):
    world = load(STARTER[:place] + insert + STARTER[place + length :])
    if world is None:
        return
    state = world.initial(seed)
    for choice in range(6):
        seat = world.to_move(state)
        if seat is None:
            return
        admissible = world.observe(state, seat).admissible or ("x",)
        state = world.step(state, seat, admissible[(choice * 7 + seed) % len(admissible)]).state


def load(text: str | bytes) -> NativeWorld | TaskWorld | None:
    try:
        return make_world(parse_source(text))
    except WorldFileError as error:
        assert error.findings and all(f.message for f in error.findings)
        for finding in error.findings:
            assert str(finding) == clean(str(finding)) or "\n" not in finding.key
        return None
