"""What authors can say: numbers and texts in commands, kinds and properties, loops, clocks, texts that vary."""

import pytest
from native_play import Game, make, one_seat

from sandbox.envs import WorldEnv
from sandbox.errors import WorldFileError
from sandbox.testing import check_world
from sandbox.world.check import check
from sandbox.world.native import NativeWorld
from sandbox.world.solver import solve

HAGGLE = """
rooms: {hall: {description: "A stall. The board says: {board}."}}
things:
  jug: {at: nowhere}
  coins: {at: ann, count: 9, one: coin}
variables: {price: 7, patience: 3, board: {start: nothing}, colour: {start: red, values: [red, blue]}}
verbs:
  offer:
    forms: ["offer {number}", "bid {number} coins"]
    rules:
      - {when: {not: {has: coins, count: number}}, say: "You have not got {number} coins."}
      - {when: {var: number, at_least: price}, say: "Done, for {number}.",
         do: [{remove: coins, count: number}, {move: jug, to: me}]}
      - {say: "“{number}? No, {price}.”", do: [{change: patience, by: -1}, {change: price, by: -1}]}
  write:
    forms: "write {text}"
    suggest: gone fishing
    rules: {say: "You write “{text}”.", do: {set: board, to: text}}
  paint:
    forms: "paint {text}"
    rules:
      when: {any: [{var: text, equals: red}, {var: text, equals: blue}]}
      say: "It is {text}."
      do: {set: colour, to: text}
endings:
  cheap: {when: [{has: jug}, {has: coins, count: 4}], won: all}
  lost: {when: {var: patience, at_most: 0}, won: none}
"""


def test_a_price_is_haggled_over_in_numbers() -> None:
    game = Game(one_seat(HAGGLE))
    assert {"offer 6", "offer 7", "offer 10", "write gone fishing", "paint red"} <= set(
        game.seen().admissible or ()
    )
    assert len([c for c in game.seen().admissible or () if c.startswith("offer")]) <= 9
    assert game.do("offer 40") == "You have not got 40 coins."
    assert game.do("bid three coins") == "“3? No, 7.”"
    assert game.do("offer five") == "“5? No, 6.”"
    assert "A number is wanted there" in game.do("offer banana")
    assert game.do("offer 5").startswith("Done, for 5.")
    assert game.terminated and game.seen().won


def test_a_text_is_kept_shown_and_saved() -> None:
    world = one_seat(HAGGLE)
    game = Game(world)
    assert game.do("write Back at 5, Mara") == "You write “Back at 5, Mara”."
    assert "The board says: Back at 5, Mara." in game.do("look")
    assert game.do("paint BLUE") == "It is BLUE."
    game.do("paint green")
    assert world.compiled.values[world.compiled.variable_index["colour"]][game.state.core.variables[2]] == "blue"
    assert world.load(world.dump(game.state)) == game.state
    check_world(world, seeds=(0, 1), steps=30)


def test_the_solver_haggles() -> None:
    found = solve(one_seat(HAGGLE))
    assert found is not None and len(found.moves) == 3
    assert not [f for f in check(one_seat(HAGGLE)).findings if f.severity == "error"]


ORCHARD = """
rooms: {hall: {exits: {north: yard}}, yard: {exits: {south: hall}}}
kinds:
  food: {edible: true, properties: {ripe: false, price: {start: 2, max: 9}}}
  fruit: {kind: food, at: yard, description: "It costs {it.price}.", properties: {price: 3}}
things:
  apple: {kind: fruit, properties: {price: 5}}
  pear: {kind: fruit}
  bread: {kind: food, at: hall}
  basket: {at: hall, container: true}
variables: {total: 0}
verbs:
  ripen:
    forms: "ripen {thing}"
    otherwise: "No."
    rules: {thing: fruit, when: {not: {var: it.ripe}}, say: "{The thing} is ripe.", do: {set: it.ripe, to: true}}
  sum:
    forms: sum
    rules:
      say: "{total}"
      do: [{set: total, to: 0}, {each: fruit, when: {has: it}, do: {change: total, by: it.price}}]
  call:
    forms: call
    rules: {say: Come., do: {each: [apple, pear, bread], when: {not: {has: it}}, do: {move: it, to: here}}}
  swap:
    forms: "swap {thing} and {other}"
    rules: {thing: fruit, other: food, do: [{move: it, to: nowhere}, {move: other, to: me}]}
endings:
  full:
    when:
      - {each: fruit, when: [{thing: it, at: basket}, {var: it.ripe}]}
      - {count: food, when: {thing: it, at: basket}, at_least: 2}
    won: all
"""


def orchard() -> NativeWorld:
    return one_seat(ORCHARD.replace('description: "It costs {it.price}.", ', ""))


def test_kinds_give_defaults_properties_and_members() -> None:
    game = Game(orchard())
    game.do("n", "take all")
    assert game.do("sum").startswith("0")
    assert game.do("sum").startswith("8")
    assert game.do("ripen pear").startswith("The pear is ripe.")
    assert game.do("ripen me") == "No."
    assert game.do("eat pear") == "You eat the pear."
    assert game.do("sum", "sum").startswith("5")


def test_loops_move_and_count() -> None:
    game = Game(orchard())
    assert game.do("call") == "Come."
    game.do("take all", "ripen apple", "ripen pear", "put apple in basket")
    assert not game.terminated
    game.do("put pear in basket")
    assert game.terminated and game.seen().won


def test_a_rule_names_both_of_its_things() -> None:
    game = Game(orchard())
    game.do("call", "take apple", "swap apple and bread")
    assert game.seen().inventory == "You are carrying a bread."


def test_the_solver_sees_through_loops_and_properties() -> None:
    world = orchard()
    checked = check(world)
    assert checked.solution is not None
    assert not [f for f in checked.findings if f.severity == "error"], checked.findings
    assert world.load(world.dump(world.initial(0))) == world.initial(0)
    check_world(world, seeds=(0,), steps=40)


def test_what_can_never_be_counted_is_proved() -> None:
    text = ORCHARD.replace('description: "It costs {it.price}.", ', "").replace("at_least: 2}\n", "at_least: 3}\n")
    text = text.replace("bread: {kind: food, at: hall}", "bread: {kind: food, at: hall, fixed: true}").replace(
        "[apple, pear, bread]", "[apple, pear]"
    )
    assert any(
        "cannot win" in f.message for f in check(one_seat(text.replace("other: food", "other: fruit"))).findings
    )


CLOCKS = """
rooms: {hall: {description: [A hall., {when: {clock: rounds, of: 4, at_least: 3, at_most: 0}, say: It is night.}]}}
events: {fuse: {after: 5, say: Bang.}}
verbs:
  listen hard: {forms: listen hard, rules: [{when: {clock: fuse, at_most: 2}, say: It hisses.}, {say: Quiet.}]}
  leave:
    forms: depart
    otherwise: Too early.
    rules: {when: {clock: rounds, at_least: 6}, say: Off., do: {end: off}}
endings: {off: {won: all}}
"""


def test_rounds_and_events_are_asked_for() -> None:
    world = one_seat(CLOCKS)
    game = Game(world)
    seen = []
    for _ in range(5):
        seen.append("night" in game.do("look"))
        game.do("wait")
    assert seen == [True, False, False, True, True]
    assert game.do("depart") == "Too early."
    assert game.do("wait", "depart") == "Off."
    game = Game(world)
    assert game.do("listen hard", "wait", "wait", "listen hard").startswith("It hisses.")
    found = solve(world)
    assert found is not None and found.moves[-1].command == "depart" and len(found.moves) == 7
    assert check(world).proved


VARIED = """
rooms:
  hall: {description: [A hall., {one_of: [Dust., Light., Rain.], order: cycle}], exits: {north: yard}}
  yard: {description: [{one_of: [You have never been here., The yard again.], order: stop}], exits: {south: hall}}
verbs:
  hum: {forms: hum, rules: {say: {one_of: [Do., Re., Mi.]}}}
endings: {never: {when: {room: yard}, won: all, say: {one_of: [A., B.]}}}
"""


def test_texts_vary_in_turn_the_first_time_and_by_chance() -> None:
    world = one_seat(
        VARIED.replace("{when: {room: yard}", "{when: {var: done}").replace(
            "endings:", "variables: {done: false}\nendings:"
        )
    )
    game = Game(world)
    assert "Dust." in game.seen().text and "Dust." in game.seen().description
    assert "Light." in game.do("look")
    assert game.seen().description == game.seen().description
    assert "Light." in game.seen().description
    assert "never been" in game.do("n")
    assert "yard again" in game.do("look") and "yard again" in game.do("look")
    heard = {game.do("hum") for _ in range(30)}
    assert heard == {"Do.", "Re.", "Mi."}
    again, other = Game(world, 3), Game(world, 3)
    assert [again.do("hum") for _ in range(9)] == [other.do("hum") for _ in range(9)]
    assert world.load(world.dump(game.state)) == game.state
    check_world(world, seeds=(0, 1), steps=30)


def test_words_that_vary_make_no_states() -> None:
    checked = check(one_seat(VARIED))
    assert checked.proved and checked.states <= 4
    assert not [f for f in checked.findings if "text" in f.message]


@pytest.mark.parametrize(
    ("world", "old", "new", "message"),
    [
        (HAGGLE, "count: number}}", "count: numbr}}", "there is no variable 'numbr' (did you mean 'number'?)"),
        (HAGGLE, '"bid {number} coins"', '"bid {thing}"', "another form of it has {number}, this has not"),
        (HAGGLE, "suggest: gone fishing", "suggest: 5", "no form of it has {number}"),
        (HAGGLE, "price: 7,", "price: 7, number: 1,", "'number' is also what a command names"),
        (HAGGLE, "{set: board, to: text}", "{set: text, to: board}", "the text of the command cannot be changed"),
        (HAGGLE, "{change: patience, by: -1}", "{move: it, to: me}", "nothing is meant by 'it' here"),
        (ORCHARD, "it.price}.", "it.prize}.", "there is nothing to fill {it.prize} with"),
        (
            ORCHARD,
            "pear: {kind: fruit}",
            "pear: {kind: friut}",
            "there is no kind 'friut' (did you mean 'fruit'?)",
        ),
        (ORCHARD, "edible: true", "edibel: true", "kinds.food.edibel: no such key (did you mean 'edible'?)"),
        (ORCHARD, "by: it.price", "by: it.prize", "'apple' has no property 'prize' (did you mean 'price'?)"),
        (ORCHARD, "{each: fruit, when: {has", "{each: fruits, when: {has", "'fruits' (did you mean 'fruit'?)"),
        (ORCHARD, "food: {edible", "food: {kind: fruit, edible", "is a kind of itself"),
        (CLOCKS, "clock: fuse", "clock: fuze", "there is no event 'fuze' (did you mean 'fuse'?)"),
        (CLOCKS, "of: 4, ", "off: 4, ", "off: no such key (did you mean 'of'?)"),
        (VARIED, "order: cycle", "order: cycel", "'cycel' is none of random, cycle, stop"),
        (VARIED, "{one_of: [Do.,", "{one_off: [Do.,", "one_off: no such key"),
    ],
    ids=lambda value: value[:30].strip(),
)
def test_what_is_not_known_is_refused_with_the_near_miss(world: str, old: str, new: str, message: str) -> None:
    assert old in world
    with pytest.raises(WorldFileError) as caught:
        one_seat(world.replace(old, new))
    assert any(message in str(finding) for finding in caught.value.findings), caught.value.findings


def test_faults_of_a_kind_are_said_once_where_they_are() -> None:
    with pytest.raises(WorldFileError) as caught:
        make(
            """
            title: T
            seats: {ann: {start: hall, goal: G}}
            rooms: {hall: {}}
            kinds:
              fruit: {at: hall, edible: maybe, description: "A {colur}."}
            things: {apple: {kind: fruit}, pear: {kind: fruit}}
            """
        )
    found = [str(f) for f in caught.value.findings]
    assert [line.split(":")[0] for line in found] == ["line 6", "line 6"]


RIDING = """
rooms:
  hall: {exits: {east: quay}}
  quay: {exits: {west: hall, south: {to: lake, when: {thing: me, at: boat}, otherwise: You cannot swim.}}}
  lake: {exits: {north: quay, south: {to: island, when: {thing: me, at: boat}}}}
  island: {exits: {north: {to: lake, when: {thing: me, at: boat}}}}
things:
  chair: {at: hall, enter: "on"}
  boat: {at: quay, enter: in, vehicle: true, fixed: true}
  ring: {at: island}
  horse: {at: nowhere, enter: "on", vehicle: true}
verbs: {call: {forms: call, rules: {do: [{move: horse, to: here}, {move: me, to: horse}]}}}
endings: {home: {when: [{has: ring}, {thing: me, at: chair}], won: all}}
"""


def test_a_chair_is_sat_on_and_left_before_one_goes() -> None:
    game = Game(one_seat(RIDING))
    assert "get on chair" in (game.seen().admissible or ())
    assert game.do("sit on chair") == "You get on the chair."
    assert "You are on the chair." in game.seen().description
    assert game.seen().admissible == ("call", "get off chair")
    assert game.do("take chair") == "Somebody is in or on the chair."
    text = game.do("e")
    assert text.startswith("(first leaving the chair)\nYou leave the chair.\nQuay")
    assert "on the chair" not in game.seen().description
    assert game.state.round == 3
    assert game.do("w", "sit down") == "You get on the chair."
    assert game.do("stand up") == "You leave the chair."
    assert game.do("stand") == "You are standing already."


def test_a_boat_goes_along_and_is_saved() -> None:
    world = one_seat(RIDING)
    game = Game(world)
    assert game.do("e", "s") == "You cannot swim."
    assert game.do("enter boat") == "You get in the boat."
    assert "You are in the boat." in game.do("s")
    game.do("s")
    assert world.load(world.dump(game.state)) == game.state
    game.do("take ring", "get out")
    assert "boat" in game.seen().description
    assert game.do("n") == "You can't go that way now."
    game.do("get into boat", "n", "n", "get out", "w", "call")
    assert "You are on the horse." in game.seen().description
    assert "Quay" in game.do("e") and "You are on the horse." in game.do("look")
    game.do("w", "dismount", "sit on chair")
    assert game.terminated and game.seen().won
    check_world(world, seeds=(0, 1), steps=40)


def test_the_solver_rides() -> None:
    world = one_seat(RIDING)
    found = solve(world)
    assert found is not None and "get on chair" in [m.command for m in found.moves]
    assert not [f for f in check(world).findings if f.severity == "error"]
    stuck = one_seat(RIDING.replace("vehicle: true, fixed: true", "fixed: true"))
    assert any("cannot win" in f.message for f in check(stuck).findings)


def test_others_ride_along() -> None:
    game = Game(
        make(
            """
            title: T
            seats: {ann: {name: Ann, start: quay, goal: G}, bob: {name: Bob, start: quay, goal: G}}
            rooms: {quay: {exits: {south: lake}}, lake: {exits: {north: quay}}}
            things: {boat: {at: quay, enter: in, vehicle: true}}
            """
        )
    )
    game.do("get in boat", "board boat")
    assert "Bob is in the boat." in game.seen("ann").description
    game.do("s")
    assert "Lake" in game.seen("bob").text and "You are in the boat." in game.seen("bob").description


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("vehicle: true, fixed", "vehicel: true, fixed", "vehicel: no such key (did you mean 'vehicle'?)"),
        ("enter: in, vehicle", "vehicle", "a vehicle needs 'enter: in' or 'enter: on'"),
        ("enter: in", "enter: inn", "'inn' is none of in, on"),
        ("at: chair}]", "at: ring}]", "'ring' holds nothing"),
    ],
)
def test_faults_of_what_is_ridden(old: str, new: str, message: str) -> None:
    with pytest.raises(WorldFileError) as caught:
        one_seat(RIDING.replace(old, new, 1))
    assert any(message in str(finding) for finding in caught.value.findings), caught.value.findings


WATER = """
rooms: {hall: {exits: {north: yard}}, yard: {exits: {south: hall}}}
things:
  well: {at: yard, fixed: true, container: {open: true, openable: false, holds: 500}}
  water: {at: well, count: 500, one: cup, liquid: true, endless: true, edible: true}
  oil: {at: can, count: 2, one: drop, liquid: true}
  can: {at: hall, container: {open: true, openable: false, holds: 2}}
  jug: {at: hall, container: {open: true, openable: false, holds: 3}}
  mug: {at: hall, container: {open: true, openable: false, holds: 1}}
  box: {at: hall, container: true}
  rose: {at: hall, fixed: true, properties: {wet: false}}
rules:
  - instead: empty
    thing: [water, jug, mug]
    other: rose
    when: {has: water, count: 2}
    say: The rose drinks it up.
    do: [{remove: water, count: 2, at: jug}, {set: rose.wet, to: true}]
  - {instead: empty, thing: water, other: rose, say: That is not enough.}
endings: {done: {when: [{var: rose.wet}, {thing: water, at: mug}], won: all}}
"""


def test_liquids_are_measured_in_vessels() -> None:
    world = one_seat(WATER)
    game = Game(world)
    assert game.do("fill box") == "The box is not made for liquids."
    assert game.do("fill jug") == "You fill the jug with the oil."
    assert game.do("fill can from jug") == "You fill the can with the oil."
    assert game.do("fill jug with water") == "You can't see any such thing."
    game.do("take jug", "take mug", "n")
    assert game.do("take water") == "You need something to carry the water in."
    assert "fill jug with water" in (game.seen().admissible or ())
    assert game.do("fill jug from well") == "You fill the jug with the water."
    assert game.do("fill jug with water") == "The jug is full."
    assert "In the jug are three cups of water." in game.seen().inventory
    assert "In the well are 500 cups of water." in game.do("x well")
    assert game.do("drink water") == "You drink a cup of water."
    assert game.do("pour jug into mug") == "You pour the water into the mug."
    assert "In the jug are two cups of water." in game.seen().inventory
    assert "put jug in mug" not in (game.seen().admissible or ())
    assert world.load(world.dump(game.state)) == game.state
    assert game.do("empty jug") == "You pour the water away."
    assert game.do("empty jug") == "The jug is empty."
    assert game.do("fill jug", "s") and game.do("pour water on rose") == "The rose drinks it up."
    assert game.terminated
    check_world(world, seeds=(0, 1), steps=40)


def test_the_solver_waters_the_rose() -> None:
    world = one_seat(WATER)
    found = solve(world)
    assert found is not None and len(found.moves) <= 8, found
    assert not [f for f in check(world).findings if f.severity == "error"]
    dry = one_seat(WATER.replace("at: well, count", "at: nowhere, count").replace("endless: true, ", ""))
    assert any("cannot win" in f.message for f in check(dry).findings)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("holds: 500", "hold: 500", "hold: no such key (did you mean 'holds'?)"),
        ("oil: {at: can, count: 2", "oil: {at: can, count: 3", "'can' holds 2 measures"),
        ("oil: {at: can, count: 2", "oil: {at: box, count: 2", "'box' holds no liquid"),
        ("count: 2, one: drop, ", "", "a liquid needs 'count'"),
        ("one: drop, liquid: true", "one: drop, endless: true", "'endless' goes with 'liquid: true'"),
    ],
)
def test_faults_of_liquids(old: str, new: str, message: str) -> None:
    assert old in WATER
    with pytest.raises(WorldFileError) as caught:
        one_seat(WATER.replace(old, new, 1))
    assert any(message in str(finding) for finding in caught.value.findings), caught.value.findings


RAT = """
rooms:
  hall: {exits: {east: {to: kitchen, door: gate}, north: hole}}
  kitchen: {exits: {west: {to: hall, door: gate}}}
  hole: {exits: {south: {to: hall}}}
things:
  letter: {at: nowhere}
  gate: {door: true}
  cheese: {at: crate}
  crate: {at: kitchen, container: {}, fixed: true}
  nest: {at: hall, container: true, fixed: true}
characters:
  rat:
    at: hall
    aims:
      - {reach: {has: letter, who: ann}, when: {var: posted}}
      - {reach: {thing: cheese, at: nest}, when: {clock: rounds, at_least: 2}}
    routine: {rooms: [hall], every: 5}
variables: {posted: false}
events: {post: {after: 9, do: [{set: posted, to: true}, {move: letter, to: rat}]}}
endings: {late: {when: {has: letter}, won: all}, fed: {when: {has: cheese}, won: none}}
"""


def rat() -> NativeWorld:
    return one_seat(RAT)


def test_a_character_plans_for_what_it_wants() -> None:
    world = rat()
    game = Game(world)
    assert game.do("wait") == "Time passes."
    told = [game.do("wait") for _ in range(10)]
    assert [line for text in told for line in text.split("\n")[1:] if line.startswith("The rat")] == [
        "The rat opens the gate.",
        "The rat leaves: east.",
        "The rat arrives.",
        "The rat puts the cheese in the nest.",
        "The rat gives you the letter.",
    ]
    assert game.terminated and game.seen().won
    again = Game(world)
    for _ in range(4):
        again.do("wait")
    again.do("take crate", "e")
    assert world.load(world.dump(again.state)) == again.state
    check_world(rat(), seeds=(0, 1), steps=30)


def test_what_a_character_does_follows_from_the_state_alone() -> None:
    used, fresh = rat(), rat()
    one, other = Game(used), Game(used)
    one.do("e", "wait", "wait", "wait", "open gate", "e", "wait")
    for _ in range(9):
        other.do("wait")
    again = Game(fresh)
    for _ in range(9):
        again.do("wait")
    assert again.state.core == other.state.core


def test_the_solver_counts_on_the_character() -> None:
    world = rat()
    checked = check(world)
    assert checked.solution is not None and len(checked.solution.moves) >= 10
    assert not [f for f in checked.findings if f.severity == "error"], checked.findings


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("at: nest}", "at: nets}", "(did you mean 'nest'?)"),
        ("- {reach: {has", "- {reech: {has", "reech: no such key (did you mean 'reach'?)"),
        ("{reach: {thing: cheese, at: nest}", "{reach: {var: posted}", "a character cannot plan for that"),
    ],
)
def test_faults_of_aims(old: str, new: str, message: str) -> None:
    assert old in RAT
    with pytest.raises(WorldFileError) as caught:
        one_seat(RAT.replace(old, new, 1))
    assert any(message in str(finding) for finding in caught.value.findings), caught.value.findings


def test_a_listed_command_takes_the_step_before_it_too() -> None:
    game = Game(one_seat(RIDING))
    assert "go east" in (game.seen().admissible or ())
    assert game.do("sit on chair", "go east").startswith("(first leaving the chair)")


def test_numbers_and_texts_are_actions_of_an_environment() -> None:
    env = WorldEnv(one_seat(HAGGLE), view="encoded")
    _, info = env.reset(seed=0)
    ends = []
    for command in ("write gone fishing", "offer 6", "offer 5", "offer 5"):
        _, _, terminated, _, info = env.step(info["admissible"].index(command))
        ends.append(terminated)
    assert ends == [False, False, False, True] and info["won"]


EVERYBODY = """
title: T
seats: {ann: {name: Ann, start: hall, goal: G}, bob: {name: Bob, start: yard, goal: G}}
rooms: {hall: {}, yard: {}}
characters:
  cat: {at: hall, properties: {fed: 0}, accepts: {thing: food, say: Purr., do: {change: cat.fed, by: it.worth}}}
kinds: {food: {at: ann, properties: {worth: 1}}}
things: {fish: {kind: food, properties: {worth: 3}}, milk: {kind: food}}
events:
  bell:
    every: 2
    do:
      each: seats
      when: {room: [hall, yard], who: it}
      do: [{say: "A bell, {it}.", to: it}, {score: 1, seat: it}]
endings: {full: {when: {var: cat.fed, at_least: 4}, won: all}}
"""


def test_loops_go_over_seats_and_gifts_are_what_is_meant() -> None:
    game = Game(make(EVERYBODY))
    game.do("give fish to cat", "wait", "wait", "wait")
    assert "A bell, you." in game.seen("ann").text and "A bell, you." in game.seen("bob").text
    assert game.rewards == {"ann": 1.0, "bob": 1.0}
    game.do("give milk to cat")
    assert game.terminated


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{say: ", "{please: it, by: 1}, {say: "),
        ("{say: ", "{add: it}, {say: "),
        ("when: {room: [hall, yard], who: it}", "when: {room: it, who: it}"),
        ("when: {room: [hall, yard], who: it}", "when: {likes: it, at_least: 1}"),
        ("each: seats", "each: it"),
    ],
)
def test_it_is_refused_where_it_can_mean_nothing(old: str, new: str) -> None:
    with pytest.raises(WorldFileError, match="nothing is meant by 'it'"):
        make(EVERYBODY.replace(old, new, 1))


def test_what_a_character_sees_is_taken_for_possible() -> None:
    world = one_seat(
        """
        rooms: {hall: {exits: {north: yard}}, yard: {exits: {south: hall}}}
        things: {bone: {at: yard}}
        characters:
          dog:
            at: yard
            aims: {reach: {has: bone, who: ann}, when: [{here: bone}, {not: {points_of: me, at_least: 1}}]}
        endings: {done: {when: [{has: bone}, {room: hall}], won: all}}
        """
    )
    assert not [f for f in check(world).findings if f.severity == "error"]
    game = Game(world)
    game.do("n", "wait", "wait")
    assert "bone" in game.seen().inventory
