"""Where a player comes in: go on, begin a world, choose who plays beside you."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from sandbox.errors import SandboxError
from sandbox.session.driver import SessionFactory
from sandbox.tui import format as fmt
from sandbox.tui.keys import Key
from sandbox.tui.palette import KeyCommands
from sandbox.tui.rounds import PlanRound
from sandbox.tui.screens.models import ModelScreen
from sandbox.tui.widgets.entries import Entries
from sandbox.tui.widgets.footer import KeyLine
from sandbox.tui.widgets.header import Title

if TYPE_CHECKING:
    from sandbox.session.lobby import Best, ModelOffer, Offers, SaveOffer, WorldOffer
    from sandbox.tui.contest_rating import OpenContest

ALONE = "human"
"""In place of an agent: the player plays alone."""
_SAVES_SHOWN = 6

KEYS = (
    Key("start-play", "enter", "play", "Play", "Go on with the game, or begin the world", show=True),
    Key(
        "start-agent-after", "right", "agent(1)", "Agent", "Choose who plays beside you", show=True, display="← →"
    ),
    Key("start-agent-before", "left", "agent(-1)", "Agent before", "Choose who plays beside you, backwards"),
    Key("start-model", "m", "model", "Model", "Choose the language model that the agent plays with", show=True),
    Key("start-fetch", "f", "fetch", "Fetch the model", "Fetch the language model: about 93 MB, once", show=True),
    Key("start-again", "r", "look", "Look again", "Read worlds, agents and saves anew"),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a player wants to play: a save, or a world beside an agent."""

    save: str | None = None
    world: str | None = None
    agent: str | None = None
    model: str | None = None
    """The language model in place of the one that the agent's card names."""


@dataclass(frozen=True, slots=True)
class Sitting:
    """A game about to be opened."""

    open: SessionFactory
    title: Title
    plan_round: PlanRound | None = None
    open_contest: OpenContest | None = None
    notice: Callable[[], str] = str
    """Something the player should know first; known as soon as the game is being opened."""


@dataclass(frozen=True, slots=True)
class Lobby:
    """What the start screen can do; everything but `choose` takes its time and may be called on any thread."""

    look: Callable[[], Offers]
    choose: Callable[[Choice], Sitting]
    """Raises `SandboxError` where it cannot be played."""
    fetch: Callable[[Callable[[str], None]], None]
    """Brings the default language model to this machine."""
    agent: str
    """Who plays unless another is chosen."""
    tour: str
    """The world that teaches the game."""


class StartScreen(Screen[None]):
    """A list of what can be played, what is known of the entry under the cursor, and who plays beside you."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-high")]  # noqa: RUF012
    CSS_PATH = "../start.tcss"
    AUTO_FOCUS = "#start-list"
    COMMANDS = {KeyCommands}  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in KEYS]

    @dataclass
    class Chosen(Message):
        """The player wants to play this."""

        choice: Choice

    @dataclass
    class Seen(Message):
        """What there is was read."""

        offers: Offers

    @dataclass
    class Fetching(Message):
        """How far the language model is; an empty line when it has come, an error when it has not."""

        line: str
        error: SandboxError | None = None

    def __init__(self, lobby: Lobby) -> None:
        super().__init__()
        self._lobby = lobby
        self._offers: Offers | None = None
        self._agent = lobby.agent
        self._model: str | None = None
        self._fetching = ""

    # What there is to see.

    def compose(self) -> ComposeResult:
        yield Static(
            Content.assemble(
                ("sandbox", "bold $text-primary"), ("  text worlds, played beside agents that learn", fmt.MUTED)
            ),
            id="start-header",
        )
        with Horizontal(id="start-middle"):
            yield Entries(id="start-list")
            with VerticalScroll(id="start-about", can_focus=False):
                yield Static(id="start-details")
        yield Static(id="start-agent")
        yield Static(id="start-model")
        yield KeyLine([key.id for key in KEYS])

    def on_mount(self) -> None:
        self.query_one("#start-details", Static).update(Content.styled("Looking at what there is …", fmt.MUTED))
        self.action_look()

    def on_screen_resume(self) -> None:
        """Coming back from a game: it is the latest save now."""
        if self._offers is not None:
            self.action_look()

    @work(thread=True, exclusive=True, group="look")
    def action_look(self) -> None:
        self.post_message(self.Seen(self._lobby.look()))

    @on(Seen)
    def _seen(self, message: Seen) -> None:
        first = self._offers is None
        self._offers = offers = message.offers
        options = self.query_one("#start-list", Entries)
        highlighted = options.highlighted
        options.set_options(self._options(offers))
        options.highlighted = 1 if first or highlighted is None else min(highlighted, options.option_count - 1)
        self._show_agent()
        self._show_model()
        self.refresh_bindings()

    def _options(self, offers: Offers) -> list[Option]:
        options: list[Option] = []

        def section(title: str, entries: Sequence[tuple[str, str]]) -> None:
            if entries:
                options.append(Option(Content.styled(title, "bold $text-primary"), disabled=True))
                options.extend(Option(Content(f"  {line}"), id=name) for name, line in entries)

        saves = offers.saves[:_SAVES_SHOWN]
        worlds = [world for world in offers.worlds if not world.name.startswith("tw:")]
        made = [world for world in offers.worlds if world.name.startswith("tw:")]
        if not saves:
            section("First time here", [(f"tour:{self._lobby.tour}", "Take the tour")])
        section("Go on", [(f"save:{save.name}", save.name) for save in saves])
        section("Worlds", [(f"world:{world.name}", world.title) for world in worlds])
        section("Made up on demand", [(f"world:{world.name}", world.title) for world in made])
        return options

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, message: OptionList.OptionHighlighted) -> None:
        self.query_one("#start-details", Static).update(self._details(message.option_id or ""))

    def _details(self, option: str) -> Content:
        kind, _, name = option.partition(":")
        offers = self._offers
        if offers is None:
            return Content("")
        if kind == "save":
            return next((_about_save(save) for save in offers.saves if save.name == name), Content(""))
        about = next((_about_world(world) for world in offers.worlds if world.name == name), Content(""))
        if kind != "tour":
            return about
        return about + Content.styled(
            "\n\nTen minutes: play, look into the agent's mind, reward it, and see it learn. It ends with your "
            "first fine-tuning round.",
            fmt.MUTED,
        )

    def _show_agent(self) -> None:
        offers = self._offers
        agent = next((each for each in offers.agents if each.name == self._agent), None) if offers else None
        if self._agent == ALONE:
            line = Content.assemble((f"{fmt.PERSON} ", "$text-success"), ("You play alone", "bold"))
        else:
            problem = agent.problem if agent else ""
            told = agent.description if agent else ""
            line = Content.assemble(
                (f"{fmt.AGENT} ", "$text-primary"),
                (self._agent, "bold"),
                (f" with {model}" if (model := self._chosen_model) else "", "bold"),
                ("  ", ""),
                (problem or told, "$text-warning" if problem else fmt.MUTED),
            )
        self.query_one("#start-agent", Static).update(line)

    def _show_model(self) -> None:
        if self._fetching:
            line = Content.styled(self._fetching, "$text-warning")
        elif self._lacks_model:
            line = Content.styled("The language model is not on this machine yet: f fetches it", "$text-warning")
        elif self._offers is not None:
            ready = ", ".join(model.title or model.name for model in self._ready)
            line = Content.styled(f"On this machine: {ready}", fmt.MUTED)
        else:
            line = Content("")
        self.query_one("#start-model", Static).update(line)

    @property
    def _ready(self) -> list[ModelOffer]:
        """The language models that could be played with."""
        return [model for model in self._offers.models if model.state == "ready"] if self._offers else []

    @property
    def _lacks_model(self) -> bool:
        return self._offers is not None and not self._ready

    @property
    def _chosen_model(self) -> str | None:
        """The model that was chosen, if the agent has any; None for the one that its card names."""
        agents = self._offers.agents if self._offers else ()
        return self._model if any(each.name == self._agent and each.model for each in agents) else None

    # Keys.

    def offered(self) -> Sequence[Key]:
        """The keys that make sense now."""
        return [key for key in KEYS if self.check_action(key.action, ())]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "fetch":
            return self._lacks_model and not self._fetching
        return len(self._ready) > 1 if action == "model" else True

    def action_play(self) -> None:
        options = self.query_one("#start-list", Entries)
        if options.highlighted is not None:
            self._choose(options.get_option_at_index(options.highlighted).id or "")

    @on(OptionList.OptionSelected)
    def _selected(self, message: OptionList.OptionSelected) -> None:
        self._choose(message.option_id or "")

    def _choose(self, option: str) -> None:
        kind, _, name = option.partition(":")
        if kind == "save":
            self.post_message(self.Chosen(Choice(save=name)))
        elif name:
            # The card of the settings may be left to be replaced where its model is missing; another is meant.
            agent = None if self._agent == self._lobby.agent else self._agent
            self.post_message(self.Chosen(Choice(world=name, agent=agent, model=self._chosen_model)))

    def action_agent(self, step: int) -> None:
        if self._offers is not None:
            names = [*(agent.name for agent in self._offers.agents), ALONE]
            here = names.index(self._agent) if self._agent in names else 0
            self._agent = names[(here + step) % len(names)]
            self._show_agent()

    def action_model(self) -> None:
        def chosen(name: str | None) -> None:
            if name is not None:
                self._model = name or None
                self._show_agent()

        models = self._offers.models if self._offers else ()
        self.app.push_screen(ModelScreen(lambda: models, self._model or "", card=True), chosen)

    @work(thread=True, exclusive=True, group="fetch")
    def action_fetch(self) -> None:
        try:
            self._lobby.fetch(self._say)
        except SandboxError as error:
            self.post_message(self.Fetching("", error))
        else:
            self.post_message(self.Fetching(""))

    def _say(self, line: str) -> None:
        self.post_message(self.Fetching(line))

    @on(Fetching)
    def _fetched(self, message: Fetching) -> None:
        self._fetching = message.line
        if message.error is not None:
            self.notify(str(message.error), severity="warning", markup=False)
        self._show_model()
        self.refresh_bindings()
        if not message.line and message.error is None:
            self.action_look()


def _about_world(world: WorldOffer) -> Content:
    facts = [world.name]
    if not world.problem:
        facts.append("1 seat" if world.seats == 1 else f"{world.seats} seats")
        facts.extend(fact for fact in (world.difficulty, world.language if world.language != "en" else "") if fact)
    lines = [
        Content.styled(world.title, "bold"),
        Content.styled("  ".join(facts), fmt.MUTED),
    ]
    if world.best is not None:
        lines.append(_best(world.best))
    lines += [Content(""), Content.styled(world.problem, "$text-error") if world.problem else Content(world.blurb)]
    return Content("\n").join(lines)


def _about_save(save: SaveOffer) -> Content:
    if save.problem:
        return Content.assemble((save.name, "bold"), ("\n\n", ""), (save.problem, "$text-error"))
    played = "1 turn" if save.turns == 1 else f"{save.turns} turns"
    said = f", feedback on {save.feedback}" if save.feedback else ""
    last = time.strftime("%Y-%m-%d %H:%M", time.localtime(save.last_played))
    lines = [
        Content.styled(save.title, "bold"),
        Content.styled(f"{played}{said}  last played {last}", fmt.MUTED),
    ]
    if save.best is not None:
        lines.append(_best(save.best))
    lines += [Content(""), Content(save.who)]
    return Content("\n").join(lines)


def _best(best: Best) -> Content:
    return Content.assemble(("★ ", "$text-warning"), (f"best score {fmt.points(best.score, best.highest)}", ""))
