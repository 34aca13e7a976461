"""How the screen looks: sizes, colours, other people's text, keys and their names."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MakeApp, Weigher, open_session, screen_text, sees, settled, typed, until
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.content import Content

from sandbox.session.commands import TABLE, VERBS, parse
from sandbox.session.completion import candidates
from sandbox.tui.app import SandboxApp
from sandbox.tui.keys import KEYS
from sandbox.tui.palette import KeyCommands
from sandbox.tui.screens.curtain import Curtain
from sandbox.tui.screens.help import HelpScreen, page
from sandbox.tui.screens.play import PlayScreen
from sandbox.tui.screenshot import screenshot
from sandbox.tui.story import Block, Paragraph
from sandbox.tui.widgets.mind import Brief, brief, mind
from sandbox.tui.widgets.prompt import Prompt
from sandbox.tui.widgets.side import SidePane
from sandbox.tui.widgets.timeline import TimelineTree
from sandbox.tui.widgets.transcript import Transcript
from sandbox.types import Decision, Proposal


def lines(app: App[object]) -> list[str]:
    """The screen, as text."""
    return screen_text(app).split("\n")


async def test_text_that_looks_like_markup_is_shown_as_it_is(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await typed(pilot, "look at [red]nothing[/red]")
        await typed(pilot, "* a [bold] thought")
        await pilot.press("f7")
        await settled(pilot)
        shown = "\n".join(lines(app))
        assert "A [red] sign hangs by the door:" in shown
        assert "> look at [red]nothing[/red]" in shown
        assert "a [bold] thought" in shown
        tree = app.play.query_one(TimelineTree)
        assert "look at [red]nothing[/red]" in tree.text


async def test_a_narrow_timeline_cuts_the_command_and_not_where_one_is(make_app: MakeApp) -> None:
    app = make_app(None, before=["take matches", "examine the sign that hangs by the door"])
    async with app.run_test(size=(36, 24)) as pilot:
        await settled(pilot)
        await pilot.press("f7")
        await sees(pilot, "… ◂ here")


async def test_at_80_by_24_all_that_matters_is_in_sight(make_app: MakeApp) -> None:
    app = make_app(Weigher(), before=["take matches"])
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        shown = lines(app)
        assert len(shown) == 24
        assert "The Lighthouse" in shown[0]
        assert "q-table" in shown[0]
        assert "wants look" in shown[18]
        assert shown[19].startswith(" 1 ◆ look")
        assert shown[21].strip() == ""
        assert shown[22].startswith(" ❯ What do you do?")
        assert "F5 Step" in shown[23]
        await pilot.press("f2")
        await pilot.pause()
        shown = lines(app)
        assert "Timeline" in shown[1]
        assert shown[22].startswith(" ❯ What do you do?")


async def test_resizing_loses_nothing(make_app: MakeApp) -> None:
    app = make_app(Weigher(), before=["take matches", "go north"])
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press(*"look")
        side = app.play.query_one("#side", SidePane)
        side.open("world-tab")
        await pilot.pause()
        before = app.play.query_one(Transcript).text
        assert side.display
        assert not app.play.query_one(Brief).display
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert not side.display
        assert app.play.query_one(Brief).display
        assert app.play.query_one(Transcript).text != before
        assert any("❯ look" in line for line in lines(app))
        await pilot.resize_terminal(120, 36)
        await pilot.pause()
        assert app.play.query_one(Transcript).text == before
        assert app.play.query_one(Prompt).value == "look"
        assert side.tab == "world-tab"
        assert "Light the lamp before the storm" in "\n".join(lines(app))


async def test_the_reader_who_scrolled_up_is_left_there(make_app: MakeApp) -> None:
    app = make_app(Weigher(), before=["look"] * 12)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        transcript = app.play.query_one(Transcript)
        assert transcript.is_vertical_scroll_end
        transcript.scroll_to(y=5, animate=False)
        await typed(pilot, "look")
        assert transcript.scroll_offset.y == 5
        transcript.scroll_end(animate=False)
        await typed(pilot, "look")
        await pilot.pause()
        assert transcript.is_vertical_scroll_end


async def test_a_lower_window_still_shows_the_end(make_app: MakeApp) -> None:
    app = make_app(Weigher(), before=["look"] * 12)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        transcript = app.play.query_one(Transcript)
        await pilot.resize_terminal(120, 26)
        await until(pilot, lambda: transcript.size.height < 26 and transcript.is_vertical_scroll_end)
        transcript.scroll_to(y=3, animate=False)
        await pilot.resize_terminal(120, 24)
        await pilot.pause()
        assert transcript.scroll_offset.y == 3


async def test_a_long_story_opens_at_its_end_and_is_wrapped_meanwhile() -> None:
    told: list[int] = []

    def block(number: int) -> Block:
        def tell() -> list[Paragraph]:
            told.append(number)
            return [Paragraph(Content(f"turn {number} " + "and on " * 30))]

        return Block(number, tell)

    class Reader(App[None]):
        def compose(self) -> ComposeResult:
            yield Transcript()

    blocks = [block(number) for number in range(3000)]
    app = Reader()
    async with app.run_test(size=(80, 24)) as pilot:
        transcript = app.query_one(Transcript)
        transcript.show(blocks)
        assert len(told) < 100, "only what can be seen is wrapped at once"
        await pilot.pause()
        assert "turn 2999" in "\n".join(lines(app))
        transcript.scroll_to(y=transcript.scroll_offset.y - 10, animate=False)
        await pilot.pause()
        beside_the_scrollbar = slice(0, -2)
        seen = [line[beside_the_scrollbar] for line in lines(app)]
        await until(pilot, lambda: len(told) == 3000)
        now = [line[beside_the_scrollbar] for line in lines(app)]
        assert now == seen, "what is wrapped above does not move what is read"
        transcript.show([*blocks, block(3000)])
        assert told.count(2999) == 1
        assert told[-1] == 3000
        assert transcript.text.startswith("  turn 0 and on")
        await pilot.press("home")
        await pilot.pause()
        assert "turn 0 " in lines(app)[0]


async def test_without_colour_nothing_is_lost(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app(Weigher())
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await typed(pilot, "take matches")
        await pilot.press("f5")
        await settled(pilot)
        colours = set(re.findall(r"#[0-9a-f]{6}", app.export_screenshot()))
        window = {"#ff5f57", "#febc2e", "#28c840", "#c5c8c6"}
        assert len(colours - window) > 3
        assert not [each for each in colours - window if len({each[1:3], each[3:5], each[5:7]}) > 1]
        shown = "\n".join(lines(app))
        assert "▲ > take matches" in shown
        assert "◆ > look" in shown
        assert "━" in shown


@pytest.mark.parametrize(
    "theme", ["textual-light", "ansi-dark", "high-contrast", "high-contrast-light", "colour-blind-safe"]
)
async def test_themes(make_app: MakeApp, theme: str) -> None:
    app = make_app(Weigher())
    async with app.run_test(size=(120, 36)) as pilot:
        app.theme = theme
        await settled(pilot)
        await pilot.press("f5")
        await settled(pilot)
        assert "◆ > look" in "\n".join(lines(app))


def test_wide_characters_align() -> None:
    commands = ("拿起灯笼", "look", "👩‍🚀 wave", "x" * 90)
    decision = Decision(
        seat="a",
        state_key="",
        proposals=tuple(Proposal(command=command, prior=-1.0) for command in commands),
        q_values=(1.0, -0.5, 0.0, 0.0),
        scores=(0.5, 0.25, 0.0, 0.0),
        visits=(3, 0, 12, 0),
        chosen=0,
    )
    assert {cell_len(line.plain) for line in mind(decision, 31) if line.plain} == {31}
    assert {cell_len(line.plain) for line in brief(decision, 78)} == {78}


async def test_chinese_wraps_within_the_width(make_app: MakeApp) -> None:
    app = make_app(Weigher(), before=["go north", "go up"])
    async with app.run_test(size=(40, 20)) as pilot:
        await settled(pilot)
        text = app.play.query_one(Transcript).text
        assert "灯塔里很安静。" in text.replace("\n", "").replace("  ", "")
        assert max(cell_len(line) for line in text.splitlines()) <= 38


# Keys.


def test_every_binding_has_a_name_and_says_what_it_does() -> None:
    own = [*SandboxApp.BINDINGS, *PlayScreen.BINDINGS, *Prompt.BINDINGS, *Transcript.BINDINGS]
    own += [*HelpScreen.BINDINGS, *Curtain.BINDINGS, *TimelineTree.BINDINGS]
    assert len(own) > 30
    assert all(isinstance(binding, Binding) and binding.id and binding.tooltip for binding in own)
    ids = [binding.id for binding in own if isinstance(binding, Binding)]
    assert len(ids) == len(set(ids))


def test_every_key_does_something() -> None:
    for key in KEYS:
        action = re.fullmatch(r"(\w+)(\(.*\))?", key.action)
        assert action, key
        assert hasattr(PlayScreen, f"action_{action[1]}") or hasattr(SandboxApp, f"action_{action[1]}"), key


async def test_every_verb_of_the_table_is_typed_completed_helped_offered_and_in_the_manual(
    make_app: MakeApp,
) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "playing.md").read_text(encoding="utf-8")
    told = page().plain
    app = make_app(Weigher())
    async with app.run_test() as pilot:
        await settled(pilot)
        provider = KeyCommands(app.play)
        for verb in VERBS:
            typed = parse(verb.begins)
            assert typed is not None
            assert TABLE[typed.verb] is verb
            assert verb.usage in told
            assert f"| `{verb.usage}` | {verb.help} |" in manual
            assert verb.prefix or f"/{verb.name}" in candidates(None, None, "/")
            named = [key.help for key in verb.keys if not key.app] or [verb.help]
            for sentence in named:
                assert sentence in {str(hit.text) async for hit in provider.search(sentence)}


def test_no_key_is_one_that_terminals_eat() -> None:
    eaten = {f"ctrl+{letter}" for letter in "bhijm"} | {"ctrl+enter", "shift+enter"}
    assert not [key for key in KEYS if key.key in eaten or key.key.startswith("alt+")]


def test_no_key_does_two_things() -> None:
    used = [key.key for key in KEYS if key.key != "escape"]
    assert [key for key in used if used.count(key) > 1] == []


async def test_keys_can_be_given_another_place(make_app: MakeApp) -> None:
    app = make_app(Weigher(), keys={"step": "f10", "dance": "d"})
    async with app.run_test() as pilot:
        await settled(pilot)
        assert ["dance" in notice.message for notice in app._notifications] == [True]
        await pilot.press("f10")
        await settled(pilot)
        assert app.play.controller.view.current.depth == 1


async def test_a_game_without_a_start_screen_says_how_to_come_to_one(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test() as pilot:
        await settled(pilot)
        await typed(pilot, "/start")
        told = [notice.message for notice in app._notifications]
        assert told == ["Leave with /quit first; then:  sandbox play"]


async def test_the_footer_tells_the_keys_that_apply(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert "Reward" not in lines(app)[-1]
        assert "Esc Decide" in lines(app)[-1]
        await pilot.press("escape")
        await until(pilot, lambda: "i Prompt" in lines(app)[-1])
        assert "Reward" not in lines(app)[-1], "nobody has acted yet"
        await pilot.press("enter")
        await until(pilot, lambda: "+ Reward" in lines(app)[-1])
        assert "u Undo" in lines(app)[-1]


async def test_a_narrow_footer_leaves_out_whole_keys(make_app: MakeApp) -> None:
    app = make_app(Weigher(), before=["look"])
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await until(pilot, lambda: lines(app)[-1].rstrip().endswith("F9 Learn"))
        assert "F5 Step" in lines(app)[-1]
        await pilot.resize_terminal(60, 24)
        await until(pilot, lambda: "F9 Learn" in lines(app)[-1] and "F4 Map" not in lines(app)[-1])


async def test_the_prompt_owns_printable_keys(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("1", "plus", "minus", "u", "A", "question_mark")
        assert app.play.query_one(Prompt).value == "1+-uA?"
        assert app.screen is app.play


async def test_everything_a_key_does_is_in_the_palette(make_app: MakeApp) -> None:
    app = make_app(Weigher())
    async with app.run_test() as pilot:
        await settled(pilot)
        provider = KeyCommands(app.play)
        every = {key.help for key in KEYS if key.scope != "app"}
        found = set()
        for helped in every:
            found |= {str(hit.text) async for hit in provider.search(helped)}
        actions = {key.action for key in KEYS if key.scope != "app"}
        assert len(found & every) == len(actions)
        await pilot.press("ctrl+p")
        await pilot.press(*"actonce")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await settled(pilot)
        assert app.play.controller.view.current.depth == 1


async def test_help_names_every_key_and_verb(make_app: MakeApp) -> None:
    text = page().plain
    assert all(verb.usage in text for verb in VERBS)
    assert all(key.help in text for key in KEYS if not key.id.startswith("pick-"))
    wrapped = page(60).plain.splitlines()
    assert max(map(len, wrapped)) <= 60
    assert not [line for line in wrapped if line and line[0] != " " and " " * 3 in line]
    app = make_app(Weigher())
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("f1")
        assert isinstance(app.screen, HelpScreen)
        await until(pilot, lambda: "Show keys and verbs" in "\n".join(lines(app)))
        await pilot.press("escape")
        assert app.screen is app.play
        assert app.play.focused is app.play.query_one(Prompt)


# Beginning, and pictures.


def test_the_screen_begins_without_torch() -> None:
    code = (
        "import sys, sandbox.tui.app\n"
        "heavy = {'torch', 'transformers', 'textworld', 'jericho', 'sqlalchemy', 'numpy'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_picture_is_the_same_every_time(save: Path, tmp_path: Path) -> None:
    pictures = []
    for name in ("one", "two"):
        session = open_session(save.with_name(name), Weigher())
        session.step()
        session.rate(1)
        file = tmp_path / f"{name}.svg"
        await screenshot(session, (120, 36), file)
        pictures.append(file.read_text())
    assert pictures[0] == pictures[1]
    assert "Lighthouse" in pictures[0]
    assert "+0.50" in pictures[0]
