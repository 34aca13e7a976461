"""Feedback as data sets: exact texts, exact shapes, loadable and trainable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from play_parts import CaveWorld, TableAgent
from typer.testing import CliRunner

from sandbox.cli import app
from sandbox.errors import SaveError
from sandbox.feedback import dataset, export
from sandbox.feedback.dataset import Material, split_worlds
from sandbox.session.session import Session
from sandbox.store import Store


def other(command: str) -> str:
    return "east" if command != "east" else "west"


def play(store: Store, *, world: str = "cave", seed: int = 3, annotator: str = "ann") -> Session:
    """Feedback of every kind, on turns 2 to 7 of one branch and a sibling."""
    cave = CaveWorld()
    cave.name = world
    session = Session.create(store, cave, {"digger": TableAgent(epsilon=0)}, seed=seed, annotator=annotator)
    session.step()
    session.rate(2)
    wanted = session.decide()
    session.act(other(wanted.command), decision=wanted)  # 3: an intervention
    session.step()
    session.rate(-1)
    session.correct(other(session.current.command))
    session.step()
    session.comment("hm")
    tried = session.current.command
    session.undo()
    session.act(other(tried), decision=session.decide(), chooser="exploration")
    return session


@pytest.fixture
def material() -> Material:
    session = play(Store.memory())
    assert session.timeline.node(3).intervened
    session.prefer(5, 6)
    return Material.of(session.store)


def prompt_of(material: Material, turn: int) -> str:
    decision = material.timeline.get(turn).decision
    assert decision is not None
    return decision.prompt


def test_demonstrations_go_on_from_the_stored_prompt(material: Material) -> None:
    rows = [example.row for example in dataset.examples(material, "sft")]
    node = material.timeline.node
    assert rows[0] == {"prompt": prompt_of(material, 2), "completion": f" {node(2).command}\n"}
    assert rows[1] == {"prompt": prompt_of(material, 3), "completion": f" {node(3).command}\n"}
    assert rows[2] == {"prompt": prompt_of(material, 4), "completion": f" {other(node(4).command)}\n"}
    assert all(set(row) == {"prompt", "completion"} for row in rows)


def test_pairs_put_the_person_before_the_agent(material: Material) -> None:
    rows = [example.row for example in dataset.examples(material, "dpo")]
    turn = material.timeline.get(3)
    assert rows[0] == {
        "prompt": prompt_of(material, 3),
        "chosen": f" {turn.command}\n",
        "rejected": f" {turn.wanted}\n",
    }
    corrected = next(row for row in rows if row["prompt"] == prompt_of(material, 4))
    assert corrected["rejected"] == f" {material.timeline.node(4).command}\n"
    assert any(row["prompt"] == prompt_of(material, 5) for row in rows), "the preference"
    assert all(row["chosen"] != row["rejected"] for row in rows)


def test_labels_are_absolute(material: Material) -> None:
    rows = [dict(example.row) for example in dataset.examples(material, "kto")]
    node = material.timeline.node
    assert {"prompt": prompt_of(material, 2), "completion": f" {node(2).command}\n", "label": True} in rows
    assert {"prompt": prompt_of(material, 4), "completion": f" {node(4).command}\n", "label": False} in rows
    assert all(row["prompt"] != prompt_of(material, 5) or row["label"] is not None for row in rows)


def test_steps_joined_are_the_transcript() -> None:
    session = play(Store.memory())
    material = Material.of(session.store)
    (example,) = dataset.examples(material, "prm")
    assert example.row["labels"] == [True, True, False]
    transcript = example.row["prompt"] + "".join(example.row["completions"])
    node = session.timeline.node
    assert transcript == prompt_of(material, 4) + f" {node(4).command}\n"


def test_what_was_taken_back_makes_no_row() -> None:
    session = play(Store.memory())
    before = len(dataset.examples(Material.of(session.store), "kto"))
    rating = session.feedback(2)[0]
    session.retract(rating.id)
    assert len(dataset.examples(Material.of(session.store), "kto")) == before - 1


def test_an_intervention_that_was_punished_is_no_example() -> None:
    session = play(Store.memory())
    session.rate(-2, turn=3)
    rows = [dict(example.row) for example in dataset.examples(Material.of(session.store), "sft")]
    assert all(row["prompt"] != prompt_of(Material.of(session.store), 3) for row in rows)


def test_where_no_prompt_was_stored_it_is_built_and_said_so() -> None:
    session = Session.create(Store.memory(), CaveWorld(), {}, seed=3)
    session.act("dig")
    session.rate(1)
    (example,) = dataset.examples(Material.of(session.store), "sft")
    assert not example.stored
    assert example.row["prompt"].endswith("You enter the cave.\n\n>")


@pytest.mark.parametrize("seed", range(20))
def test_no_world_is_on_both_sides(seed: int) -> None:
    worlds = [f"w{number}" for number in range(10)] * 3
    train, test = split_worlds(worlds, share=0.2, seed=seed)
    assert not train & test
    assert train | test == set(worlds)
    assert len(test) == 2
    assert split_worlds(worlds[::-1], share=0.2, seed=seed) == (train, test)


def test_the_split_depends_on_the_seed_and_needs_two_worlds() -> None:
    worlds = [f"w{number}" for number in range(10)]
    assert len({split_worlds(worlds, share=0.1, seed=seed)[1] for seed in range(20)}) > 3
    assert split_worlds(["w"], share=0.5, seed=0) == ({"w"}, frozenset())
    assert len(split_worlds(["v", "w"], share=1.0, seed=0)[0]) == 1


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for number in range(3):
        play(
            Store.create(tmp_path / "saves" / f"s{number}"),
            world=f"cave {number}",
            seed=number,
            annotator=f"a{number}",
        ).close()
    return tmp_path


def call(home: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["--home", str(home), "feedback", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


SAVES = ("s0", "s1", "s2")


def test_the_data_card_says_what_is_in_it(home: Path) -> None:
    call(home, "export", "--format", "kto", *SAVES, "--out", str(home / "kto"), "--license", "cc-by-4.0")
    card = (home / "kto" / "README.md").read_text()
    rows = sum(len((home / "kto" / f"{split}.jsonl").read_text().splitlines()) for split in ("train", "test"))
    assert 'license: "cc-by-4.0"' in card
    assert "| `cave 0` |" in card
    assert card.count("` | test |") == 1
    assert "- a1: " in card
    assert f"- fake@base: {rows}" in card


def test_a_folder_that_is_in_use_and_a_save_that_says_nothing_are_refused(home: Path) -> None:
    with pytest.raises(SaveError, match="not empty"):
        call(home, "export", "s0", "--out", str(home))
    session = Session.create(Store.create(home / "saves" / "mute"), CaveWorld(), {}, seed=0)
    session.close()
    with pytest.raises(SaveError, match="no feedback"):
        call(home, "export", "mute", "--out", str(home / "new"))
    assert not (home / "new").exists()


@pytest.mark.parametrize("form", ["sft", "dpo", "kto", "prm", "raw", "csv", "parquet"])
def test_every_format_is_loaded_by_datasets(
    home: Path, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    call(home, "export", "--format", form, *SAVES, "--out", str(tmp_path / form))
    loaded = datasets.load_dataset(str(tmp_path / form), cache_dir=str(tmp_path / "cache"))
    columns: dict[str, set[str]] = {
        "sft": {"prompt", "completion"},
        "dpo": {"prompt", "chosen", "rejected"},
        "kto": {"prompt", "completion", "label"},
        "prm": {"prompt", "completions", "labels"},
    }
    votes = {"raters", "votes", "against", "weight", "created"}
    assert set(loaded) == {"train", "test"}
    for split in loaded.values():
        assert len(split) > 0
        assert set(split.column_names) == (columns[form] | votes if form in columns else set(split.column_names))
    if form in ("csv", "parquet", "raw"):
        worlds = [set(split["world"]) for split in loaded.values()]
        assert not worlds[0] & worlds[1]


@pytest.mark.parametrize("form", ["dpo", "prm", "raw"])
def test_a_folder_for_a_hub_is_loaded_as_it_is(home: Path, form: str, tmp_path: Path) -> None:
    import datasets

    out = tmp_path / form
    told = call(home, "export", "--format", form, *SAVES, "--out", str(out), "--push")
    assert "hf upload" in told and sorted(each.name for each in out.iterdir()) == ["README.md", "data"]
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    call(home, "export", "--format", form, *SAVES, "--out", str(tmp_path / "lines"))
    for split, rows in loaded.items():
        lines = (tmp_path / "lines" / f"{split}.jsonl").read_text().splitlines()
        assert len(rows) == len(lines) and set(rows.column_names) <= set(json.loads(lines[0]))


def test_the_card_tells_what_a_reader_asks(home: Path) -> None:
    guidelines = {"version": "abc", "words": "Judge by the goal alone.", "reasons": []}
    session = Session.resume(Store.open(home / "saves" / "s0"), _cave("cave 0"), {}, annotator="bo")
    session.say("guidelines", turn=1, data=guidelines)
    session.rate(-2, turn=2)
    session.close()
    call(home, "export", "--format", "kto", *SAVES, "--out", str(home / "kto"))
    card = (home / "kto" / "README.md").read_text()
    for said in (
        "> Judge by the goal alone.",
        "Guidelines `abc`, read by 1",
        "0 ties made no row; about 1 things not all agreed",
        "ratings of turns: alpha",
        "- bo: 1 answers, as the others in 0%",
        "| `raters` | who said so",
        "`cave 0` | t",
        "| `cccccccccccc` |",
        "size_categories:",
    ):
        assert said in card, said


def test_a_table_cannot_carry_a_formula(home: Path) -> None:
    session = Session.resume(Store.open(home / "saves" / "s0"), _cave("cave 0"), {})
    session.comment("=1+1")
    session.close()
    call(home, "export", "s0", "--format", "csv", "--out", str(home / "csv"))
    assert ",'=1+1," in (home / "csv" / "train.csv").read_text()


def _cave(name: str) -> CaveWorld:
    cave = CaveWorld()
    cave.name = name
    return cave


def _tiny_model(folder: Path) -> tuple[Any, Any]:
    """A randomly initialised Llama and a tokenizer of bytes, read from a folder as the reference model will be."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = ["<|endoftext|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    raw = Tokenizer(models.BPE({letter: k for k, letter in enumerate(letters)}, []))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|endoftext|>", pad_token="<|endoftext|>")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(letters),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=1024,
        pad_token_id=0,
        eos_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return LlamaForCausalLM.from_pretrained(folder), tokenizer


@pytest.mark.parametrize("form", ["sft", "dpo", "kto"])
def test_trl_trains_on_it(home: Path, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    import datasets
    import torch
    import trl

    call(home, "export", "--format", form, *SAVES, "--out", str(tmp_path / form))
    data = datasets.load_dataset(str(tmp_path / form), cache_dir=str(tmp_path / "cache"))
    config_class, trainer_class = {
        "sft": (trl.SFTConfig, trl.SFTTrainer),
        "dpo": (trl.DPOConfig, trl.DPOTrainer),
        "kto": (trl.KTOConfig, trl.KTOTrainer),
    }[form]
    config = config_class(
        output_dir=str(tmp_path / "out"),
        max_steps=1,
        per_device_train_batch_size=2,
        learning_rate=0.1,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
    )
    model, tokenizer = _tiny_model(tmp_path / "tiny")
    before = model.lm_head.weight.detach().clone()
    trainer = trainer_class(
        model=model,
        args=config,
        train_dataset=data["train"],
        eval_dataset=data["test"],
        processing_class=tokenizer,
    )
    trainer.train()
    assert not torch.equal(before, trainer.model.lm_head.weight)


def test_the_same_examples_of_two_forks_count_once(tmp_path: Path) -> None:
    first, second = (play(Store.create(tmp_path / name)) for name in ("a", "b"))
    written = export.write(tmp_path / "out", "dpo", [Material.of(first.store), Material.of(second.store)])
    lines = (tmp_path / "out" / "train.jsonl").read_text().splitlines()
    assert len(lines) == len(set(lines)) == written.rows["train"]
    assert len(lines) == len(dataset.examples(Material.of(first.store), "dpo"))
    assert not (tmp_path / "out" / "test.jsonl").exists()
    assert json.loads(lines[0])
    first.close(), second.close()
