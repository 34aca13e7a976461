"""Whatever bytes a loader is given, it gives what they say, or raises a `SandboxError`."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import warnings
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from play_parts import CaveWorld, TableAgent
from tiny_gguf import write_tiny_gguf

from sandbox import config
from sandbox.agent.cards import load_card
from sandbox.agent.memory import CommandMemory
from sandbox.errors import CardError, SandboxError
from sandbox.feedback import records
from sandbox.feedback.dataset import Material
from sandbox.llm import adapter, registry
from sandbox.llm.local import LocalModel
from sandbox.paths import bundled
from sandbox.rl.drrn import DRRN
from sandbox.rl.tabular import TabularQ
from sandbox.session.intents import intents
from sandbox.session.session import Session
from sandbox.store import Store, upkeep
from sandbox.tune.adapters import Adapters, describe
from sandbox.types import Observation, Transition
from sandbox.world.native import load_world
from sandbox.world.native.loader import read_source

Edit = tuple[str, float, float, bytes]

EDITS: st.SearchStrategy[list[Edit]] = st.lists(
    st.tuples(
        st.sampled_from(["flip", "flip", "put", "cut", "swap", "insert", "repeat"]),
        st.floats(0, 1, exclude_max=True),
        st.floats(0, 1, exclude_max=True),
        st.binary(min_size=1, max_size=12)
        | st.sampled_from([b"\xff", b"\0", b"[" * 2000, b"{" * 2000, b"9" * 400]),
    ),
    min_size=1,
    max_size=6,
)
VALUES: list[Any] = [
    *(
        None,
        0,
        -1,
        2**62,
        -(2**63),
        1.5,
        float("inf"),
        -1e308,
        "",
        "x",
        "null",
        "[]",
        "{}",
        "1",
        "true",
        "[1]",
        "NaN",
    ),
    *('{"digger": {}}', '{"digger": null}', '{"digger": "remote: {base_url: 3}"}', "[" * 3000, "1e999", "é"),
    *(b"\xff\xfe", b"", b"x" * 100, b"null", b"[]"),
]


def tried(examples: int) -> Callable[[Any], Any]:
    """So many cases, the same in every run."""
    allowed = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=allowed
    )


def edited(data: bytes, edits: list[Edit]) -> bytes:
    """The data with bits flipped, ends cut off, pieces swapped, repeated and put in."""
    found = bytearray(data)
    for kind, where, other, piece in edits:
        if not found:
            break
        at, to = int(where * len(found)), int(other * len(found))
        if kind == "flip":
            found[at] ^= 1 << to % 8
        elif kind == "put":
            found[at : at + len(piece)] = piece
        elif kind == "cut":
            del found[max(at, to // 2) :]
        elif kind == "swap":
            size = len(piece)
            found[at : at + size], found[to : to + size] = found[to : to + size], found[at : at + size]
        elif kind == "insert":
            found[at:at] = piece
        elif kind == "repeat":
            found[at:at] = found[to : to + 64]
    return bytes(found)


def used(load: Callable[[], object]) -> bool:
    """Whether it could be loaded; anything but a `SandboxError` in one line, or one a mistake, is a failure."""
    try:
        load()
    except SandboxError as error:
        assert "\n" not in str(error) or isinstance(error, CardError)
        return False
    return True


# Saves.


@pytest.fixture(scope="module")
def save(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A save in one file, with something of everything in it."""
    folder = tmp_path_factory.mktemp("saves") / "friday"
    cards = {"digger": "persona: x\n"}
    session = Session.create(Store.create(folder), CaveWorld(), {"digger": TableAgent()}, seed=3, cards=cards)
    for _ in range(5):
        session.step()
    session.rate(-1, comment="back again")
    session.jump(2)
    session.act("dig", decision=session.decide())
    session.bookmark("crossroads")
    session.store.close()
    with closing(sqlite3.connect(folder / "save.db")) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("VACUUM")
    return folder / "save.db"


def look_at(folder: Path) -> None:
    """All that reading a save without playing it does, and its start."""
    with Store.open(folder, readonly=True) as store:
        run = store.latest_run()
        for each in (upkeep.verify, Store.counts, Store.last_written, Store.size, Material.of):
            each(store)
        json.dumps([*upkeep.export(store), *intents(run)])
        agent = TableAgent()
        if learned := store.records("digger", agent.name):
            with suppress(ValueError, KeyError, TypeError):  # the test's own agent takes what it gets
                agent.load(learned)


@tried(120)
@given(edits=EDITS)
def test_a_save_with_other_bytes(edits: list[Edit], save: Path, tmp_path: Path) -> None:
    (tmp_path / "save.db").write_bytes(edited(save.read_bytes(), edits))
    used(lambda: look_at(tmp_path))


@tried(200)
@given(seed=st.integers(0, 2**32), value=st.sampled_from(VALUES), as_text=st.booleans())
def test_a_save_with_other_values(seed: int, value: Any, as_text: bool, save: Path, tmp_path: Path) -> None:
    """A file that SQLite finds whole, with anything in any cell of it."""
    file, rng = tmp_path / "save.db", random.Random(seed)
    file.write_bytes(save.read_bytes())
    with closing(sqlite3.connect(file)) as database, suppress(sqlite3.Error):
        database.execute("PRAGMA ignore_check_constraints = ON")
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        table = rng.choice(tables)
        column = rng.choice([row[1] for row in database.execute(f"PRAGMA table_info({table})")])
        row = rng.choice([row for (row,) in database.execute(f"SELECT rowid FROM {table}")])
        cast = "CAST(? AS TEXT)" if as_text else "?"  # text that need not be UTF-8
        database.execute(f"UPDATE {table} SET {column} = {cast} WHERE rowid = ?", [value, row])
        database.commit()
    used(lambda: look_at(tmp_path))


# What people write.


@tried(800)
@given(edits=EDITS)
def test_a_card(edits: list[Edit], tmp_path: Path) -> None:
    file = tmp_path / "lm-q.yaml"
    card = (bundled() / "agents" / "lm-q.yaml").read_bytes()
    card += b"remote: {base_url: 'http://127.0.0.1:9/v1', model: x}\nlearner: {kind: drrn, gamma: 0.5}\n"
    file.write_bytes(edited(card, edits))
    used(lambda: load_card(file))


@tried(300)
@given(edits=EDITS)
def test_a_world(edits: list[Edit], tmp_path: Path) -> None:
    file = tmp_path / "world.yaml"
    file.write_bytes(edited((bundled() / "worlds" / "honey" / "world.yaml").read_bytes(), edits))

    def play() -> None:
        read_source(file)
        world = load_world(file)
        world.observe(world.initial(0), world.seats[0])

    used(play)


@tried(500)
@given(edits=EDITS)
def test_a_settings_file(edits: list[Edit], tmp_path: Path) -> None:
    text = b'agent = "lm"\nspeed = 2.5\n[keys]\nstep = "f10"\n[remote.hosts."a.org:8443"]\nkey_env = "A"\n'
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_SETTINGS", str(tmp_path / "settings.toml"))
        (tmp_path / "settings.toml").write_bytes(edited(text, edits))
        used(config.load)
        used(lambda: config.allow("b.org", "B"))


@tried(300)
@given(
    text=st.text(st.characters(exclude_characters="\0", codec="utf-8"))
    | st.sampled_from(["{", "[]", '{"hosts": 3}', "{}"])
)
def test_settings_in_the_environment(text: str, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_SETTINGS", str(tmp_path / "settings.toml"))
        for name in ("REMOTE", "KEYS", "SPEED", "THREADS"):
            patch.setenv(f"SANDBOX_{name}", text)
            used(config.load)
            patch.delenv(f"SANDBOX_{name}")


# Feedback.


@tried(400)
@given(edits=EDITS)
def test_a_file_of_feedback(edits: list[Edit], feedback: tuple[Session, bytes], tmp_path: Path) -> None:
    session, lines = feedback
    file = tmp_path / "feedback.jsonl"
    file.write_bytes(edited(lines, edits))
    used(lambda: records.merge(session.store, records.read(file)))


@pytest.fixture(scope="module")
def feedback() -> tuple[Session, bytes]:
    """A game, and what was said of another like it."""

    def played() -> Session:
        session = Session.create(Store.memory(), CaveWorld(), {"digger": TableAgent()}, seed=3)
        for _ in range(4):
            session.step()
        return session

    session = played()
    session.rate(-1, comment="back again")
    session.jump(2)
    session.rate(1)
    lines = [json.dumps(each) for each in records.records(Material.of(session.store))]
    return played(), "\n".join(lines).encode()


# What agents learned, and states of worlds.


SEEN = Observation(seat="s", turn=0, text="A hall.", admissible=("go", "wait"))
STEP = Transition(
    observation=SEEN, command="go", reward=1.0, next_observation=SEEN, candidates=("go", "wait"), terminated=False
)


def tabular() -> Any:
    learner = TabularQ(trace=0.5)
    learner.update(STEP)
    return learner


def drrn() -> Any:
    learner = DRRN(hidden=4, batch=1)
    for _ in range(3):
        learner.update(STEP)
    return learner


@pytest.mark.parametrize(("make", "examples"), [(tabular, 300), (drrn, 60)])
def test_what_a_learner_wrote(make: Callable[[], Any], examples: int) -> None:
    dumped: Mapping[str, bytes] = make().dump()
    assert dumped
    names, learner = sorted(dumped), make()

    @tried(examples)
    @given(edits=EDITS, number=st.integers(0, len(names) - 1))
    def run(edits: list[Edit], number: int) -> None:
        name = names[number]
        if used(lambda: learner.load({**dumped, name: edited(dumped[name], edits)})):
            learner.values(SEEN, ("go", "wait"))
            learner.update(STEP)

    run()


@tried(300)
@given(edits=EDITS)
def test_what_an_agent_remembers(edits: list[Edit]) -> None:
    used(lambda: CommandMemory().load({"memory/x": edited(b'{"go": true, "wait": false}', edits)}))


def test_a_state_of_a_world() -> None:
    world = load_world(bundled() / "worlds" / "honey" / "world.yaml")
    state = world.initial(0)
    for command in ("look", "wait"):
        state = world.step(state, world.seats[0], command).state
    dumped = world.dump(state)

    @tried(500)
    @given(edits=EDITS)
    def run(edits: list[Edit]) -> None:
        def play() -> None:
            loaded = world.load(edited(dumped, edits))
            world.observe(loaded, world.seats[0])

        used(play)

    run()


# Adapters and models.


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the adapters of a save, with one in it."""
    folder = tmp_path_factory.mktemp("adapters")
    weights = {
        "base_model.model.q.lora_A.weight": torch.ones(2, 3),
        "base_model.model.q.lora_B.weight": torch.ones(4, 2),
    }
    about = describe("sft-1", model="tiny", method="sft", data="", settings={"rank": 2})
    plain = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q"]}
    made = Adapters(folder)
    made.publish(about, safetensors.torch.save(weights), plain)
    made.use("sft-1")
    return folder


@tried(600)
@given(
    edits=EDITS,
    name=st.sampled_from(["adapter.json", "adapter_config.json", "adapter_model.safetensors", "active"]),
)
def test_an_adapter(edits: list[Edit], name: str, adapters: Path, tmp_path: Path) -> None:
    copy, inside = tmp_path / "adapters", "active.json" if name == "active" else f"sft-1/{name}"
    if not copy.exists():
        shutil.copytree(adapters, copy)
    whole = (adapters / inside).read_bytes()
    (copy / inside).write_bytes(edited(whole, edits))

    def take_up() -> None:
        made = Adapters(copy)
        list(made.entries()), made.tree()
        if (folder := made.active_folder) is not None:
            adapter.updates(folder, {"q.weight": (4, 3)})

    used(take_up)
    (copy / inside).write_bytes(whole)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model of a few thousand weights."""
    home = tmp_path_factory.mktemp("model")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_CACHE", str(home / "cache"))
        return registry.resolve(write_tiny_gguf(home / "tiny.gguf")).folder


@tried(60)
@given(
    edits=EDITS,
    name=st.sampled_from(["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"]),
)
def test_the_folder_of_a_model(edits: list[Edit], name: str, model: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(model, tmp_path / "model", dirs_exist_ok=True))
    (copy / name).write_bytes(edited((model / name).read_bytes(), edits))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        used(lambda: LocalModel.load(copy))
