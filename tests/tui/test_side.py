"""The side pane: learning as it happens, the optimum, the map's exits, turns that would go otherwise."""

from __future__ import annotations

import textwrap
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import MakeApp, Weigher, settled, typed, until

from sandbox.config import Settings
from sandbox.llm.state import ServerState
from sandbox.llm.streaming import StoppedError, tell
from sandbox.session import blessed, curves, optimum
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.tui.app import SandboxApp
from sandbox.tui.screens.start import Sitting
from sandbox.tui.widgets.curve import Curve
from sandbox.tui.widgets.header import Header, Title
from sandbox.tui.widgets.learned import Learned
from sandbox.tui.widgets.lessons import Distance, Lessons, ProgressCurve
from sandbox.tui.widgets.mind import Brief, Mind
from sandbox.tui.widgets.panes import Map
from sandbox.tui.widgets.side import SidePane
from sandbox.tui.widgets.timeline import TimelineTree
from sandbox.tune.round_view import RoundView
from sandbox.types import Decision, History, Observation, Transition
from sandbox.world.native import NativeWorld, parse_source

HUT = """
    title: The hut
    seats: {player: {start: hut, goal: Get out with the lamp.}}
    rooms:
      hut: {description: A small hut., exits: {north: yard, up: loft}}
      loft: {description: A loft., exits: {down: hut}}
      yard: {description: A yard., exits: {south: hut}}
    things: {lamp: {at: hut}}
    endings: {out: {when: [{room: yard}, {has: lamp}], won: all, points: 1, say: You are out.}}
    """


class Learner(Weigher):
    """A `Weigher` whose learner can be looked at, as a card's agent's can."""

    def __init__(self) -> None:
        super().__init__()
        self.learner = self.q
        self.model_state = ServerState()
        self.bias = ""
        """A command that it prefers to all others, whatever it has learned."""

    def decide(self, observation: Observation, history: History, *, seed: int, explore: bool = True) -> Decision:
        decision = super().decide(observation, history, seed=seed, explore=explore)
        commands = [proposal.command for proposal in decision.proposals]
        return replace(decision, chosen=commands.index(self.bias)) if self.bias in commands else decision


def hut(folder: Path, agent: Weigher | None, source: str = HUT) -> Session:
    world = NativeWorld(parse_source(textwrap.dedent(source)), "hut")
    if (folder / "save.db").exists():
        return Session.resume(Store.open(folder), world, {"player": agent})
    return Session.create(Store.create(folder), world, {"player": agent}, seed=1)


@pytest.fixture
def hut_app(tmp_path: Path) -> Callable[..., SandboxApp]:
    def make(agent: Weigher, *before: str, animate: bool = False) -> SandboxApp:
        def factory(_say: object) -> Session:
            session = hut(tmp_path / "hut", agent)
            for command in before:
                if session.done:
                    session.new_episode()
                session.act(command)
            return session

        app = SandboxApp(Sitting(factory, Title("hut")), Settings())
        app.animation_level = "full" if animate else "none"
        return app

    return make


def plain(app: SandboxApp, kind: type, name: str = "") -> str:
    return str(app.play.query_one(name or kind, kind).render())


# The optimum.


def test_the_optimum_is_what_bellman_says_and_the_gap_closes(tmp_path: Path) -> None:
    agent = Learner()
    source = HUT.replace("      loft: {description: A loft., exits: {down: hut}}\n", "").replace(", up: loft", "")
    session = hut(tmp_path / "hut", agent, source)
    search = optimum.searching(session, lambda: False)
    assert search is not None
    best = search()
    assert best is not None
    # Taking the lamp and going north wins 1 at once; every turn of delay costs a factor of gamma.
    gap = optimum.gap(session, best)
    assert gap is not None
    assert gap.here[0][0] == "take lamp"
    assert gap.here[0][2] == pytest.approx(0.9)
    assert gap.largest == pytest.approx(1.0)
    for state, q_values in zip(best.states, best.q_values, strict=True):
        for command, value in q_values.items():
            over = replace(state, text="", done=True)
            for _ in range(40):
                agent.q.update(
                    Transition(
                        observation=state, command=command, reward=value, next_observation=over, terminated=True
                    )
                )
    closed = optimum.gap(session, best)
    assert closed is not None
    assert closed.largest == pytest.approx(0.0, abs=1e-6)
    assert closed.here[0][1] == pytest.approx(0.9)
    assert closed.unavoidable == 0
    session.close()


def test_what_looks_alike_cannot_be_told_apart(tmp_path: Path) -> None:
    session = hut(tmp_path / "hut", Learner())
    search = optimum.searching(session, lambda: False)
    best = search() if search else None
    assert best is not None
    # With the lamp left in the loft or in the hut, the yard looks the same: 0.81 or 0.66 to come.
    assert best.unavoidable == pytest.approx((0.9**2 - 0.9**4) / 2)
    session.close()


def test_a_large_world_a_person_and_several_seats_have_no_optimum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = hut(tmp_path / "alone", None)
    assert optimum.searching(alone, lambda: False) is None
    alone.close()
    session = hut(tmp_path / "hut", Learner())
    given_up = optimum.searching(session, lambda: True)
    assert given_up is not None and given_up() is None
    monkeypatch.setattr(optimum, "STATES", 3)
    too_large = optimum.searching(session, lambda: False)
    assert too_large is not None and too_large() is None
    session.close()


async def test_the_lessons_show_curves_and_the_distance_to_the_optimum(hut_app: Callable[..., SandboxApp]) -> None:
    app = hut_app(Learner(), "take lamp", "go north", "go up", "go down", "take lamp", "go north", "go up")
    async with app.run_test(size=(120, 50)) as pilot:
        await settled(pilot)
        await pilot.press("escape", "l")
        await until(pilot, lambda: "won 2 of 2" in plain(app, ProgressCurve, "#reward-title"))
        assert app.play.query_one("#reward", Curve).display
        assert "●" in str(app.play.query_one("#reward", Curve).render())
        await until(pilot, lambda: app.play.query_one(Distance).display)
        assert "go down" in plain(app, Distance)
        assert "max |Q−Q*|" in plain(app, Distance)
        assert not app.play.query_one("#loss", Curve).display
        app.play.follow_round(RoundView(number=3, method="sft", losses=(2.0, 1.0, 0.5)))
        assert app.play.query_one("#loss", Curve).display
        assert "Loss of round 3  0.5" in plain(app, ProgressCurve, "#loss-title")


def test_episodes_are_told_along_the_branch_that_was_visited_last(tmp_path: Path) -> None:
    session = hut(tmp_path / "hut", Learner())
    session.act("go up")
    session.undo()
    session.act("take lamp", decision=session.decide())
    session.act("go north")
    session.new_episode()
    told = curves.curves(session, None).episodes
    assert [(each.number, each.ended, each.won) for each in told] == [(1, True, True), (2, False, False)]
    assert told[0].interventions == 1.0
    assert told[1].interventions == 0.0
    session.close()


# Q on its way.


@pytest.mark.parametrize("animate", [True, False])
async def test_q_moves_from_its_old_value_to_the_new_one(
    hut_app: Callable[..., SandboxApp], animate: bool
) -> None:
    app = hut_app(Learner(), "go up", animate=animate)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        seen: list[float] = []
        learned = app.play.query_one(Learned)
        app.play.watch(learned, "value", lambda value: seen.append(value), init=False)
        await pilot.press("escape", "plus")
        await until(pilot, lambda: learned.display and learned.value == 0.5)
        assert "Q(s, go up) ★" in plain(app, Learned)
        assert "+0.50" in plain(app, Learned)
        between = [value for value in seen if 0 < value < 0.5]
        assert bool(between) == animate


# The map.


async def test_the_map_has_q_on_the_ways_out_and_hides_what_was_not_seen(
    hut_app: Callable[..., SandboxApp],
) -> None:
    app = hut_app(Learner(), "go up", "go down")
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await typed(pilot, "go up")
        await typed(pilot, "/reward 1")
        await typed(pilot, "undo")
        await pilot.press("f4")
        await until(pilot, lambda: "Q of the ways out" in plain(app, Map))
        shown = plain(app, Map)
        ways = shown[shown.index("Q of the ways out") :].splitlines()
        assert ways[1].startswith("up     Loft")
        assert ways[1].endswith("+0.50")
        assert ways[2].startswith("north  ?")
        assert "Yard" not in shown
        assert "2 of 3 rooms seen" in shown


# What would go otherwise.


def test_agents_are_asked_again_about_what_they_decided(tmp_path: Path) -> None:
    agent = Learner()
    session = hut(tmp_path / "hut", agent)
    for _ in range(2):
        decision = session.decide()
        session.act(decision.command, decision=decision, chooser="agent")
    ask = blessed.of_agents(session, lambda: False)
    assert ask() == blessed.ReplayDifference({})
    opening, first, _ = session.timeline.path(session.current.id)
    observation = opening.observations["player"]
    for _ in range(5):
        agent.q.update(
            Transition(
                observation=observation,
                command="take lamp",
                reward=5.0,
                next_observation=observation,
                terminated=True,
            )
        )
    assert blessed.of_agents(session, lambda: False)().turns[first.id] == "take lamp"
    assert blessed.of_agents(session, lambda: True)() == blessed.ReplayDifference({}, complete=False)
    session.close()


def test_an_edited_world_reads_otherwise_where_it_was_blessed(tmp_path: Path) -> None:
    session = hut(tmp_path / "hut", Learner())
    session.act("go up")
    session.act("go down")
    session.bless()
    assert blessed.of_world(session).turns == {}
    session.close()
    edited = hut(tmp_path / "hut", Learner(), HUT.replace("A loft.", "A dusty loft."))
    up = edited.timeline.path_ids(edited.current.id)[1]
    assert blessed.of_world(edited).turns == {up: ""}
    edited.close()


async def test_turns_that_would_go_otherwise_are_red_and_marked(hut_app: Callable[..., SandboxApp]) -> None:
    agent = Learner()
    app = hut_app(agent)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await typed(pilot, "/step")
        await pilot.press("f7")
        await settled(pilot)
        tree = app.play.query_one(TimelineTree)
        assert tree.text.splitlines()[1].startswith("◆ go up")
        agent.bias = "take lamp"
        app.play.adapter_changed()
        await until(pilot, lambda: "≠ take lamp" in tree.text)
        line = tree._line(tree._rows[1])
        assert any("$text-error" in str(span.style) for span in line.spans)
        await pilot.press("home", "enter")
        await settled(pilot)
        assert app.play.controller.view.current.depth == 0


# A model that writes, and one that is away.


class Writer(Weigher):
    """Says what it would do a word at a time, and goes on until it is stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.stopped = threading.Event()

    def decide(self, observation: Observation, history: History, *, seed: int, explore: bool = True) -> Decision:
        words: list[str] = []
        try:
            for word in ("go", "up", "the", "stair", *["again"] * 10_000):
                words.append(word)
                tell([" ".join(words[:4]), "look"])
                if self.go_on.wait(0.005):
                    return super().decide(observation, history, seed=seed, explore=explore)
        except StoppedError:
            self.stopped.set()
            raise
        raise AssertionError("nobody stopped it")


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_words_appear_as_they_are_written_and_esc_stops_them(
    make_app: MakeApp, size: tuple[int, int]
) -> None:
    writer = Writer()
    app = make_app(writer)
    async with app.run_test(size=size) as pilot:
        kind = Brief if size[0] < 100 else Mind
        await until(pilot, lambda: "go up the stair▏" in plain(app, kind))
        await pilot.press("escape", "escape")
        await until(pilot, writer.stopped.is_set)
        assert "stair" not in plain(app, kind)
        assert app.play.controller.decision is None
        writer.go_on.set()
        await pilot.press("a")
        await settled(pilot)
        assert app.play.controller.view.current.depth == 1


async def test_a_model_that_does_not_answer_is_named(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = Learner()
    agent.model_state = ServerState("away", "connection refused")
    app = make_app(agent)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await until(pilot, lambda: "! model away: connection refused" in plain(app, Header))


async def test_tabs_are_turned_by_key(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        side = app.play.query_one(SidePane)
        await pilot.press("escape", "right_square_bracket")
        assert (side.tab, side.display) == ("map-tab", True)
        await pilot.press("left_square_bracket", "left_square_bracket")
        assert side.tab == "learn-tab"
        await pilot.press("escape")
        assert not side.display


async def test_a_proposal_is_picked_with_the_mouse(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        row = next(at for at, line in enumerate(plain(app, Mind).splitlines()) if "take matches" in line)
        await pilot.click(Mind, offset=(6, row))
        await settled(pilot)
        assert app.play.controller.view.current.command == "take matches"


async def test_a_long_pane_is_scrolled_by_key(hut_app: Callable[..., SandboxApp]) -> None:
    app = hut_app(Learner(), *["go up", "go down"] * 12)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("escape", "l")
        lessons = app.play.query_one(Lessons)
        await typed(pilot, "/step")
        await pilot.press("escape", "l", "full_stop")
        await until(pilot, lambda: lessons.scroll_offset.y > 0)
        await pilot.press("comma")
        await until(pilot, lambda: lessons.scroll_offset.y == 0)
