"""Doors, containers, light, rules, characters, events, endings: what happens in a native world."""

import pytest
from native_play import Game, make, one_seat

from sandbox.errors import SandboxError, SaveError

CELLAR = one_seat(
    """
    rooms:
      hall: {description: Bare., exits: {down: {to: cellar, door: trapdoor}}}
      cellar: {dark: true, description: Cobwebs., exits: {up: {to: hall, door: trapdoor}}}
    things:
      trapdoor: {door: {locked: true, key: key}}
      key: {at: hall}
      lamp: {at: hall, light: true, switch: "off"}
      box: {at: hall, container: {}}
      idol: {at: cellar}
      cat: {at: cellar}
    endings:
      out: {when: [{has: idol}, {room: hall}], won: all, points: 10, say: You made it.}
    """
)


def test_doors_and_locks():
    game = Game(CELLAR)
    assert game.do("d") == "The trapdoor is closed."
    assert "Exits: down (the trapdoor, locked)." in game.seen().description
    assert "go down" not in game.seen().admissible
    assert game.do("open trapdoor") == "The trapdoor is locked."
    assert "unlock trapdoor with key" not in game.seen().admissible
    game.do("take key")
    assert "unlock trapdoor with key" in game.seen().admissible
    game.do("unlock trapdoor with key")
    assert "Exits: down (the trapdoor, closed)." in game.seen().description
    game.do("open trapdoor")
    assert "Exits: down (the trapdoor, open)." in game.seen().description
    assert "go down" in game.seen().admissible


def test_light_and_dark():
    game = Game(CELLAR)
    game.do("take key. unlock trapdoor. open trapdoor. take lamp. d")
    dark = game.seen()
    assert (
        dark.text.split("You take the lamp.\n")[1]
        == "Darkness\nIt is pitch dark, and you can see nothing.\nExits: up (the trapdoor, open)."
    )
    assert "take idol" not in dark.admissible
    assert game.do("take idol") == "You can't see any such thing."
    assert game.do("switch on lamp").startswith("You switch on the lamp.\nCellar\nCobwebs.\nYou can see an idol")
    assert "take idol" in game.seen().admissible
    assert game.do("switch off lamp") == "You switch off the lamp.\nIt is now pitch dark."


def test_light_shines_out_of_open_boxes_only():
    game = Game(CELLAR)
    game.do("take key. unlock trapdoor. open trapdoor. take lamp. switch on lamp. take box. open box. d")
    game.do("put lamp in box")
    assert "Cobwebs" in game.seen().description
    game.do("close box")
    assert "pitch dark" in game.seen().description


def test_doors_can_be_felt_in_the_dark():
    game = Game(CELLAR)
    game.do("take key. unlock trapdoor. open trapdoor. d. close trapdoor")
    assert "open trapdoor" in game.seen().admissible
    assert game.do("open trapdoor") == "You open the trapdoor."


def test_winning():
    game = Game(CELLAR)
    game.do("take key. unlock trapdoor. open trapdoor. take lamp. switch on lamp. d. take idol")
    assert not game.terminated
    assert game.do("u").endswith("You made it.")
    seen = game.seen()
    assert game.terminated and game.rewards == {"ann": 10.0}
    assert (seen.done, seen.won, seen.score, seen.admissible) == (True, True, 10.0, ())
    assert game.world.to_move(game.state) is None
    assert game.do("look", seat="ann") == "It is all over."


def test_coming_back_is_told_short_and_misses_what_is_gone():
    world = one_seat(
        """
        rooms:
          hall: {description: A long tale., first: You wake., exits: {north: yard}}
          yard: {description: Mud., exits: {south: hall}}
        things: {ball: {at: hall}, hat: {at: hall}, rope: {at: hall}}
        events: {thief: {after: 2, do: [{move: ball, to: nowhere}, {move: rope, to: yard}]}}
        """
    )
    game = Game(world)
    assert (
        game.seen().text
        == "You wake.\nHall\nA long tale.\nYou can see a ball, a hat and a rope here.\nExits: north."
    )
    game.do("n")
    assert game.do("wait") == "Time passes."
    assert game.do("s") == (
        "Hall\nYou can see a hat here.\nExits: north.\nThe ball and the rope are no longer here."
    )
    assert "A long tale." in game.seen().description


def test_containers():
    world = one_seat(
        """
        rooms: {hall: {}}
        things:
          jar: {at: hall, container: {transparent: true}}
          pearl: {at: jar}
          sack: {at: hall, container: true}
          crate: {at: hall, container: {capacity: 1, open: true}}
          shelf: {at: hall, supporter: {capacity: 1}, fixed: true}
          ball: {at: sack}
        """
    )
    game = Game(world)
    assert "In the jar is a pearl." in game.seen().description
    assert game.do("take pearl") == "You can't reach the pearl."
    assert game.do("x pearl").startswith("You see nothing special")
    assert game.do("open jar") == "You open the jar. Inside is a pearl."
    assert game.do("take pearl") == "You take the pearl."
    assert game.do("take ball. put ball in crate") == "You take the ball.\nYou put the ball in the crate."
    assert game.do("put pearl in crate") == "There is no room for the pearl."
    assert game.do("put pearl on shelf") == "You put the pearl on the shelf."
    assert "put pearl in sack" not in game.seen().admissible
    game.do("take pearl", "take sack", "put sack in crate")
    assert game.seen().text == "There is no room for the sack."
    assert game.do("put sack in sack") == "You can't put a thing into itself."
    game.do("take crate")
    assert game.do("put crate in sack") == "You put the crate in the sack."
    assert game.do("put sack in crate") == "You can't put a thing into itself."
    assert "put sack in crate" not in game.seen().admissible


def test_counted_things():
    world = one_seat(
        """
        rooms: {hall: {}}
        things:
          coins: {at: hall, count: 5, one: coin}
          purse: {at: hall, container: true}
        """
    )
    game = Game(world)
    assert "You can see a purse and five coins here." in game.seen().description
    game.do("take 2 coins")
    assert game.seen().inventory == "You are carrying two coins."
    assert "three coins" in game.seen().description
    game.do("put coin in purse")
    assert "In the purse is a coin." in game.seen().description
    assert {"drop coin", "take coin", "take coins"} <= set(game.seen().admissible)
    assert "drop coins" not in game.seen().admissible
    game.do("take coins", "take coins")
    assert game.seen().inventory == "You are carrying five coins."


def test_wearing_eating_reading():
    world = one_seat(
        """
        rooms: {hall: {}}
        things:
          hat: {at: ann, wearable: true, worn: true}
          apple: {at: ann, edible: true}
          note: {at: ann, text: "Beware, {me}."}
        """
    )
    game = Game(world)
    assert game.seen().inventory == "You are carrying a hat (worn), an apple and a note."
    assert game.do("read note") == "Beware, you."
    game.do("eat apple", "take off hat")
    assert game.seen().inventory == "You are carrying a hat and a note."
    assert "wear hat" in game.seen().admissible
    assert game.do("drop all") == "The hat: You drop the hat.\nThe note: You drop the note."


def test_capacity_of_a_seat():
    world = make(
        """
        title: T
        seats: {ann: {start: hall, goal: G, capacity: 1}}
        rooms: {hall: {}}
        things: {a pin: {at: hall}, b pin: {at: hall}}
        """
    )
    game = Game(world)
    game.do("take a pin")
    assert "take b pin" not in game.seen().admissible
    assert game.do("take b pin") == "You are carrying too much already."


RULES = one_seat(
    """
    variables:
      lit: false
      heat: {start: 0, min: 0, max: 3}
      sky: {start: clear, values: [clear, dark]}
    rooms:
      hall:
        description: [A hall., {when: {var: lit}, say: Fire!, otherwise: It is cold.}, "{heat} degrees, {sky}."]
        exits:
          north: {to: vault, when: {var: heat, at_least: 2}, otherwise: Too cold to move., hidden: false}
          east: {to: vault, when: {var: lit}, hidden: true}
      vault: {exits: {south: hall}}
    things:
      stove: {at: hall, fixed: true}
      match: {at: hall}
      bell: {at: hall, fixed: true}
      gem: {at: hall, hidden: true}
    verbs:
      kindle:
        forms: ["kindle {thing} with {other}", "fire up {thing} with {other}"]
        otherwise: You can't kindle that.
        rules:
          - thing: stove
            other: match
            when: {not: {var: lit}}
            do: [{set: lit, to: true}, {move: match, to: nowhere}, {change: heat, by: 9}]
            say: Flames lick up in {thing}.
      pray: {forms: [pray], rules: [{say: Silence.}]}
    rules:
      - {instead: take, thing: bell, say: It is nailed down.}
      - {instead: push, thing: bell, once: true, say: Dong., do: [{score: 2}, {make: gem, be: shown}]}
      - {after: take, thing: gem, once: true, do: [{score: 3}, {set: sky, to: dark}]}
      - {instead: go, direction: down, room: hall, do: {move: me, to: vault}, say: You slip.}
      - {after: examine, thing: stove, when: {var: lit}, once: true, do: {score: 1}, say: You warm your hands.}
      - {after: enter, room: vault, once: true, do: {score: 4}, say: A vault!}
      - {after: say, words: [open sesame], room: vault, do: {score: 7}, listed: false}
    """
)


def test_verbs_of_the_authors_own():
    game = Game(RULES)
    assert game.do("kindle stove with bell") == "You can't kindle that."
    assert "kindle stove with match" in game.seen().admissible
    assert "It is cold. 0 degrees, clear." in game.seen().description
    assert game.do("fire up stove with match") == "Flames lick up in the stove."
    assert "A hall. Fire! 3 degrees, clear." in game.seen().description
    assert not any(c.startswith("kindle") for c in game.seen().admissible)
    assert game.do("pray") == "Silence."
    assert "pray" in game.seen().admissible


def test_rules_instead_and_after():
    game = Game(RULES)
    assert game.do("take bell") == "It is nailed down."
    assert "take bell" not in game.seen().admissible
    assert "push bell" in game.seen().admissible
    assert game.do("take gem") == "You can't see any such thing."
    assert game.do("push bell") == "Dong." and game.rewards == {"ann": 2.0}
    assert "push bell" not in game.seen().admissible
    assert game.do("push bell") == "Nothing happens."
    game.do("take gem")
    assert game.rewards == {"ann": 3.0} and "dark" in game.seen().description
    game.do("drop gem", "take gem")
    assert game.rewards == {}


def test_exits_with_conditions():
    game = Game(RULES)
    assert game.do("n") == "Too cold to move."
    assert "Exits: north." in game.seen().description
    assert game.do("e") == "You can't go east from here."
    assert "go north" not in game.seen().admissible
    game.do("kindle stove with match")
    assert "Exits: north and east." in game.seen().description
    assert {"go north", "go east"} <= set(game.seen().admissible)


def test_rules_at_arrival_and_in_place_of_going():
    game = Game(RULES)
    assert "go down" in game.seen().admissible
    assert game.do("d") == "You slip.\nVault\nExits: south.\nA vault!"
    assert game.rewards == {"ann": 4.0}
    game.do("s", "d")
    assert game.rewards == {}


def test_looking_closely_is_listed_only_where_it_does_something():
    game = Game(RULES)
    assert "examine stove" not in game.seen().admissible
    game.do("kindle stove with match")
    assert "examine stove" in game.seen().admissible
    assert game.do("x stove").endswith("You warm your hands.") and game.rewards == {"ann": 1.0}
    assert "examine stove" not in game.seen().admissible


def test_secret_words_are_heard_and_not_listed():
    game = Game(RULES)
    game.do("d")
    assert not any(c.startswith("say") for c in game.seen().admissible)
    game.do("say Please, OPEN SESAME!")
    assert game.rewards == {"ann": 7.0}


PEOPLE = one_seat(
    """
    variables: {asked: 0}
    rooms:
      hall: {exits: {east: shop}}
      shop: {exits: {west: hall, east: yard}}
      yard: {exits: {west: shop}}
    things:
      rose: {at: hall}
      nettle: {at: hall}
      coins: {at: hall, count: 6, one: coin}
      map: {at: vera}
      seal: {at: hall}
    characters:
      vera:
        name: Vera
        article: none
        pronoun: she
        at: shop
        disposition: 0
        appearance: Vera leans on the counter.
        greeting: '"Yes?"'
        topics:
          - {about: [map], when: {likes: vera, at_least: 2}, say: '"It is yours for 4 coins."'}
          - {about: [map, chart], say: '"What map?"'}
        accepts:
          - {thing: rose, say: Vera blushes., do: [{please: vera, by: 3}]}
        notices:
          - {thing: seal, say: Vera bows., once: true, do: {score: 1}}
        trades:
          - {takes: coins, takes_count: 4, gives: map, when: {likes: vera, at_least: 2}, do: {score: 5}}
      dog: {article: the, at: hall, routine: {follows: ann}}
      guard: {article: the, at: hall, routine: {rooms: [hall, shop, yard, shop], every: 2}}
    """
)


def test_what_characters_say_take_notice_of_and_trade():
    game = Game(PEOPLE)
    game.do("take all", "e")
    assert game.do("ask vera about map") == '"What map?"'
    assert game.do("give nettle to vera") == "Vera does not want the nettle."
    assert not {"give nettle to Vera", "trade 4 coins with Vera for map"} & set(game.seen().admissible)
    assert game.do("give rose to vera").startswith("Vera blushes.")
    assert game.do("ask vera about map").startswith('"It is yours')
    assert game.do("trade 3 coins with vera for map") == "Vera does not want to trade that."
    assert "trade 4 coins with Vera for map" in game.seen().admissible
    assert game.do("trade 4 coins with vera for map").startswith("You give Vera four coins and get a map.")
    assert game.rewards == {"ann": 5.0}
    assert "two coins" in game.seen().inventory and "map" in game.seen().inventory
    assert game.do("show nettle to vera") == "Vera is not interested in the nettle."
    assert "show seal to Vera" in game.seen().admissible
    assert game.do("show seal to vera").startswith("Vera bows.") and game.rewards == {"ann": 1.0}
    assert "show seal to Vera" not in game.seen().admissible


def test_one_does_not_take_from_others():
    game = Game(PEOPLE)
    game.do("e")
    assert "Vera is here, carrying a map." in game.seen().description
    assert game.do("take map") == "The map is Vera's."
    assert "take map" not in game.seen().admissible


def test_characters_get_about():
    game = Game(PEOPLE)
    assert "The dog is here." in game.seen().description
    game.do("wait")
    assert game.do("wait") == "Time passes.\nThe guard leaves: east."
    assert game.do("e").endswith("The dog arrives.")
    assert "The guard is here." in game.seen().description
    assert game.do("e").endswith("The guard arrives.\nThe dog arrives.") or "dog" in game.seen().description


def test_follow_somebody():
    game = Game(PEOPLE)
    assert game.do("follow guard") == "You have not seen the guard leave."
    game.do("wait", "wait")
    assert game.do("follow guard").startswith("Shop")


def test_timed_events():
    world = one_seat(
        """
        rooms: {hall: {}, yard: {}}
        things: {fuse: {at: hall, fixed: true}, water: {at: hall, article: some}}
        rules:
          - {instead: push, thing: fuse, say: It burns!, do: {start: bang}}
          - {instead: pull, thing: fuse, say: It is out., do: {stop: bang}}
        events:
          bang: {after: 2, starts: false, say: Bang!, do: {end: dead}}
          drip: {every: 3, say: Drip.}
          ghost: {every: 1, room: yard, say: Boo.}
        endings: {dead: {say: You are dead.}}
        """
    )
    game = Game(world)
    texts = [game.do("wait") for _ in range(6)]
    assert [t.endswith("Drip.") for t in texts] == [False, False, True, False, False, True]
    assert "Boo" not in "".join(texts)
    game.do("push fuse")
    assert not game.terminated
    game.do("pull fuse", "wait", "wait")
    assert not game.terminated
    game.do("push fuse")
    assert game.do("wait").endswith("Bang!\nYou are dead.")
    assert game.terminated and not game.seen().won


def test_a_limit_cuts_off():
    world = make("title: T\nlimit: 2\nseats: {ann: {start: hall, goal: G}}\nrooms: {hall: {}}")
    game = Game(world)
    game.do("wait")
    assert not game.truncated
    assert game.do("wait") == "Time passes.\nTime is up."
    assert game.truncated and not game.terminated and game.seen().done and not game.seen().won


def test_effects_of_one_step_are_bounded():
    world = one_seat(
        """
        rooms:
          hall: {exits: {north: yard}}
          yard: {exits: {south: hall}}
        rules:
          - {after: enter, room: hall, do: {move: me, to: yard}}
          - {after: enter, room: yard, do: {move: me, to: hall}}
        """
    )
    game = Game(world)
    game.do("n")
    assert game.world.to_move(game.state) == "ann"


def test_states_are_values():
    game = Game(PEOPLE)
    before = game.state
    kept = (hash(before), game.world.dump(before), game.seen())
    game.do("take all", "e", "give rose to vera")
    assert (hash(before), game.world.dump(before), game.world.observe(before, "ann")) == kept
    again = Game(PEOPLE)
    again.do("take all", "e", "give rose to vera")
    assert again.state == game.state and hash(again.state) == hash(game.state)


def test_ways_to_the_same_situation_are_one_for_the_solver():
    one, other = Game(PEOPLE), Game(PEOPLE)
    one.do("take rose", "take nettle", "drop rose", "drop nettle")
    other.do("take nettle", "take rose", "drop nettle", "drop rose")
    assert one.world.solver_key(one.state) == other.world.solver_key(other.state)
    assert one.state != other.state
    other.do("look", "frobnicate", "x vera")
    assert one.world.solver_key(one.state) == other.world.solver_key(other.state)


def test_snapshots():
    game = Game(PEOPLE)
    for line in ("take key", "take all", "e", "give rose to vera", "ask vera about", "w"):
        game.do(line)
        data = game.world.dump(game.state)
        assert game.world.load(data) == game.state
    assert len(data) < 2_000


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"null",
        b"[1]",
        b"\xff",
        b"[" * 5000,
        b"[1,[],[[],[],0,[],-1,0,[],0,0,[]],[],0,0]",
        b"[2,[],[],[],0,0]",
    ],
)
def test_damaged_snapshots_are_refused(data):
    with pytest.raises(SaveError):
        PEOPLE.load(data)


def test_a_seat_that_is_not_there():
    with pytest.raises(SandboxError, match="no seat 'bob'"):
        PEOPLE.observe(PEOPLE.initial(0), "bob")


def test_a_trace_names_the_rules_and_texts_that_were_used():
    state = RULES.initial(0)
    fired = RULES.trace(state, "ann", "kindle stove with match")
    assert {"verbs.kindle.rules[0]", "verbs.kindle.rules[0].say", "rooms.hall.description[1].say"} <= fired
    assert "verbs.kindle.otherwise" in RULES.trace(state, "ann", "kindle bell with match")
    assert "messages.nothing_happens" in RULES.trace(state, "ann", "jump")
    assert "rooms.hall.exits.north.otherwise" in RULES.trace(state, "ann", "n")


def test_an_event_after_some_rounds_happens_once():
    game = Game(one_seat("rooms: {hall: {}}\nevents: {post: {after: 2, say: Letters.}}"))
    assert [game.do("wait").endswith("Letters.") for _ in range(6)] == [False, True, False, False, False, False]


def test_refusals_are_not_listed_until_they_end():
    game = Game(
        one_seat(
            """
            variables: {hot: true}
            rooms: {hall: {}}
            things: {pan: {at: hall}, tap: {at: hall, fixed: true}}
            rules:
              - {instead: take, thing: pan, when: {var: hot}, say: Too hot.}
              - {instead: turn, thing: tap, do: {set: hot, to: false}, say: Water hisses.}
            """
        )
    )
    assert "take pan" not in game.seen().admissible
    assert game.do("take pan") == "Too hot."
    game.do("turn tap")
    assert "take pan" in game.seen().admissible
    assert game.do("take pan") == "You take the pan."


def test_hidden_things_are_not_seen():
    game = Game(RULES)
    assert "gem" not in game.seen().description
    game.do("push bell")
    assert "a gem" in game.seen().description
