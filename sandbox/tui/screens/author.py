"""Where an author writes a world while it is played: its file, the map of it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, ScrollableContainer, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Label, OptionList, Static
from textual.widgets.option_list import Option

from sandbox.errors import Finding
from sandbox.session.chart import Chart, drawn
from sandbox.tui import format as fmt
from sandbox.tui.author import pages
from sandbox.tui.author.controller import AuthorController, AuthorNews
from sandbox.tui.author.editor import Editor
from sandbox.tui.author.keys import IMPORTANCE, KEYS
from sandbox.tui.keys import Key
from sandbox.tui.palette import KeyCommands
from sandbox.tui.screens.help import HelpScreen, keys_page
from sandbox.tui.widgets.footer import KeyLine
from sandbox.tui.widgets.panes import Map
from sandbox.tui.widgets.prompt import Prompt
from sandbox.tui.worker import sentence

_PAUSE = 0.3
"""Seconds without a key after which the text is read."""
_LOOK = 1.0
_TICK = 0.2
_ASK = 'Build: dig north "Cave"   (Tab completes, F1 lists the verbs)'


class AuthorScreen(Screen[None]):
    """Editor, map, findings, and a line for verbs that build.

    Args:
        controller: keeps the text. What it learns reaches this screen through `show`.
        build: has a builder's line carried out in the running game.
        test: has the running game go on in a room; in the same place where there is none.
        copy: has the world copied into the player's own.
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    CSS_PATH = "../author.tcss"
    AUTO_FOCUS = "#author-editor"
    COMMANDS = {KeyCommands}  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in KEYS]

    def __init__(
        self,
        controller: AuthorController,
        build: Callable[[str], None],
        test: Callable[[str], None],
        copy: Callable[[], None],
    ) -> None:
        super().__init__()
        self._controller = controller
        self._build, self._test, self._copy = build, test, copy
        self._begun = False
        self._file: Path | None = None
        """What the editor shows."""
        self._find_room = False
        """Whether the cursor is to go to the room where the player stands."""
        self._pause: Timer | None = None
        self._testing = False
        """Whether the game is to go on as soon as the text is saved."""
        self._building = ""
        """What is to be built as soon as the text is saved."""
        self._listed: tuple[tuple[Finding, int | None], ...] = ()
        """The findings in the list, and the line of each."""
        self._shown = ""
        """The room that the cursor was in when the screen was drawn."""

    def compose(self) -> ComposeResult:
        yield Static(id="author-header")
        with Horizontal(id="author-middle"):
            yield Editor(id="author-editor")
            with Vertical(id="author-side"):
                with ScrollableContainer(id="author-map-scroll", can_focus=False):
                    yield Map("", id="author-map")
                yield Static(id="author-difficulty")
                yield OptionList(id="author-findings", compact=True)
        yield Static(id="author-instead")
        yield Static(id="author-status")
        with Horizontal(id="author-line"):
            yield Label(pages.PENCIL, id="author-sign")
            yield Prompt(self._candidates, placeholder=_ASK, id="author-prompt")
        yield KeyLine(IMPORTANCE)

    def on_mount(self) -> None:
        self.set_interval(_LOOK, self._controller.look)
        self.set_interval(_TICK, self._tick)
        self.begin()

    def on_screen_resume(self) -> None:
        if self._begun:
            self.begin()

    def begin(self) -> None:
        """Show the file that the controller has now."""
        from sandbox.session.authoring import NO_FILE

        self._begun = True
        site = self._controller.site
        self.set_class(site is not None and site.file is None, "-no-file")
        self.query_one("#author-instead", Static).update(Content(NO_FILE))
        editor = self.query_one(Editor)
        editor.read_only = site is not None and site.foreign
        if editor.text != self._controller.text:
            self._put(self._controller.text)
        self._controller.read()
        self._draw()

    def _put(self, text: str) -> None:
        """Show another text: another file's, or what another hand has made of this one."""
        editor, file = self.query_one(Editor), self._controller.file
        if file != self._file:
            self._file, self._find_room = file, True
            editor.load_text(text)
        else:
            editor.become(text)

    # What there is to see.

    def show(self, news: AuthorNews) -> None:
        """Show something that the controller has learned; what it learned earlier is shown at the beginning."""
        if not self._begun or not self._stands:
            return
        controller, editor = self._controller, self.query_one(Editor)
        if news.error is not None:
            self._testing, self._building = False, ""
            self._complain(news.error)
        if news.text is not None and controller.text != editor.text:
            self._put(controller.text)
            controller.read()
        if news.changed or (news.text is not None and controller.conflict):
            self._testing, self._building = False, ""
            self.notify(
                "Somebody else has changed the file. Ctrl+S again writes over that; Ctrl+R takes what is there.",
                severity="warning",
                markup=False,
            )
            controller.conflict = True
        if controller.site is not None and self._find_room and controller.reading.lines:
            self._find_room = False
            editor.go_to(controller.reading.lines.get(f"rooms.{controller.site.room}", 1))
        if news.saved is not None:
            self._saved()
        if news.checked is not None and controller.findings:
            self.action_pane(shown=True)
        self._draw()

    def note(self) -> None:
        """Tell the controller of what was typed just now."""
        if self._stands and self._file == self._controller.file:
            self._controller.edit(self.query_one(Editor).text)

    def _saved(self) -> None:
        if self._building:
            line, self._building = self._building, ""
            self._build(line)
        elif self._testing:
            self._testing = False
            self.dismiss()
            self._test(self._room())
        else:
            self.notify("Saved.", markup=False, timeout=2)

    def built(self, line: str) -> None:
        """Something was built: its line says what."""
        self.notify(line, markup=False, timeout=4)
        self._controller.look()

    def _draw(self) -> None:
        if not self._stands:
            return
        controller = self._controller
        plan, room = controller.plan, self._room()
        self._shown = room
        name = plan.rooms.get(room, "") if plan is not None else ""
        self.query_one("#author-header", Static).update(pages.header(controller, name))
        findings = [(each, controller.reading.line_of(each)) for each in controller.findings]
        listed = tuple(findings)
        options = self.query_one("#author-findings", OptionList)
        if listed != self._listed:
            self._listed = listed
            at = options.highlighted
            options.set_options([Option(pages.finding(each, line)) for each, line in findings])
            if findings and options.has_focus:
                options.highlighted = min(at or 0, len(findings) - 1)
        options.display = bool(findings)
        standings = self.query_one("#author-difficulty", Static)
        standings.display = bool(controller.standings)
        standings.update(pages.difficulty(controller.standings.values()))
        if plan is not None:
            scroll = self.query_one("#author-map-scroll")
            width = max(scroll.content_size.width, 30)
            here = room or plan.start
            self.query_one("#author-map", Map).show(Chart(drawn(plan, here, width)))
        self._tick()
        self.refresh_bindings()

    @property
    def _stands(self) -> bool:
        """Whether there are widgets to show something in: while the application closes, there are none."""
        return bool(self.query("#author-header"))

    def _tick(self) -> None:
        if not self._stands:
            return
        controller = self._controller
        status = self.query_one("#author-status", Static)
        if controller.doing:
            seconds = monotonic() - controller.since
            sign = fmt.SPINNER[int(seconds / _TICK) % len(fmt.SPINNER)]
            status.update(
                Content.assemble(
                    (f"{sign} {controller.doing}", "$text-primary"), (f"  {seconds:.0f} s, F6 stops", fmt.MUTED)
                )
            )
        elif controller.site is not None and controller.site.foreign:
            status.update(
                Content.styled(
                    "It came with the program. C copies it into your own worlds, to edit it.", fmt.MUTED
                )
            )
        else:
            status.update(pages.summary(controller))

    def _room(self) -> str:
        return self._controller.reading.room_at(self.query_one(Editor).cursor_location[0] + 1)

    def _complain(self, error: Exception) -> None:
        self.notify(sentence(error), severity="warning", markup=False)

    # What is typed.

    @on(Editor.Changed)
    def _edited(self, message: Editor.Changed) -> None:
        before = self._controller.unsaved
        self._controller.edit(self.query_one(Editor).text)
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(_PAUSE, self._controller.read)
        if self._controller.unsaved != before:
            self._draw()

    @on(Editor.SelectionChanged)
    def _moved(self) -> None:
        if self._room() != self._shown:
            self._draw()

    @on(OptionList.OptionSelected)
    def _chosen(self, message: OptionList.OptionSelected) -> None:
        _, line = self._listed[message.option_index]
        if line is not None:
            self.query_one(Editor).go_to(line)
        self.action_back_to_editor()

    @on(Prompt.Submitted)
    def _submitted(self, message: Prompt.Submitted) -> None:
        message.stop()
        line = message.value.strip()
        if not line:
            return
        self.note()
        if self._controller.unsaved:
            self._building = line
            self._controller.save()
        else:
            self._build(line)

    @on(Prompt.Pasted)
    def _pasted(self, message: Prompt.Pasted) -> None:
        """One line is built at a time: the file may have mistakes after it."""
        self.query_one(Prompt).fill(message.lines[0])

    def _candidates(self, typed: str) -> Sequence[str]:
        from sandbox.world.building import BUILDERS

        plan = self._controller.plan
        if " " not in typed:
            return [f"{builder.name} " for builder in BUILDERS]
        before, _, _ = typed.rpartition(" ")
        names = list(plan.rooms.values()) if plan is not None else []
        return [f"{before} {name}" for name in names]

    # Keys.

    def offers(self, action: str) -> bool:
        """Whether an action makes sense now."""
        site = self._controller.site
        writable = site is not None and site.file is not None and not site.foreign
        match action:
            case "save" | "reload" | "test" | "build":
                return writable
            case "check" | "measure":
                return site is not None and site.file is not None and not self._controller.doing
            case "stop":
                return bool(self._controller.doing)
            case "copy":
                return site is not None and site.foreign
            case "back":
                return not isinstance(self.focused, Editor) or self._controller.file is None
            case "pane" | "map" | "findings":
                return site is not None and site.file is not None
        return True

    def offered(self) -> list[Key]:
        """The keys that make sense now."""
        return [key for key in KEYS if self.offers(key.action)]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.offers(action) if action in {key.action for key in KEYS} else True

    def on_descendant_focus(self) -> None:
        self.refresh_bindings()

    def action_save(self) -> None:
        self.note()
        self._controller.save(anyway=self._controller.conflict)

    def action_reload(self) -> None:
        controller = self._controller
        controller.conflict = False
        self.query_one(Editor).become(controller.on_disk)
        controller.look()

    def action_test(self) -> None:
        """Save, and play on; a text that is no world is not played."""
        if not self._controller.reading.loads:
            self.notify("It is no world yet: see the findings.", severity="warning", markup=False)
            self.action_findings()
            return
        self._testing = True
        self.action_save()

    def action_check(self) -> None:
        if self._controller.reading.loads:
            self._controller.check()
        else:
            self.action_findings()
        self._draw()

    def action_measure(self) -> None:
        if self._controller.unsaved:
            self.notify("Agents play the file: save it first.", severity="warning", markup=False)
            return
        self._controller.measure()
        self.action_pane(shown=True)
        self._draw()

    def action_stop(self) -> None:
        self._controller.stop()
        self._draw()

    def action_copy(self) -> None:
        self._copy()

    def action_build(self) -> None:
        self.query_one(Prompt).focus()

    def action_pane(self, *, shown: bool | None = None) -> None:
        narrow = self.has_class("-narrow")
        name = "-side-open" if narrow else "-side-shut"
        self.set_class(not self.has_class(name) if shown is None else shown == narrow, name)
        if self.focused is None or not self.focused.display:
            self.query_one(Editor).focus()
        self.call_after_refresh(self._draw)

    def action_map(self) -> None:
        self.action_pane(shown=True)

    def action_findings(self) -> None:
        options = self.query_one("#author-findings", OptionList)
        if not self._listed:
            self.notify("Nothing is wrong, as far as it was looked at.", markup=False, timeout=3)
            return
        self.action_pane(shown=True)
        options.focus()
        options.highlighted = options.highlighted or 0

    def action_back_to_editor(self) -> None:
        self.remove_class("-side-open")
        self.query_one(Editor).focus()

    def action_back(self) -> None:
        if self._controller.file is None:
            self.dismiss()
        else:
            self.action_back_to_editor()

    def action_leave(self) -> None:
        self.dismiss()

    def action_help(self) -> None:
        from sandbox.world.building import BUILDERS

        verbs = (
            Content.assemble((f"  {each.usage}\n", "bold"), (f"    {each.help}", fmt.MUTED)) for each in BUILDERS
        )
        parts = [
            Content.styled("Keys", "bold $text-primary"),
            keys_page(KEYS),
            Content.styled("\nVerbs that build, here and at the prompt of the game", "bold $text-primary"),
            *verbs,
        ]
        self.app.push_screen(HelpScreen(Content("\n").join(parts), "The author's keys and verbs"))
