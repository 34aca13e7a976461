"""The agent of a card: what it proposes, how it reranks, chooses, learns and remembers."""

from collections import Counter
from dataclasses import replace

import pytest

from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import load_card, parse_card
from sandbox.agent.learners import build_learner
from sandbox.agent.scripted import ScriptedAgent
from sandbox.errors import SaveError
from sandbox.llm.fake import ScriptedModel
from sandbox.paths import bundled
from sandbox.testing.agent_contract import check_agent
from sandbox.testing.table import TableWorld, to
from sandbox.types import Decision, Exchange, Observation, Transition

HALL = Observation(
    seat="you",
    turn=0,
    text="A hall. A lamp is here.",
    description="A hall. A lamp is here.",
    goal="Bring light.",
    admissible=("go east", "take lamp", "wait"),
)
PRIORS = {"go east": -2.0, "take lamp": -6.0, "wait": -5.0}  # of 2, 2 and 1 words: mean -1, -3, -5
WORLD = TableWorld(
    table={
        "hall": {"go east": to("shed"), "wait": to("hall"), "take lamp": to("lit hall", 1.0)},
        "shed": {"go west": to("hall"), "wait": to("shed")},
        "lit hall": {},
    },
    start="hall",
    wins={"lit hall": ["player"]},
)


def agent(card: str, **given: object) -> CardAgent:
    parsed = parse_card(card, "tested")
    model = given.pop("model", ScriptedModel(PRIORS) if parsed.model else None)
    return CardAgent(parsed, model, build_learner(parsed), **given)  # type: ignore[arg-type]


def decide(who: CardAgent, observation: Observation = HALL, *commands: str, **given: object) -> Decision:
    replies = [Exchange(command=command, reply=f"Nothing {i}.") for i, command in enumerate(commands)]
    history = [Exchange(command="", reply=HALL.text), *replies]
    return who.decide(observation, history, **{"seed": 0, "explore": False, **given})  # type: ignore[arg-type]


def taught(who: CardAgent, command: str, reward: float, observation: Observation = HALL, **given: object) -> None:
    after = replace(observation, text="Nothing.", description="Elsewhere.")
    who.learn(
        Transition(
            observation=observation,
            command=command,
            reward=reward,
            next_observation=after,
            terminated=True,
            **given,  # type: ignore[arg-type]
        )
    )


@pytest.mark.parametrize("name", ["random", "q-table", "drrn", "lm", "lm-q"])
def test_bundled_agents_keep_the_contract(name: str) -> None:
    def make() -> CardAgent:
        card = load_card(bundled() / "agents" / f"{name}.yaml")
        model = (
            ScriptedModel(lambda prompt, option: -float(len(prompt) * 7 % (3 + len(option))))
            if card.model
            else None
        )
        return CardAgent(card, model, build_learner(card), verbs=WORLD.verbs)

    check_agent(make, WORLD, steps=15)


def test_a_sampling_agent_keeps_the_contract() -> None:
    def make() -> CardAgent:
        model = ScriptedModel({}, ["it is dark: take the lamp", "dance", "go east", "wait here"])
        return agent("model: m\npropose: {mode: sample, samples: 3}\nlearner: {}", model=model)

    check_agent(make, WORLD, steps=15)


def test_the_random_card_is_uniform_even_when_evaluated() -> None:
    who = agent("")
    drawn = Counter(decide(who, seed=seed).command for seed in range(600))
    assert set(drawn) == set(HALL.admissible or ())
    assert min(drawn.values()) > 150


def test_the_model_alone_takes_the_likeliest_by_mean() -> None:
    decision = decide(agent("model: m\ncombine: {method: prior}"))
    assert [p.command for p in decision.proposals] == ["go east", "take lamp", "wait"]
    assert [p.prior for p in decision.proposals] == [-1.0, -3.0, -5.0]
    assert decision.command == "go east"
    assert decision.model == "scripted@base"
    assert decision.prompt.endswith("A lamp is here.\n\n>")
    by_sum = decide(agent("model: m\ncombine: {method: prior}\npropose: {normalise: sum}"))
    assert [p.command for p in by_sum.proposals] == ["go east", "wait", "take lamp"]


def test_all_commands_are_scored_in_one_call() -> None:
    model = ScriptedModel(PRIORS)
    decide(agent("model: m", model=model))
    assert len(model.prompts) == 1


def test_repeats_cost_the_prior() -> None:
    who = agent("model: m\ncombine: {method: prior, repeat_penalty: 1.5, repeat_window: 3}")
    assert decide(who, HALL, "go east").command == "go east"
    twice = decide(who, HALL, "go east", "go east")
    assert twice.command == "take lamp"
    assert "has had its turn" in twice.reason
    assert twice.proposals[1].prior == -1.0  # what is shown is the model's own number
    assert decide(who, HALL, "go east", "go east", "wait", "wait").command == "go east"


def test_q_overrules_the_model_and_says_so() -> None:
    who = agent("model: m\nlearner: {}\ncombine: {method: additive}")
    assert decide(who).reason.startswith("the model's favourite")
    taught(who, "take lamp", 8.0)  # Q = 4 after one update with alpha 0.5
    decision = decide(who)
    assert decision.command == "take lamp"
    assert decision.q_values == (4.0, 0.0, 0.0)
    assert decision.scores == (1.0, -1.0, -5.0)
    assert decision.visits == (1, 0, 0)
    assert decision.reason == "Q overruled the model, which preferred 'go east' (−1.00)"
    assert decide(agent("learner: {}")).reason == "drawn at random: nothing tells the commands apart"


def test_a_visited_state_trusts_q_more() -> None:
    who = agent("model: m\nlearner: {alpha: 1}\ncombine: {method: additive, visit_decay: 1}")
    taught(who, "take lamp", 1.0)
    assert decide(who).command == "take lamp"  # half the prior: -1.5 + 1 against -0.5, equal but for the prior
    steady = agent("model: m\nlearner: {alpha: 1}\ncombine: {method: additive}")
    taught(steady, "take lamp", 1.0)
    assert decide(steady).command == "go east"


def test_top_k_never_chooses_what_the_model_excludes() -> None:
    who = agent("model: m\nlearner: {}\ncombine: {method: top-k, top_k: 2}\nexplore: {epsilon: 1}")
    taught(who, "wait", 100.0)
    drawn = {decide(who, seed=seed, explore=True).command for seed in range(60)}
    assert drawn == {"go east", "take lamp"}


def test_exploration_follows_its_schedule_and_says_so() -> None:
    who = agent("model: m\nexplore: {epsilon: {start: 1, end: 0, over: 2}}")
    explored = decide(who, explore=True)
    assert explored.chooser == "exploration"
    assert explored.reason.startswith("explored (epsilon 1)")
    assert decide(who, explore=False).chooser == "agent"
    who.end_episode()
    assert who.epsilon == 0.5
    who.end_episode()
    assert {decide(who, explore=True, seed=seed).command for seed in range(20)} == {"go east"}


def test_feedback_is_no_step_of_the_schedule() -> None:
    who = agent("learner: {}\nexplore: {epsilon: {start: 1, end: 0, over: 4, unit: steps}}")
    taught(who, "wait", 0.0)
    taught(who, "wait", 1.0, source="person")
    assert who.epsilon == 0.75


def test_deciding_changes_nothing_and_repeats_exactly() -> None:
    who = agent("model: m\nlearner: {}\nexplore: {method: softmax, temperature: 3}")
    taught(who, "wait", 1.0)
    before = who.dump()
    first = [replace(decide(who, seed=seed, explore=True), seconds=0) for seed in range(30)]
    assert who.dump() == before
    assert [replace(decide(who, seed=seed, explore=True), seconds=0) for seed in range(30)] == first
    assert len({decision.command for decision in first}) == 3


def test_sampled_lines_become_commands() -> None:
    model = ScriptedModel(PRIORS, ["it is dark: take the lamp", "Go East!", "sing", "take lamp"])
    decision = decide(agent("model: m\npropose: {mode: sample, samples: 4}", model=model))
    found = {p.command: p for p in decision.proposals}
    assert set(found) == {"take lamp", "go east", "sing"}
    assert found["take lamp"].said == "it is dark: take the lamp"
    assert found["take lamp"].prior == -3.0
    assert {p.source for p in decision.proposals} == {"sampled"}
    assert not found["sing"].understood
    hybrid = decide(agent("model: m\npropose: {mode: hybrid, samples: 2}", model=model))
    assert {p.command: p.source for p in hybrid.proposals} == {
        "take lamp": "sampled",
        "go east": "sampled",
        "wait": "admissible",
    }


def test_a_card_lets_the_agent_speak_and_by_default_it_is_silent() -> None:
    model = ScriptedModel(
        PRIORS | {"say The pin is up": -3.0}, ["The pin is up. Go north", '"The pin is up"', " "]
    )
    silent = decide(agent("model: m", model=model))
    assert not any(p.command.startswith("say") for p in silent.proposals)
    talking = agent("model: m\ntalk: {lines: 3}", model=model, verbs=("go", "say"))
    decision = decide(talking)
    assert model.prompts[-2].endswith("> say")
    (spoken,) = [p for p in decision.proposals if p.command.startswith("say")]
    assert (spoken.command, spoken.said, spoken.prior) == ("say The pin is up", "The pin is up", -0.6)
    assert decision.command == "say The pin is up"
    mute = decide(agent("model: m\ntalk: {lines: 3}", model=model, verbs=("go", "take")))
    assert {p.command for p in mute.proposals} == set(HALL.admissible or ())


def test_the_prompt_may_show_the_situation_alone() -> None:
    model = ScriptedModel(PRIORS)
    who = agent("model: m\nprompt: {shows: situation, head: Now}", model=model)
    carrying = replace(HALL, text="Taken.", inventory="You carry a lamp.")
    decide(who, carrying, "take lamp")
    assert model.prompts[-1] == "Now\n\nYou carry a lamp.\nA hall. A lamp is here.\n\n>"


UNLISTED = replace(HALL, admissible=None)


def test_where_nothing_is_listed_the_model_speaks_and_the_state_is_remembered() -> None:
    who = agent("model: m", model=ScriptedModel({}, ["take lamp", "eat lamp"]), verbs=("take", "eat"))
    assert {p.command for p in decide(who, UNLISTED).proposals} == {"take lamp", "eat lamp"}
    taught(who, "rub lamp", 0.0, UNLISTED)
    refused = replace(UNLISTED, text="That's plainly inedible.")
    who.learn(Transition(observation=UNLISTED, command="eat lamp", reward=0.0, next_observation=refused))
    found = {p.command: p.source for p in decide(who, UNLISTED).proposals}
    assert found == {"rub lamp": "known", "take lamp": "sampled"}
    resumed = agent("model: m", model=ScriptedModel({}, ["take lamp", "eat lamp"]))
    resumed.load(who.changes())
    assert {p.command: p.source for p in decide(resumed, UNLISTED).proposals} == found
    forgetful = agent("model: m\npropose: {remember: false}", model=ScriptedModel({}, ["eat lamp"]))
    taught(forgetful, "rub lamp", 0.0, UNLISTED)
    assert [p.command for p in decide(forgetful, UNLISTED).proposals] == ["eat lamp"]


def test_without_model_and_list_the_verbs_are_tried_with_what_is_in_sight() -> None:
    who = agent("learner: {}", verbs=("look", "take", "open"))
    commands = {p.command for p in decide(who, UNLISTED).proposals}
    assert {"look", "take lamp", "open hall"} <= commands
    assert commands == {p.command for p in decide(who, UNLISTED, seed=9).proposals}
    assert decide(agent("learner: {}"), UNLISTED).command in ("look", "wait")
    silent = agent("model: m", model=ScriptedModel({}, []), verbs=())
    assert decide(silent, UNLISTED).command in ("look", "wait")


def test_what_was_learned_comes_back_from_its_records() -> None:
    card = "learner: {trace: 0.5}\nexplore: {epsilon: {start: 1, end: 0, over: 4}}"
    who, stored = agent(card), {}
    for command in ("wait", "take lamp"):
        taught(who, command, 1.0)
        who.end_episode()
        stored |= who.changes()
    assert who.changes() == {}
    resumed = agent(card)
    resumed.load(stored)
    assert resumed.dump() == who.dump()
    assert resumed.epsilon == who.epsilon == 0.5
    assert decide(resumed).q_values == decide(who).q_values
    with pytest.raises(SaveError, match="progress"):
        resumed.load({"progress": b'{"steps": 1}'})
    with pytest.raises(SaveError, match="memory"):
        resumed.load({"memory/00": b"[1]"})


def test_a_script_is_played_line_by_line() -> None:
    who = ScriptedAgent(["go east", "take lamp"], then="wait")
    played = [who.decide(replace(HALL, turn=turn), (), seed=0).command for turn in range(4)]
    assert played == ["go east", "take lamp", "wait", "wait"]
    assert who.decide(HALL, (), seed=0).chooser == "script"
    check_agent(lambda: ScriptedAgent(["wait", "go east", "go west", "take lamp"]), WORLD)


def test_a_past_decision_is_weighed_by_what_is_known_now() -> None:
    who = agent("model: m\nlearner: {alpha: 0.5}\ncombine: {method: additive, repeat_penalty: 1.0}")
    past = decide(who, HALL, "go east")
    replies = (Exchange(command="", reply=HALL.text), Exchange(command="go east", reply="Nothing."))
    assert who.weigh_again(past, HALL, replies) == past.scores
    taught(who, past.proposals[-1].command, 20.0)
    again = who.weigh_again(past, HALL, replies)
    assert max(again) == again[-1] > past.scores[-1]
