"""Kinds from other packages: found by their metadata, imported when asked for, and never fatal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox import api, plugins
from sandbox.agent.cards import parse_card
from sandbox.agent.registry import CardFile
from sandbox.config import Settings
from sandbox.errors import ModelError, PluginError
from sandbox.llm import registry as models
from sandbox.wiring.agents import Models, build_agent, model_state
from sandbox.world import registry

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a package where Python looks: its metadata as an installer writes it, and one module."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(package: str, points: str, module: str = "", text: str = "") -> None:
        folder = tmp_path / f"{package}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(points)
        if module:
            (tmp_path / f"{module}.py").write_text(text)
        _forget()

    yield put
    _forget()


def _forget() -> None:
    for cached in (plugins.rows, plugins.offered, plugins._imported):
        cached.cache_clear()


def test_a_kind_is_found_without_being_imported_and_is_imported_when_it_is_asked_for(install: Install) -> None:
    install("guest", "[sandbox.worlds]\nmaze = guest_maze:KIND\n", "guest_maze", "KIND = 'a maze'\n")
    found = plugins.find("worlds", "maze")
    assert found is not None and found.package == "guest" and "guest_maze" not in sys.modules
    assert found.load() == "a maze" and "guest_maze" in sys.modules
    assert plugins.find("learners", "maze") is None


def test_a_broken_plugin_is_a_reason_and_the_others_go_on(install: Install) -> None:
    points = "[sandbox.feedback]\ngone = guest_nowhere:KIND\nbad = guest_bad:KIND\nodd = guest_odd:NOPE\n"
    install("guest", points + "fine = guest_odd:KIND\n", "guest_odd", "KIND = 1\n")
    install("other", "", "guest_bad", "raise RuntimeError('no \\x1b[31mcolour')\n")
    mine = {row.name: row for row in plugins.rows("feedback") if row.package == "guest"}
    assert {name: row.problem() for name, row in mine.items()} == {
        "gone": "the plugin 'gone' cannot be loaded: ModuleNotFoundError: No module named 'guest_nowhere'",
        "bad": "the plugin 'bad' cannot be loaded: RuntimeError: no colour",
        "odd": "the plugin 'odd' cannot be loaded: AttributeError: module 'guest_odd' has no attribute 'NOPE'",
        "fine": "",
    }
    assert plugins.usable("feedback")["fine"] == 1 and "bad" not in plugins.usable("feedback")
    with pytest.raises(PluginError, match="repair the package guest"):
        mine["bad"].load()


def test_what_does_not_implement_its_protocol_is_refused(install: Install) -> None:
    install("guest", "[sandbox.learners]\nhollow = guest_hollow:KIND\n", "guest_hollow", "KIND = object()\n")
    found = plugins.find("learners", "hollow")
    assert found is not None and found.problem(Iterator) == "the plugin 'hollow' is no Iterator"


def test_a_name_belongs_to_one_package_and_the_second_is_told_so(install: Install) -> None:
    install("alpha", "[sandbox.models]\nsmall = alpha_model:KIND\n", "alpha_model", "KIND = 'alpha'\n")
    install("beta", "[sandbox.models]\nsmall = alpha_model:KIND\n")
    owner, second = (row for row in plugins.rows("models") if row.name == "small")
    assert (owner.package, second.package) == ("alpha", "beta")
    assert plugins.offered("models")["small"] is owner
    assert second.problem() == "'small' is the name of a kind from alpha already"


ECHO = """
from sandbox.llm.fake import ScriptedModel


class Kind:
    def state(self, reference, folder):
        return "ready" if reference == "echo:loudly" else "too quiet"

    def open(self, reference, *, folder, threads, progress):
        return ScriptedModel()


KIND = Kind()
"""


def test_a_card_plays_with_a_model_of_another_package(install: Install) -> None:
    install("guest", "[sandbox.models]\necho = guest_echo:KIND\n", "guest_echo", ECHO)
    world = registry.open_world("honey")
    card = CardFile(parse_card("model: echo:loudly", "shouter"), "model: echo:loudly", own=True)
    assert model_state(card, Settings()) == "ready"
    agent = build_agent(card, Models(Settings()), world)
    seen = world.observe(world.initial(0), world.seats[0])
    assert agent.decide(seen, (), seed=0).command in (seen.admissible or ())
    assert len(api.open_model("echo:loudly").score("> ", ["look", "go north"])) == 2
    with pytest.raises(ModelError, match="too quiet"):
        models.check("echo:softly")
    with pytest.raises(ModelError, match="no model of this process"):
        models.resolve("echo:loudly")
    with pytest.raises(ModelError, match="did you mean 'smollm2-135m-instruct'"):
        models.resolve("smollm2-135m-instrct")
