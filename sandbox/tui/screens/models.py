"""The language models to choose from: what memory each takes, and how fast it decides on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from sandbox.tui import format as fmt
from sandbox.tui.widgets.entries import Entries

if TYPE_CHECKING:
    from sandbox.session.lobby import ModelOffer

_CARD = "the one on the card"


class ModelScreen(ModalScreen[str | None]):
    """Gives the name of a model, an empty one for what the card names, or None where none was chosen.

    Args:
        look: the models there are; called on a thread of its own.
        current: the name of the one in use.
        card: whether to go by the card is a choice too.
    """

    CSS_PATH = "../models.tcss"
    AUTO_FOCUS = "#models-list"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "Take", id="models-take", tooltip="Play with this one"),
        Binding("escape", "dismiss(None)", "Back", id="models-back", tooltip="Leave it as it is"),
    ]

    @dataclass
    class ModelsFound(Message):
        """The models were read."""

        models: Sequence[ModelOffer]

    def __init__(self, look: Callable[[], Sequence[ModelOffer]], current: str, *, card: bool = False) -> None:
        super().__init__()
        self._look, self._current, self._card = look, current, card

    def compose(self) -> ComposeResult:
        with Vertical(id="models"):
            yield Static(Content.styled("Looking at the models …", fmt.MUTED), id="models-title")
            yield Entries(id="models-list")
            yield Static(Content.styled("Enter takes it   Esc leaves it as it is", fmt.MUTED), id="models-keys")

    def on_mount(self) -> None:
        self.read()

    @work(thread=True, exclusive=True)
    def read(self) -> None:
        self.post_message(self.ModelsFound(self._look()))

    @on(ModelsFound)
    def _seen(self, message: ModelsFound) -> None:
        width = max(map(len, ("model", _CARD, *(each.name for each in message.models))))
        title = f"  {'model':{width}}  {'memory':18}  a decision"
        self.query_one("#models-title", Static).update(Content.styled(title, "bold $text-primary"))
        options = self.query_one("#models-list", Entries)
        options.set_options(
            [
                *([Option(Content(f"  {_CARD}"), id="card")] if self._card else []),
                *(_option(each, width) for each in message.models),
            ]
        )
        names = [str(option.id) for option in options.options]
        wanted = f"model:{self._current}"
        options.highlighted = names.index(wanted) if wanted in names else 0

    def action_take(self) -> None:
        options = self.query_one("#models-list", Entries)
        if options.highlighted is not None:
            self._take(options.get_option_at_index(options.highlighted))

    @on(OptionList.OptionSelected)
    def _selected(self, message: OptionList.OptionSelected) -> None:
        self._take(message.option)

    def _take(self, option: Option) -> None:
        if not option.disabled:
            self.dismiss(str(option.id).removeprefix("model:") if option.id != "card" else "")


def _option(model: ModelOffer, width: int) -> Option:
    ready = model.state == "ready"
    speed = (model.decision or "not measured") if ready else f"{model.state}: sandbox model pull {model.name}"
    line = Content(f"  {model.name:{width}}  {model.memory:18}  {speed}")
    return Option(line, id=f"model:{model.name}", disabled=not ready)
