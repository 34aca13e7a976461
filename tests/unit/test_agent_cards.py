"""Cards: what loads, and what is said about what does not."""

from pathlib import Path
from typing import Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError, model_validator

from sandbox import marked_yaml
from sandbox.agent import mistakes, reference
from sandbox.agent.cards import MAX_BYTES, Card, load_card, parse_card, schedule
from sandbox.agent.learners import build_learner
from sandbox.errors import CardError
from sandbox.llm.fake import ScriptedModel
from sandbox.paths import bundled

CARDS = sorted((bundled() / "agents").glob("*.yaml"))


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_bundled_cards_load(path: Path) -> None:
    card = load_card(path)
    assert card.name == path.stem
    assert card.description


class Whole(BaseModel):
    low: int
    high: int

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


def test_a_mistake_of_a_card_as_a_whole_has_no_key() -> None:
    document = marked_yaml.read("low: 3\nhigh: 1")
    with pytest.raises(ValidationError) as raised:
        Whole.model_validate(document.data)
    (found,) = mistakes.findings(raised.value, Whole, document)
    assert (found.line, found.key, found.message) == (1, "", "low is above high")


def test_the_four_agents_are_what_they_are_called() -> None:
    cards = {path.stem: load_card(path) for path in CARDS}
    assert {"random", "q-table", "lm", "lm-q"} <= set(cards)
    has = {name: (card.model is not None, card.learner is not None) for name, card in cards.items()}
    assert has["random"] == (False, False)
    assert has["q-table"] == (False, True)
    assert has["lm"] == (True, False)
    assert has["lm-q"] == (True, True)


def test_an_empty_card_is_the_random_agent() -> None:
    assert parse_card("", "nobody") == Card(name="nobody")


def error(text: str) -> str:
    with pytest.raises(CardError) as caught:
        parse_card(text, "scout")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("description: a\nmodle: x", "scout.yaml:2: modle: no such field (did you mean 'model'?)"),
        ("learner:\n  aplha: 0.3", "scout.yaml:2: learner.aplha: no such field (did you mean 'alpha'?)"),
        (
            "learner:\n  kind: tabluar",
            "scout.yaml:2: learner.kind: 'tabluar' is none of tabular, drrn, q-head (did you mean 'tabular'?)",
        ),
        ("explore:\n  method: softmix", "did you mean 'softmax'?"),
        ("learner: {alpha: 2}", "learner.alpha: input should be less than or equal to 1, found 2"),
        ("learner: {alpha: true}", "found True"),
        ("explore:\n\n  epsilon: much", "scout.yaml:3: explore.epsilon: input should be a valid number"),
        ("explore: {epsilon: 1.5}", "epsilon must lie between 0 and 1"),
        ("explore: {epsilon: {start: 1.0, over: 3}}", "explore.epsilon.end: is missing"),
        (
            "explore: {epsilon: {start: 1.0, end: 0.0, over: 9, shape: exponential}}",
            "an exponential ramp needs both ends above 0",
        ),
        ("prompt:\n  head: Find {gaol}", "scout.yaml:2: prompt.head: unknown placeholder {gaol}"),
        ("name: other", "the card is named 'other' but its file 'scout'"),
        ("- a list", "scout.yaml:1: a card is made of"),
        (
            "description: x\nlearner: {kind: q-head}",
            "scout.yaml:2: learner: a q-head reads the hidden states of a language model in this process",
        ),
        (
            "remote: {base_url: 'https://x.example/v1', model: m}\nlearner: {kind: q-head}",
            "scout.yaml:2: learner: a q-head reads",
        ),
        ("talk: {lines: 2}", "talk: an agent without a language model has no words"),
        ("model: m\ntalk: {command: shout}", "talk.command: should have {line} once"),
        ("learner: 3", "scout.yaml:1: learner: expected a block of fields, found 3"),
        ("alpha: [1", "not YAML"),
        ("model: a\nmodel: b", "scout.yaml:2: model: the key is there twice"),
    ],
)
def test_mistakes_are_named_with_line_and_mend(text: str, expected: str) -> None:
    assert expected in error(text)


def test_all_mistakes_are_told_at_once() -> None:
    message = error("modle: x\nlearner:\n  alpha: 7\n  gama: 1\ncombine:\n  method: magic\n")
    assert message.splitlines() == [
        "scout.yaml: 4 mistakes",
        "  line 1: modle: no such field (did you mean 'model'?)",
        "  line 3: learner.alpha: input should be less than or equal to 1, found 7",
        "  line 4: learner.gama: no such field (did you mean 'gamma'?)",
        "  line 6: combine.method: 'magic' is none of additive, standardised, puct, prior, q, top-k, sample-k",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
        "model: !!python/object/apply:os.system [echo]",
        "x: " + "[" * 5000,
        "persona: " + "x" * MAX_BYTES,
        "learner: {gamma: 1" + "0" * 5000 + "}",
    ],
    ids=["aliases", "tag", "nesting", "length", "number"],
)
def test_hostile_cards_are_refused(text: str) -> None:
    assert len(error(text)) < 500


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | st.text("learnerkind:{}[]&*!|>-'\" \n0.", max_size=120))
def test_any_text_is_a_card_or_a_card_error(text: str) -> None:
    try:
        parse_card(text, "fuzz")
    except CardError as problem:
        assert "fuzz.yaml" in str(problem)


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"none\.yaml: the card cannot be read"):
        load_card(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CardError, match=r"binary\.yaml:1: the file is not UTF-8"):
        load_card(tmp_path / "binary.yaml")


def test_a_number_or_a_ramp() -> None:
    card = parse_card("explore: {epsilon: {start: 1, end: 0.1, over: 10}}\ncombine: {prior_weight: 2}", "x")
    assert schedule(card.explore.epsilon).at(steps=0, episodes=5) == pytest.approx(0.55)
    assert schedule(card.combine.prior_weight).at(steps=7, episodes=7) == 2.0


def test_the_starter_card_loads_with_the_defaults() -> None:
    card = parse_card(reference.starter_card("Looks around", model="some-model"), "scout")
    assert card.learner is not None
    assert card == Card(name="scout", description="Looks around", model="some-model", learner=card.learner)
    assert parse_card(reference.starter_card(learner=False), "scout") == Card(name="scout")


def test_the_manual_has_the_current_fields() -> None:
    page = (Path(__file__).parents[2] / "docs" / "agents.md").read_text(encoding="utf-8")
    assert reference.PART.begin in page
    assert reference.updated(page) == page, "run: python -m sandbox.agent.reference docs/agents.md"


def test_each_kind_of_learner_has_fields_of_its_own() -> None:
    card = parse_card("learner: {kind: drrn, n_step: 1, hidden: 8}", "neural")
    assert build_learner(card).__class__.__name__ == "DRRN"
    head = parse_card("model: m\nlearner: {kind: q-head}", "head")
    with pytest.raises(CardError, match=r"head\.yaml: .*scripted@base gives none"):
        build_learner(head, ScriptedModel())
    assert build_learner(parse_card("learner: {}", "table")).__class__.__name__ == "TabularQ"
    assert build_learner(parse_card("", "none")) is None
    assert "learner.trace: no such field" in error("learner: {kind: drrn, trace: 0.5}")
    assert "learner.learing_rate: no such field (did you mean 'learning_rate'?)" in error(
        "learner: {kind: drrn, learing_rate: 0.5}"
    )
