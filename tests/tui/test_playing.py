"""Playing on the screen, key by key."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from conftest import Lighthouse, MakeApp, State, Weigher, open_session, screen_text, sees, settled, typed, until
from textual import events
from textual.widgets import Static

from sandbox.errors import WorldError
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.tui import format as fmt
from sandbox.tui.app import SandboxApp
from sandbox.tui.screens.start import Sitting
from sandbox.tui.widgets.header import Header, Title
from sandbox.tui.widgets.learned import Learned
from sandbox.tui.widgets.lessons import Changes, UpdateList
from sandbox.tui.widgets.mind import Mind
from sandbox.tui.widgets.panes import Map
from sandbox.tui.widgets.prompt import Prompt
from sandbox.tui.widgets.status import Status
from sandbox.tui.widgets.timeline import TimelineTree
from sandbox.tui.widgets.transcript import Transcript
from sandbox.types import Decision, History, Observation, Step

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 36)])


def story(app: SandboxApp) -> str:
    return app.play.query_one(Transcript).text


def shown(app: SandboxApp, kind: type[Static | Header | Status]) -> str:
    return str(app.play.query_one(kind).render())


@SIZES
async def test_a_turn_is_played_by_typing(make_app: MakeApp, size: tuple[int, int]) -> None:
    app = make_app(Weigher())
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press(*"take", "space", *"matches", "enter")
        await settled(pilot)
        assert "▲ > take matches  in place of “look”" in story(app)
        assert "  You pocket the matches." in story(app)
        assert "+1 from the world  score 1/3" in story(app)
        assert "turn 1  score 1/3" in shown(app, Header)
        assert "100% yours" in shown(app, Header)
        assert app.play.query_one(Prompt).value == ""


async def test_a_person_alone_is_nobodys_override(make_app: MakeApp) -> None:
    app = make_app(None)
    async with app.run_test() as pilot:
        await settled(pilot)
        await typed(pilot, "go north")
        assert "❯ > go north" in story(app)
        assert "Your turn." in shown(app, Status)
        await pilot.press("f5")
        assert len(app._notifications) == 1


async def test_the_prompt_completes_what_works_here(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test() as pilot:
        await settled(pilot)
        prompt = app.play.query_one(Prompt)
        await pilot.press("t", "a")
        await pilot.pause()
        await pilot.press("right")
        assert prompt.value == "take matches"
        prompt.value = ""
        await pilot.press("tab", "tab")
        assert prompt.value == "look"
        assert all(command in shown(app, Status) for command in ("go north", "look", "take matches"))
        await pilot.press("shift+tab")
        assert prompt.value == "go north"
        await pilot.press("x")
        assert "wants look" in shown(app, Status)
        prompt.value = "matc"
        await pilot.press("tab")
        assert prompt.value == "take matches"
        prompt.value = "/re"
        await pilot.press("tab")
        assert prompt.value == "/reward"


async def test_what_was_typed_comes_back(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test() as pilot:
        await settled(pilot)
        await typed(pilot, "go north")
        await typed(pilot, "go south")
        await pilot.press("d", "r", "up", "up")
        assert app.play.query_one(Prompt).value == "go north"
        await pilot.press("down", "down")
        assert app.play.query_one(Prompt).value == "dr"


@SIZES
async def test_the_agent_shows_what_it_weighs_and_acts(make_app: MakeApp, size: tuple[int, int]) -> None:
    app = make_app(Weigher())
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        mind = shown(app, Mind) if size[0] >= 100 else str(app.play.query_one("#brief").render())
        assert [line[:12] for line in mind.splitlines() if line[:1].isdigit()] == [
            "1 ◆ look    ",
            "2   go north",
            "3   take mat",
        ]
        assert "−3.00" in mind
        assert "−0.30" in mind
        await pilot.press("f5")
        await settled(pilot)
        assert "◆ > look" in story(app)
        assert "0% yours" in shown(app, Header)


async def test_the_agent_runs_and_is_paused(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("f6")
        await until(pilot, lambda: app.play.controller.view.current.depth >= 3)
        assert "running, 20/s at most" in shown(app, Status)
        await pilot.press("f6")
        await settled(pilot)
        stopped_at = app.play.controller.view.current.depth
        await pilot.pause(0.2)
        assert app.play.controller.view.current.depth == stopped_at


async def test_a_number_of_actions_can_be_asked_for(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test() as pilot:
        await settled(pilot)
        await typed(pilot, "/run 3")
        await until(pilot, lambda: not app.play.controller.wanted and not app.play.busy)
        assert app.play.controller.view.current.depth == 3


async def test_the_speed_is_set_by_key_and_by_verb(make_app: MakeApp) -> None:
    app = make_app(Weigher(), speed=2.0)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("escape", "greater_than_sign")
        assert app.play.controller.speed == 4
        await pilot.press("less_than_sign", "less_than_sign")
        assert app.play.controller.speed == 1
        await pilot.press("i")
        await typed(pilot, "/speed 0.5")
        assert app.play.controller.speed == 0.5


async def test_another_proposal_is_picked(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("escape", "3")
        await settled(pilot)
        assert "▲ > take matches  in place of “look”" in story(app)
        await pilot.press("9")
        assert len(app._notifications) == 1


async def test_a_reward_shows_the_update_it_makes(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("escape", "enter")
        await settled(pilot)
        assert "0.00 + 0.5·(0 + 0.9·0.00 − 0.00)" in shown(app, UpdateList)
        await pilot.press("plus")
        await settled(pilot)
        assert "★ +1 from ada" in story(app)
        assert "· Q(s, look): 0.00 + 0.5·(1 + 0.9·0.00 − 0.00) = 0.50" in story(app)
        assert shown(app, UpdateList).startswith("Q(s, look)  ★ yours\n0.00 + 0.5·(1 + 0.9·0.00 − 0.00)\n= 0.50")
        assert "+0.50" in shown(app, Mind)
        await pilot.press("i")
        await typed(pilot, "/reward -0.95 you have been here")
        assert "★ −0.95 from ada  you have been here" in story(app)
        assert "· Q(s, look): 0.50 + 0.5·(0.05 + 0.9·0.50 − 0.50) = 0.50" in story(app)


async def test_after_feedback_it_is_told_what_would_now_be_done_otherwise(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        changes = app.play.query_one(Changes)
        await pilot.press("escape", "enter")
        await settled(pilot)
        assert not changes.display
        await pilot.press("minus")
        await settled(pilot)
        await until(pilot, lambda: changes.display)
        assert "turn 1  look → go north" in shown(app, Changes)


async def test_undo_redo_and_another_try(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await typed(pilot, "go north")
        await typed(pilot, "undo")
        assert "> go north" not in story(app)
        await typed(pilot, "redo")
        assert "> go north" in story(app)
        await pilot.press("escape", "u")
        await settled(pilot)
        await pilot.press("i")
        await typed(pilot, "take matches")
        tree = app.play.query_one(TimelineTree)
        assert tree.text.splitlines() == ["episode 1", "├╴▲ take matches +1 =1 ◂ here", "▲ go north"]
        await typed(pilot, "undo")
        await typed(pilot, "go north")
        await typed(pilot, "go up")
        assert tree.text.splitlines() == [
            "episode 1",
            "├╴▲ take matches +1 =1",
            "├╴▲ go north",
            "│ ▲ go up ◂ here",
            "▲ go north",
        ]


async def test_the_timeline_leads_anywhere(make_app: MakeApp) -> None:
    app = make_app(Weigher(), before=["take matches", "go north", "go up"])
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("f7")
        await settled(pilot)
        await pilot.press("up", "up", "enter")
        await settled(pilot)
        assert app.play.controller.view.current.command == "take matches"
        assert "> go north" not in story(app)
        await pilot.press("U", "U")
        await settled(pilot)
        assert app.play.controller.view.current.command == "go up"


async def test_turns_are_bookmarked_and_blessed(make_app: MakeApp) -> None:
    app = make_app(Weigher(), before=["take matches"])
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)

        def label() -> str:
            return app.play.query_one(TimelineTree).text.splitlines()[1]

        await pilot.press("escape", "m", "b")
        await settled(pilot)
        assert label() == "▲ take matches +1 =1 ◂ here ⚑take matches 1 ✓"
        await pilot.press("m", "b")
        await settled(pilot)
        assert "⚑" not in label()
        assert "✓" not in label()
        await pilot.press("i")
        await typed(pilot, "/bookmark before the storm")
        await typed(pilot, "/bless")
        assert "⚑before the storm" in label()
        assert "✓" in label()


async def test_other_tries_of_a_turn_are_a_key_away(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test() as pilot:
        await settled(pilot)
        for line in ("go north", "undo", "look", "undo", "take matches"):
            await typed(pilot, line)
        assert "(try 3 of 3)" in shown(app, Header)
        await pilot.press("escape", "left")
        await settled(pilot)
        assert "> look" in story(app)
        await pilot.press("right", "right")
        await settled(pilot)
        assert "> go north" in story(app)
        assert "(try 1 of 3)" in shown(app, Header)


async def test_a_proposal_is_edited_and_an_action_corrected(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("escape", "e", "x")
        prompt = app.play.query_one(Prompt)
        assert prompt.value == "lookx"
        await typed(pilot, "go north")
        assert "▲ > go north  in place of “look”" in story(app)
        await pilot.press("escape", "E")
        assert prompt.value == "/correct go north"
        await typed(pilot, "/correct take matches")
        assert "★ should have been “take matches”" in story(app)
        assert "Q(s, go north): 0.00 + 0.5·(−1" in story(app)


async def test_credit_preference_and_taking_back_have_keys(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test() as pilot:
        await settled(pilot)
        for line in ("look", "go north"):
            await typed(pilot, line)
        await pilot.press("escape", "c")
        assert app.play.query_one(Prompt).value == "/credit -1 "
        await typed(pilot, "/credit -1 no need")
        assert "★ −1 from ada, in part for 1 turn before  no need" in story(app)
        await pilot.press("escape", "r")
        await settled(pilot)
        assert "★" not in story(app)
        await pilot.press("i")
        await typed(pilot, "undo")
        await typed(pilot, "take matches")
        await pilot.press("escape", "p")
        await settled(pilot)
        assert app.play.controller.view.updates[-1].source == "person"
        said = [record for records in app.play.controller.view.feedback.values() for record in records]
        assert [(record.kind, record.data["better"] > record.data["worse"]) for record in said] == [
            ("preference", True)
        ]


async def test_proposals_tie_or_are_all_bad(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("escape", "equals_sign")
        await until(pilot, lambda: len(app._notifications) == 1)
        await pilot.press("3")
        await settled(pilot)
        await pilot.press("equals_sign", "0")
        await settled(pilot)
        assert "★ “look” and “take matches” are equally good" in story(app)
        assert "★ neither “look” nor “take matches” is any good" in story(app)


async def test_a_digit_after_a_reward_says_why(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("escape", "enter")
        await settled(pilot)
        await pilot.press("minus")
        await settled(pilot)
        assert "1 loop" in shown(app, Status)
        await pilot.press("2")
        await settled(pilot)
        assert "✎ ignores goal" in story(app)
        assert app.play.controller.view.current.depth == 1
        await pilot.press("2")
        await settled(pilot)
        assert app.play.controller.view.current.depth == 2


@SIZES
async def test_a_glimpse_shows_what_would_happen_and_changes_nothing(
    make_app: MakeApp, size: tuple[int, int]
) -> None:
    app = make_app(Weigher())

    def told() -> str:
        text = shown(app, Mind) if size[0] >= 100 else story(app)
        return " ".join(text.replace("┊", "").split())

    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press("escape", "g", "g", "g")
        await until(pilot, lambda: "You pocket the matches." in told())
        assert "+1" in told()
        assert size[0] < 100 or "The lighthouse stands black" in told()
        assert app.play.controller.view.current.depth == 0
        assert app.play.controller.view.observation.score == 0
        await pilot.press("i")
        await typed(pilot, "/glimpse light lamp")
        await until(pilot, lambda: "You cannot light lamp here." in story(app))
        await typed(pilot, "look")
        assert "pocket" not in shown(app, Mind) + story(app)


async def test_the_map_is_read_off_the_story_where_the_world_has_none(make_app: MakeApp) -> None:
    app = make_app(Weigher(), before=["look", "go north", "go up", "go down"])
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("f4")
        await until(pilot, lambda: "Kitchen" in shown(app, Map))
        drawn = shown(app, Map)
        assert drawn.index("Lamp room") < drawn.index("┃ Yard") < drawn.index("│ Kitchen")
        assert "Lamp room ↔ Yard" in drawn or "Yard ↔ Lamp room" in drawn
        await typed(pilot, "go south")
        await until(pilot, lambda: "┃ Kitchen" in shown(app, Map))


async def test_a_comment_costs_no_turn(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test() as pilot:
        await settled(pilot)
        await typed(pilot, "* it smells of tar")
        assert "✎ it smells of tar" in story(app)
        assert app.play.controller.view.current.depth == 0


async def test_a_comment_leaves_the_agent_thinking(make_app: MakeApp) -> None:
    gate = threading.Event()
    thinker = Weigher(gate=gate)
    app = make_app(thinker)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.play.controller.view)
        app.play.query_one(Prompt).value = "* take your time"
        await pilot.press("f5", "enter")
        await until(pilot, lambda: "✎ take your time" in story(app))
        gate.set()
        await until(pilot, lambda: app.play.controller.view.current.depth)
        await settled(pilot)
        assert "◆ > look" in story(app)
        assert thinker.decisions == 2


async def test_a_game_is_left_and_comes_back(make_app: MakeApp, save: Path) -> None:
    app = make_app(Weigher())
    async with app.run_test() as pilot:
        await settled(pilot)
        await typed(pilot, "take matches")
        await typed(pilot, "* good")
        await typed(pilot, "/step")
        before = story(app)
        await pilot.press("ctrl+q")
    assert app.return_value is None
    again = make_app(Weigher())
    async with again.run_test() as pilot:
        await settled(pilot)
        assert story(again) == before
        assert "turn 2  score 1/3" in shown(again, Header)


async def test_the_end_is_told_and_another_episode_begins(make_app: MakeApp) -> None:
    app = make_app(Weigher(), before=["take matches", "go north", "go up"])
    async with app.run_test() as pilot:
        await settled(pilot)
        await typed(pilot, "light lamp")
        assert "━━━ Won · 3/3 in 4 turns ━━━" in story(app)
        assert "The episode is over." in shown(app, Status)
        await pilot.press("f5")
        assert len(app._notifications) == 1
        await typed(pilot, "/restart")
        assert "Won" not in story(app)
        assert "episode 2  turn 0" in shown(app, Header)


# A slow agent.


async def test_typing_goes_on_while_the_agent_thinks_and_esc_cancels(make_app: MakeApp) -> None:
    gate = threading.Event()
    slow = Weigher(gate=gate)
    app = make_app(slow)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.play.controller.view)
        await pilot.press(*"look")
        assert app.play.query_one(Prompt).value == "look"
        await until(pilot, lambda: "q-table is thinking" in shown(app, Status))
        await pilot.press("f5", "escape")
        assert "Stopped." in shown(app, Status)
        gate.set()
        await until(pilot, lambda: slow.decisions)
        await pilot.pause(0.1)
        assert app.play.controller.decision is None
        assert app.play.controller.view.current.depth == 0
        await pilot.press("a")
        await settled(pilot)
        assert "◆ > look" in story(app)


async def test_thinking_ahead_goes_on_when_the_prompt_is_left(make_app: MakeApp) -> None:
    gate = threading.Event()
    app = make_app(Weigher(gate=gate))
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.play.controller.view)
        await pilot.press("escape")
        await until(pilot, lambda: "q-table is thinking" in shown(app, Status))
        await pilot.press("escape")
        assert "Stopped." in shown(app, Status)
        gate.set()


async def test_a_person_need_not_wait_for_a_thinking_agent(make_app: MakeApp) -> None:
    gate = threading.Event()
    slow = Weigher(gate=gate)
    app = make_app(slow)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.play.controller.view)
        await pilot.press(*"look", "enter")
        await until(pilot, lambda: app.play.controller.view.current.depth)
        await pilot.pause()
        assert "> look" in story(app)
        assert slow.decisions == 0
        gate.set()


# What goes wrong.


async def test_what_cannot_be_done_is_said_in_a_line(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test(notifications=True) as pilot:
        await settled(pilot)
        for line, said in (
            ("/reward 1", "nobody has acted yet"),
            ("undo", "nothing to undo"),
            ("/dance", "there is no /dance"),
            ("/pick 7", "there is no proposal 7"),
            ("/reward much", "'much' is not a number"),
            ("look", ""),
            ("/reward 9", "less than or equal to 2"),
        ):
            await typed(pilot, line)
            await until(pilot, lambda said=said: any(said in notice.message for notice in app._notifications))
        assert "> look" in story(app)
        assert "★" not in story(app)


async def test_a_fault_in_the_agent_is_shown_and_the_game_goes_on(make_app: MakeApp) -> None:
    class Faulty(Weigher):
        def decide(
            self, observation: Observation, history: History, *, seed: int, explore: bool = True
        ) -> Decision:
            if self.decisions == 0:
                self.decisions += 1
                raise ZeroDivisionError("no [weights]")
            return super().decide(observation, history, seed=seed, explore=explore)

    app = make_app(Faulty())
    async with app.run_test() as pilot:
        await settled(pilot)
        assert "· Something went wrong: ZeroDivisionError: no [weights]" in story(app)
        await pilot.press("f5")
        await settled(pilot)
        assert "◆ > look" in story(app)


async def test_a_game_that_cannot_be_opened_ends_with_its_error() -> None:
    def factory(_say: Callable[[str], None]) -> Session:
        raise WorldError("no such world", where="worlds/atlantis", hint="sandbox world list")

    app = SandboxApp(Sitting(factory, Title("atlantis")))
    async with app.run_test() as pilot:
        await until(pilot, lambda: app._exit)
    assert isinstance(app.return_value, WorldError)
    assert app.return_code == 2


async def test_the_prompt_is_there_before_the_game_is(save: Path) -> None:
    gate = threading.Event()

    def factory(say: Callable[[str], None]) -> Session:
        say("trimming the wick")
        assert gate.wait(20)
        return open_session(save, None)

    app = SandboxApp(Sitting(factory, Title("lighthouse"), notice=lambda: "the model is missing"))
    async with app.run_test() as pilot:
        await pilot.press(*"look")
        assert app.play.query_one(Prompt).value == "look"
        await until(pilot, lambda: "Opening lighthouse: trimming the wick" in shown(app, Status))
        assert "the model is missing" in story(app)
        await pilot.press("enter", *"go", "space", *"north", "enter", *"* a smell", "enter")
        assert app.play.query_one(Prompt).value == ""
        assert "3 wait: look · go north · a smell" in shown(app, Status)
        gate.set()
        await settled(pilot)
        assert [turn.command for turn in app.play.controller.view.path[1:]] == ["look", "go north"]
        assert story(app).index("❯ > look") < story(app).index("❯ > go north") < story(app).index("✎ a smell")


async def test_a_step_and_a_line_typed_behind_it_are_done_in_order(make_app: MakeApp) -> None:
    gate = threading.Event()
    app = make_app(Weigher(gate=gate))
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.play.controller.view)
        await pilot.press(*"/step", "enter", *"/pick", "space", "2", "enter", *"go north", "enter")
        assert "2 wait: /pick 2 · go north" in shown(app, Status)
        gate.set()
        await until(pilot, lambda: app.play.controller.view.current.depth == 3)
        assert [turn.chooser for turn in app.play.controller.view.path[1:]] == ["agent", "person", "person"]
        assert app.play.controller.view.current.command == "go north"


async def test_rewards_typed_fast_are_steps_of_their_own(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("escape", "enter")
        await settled(pilot)
        seen: list[str] = []
        learned = app.play.query_one(Learned)
        show = learned.show
        learned.show = lambda updates: (seen.extend(fmt.short(each.after) for each in updates), show(updates))  # type: ignore[method-assign]
        await pilot.press("plus", "plus", "minus")
        await settled(pilot)
        assert story(app).count("★ +1 from ada") == 2
        assert story(app).count("★ −1 from ada") == 1
        assert len(seen) == 3
        assert len({*re.findall(r"Q\(s, look\): .+", story(app))}) == 3


@SIZES
async def test_after_a_reward_the_footer_says_what_digits_mean(make_app: MakeApp, size: tuple[int, int]) -> None:
    app = make_app(Weigher())
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press("escape", "enter")
        await settled(pilot)
        await until(pilot, lambda: "1-9 Pick" in screen_text(app))
        await pilot.press("plus")
        await settled(pilot)
        await until(pilot, lambda: "1-5 Why" in screen_text(app))
        await pilot.press("1")
        await settled(pilot)
        assert "✎ progress" in story(app)
        await until(pilot, lambda: "1-9 Pick" in screen_text(app))


@dataclass(frozen=True)
class Page(State):
    """A page of a book that is turned by single keys, and closed by q."""

    open: bool = False


class Library(Lighthouse):
    """`read` opens a book, in which keys are heard and lines are not."""

    def initial(self, seed: int) -> State:
        return Page()

    def wants_key(self, state: State) -> bool:
        return isinstance(state, Page) and state.open

    def step(self, state: State, seat: str, command: str) -> Step[State]:
        if self.wants_key(state):
            said = f"You press {command}."
            return Step(state=replace(state, said=said, turn=state.turn + 1, open=command != "q"))
        if command == "read":
            return Step(state=replace(state, said="A book.", turn=state.turn + 1, open=True))
        return super().step(state, seat, command)

    def load(self, data: bytes) -> State:
        return Page(**json.loads(data))


async def test_keys_go_to_a_story_that_waits_for_one(save: Path) -> None:
    def factory(_say: Callable[[str], None]) -> Session:
        return Session.create(Store.create(save), Library(), {"keeper": None}, seed=1)

    app = SandboxApp(Sitting(factory, Title("library")))
    async with app.run_test() as pilot:
        await settled(pilot)
        await typed(pilot, "read")
        assert "The story waits for a key" in shown(app, Status)
        await pilot.press("n", "space", "down", "/", "enter")
        await settled(pilot)
        path = [turn.command for turn in app.play.controller.view.path[1:]]
        assert path == ["read", "n", "space", "down", "/", "enter"]
        await pilot.press("escape", "u")
        await settled(pilot)
        assert app.play.controller.view.current.command == "/"
        await pilot.press("i", "q")
        await settled(pilot)
        assert "waits for a key" not in shown(app, Status)
        await pilot.press(*"look", "enter")
        await settled(pilot)
        assert app.play.controller.view.current.command == "look"


async def test_what_is_typed_right_after_the_key_that_leads_to_the_prompt_is_text(make_app: MakeApp) -> None:
    app = make_app(None)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("escape")
        for key in ("i", *"look", "enter", *"go"):
            app.post_message(events.Key(key, "\r" if key == "enter" else key))
        await until(pilot, lambda: app.play.query_one(Prompt).value == "go")
        await settled(pilot)
        assert [turn.command for turn in app.play.controller.view.path[1:]] == ["look"]


async def test_pasted_lines_are_commands_when_that_is_meant(make_app: MakeApp) -> None:
    app = make_app(None)
    async with app.run_test() as pilot:
        await settled(pilot)
        prompt = app.play.query_one(Prompt)
        await pilot.press(*"take ")
        prompt.post_message(events.Paste("matches\n\ngo north\ngo up"))
        await sees(pilot, "Play 3 commands?")
        await sees(pilot, "take matches")
        await pilot.press("escape")
        await pilot.pause()
        assert app.play.controller.view.current.depth == 0
        assert prompt.value == "take "
        prompt.post_message(events.Paste("matches\r\ngo north\r\n"))
        await sees(pilot, "Play 2 commands?")
        await pilot.press("enter")
        await until(pilot, lambda: app.play.controller.view.current.depth == 2)
        assert [turn.command for turn in app.play.controller.view.path[1:]] == ["take matches", "go north"]
        assert prompt.value == ""
        prompt.post_message(events.Paste("go up\n"))
        await pilot.pause()
        assert prompt.value == "go up", "one line is only text"


async def test_a_session_is_used_on_one_thread_only(save: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()
    for method in ("act", "rate", "undo", "close", "feedback"):
        original = getattr(Session, method)

        def watched(self: Session, *args: object, _original=original, **more: object) -> object:
            threads.add(threading.get_ident())
            return _original(self, *args, **more)

        monkeypatch.setattr(Session, method, watched)

    def factory(_say: Callable[[str], None]) -> Session:
        threads.add(threading.get_ident())
        return Session.create(Store.create(save), Lighthouse(), {"keeper": Weigher()}, seed=1)

    app = SandboxApp(Sitting(factory, Title("lighthouse")))
    async with app.run_test() as pilot:
        await settled(pilot)
        for line in ("look", "/reward 1", "undo", "* hm", "/step"):
            await typed(pilot, line)
    assert len(threads) == 1
    assert threading.get_ident() not in threads
