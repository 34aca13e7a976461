"""A companion that speaks, listens and answers: what it says, what is true of it, and what it makes of advice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.abilities import Fact
from sandbox.agent import advice, answers, hearing, prompt, truth
from sandbox.agent.agent import CardAgent
from sandbox.agent.briefing import Briefing
from sandbox.agent.cards import Card, PromptSettings, Talk, parse_card
from sandbox.agent.recall import Recall
from sandbox.llm.fake import ScriptedModel
from sandbox.types import Decision, Exchange, Observation, Proposal, Transition

HALL = "Hall\nA tiled hall.\nYou can see a chest (closed) here.\nExits: north and east (the oak door, locked)."
KITCHEN = "Kitchen\nIt smells of soap.\nOn the table is a brass key.\nExits: south."
LIVED = (
    Exchange(command="", reply=HALL),
    Exchange(command="go north", reply=KITCHEN),
    Exchange(command="take brass key", reply="You take the brass key."),
    Exchange(command="go south", reply="Hall\nYou can see a chest (closed) here."),
)
FACTS = frozenset(
    {
        Fact("room", "hall"),
        Fact("leads", "north", "kitchen"),
        Fact("leads", "east", "cellar"),
        Fact("carried", "brass key"),
        Fact("at", "chest", "hall"),
        Fact("closed", "chest"),
        Fact("locked", "oak door"),
        Fact("closed", "oak door"),
        Fact("at", "oak door", "hall"),
        Fact("at", "table", "kitchen"),
        Fact("in", "ruby", "chest"),
    }
)
LISTED = ("go north", "open chest", "unlock oak door with brass key", "wait")


def here(text: str = "Hall", admissible: tuple[str, ...] | None = LISTED) -> Observation:
    return Observation(
        seat="you",
        turn=3,
        text=text,
        description=HALL,
        inventory="You are carrying a brass key.",
        goal="Find the ruby.",
        admissible=admissible,
    )


@pytest.mark.parametrize(
    ("said", "verdicts"),
    [
        ("Arr! The chest is closed. Let's crack it.", ["true"]),
        ("The chest is open.", ["false"]),
        ("The oak door is locked and I carry the brass key.", ["true", "true"]),
        ("That failed, because the oak door is locked.", ["true"]),
        ("I have the lamp.", ["unknown"]),
        ("The ruby is in the chest.", ["unknown"]),
        ("North leads to the kitchen.", ["true"]),
        ("The kitchen is east of here.", ["false"]),
        ("I have not been north yet.", ["false"]),
        ("I have not been east.", ["true"]),
        ("I have been north, in the kitchen.", ["true"]),
        ("The chest is in the kitchen.", ["false"]),
        ("I am in the hall.", ["true"]),
        ("The table is here.", ["false"]),
        ("There is the chest, within reach.", ["true"]),
        ("Let's go north, race you!", []),
        ("Can I have it?", []),
    ],
)
def test_statements_are_true_false_or_unknown_to_the_seat(said: str, verdicts: list[str]) -> None:
    assert [verdict for _, verdict in truth.verdicts(said, FACTS, Recall.of(LIVED))] == verdicts


def test_a_seat_remembers_where_it_has_been() -> None:
    recall = Recall.of(LIVED)
    assert recall.room == "Hall"
    assert (recall.been("north"), recall.been("east")) == ("Kitchen", "")
    assert recall.route("kitchen") == ("north",)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Where is the brass key?", "I carry the brass key."),
        ("where did you see the table", "I saw the table in the Kitchen: On the table is a brass key."),
        ("Have you seen the chest?", "The chest is here in the Hall: I see a chest (closed) here."),
        ("Where's the ruby?", "I have not seen the ruby."),
        ("Where are you?", "I am in the Hall."),
        ("What are you carrying?", "I am carrying a brass key."),
        ("How is the weather?", None),
    ],
)
def test_questions_are_answered_from_what_was_read(question: str, expected: str | None) -> None:
    assert answers.is_question(question)
    assert answers.answer(question, here(), LIVED) == expected


def decided() -> Decision:
    commands = ("open chest", "go north", "wait")
    return Decision(
        seat="you",
        state_key="0",
        proposals=tuple(Proposal(command=c, prior=p) for c, p in zip(commands, (-0.5, -1.5, -3.0), strict=True)),
        q_values=(0.4, -0.2, 0.0),
        scores=(1.0, 0.2, 0.1),
        chosen=0,
        prompt="Hall\n\n>",
    )


def test_why_is_answered_with_the_numbers_of_the_decision() -> None:
    why_not = answers.answer("why not north?", here(), LIVED, decided())
    assert why_not == "For go north, the model gives it 25%, and Q is -0.20; for open chest it is 69% and +0.40."
    why = answers.answer("Why do you want to open the chest?", here(), LIVED, decided())
    assert why is not None and why.startswith("I want to open chest, because the model gives it 69%")
    tried = answers.answer("why not take the brass key?", here(), LIVED, decided())
    assert tried == "I tried to take brass key, and it said: You take the brass key."


def test_the_best_three_speak_and_the_rest_is_silent_until_asked() -> None:
    model = ScriptedModel(samples=['The chest is closed. I will open it."', "no sentence", ""])
    agent = CardAgent(Card(name="a", model="m"), model)
    decision = agent.decide(here(), LIVED, seed=0, explore=False)
    spoken = agent.speak(decision, LIVED, seed=0)
    assert [bool(p.said) for p in spoken.proposals] == [True, True, True, False]
    assert all(p.said == "The chest is closed. I will open it." or "would" in p.said or p.said == "no sentence"
               for p in spoken.proposals[:3])  # fmt: skip
    assert spoken.chosen == decision.chosen and spoken.scores == decision.scores
    assert agent.speak(decision, LIVED, seed=0, also=[3]).proposals[3].said
    silent = CardAgent(parse_card("model: m\nvoice: off\n", "a"), model)
    assert silent.speak(decision, LIVED, seed=0) == decision


def test_a_voice_that_speaks_before_it_chooses_scores_commands_behind_its_words() -> None:
    def score(context: str, option: str) -> float:
        return -1.0 if "closed" in context and option.strip() == "open chest" else -5.0

    model = ScriptedModel(score, samples=['The chest is closed."', "It is."])
    agent = CardAgent(parse_card("model: m\nvoice: before\n", "a"), model)
    decision = agent.decide(here(), LIVED, seed=0, explore=False)
    assert decision.command == "open chest"
    assert decision.proposals[0].said == "The chest is closed."
    assert any(text.endswith('"The chest is closed."\n>') for text in model.prompts)


def test_advice_stands_before_the_command_and_moves_it_to_the_top() -> None:
    def score(context: str, option: str) -> float:
        return -0.5 if "the door" in context and option.strip().startswith("unlock") else -1.0

    agent = CardAgent(Card(name="a", model="m"), ScriptedModel(score))
    told = agent.decide(here(), LIVED, seed=0, explore=False, briefing=Briefing(advice=("the door!",)))
    assert told.command == "unlock oak door with brass key"
    assert told.prompt.endswith('\n\nYour friend says: "the door!"\n\n>')


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("don't go north, look first", ("don't go north", "look first")),
        ("take the key and do not open the chest", ("take the key", "do not open the chest")),
        ("don't forget the chest", ("don't forget the chest",)),
    ],
)
def test_what_is_forbidden_is_a_wish_of_its_own(words: str, left: tuple[str, ...]) -> None:
    assert advice.parts(words) == left


@pytest.mark.parametrize(
    ("words", "told", "rest"),
    [
        ("don't go north", "I shall not go north.", ""),
        ("Never touch my lamp!", "I shall never touch your lamp.", ""),
        ("stop going in circles, look around", "I shall stop going in circles.", "look around"),
        ("open the chest, then don’t take the key", "I shall not take the key.", "open the chest"),
        ("don't forget the key", "", "don't forget the key"),
    ],
)
def test_the_answer_to_what_is_forbidden_says_that_it_is_left_undone(words: str, told: str, rest: str) -> None:
    assert advice.promises(words) == (told, rest)


def test_what_is_forbidden_comes_last_and_stands_for_good() -> None:
    model = ScriptedModel({"open chest": -0.1})
    agent = CardAgent(parse_card("model: m\ncombine: {method: prior}\n", "a"), model)
    free = agent.decide(here(), LIVED, seed=0, explore=False)
    told = Briefing(advice=("don't open the chest",))
    bound = agent.decide(here(), LIVED, seed=0, explore=False, briefing=told)
    assert free.command == "open chest" == bound.proposals[-1].command != bound.command
    assert "chest" not in bound.prompt.removeprefix(free.prompt.removesuffix(prompt.MARK))
    assert advice.first_done(told.advice, "open chest") is None
    assert advice.forbidden("don't forget the chest") == "" and advice.forbidden("Do not go north") == "go north"


def test_advice_stands_until_it_is_done() -> None:
    left = [*advice.parts("Open the chest, then go north."), *advice.parts("try the cellar")]
    assert left == ["Open the chest", "go north.", "try the cellar"]
    for command, room, done in (
        ("open chest", "", "Open the chest"),
        ("go north", "Kitchen", "go north."),
        ("go down", "Cellar", "try the cellar"),
    ):
        number = advice.first_done(left, command, room)
        assert number is not None and left.pop(number) == done
    assert left == [] and advice.first_done(left, "look") is None


def test_what_is_not_understood_never_outranks_what_is_listed() -> None:
    model = ScriptedModel({"frobnicate": 5.0, "open chest": -9.0}, samples=["frobnicate", "open chest"])
    agent = CardAgent(parse_card("model: m\npropose: {mode: hybrid}\n", "a"), model, verbs=("open", "go"))
    decision = agent.decide(here(), LIVED, seed=0, explore=False)
    assert decision.proposals[-1].command == "frobnicate"
    assert decision.command in LISTED


def test_where_nothing_is_listed_the_prompt_begins_with_a_sample() -> None:
    agent = CardAgent(
        Card(name="a", model="m"), ScriptedModel(samples=["open mailbox"]), verbs=("open", "take", "look")
    )
    decision = agent.decide(here(admissible=None), LIVED, seed=0, explore=False)
    assert "> take letter\nTaken." in decision.prompt
    assert "read letter" not in decision.prompt


def test_lines_that_the_story_refuses_or_that_led_nowhere_are_said_anew() -> None:
    lived = (
        *LIVED,
        Exchange(command="sing", reply="Nothing happens."),
        Exchange(command="sing", reply="Nothing happens."),
    )
    model = ScriptedModel(samples=["sing", "xyzzy", "open mailbox"])
    agent = CardAgent(Card(name="a", model="m"), model)
    told = Briefing(understood=lambda command: command != "xyzzy")
    decision = agent.decide(here(admissible=None), lived, seed=0, explore=False, briefing=told)
    assert [p.command for p in decision.proposals] == ["open mailbox"]


def test_a_partners_question_is_answered_in_the_next_turn() -> None:
    text = "Time passes.\nYou hear Ann from afar: “Where is the brass key?”"
    agent = CardAgent(Card(name="a", model="m"), ScriptedModel(), verbs=("say", "go"))
    assert hearing.heard(text) == [hearing.Heard("Ann", "Where is the brass key?")]
    decision = agent.decide(here(text), LIVED, seed=0, explore=False)
    assert decision.command == "say I carry the brass key."
    assert decision.proposals[0].said == "I carry the brass key."
    assert hearing.answer_partner(here(text), LIVED, Talk(answers=False), ("say",)) is None
    why = agent.decide(here("Ann asks: “Why not wait?”"), LIVED, seed=0, explore=False)
    assert why.command.startswith("say For wait, the model gives it")
    assert hearing.heard("You say: “Where is the brass key?”") == []


def test_a_seat_that_plays_alone_answers_nobody_who_is_quoted_in_the_story() -> None:
    agent = CardAgent(Card(name="a", model="m", talk=Talk(asks=2)), ScriptedModel(), verbs=("say", "go"))
    for text in ("He is telling you “The brass key is lost.”", "Ann asks: “Where is the brass key?”"):
        alone = agent.decide(here(text), LIVED, seed=0, explore=False, briefing=Briefing(partners=()))
        assert not [p.command for p in alone.proposals if p.command.startswith("say ")]
        beside = agent.decide(here(text), LIVED, seed=0, explore=False, briefing=Briefing(partners=("Ann",)))
        assert beside.command.startswith("say ")


def test_what_a_model_writes_becomes_a_line() -> None:
    from sandbox.agent.voice import sentence

    assert sentence("The chest is closed. I will open it and") == "The chest is closed."
    assert sentence("\x1b[31mRed alert!<|im_end|>") == "Red alert!"
    assert sentence("yes") == ""
    assert prompt.opening_quote("Hall\n\n>") == 'Hall\n\n"'


def test_it_writes_down_what_mattered_and_reads_it_in_the_next_episode() -> None:
    card = Card(name="a", model="m", memory=2)
    agent = CardAgent(card, ScriptedModel())
    after = replace(here("You open the chest."), description=HALL.replace("(closed)", "(open)"))
    steps = (
        ("open chest", after, 0.0, False),
        ("go north", replace(here("Kitchen"), description=KITCHEN), 1.0, False),
        ("go east", replace(here("You fall into a pit."), done=True), 0.0, True),
    )
    for command, then, reward, over in steps:
        agent.learn(
            Transition(observation=here(), command=command, reward=reward, next_observation=then, terminated=over)
        )
    agent.end_episode()
    assert agent.notebook.notes == (
        "go north in the hall was rewarded.",
        "Do not go east in the hall: You fall into a pit.",
    )
    again = CardAgent(card, ScriptedModel())
    again.load(agent.dump())
    decision = again.decide(here(), LIVED[:1], seed=0, explore=False)
    assert "What you noted before:\n- go north in the hall was rewarded.\n- Do not" in decision.prompt
    again.notebook.write(["  the key is in the chest \x1b[31m"])
    assert again.notebook.notes == ("the key is in the chest",)
    assert set(again.changes()) == {"notes"}


def test_what_the_window_lost_is_summed_up() -> None:
    history = [
        Exchange(command="", reply="Hall"),
        *(Exchange(command=f"go {i}", reply="x" * 100) for i in range(20)),
    ]
    text = prompt.build(PromptSettings(max_chars=1000), here(), history)
    assert "\n\nDone before: go " in text
    assert "> go 19" in text and "> go 2\n" not in text


def test_what_led_nowhere_of_late_is_held_back_more_than_what_was_only_repeated() -> None:
    model = ScriptedModel({"open chest": -0.5, "go north": -2.0, "wait": -5.0})
    agent = CardAgent(parse_card("model: m\ncombine: {method: prior, repeat_penalty: 0.5}\n", "a"), model)
    told = (
        Exchange(command="open chest", reply="It has a lid."),
        Exchange(command="open chest", reply="And a lock."),
    )
    stuck = (
        Exchange(command="open chest", reply="It is stuck."),
        Exchange(command="open chest", reply="It is stuck."),
    )
    assert agent.decide(here(), (*LIVED, *told), seed=0, explore=False).command == "open chest"
    assert agent.decide(here(), (*LIVED, *stuck), seed=0, explore=False).command == "go north"


LOST = (
    Exchange(command="", reply="You have seen the well run dry. A key hangs in the barn.\nHall\nExits: east."),
    Exchange(command="open oak door", reply="The oak door is locked."),
)


def test_a_seat_that_gets_no_further_asks_the_others_and_not_twice() -> None:
    talk, verbs, others = Talk(asks=2), ("say", "go"), ("Jory",)

    seen = replace(here(admissible=("go north", "go east", "open chest")), goal="Bring the ruby to Jory.")

    def asked(*lived: Exchange, talk: Talk = talk) -> str | None:
        reply = hearing.ask_partner(seen, lived, talk, verbs, others)
        return None if reply is None else reply.command

    assert asked(*LOST) == "say Do you know where the key is?"
    vain = Exchange(command="pull red lever", reply="Nothing moves.")
    assert asked(*LOST[:1], vain) is None
    assert asked(*LOST[:1], vain, vain) == "say What do you know of the red lever?"
    waited = [Exchange(command="go east", reply=f"Room {i}") for i in range(hearing.PAUSE)]
    assert asked(*LOST[:1], *waited) == "say Do you know where the ruby is?"
    question = Exchange(command="say Do you know where the ruby is?", reply="You say it.")
    assert asked(*LOST[:1], question, vain, vain) is None  # too soon
    assert asked(*LOST[:1], question, *waited) is None  # asked already
    assert asked(*LOST[:1], question, *waited, LOST[1]) == "say Do you know where the key is?"
    assert asked(*LOST[:1], question, *waited, question, *waited, LOST[1]) is None  # enough
    assert asked(*LOST, talk=Talk()) is None
    circle = [Exchange(command="go east", reply="Yard"), Exchange(command="go west", reply="Hall")] * 3
    assert asked(*LOST[:1], *circle[:4]) is None
    assert asked(Exchange(command="", reply="The ruby shines."), *circle) == "say What do you know of the chest?"
    assert hearing.ask_partner(seen, LOST, talk, ("go",), others) is None
    assert hearing.ask_partner(seen, LOST, talk, verbs, ()) is None
    assert hearing.ask_partner(seen, (), talk, verbs, others) is None


def test_what_is_said_is_answered_to_its_subject_and_no_answer_is_answered() -> None:
    def told(words: str, *lived: Exchange, asks: int = 1) -> str | None:
        spoken_to = here(f"You hear Ann from afar: “{words}”")
        reply = hearing.answer_partner(spoken_to, lived or LOST[:1], Talk(asks=asks), ("say",))
        return None if reply is None else reply.words

    assert told("What do you know of the wells?") == "I have seen the well run dry. A key hangs in the barn."
    assert told("Any key about?") == "A key hangs in the barn."
    assert told("How do you do?") == hearing.IGNORANT
    assert told("I need that key.") == "A key hangs in the barn."
    assert told("I need that key.", asks=0) is None
    assert told("I need that key.", *LOST[:1], Exchange(command="say Hm.", reply="You say: “Hm.”")) is None
    assert told("Hello!") is None


def test_nobody_explores_while_advice_stands() -> None:
    agent = CardAgent(parse_card("model: m\nexplore: {epsilon: 1.0}\n", "a"), ScriptedModel({"wait": 9.0}))
    free = {agent.decide(here(), LIVED, seed=seed).chooser for seed in range(8)}
    assert "exploration" in free
    told = Briefing(advice=("wait",))
    assert {agent.decide(here(), LIVED, seed=seed, briefing=told).chooser for seed in range(8)} == {"agent"}
