"""Two agents on the same recorded states: what is asked, in which order, and what the verdicts come to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from play_parts import CaveWorld, TableAgent
from typer.testing import CliRunner

from sandbox import wiring
from sandbox.agent.prompt import option
from sandbox.cli import app
from sandbox.config import Settings
from sandbox.errors import CardError, UsageError
from sandbox.feedback import records
from sandbox.feedback.agreement import statistics
from sandbox.feedback.contest import AnswerPair, Bout, Contest, contests, label, told
from sandbox.feedback.dataset import Material, examples
from sandbox.paths import Home
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.tune.adapters import Adapters, describe
from sandbox.types import Decision, History, Observation


class Stubborn(TableAgent):
    """Wants one command and no other."""

    def __init__(self, name: str, command: str, model: str = "fake@base") -> None:
        super().__init__(name)
        self.command, self.model = command, model

    def decide(self, observation: Observation, history: History, *, seed: int, explore: bool = True) -> Decision:
        assert not explore
        decision = super().decide(observation, history, seed=seed, explore=False)
        commands = [proposal.command for proposal in decision.proposals]
        return replace(decision, chosen=commands.index(self.command))


@pytest.fixture
def session() -> Session:
    made = Session.create(
        Store.memory(), CaveWorld(), {"digger": TableAgent(epsilon=0.5)}, seed=3, annotator="ann"
    )
    for _ in range(12):
        made.step()
    return made


def bout(session: Session, one: str = "dig", other: str = "east", *, seats: tuple[str, ...] = ("digger",)) -> Bout:
    sides = ({seat: Stubborn("a", one) for seat in seats}, {seat: Stubborn("b", other) for seat in seats})
    return Bout(timeline=session.timeline, sides=sides, records=session.store.feedback(), seed=session.seed)


def asked(of: Bout, annotator: str = "bo", seed: int = 0) -> list[AnswerPair]:
    return [pair for pair in of.pairs(annotator, seed) if pair is not None]


def test_each_state_as_perceived_is_put_to_both_once(session: Session) -> None:
    pairs = asked(bout(session))
    seen = [session.timeline.get(pair.state).observations["digger"].state_key for pair in pairs]
    everything = {
        session.timeline.get(node.id).observations["digger"].state_key
        for node in session.timeline.nodes()
        if node.to_move
    }
    assert sorted(seen) == sorted(everything)
    for pair in pairs:
        assert pair.exchanges[-1].reply == session.timeline.get(pair.state).observations["digger"].text
        assert [("dig", "east")[side] for side in pair.sides] == [each.command for each in pair.decisions]
    assert {pair.sides for pair in pairs} == {(0, 1), (1, 0)}


def test_the_order_is_drawn_and_the_seed_gives_it_again(session: Session) -> None:
    order = [(pair.state, pair.sides) for pair in asked(bout(session))]
    assert order == [(pair.state, pair.sides) for pair in asked(bout(session))]
    assert order != [(pair.state, pair.sides) for pair in asked(bout(session), seed=1)]
    assert [state for state, _ in order] != sorted(state for state, _ in order)


def test_equal_answers_are_no_questions(session: Session) -> None:
    found = list(bout(session, "dig", "dig").pairs("bo", 0))
    assert found == [None] * len(asked(bout(session)))
    assert asked(bout(session, seats=("nobody's",))) == []


def test_verdicts_are_counted_for_either_side_and_asked_for_once(session: Session) -> None:
    first, second, third, *_, last = asked(bout(session))
    session.annotator = "bo"
    session.compare(first.state, first.decisions[0], first.decisions[1])
    session.compare(second.state, second.decisions[1], second.decisions[0], verdict="tie", first="worse")
    taken_back = session.compare(third.state, *third.decisions)
    session.retract(taken_back.id)
    session.annotator = "ann"
    session.compare(last.state, *last.decisions, verdict="bad")

    standing = [record for node in session.timeline.nodes() for record in session.feedback(node.id)]
    again = replace(bout(session), records=standing)
    contest = again.standing("bo")
    assert (contest.wins[first.sides[0]], sum(contest.wins), contest.ties, contest.bad) == (1, 1, 1, 0)
    left = {pair.state for pair in asked(again)}
    assert {first.state, second.state} & left == set()
    assert {third.state, last.state} <= left
    assert session.feedback_value(first.state) == 0.0, "nobody did what was compared"


def test_what_was_preferred_becomes_a_pair_to_learn_from(session: Session) -> None:
    first, second, third, *_ = asked(bout(session))
    session.compare(first.state, *first.decisions, latency=1.0)
    session.compare(second.state, *second.decisions, verdict="bad")
    session.compare(third.state, *third.decisions, verdict="tie")
    material = Material.of(session.store)
    (row,) = (example.row for example in examples(material, "dpo"))
    better, worse = first.decisions
    assert row == {"prompt": better.prompt, "chosen": option(better.command), "rejected": option(worse.command)}
    bad = [example.row for example in examples(material, "kto")]
    assert {(row["prompt"], row["completion"], row["label"]) for row in bad} == {
        (second.decisions[0].prompt, option(command), False) for command in ("dig", "east")
    }
    (contest,) = statistics([material]).contests
    assert contest.contestants == (("a", "fake@base"), ("b", "fake@base"))
    assert (sum(contest.wins), contest.ties, contest.bad) == (1, 1, 1)


def test_comparisons_are_merged_where_the_decisions_are_not_known(session: Session) -> None:
    other = Session.create(Store.memory(), CaveWorld(), {"digger": TableAgent(epsilon=0.5)}, seed=3)
    for _ in range(12):
        other.step()
    (pair, *_) = asked(bout(session))
    session.compare(pair.state, *pair.decisions)
    raw = [records.RawRecord.model_validate(each) for each in records.records(Material.of(session.store))]
    assert records.merge(other.store, raw) == {"added": 1, "known": 0, "elsewhere": 0}
    assert records.merge(other.store, raw) == {"added": 0, "known": 1, "elsewhere": 0}
    (merged,) = other.store.feedback()
    assert merged.data["better"]["command"] == pair.decisions[0].command
    assert merged.data["better"]["decision"] is None
    (row,) = (example.row for example in examples(Material.of(other.store), "dpo"))
    assert row["chosen"] == option(pair.decisions[0].command)
    assert statistics([Material.of(each.store) for each in (session, other)]).by_kind == {"comparison": 1}


def test_a_result_in_a_line() -> None:
    lm, tuned = ("lm", "m@base"), ("lm", "m@sft-1")
    contest = Contest(contestants=(lm, tuned))
    assert told(contest) == "lm@base level with lm@sft-1: 0 of 0"
    contest = contest.after("better", 1).after("tie", 0).after("bad", 0)
    assert told(contest) == (
        "lm@sft-1 over lm@base: 1 of 1 (100%, 95% interval 21% to 100%, which may be chance), 1 tie, 1 both bad"
    )
    assert told(replace(contest, wins=(2, 18))).startswith(
        "lm@sft-1 over lm@base: 18 of 20 (90%, 95% interval 70%"
    )
    assert "lm" not in told(contest, blind=True)
    assert contest.share.value == 0.0
    assert label(("q-table", "")) == "q-table"
    assert replace(contest, contestants=(("lm", "m@x"), ("lm", "n@x"))).names == ("lm (m@x)", "lm (n@x)")
    assert contests([]) == ()


def _save(folder: Path) -> Home:
    home = Home.find(folder)
    session = wiring.open_session(
        home, "tutorial", wiring.Players("q-table"), wiring.Models(Settings()), save="friday"
    )
    for _ in range(3):
        session.step()
    session.close()
    return home


def test_two_sides_are_opened_by_name_with_what_they_learned(tmp_path: Path) -> None:
    home = _save(tmp_path)
    wiring.check_contest(home, "friday", ("q-table", "random"))
    with wiring.open_contest(home, Settings(), "friday", ("q-table", "random")) as opened:
        assert opened.contestants == (("q-table", ""), ("random", ""))
        assert list(opened.pairs("bo", 0))
        learned = [agent.dump() for agent in opened.sides[0].values()]
    assert any(name.startswith("learner/") for records in learned for name in records)


def test_on_the_command_line_a_mistake_is_one_line(tmp_path: Path) -> None:
    _save(tmp_path)
    session = wiring.open_session(
        Home(tmp_path), "tutorial", wiring.Players("random"), wiring.Models(Settings()), save="b"
    )
    session.close()
    for arguments, said in (
        (("friday", "--ab", "q-table", "nobody"), "no agent 'nobody'"),
        (("friday", "--ab", "q-table", "q-table"), "are the same"),
        (("--ab", "q-table", "random"), "states of one save"),
        (("friday", "--ab", "q-table", "random"), "needs a terminal"),
    ):
        result = CliRunner().invoke(app, ["--home", str(tmp_path), "rate", *arguments])
        assert isinstance(result.exception, UsageError | CardError)
        assert said in str(result.exception)


def test_sides_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    home = _save(tmp_path)
    adapters = Adapters.of(tmp_path / "saves" / "friday")
    about = describe("sft-1", model="another", method="sft", data="ab" * 32, settings={})
    adapters.publish(about, b"", {})
    for sides, told_ in (
        (("q-table", "q-table"), "are the same"),
        (("q-table", "nobody"), "no agent 'nobody'"),
        (("q-table", "lm@sft-9"), "no adapter 'sft-9'"),
    ):
        with pytest.raises(Exception, match=told_):
            wiring.check_contest(home, "friday", sides)
    for sides, told_ in (
        (("@base", "@sft-1"), "no language model here that could take an adapter"),
        (("lm@sft-1", "lm"), "is for another"),
        (("q-table", str(tmp_path / "q-table.yaml")), "are the same"),
    ):
        (tmp_path / "q-table.yaml").write_text("learner:\n  kind: tabular\n")
        with pytest.raises(UsageError, match=told_), wiring.open_contest(home, Settings(), "friday", sides):
            pass
