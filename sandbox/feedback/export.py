"""Data sets on the disk: a file a split, and a data card that says what is in them and where it comes from."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from sandbox.errors import SaveError
from sandbox.feedback import dataset, records
from sandbox.feedback.dataset import Example, Gathered, Material
from sandbox.feedback.votes import Settled, Votes

Format = Literal["sft", "dpo", "kto", "prm", "raw", "csv", "parquet"]

_SHAPES: Mapping[str, str] = {
    "sft": "prompt-completion: `prompt`, `completion`, for `SFTTrainer`",
    "dpo": "preference with explicit prompt: `prompt`, `chosen`, `rejected`, for `DPOTrainer`",
    "kto": "unpaired preference: `prompt`, `completion`, `label`, for `KTOTrainer`",
    "prm": "stepwise supervision: `prompt`, `completions`, `labels`; prompt and completions joined are the "
    "transcript",
    "raw": "raw records, for `sandbox feedback import`",
    "csv": "a table with a row for each record of feedback",
    "parquet": "a table with a row for each record of feedback",
}
_TABLE = (
    *("id", "turn", "kind", "value", "reasons", "comment", "annotator", "created", "latency"),
    *("save", "world", "seat", "command", "chooser", "wanted", "agent", "model", "data", "prompt", "proposals"),
)


@dataclass(slots=True)
class Written:
    """What a data set holds."""

    rows: Counter[str] = field(default_factory=Counter)
    """By split."""
    worlds: dict[str, str] = field(default_factory=dict)
    """World -> split."""
    annotators: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    rebuilt: int = 0
    """Rows whose prompt was not stored."""
    votes: Votes = "majority"
    ties: int = 0
    """What as many said one thing of as the other; left out."""
    disputed: tuple[tuple[str, Settled], ...] = ()
    """What not all agreed about, each with its prompt."""


def write(
    folder: Path,
    form: Format,
    saves: Sequence[Material],
    *,
    share: float = 0.1,
    seed: int = 0,
    licence: str = "unknown",
    votes: Votes = "majority",
) -> Written:
    """Write a data set: `train` and, where there is more than one world, `test`; and `README.md`, the data card.

    Args:
        folder: must be empty, or not there yet.
        form: what the rows look like.
        saves: what is read.
        share: of the worlds that goes into the test.
        seed: of the split.
        licence: identifier for the card's licence field, such as `cc-by-4.0`.
        votes: how what several people said of the same is brought together.

    Raises `SaveError` where the folder cannot be written or is not empty, or there is nothing to write.
    """
    gathered = _rows(form, saves, votes)
    found = gathered.examples
    if not found:
        raise SaveError(f"there is no feedback in these saves that makes a row for {form}", hint="rate some turns")
    _, test = dataset.split_worlds([example.world for example in found], share=share, seed=seed)
    written = Written(votes=votes, ties=gathered.ties, disputed=gathered.disputed)
    splits: dict[str, list[Mapping[str, Any]]] = {"train": []}
    for example in found:
        split = "test" if example.world in test else "train"
        splits.setdefault(split, []).append({**example.row, **example.votes})
        written.rows[split] += 1
        written.worlds[example.world] = split
        written.annotators.update(name or "(interventions in play)" for name in example.raters)
        written.models[example.model or "(no language model)"] += 1
        written.rebuilt += not example.stored
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise SaveError("the folder is not empty", where=folder, hint="choose another --out")
        suffix, writer = _WRITERS.get(form, ("jsonl", _write_lines))
        for split, rows in splits.items():
            writer(folder / f"{split}.{suffix}", rows)
        card = _card(form, written, suffix, sorted({material.name for material in saves}), seed, licence)
        (folder / "README.md").write_text(card, encoding="utf-8")
    except OSError as error:
        raise SaveError(f"cannot be written: {error.strerror}", where=folder) from error
    return written


def _rows(form: Format, saves: Sequence[Material], votes: Votes) -> Gathered:
    """All rows, each once: two saves of one origin share much."""
    if form in get_args(dataset.Format):
        return dataset.gathered(saves, form, votes)  # type: ignore[arg-type]
    found: dict[str, Example] = {}
    for material in saves:
        for row in records.records(material):
            found.setdefault(row["id"], Example(row, material.world, row["model"], (row["annotator"],)))
    return Gathered(list(found.values()))


def _write_lines(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with file.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _flat(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    structured = ("data", "reasons", "proposals")
    return [
        {name: json.dumps(row[name], ensure_ascii=False) if name in structured else row[name] for name in _TABLE}
        for row in rows
    ]


def _write_csv(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, _TABLE)
        writer.writeheader()
        writer.writerows({name: _inert(value) for name, value in row.items()} for row in _flat(rows))


def _inert(value: Any) -> Any:
    """Text that a spreadsheet will not take for a formula (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value


def _write_parquet(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    import pyarrow
    from pyarrow import parquet

    numbers = {"value", "created", "latency"}
    columns = [(name, pyarrow.float64() if name in numbers else pyarrow.string()) for name in _TABLE]
    parquet.write_table(pyarrow.Table.from_pylist(_flat(rows), schema=pyarrow.schema(columns)), file)


_WRITERS: Mapping[str, tuple[str, Callable[[Path, Sequence[Mapping[str, Any]]], None]]] = {
    "csv": ("csv", _write_csv),
    "parquet": ("parquet", _write_parquet),
}


def _card(form: Format, written: Written, suffix: str, saves: Sequence[str], seed: int, licence: str) -> str:
    """Markdown with the front matter that data-set hubs and `datasets.load_dataset` read."""
    files = "".join(
        f"  - split: {split}\n    path: {split}.{suffix}\n" for split in ("train", "test") if written.rows[split]
    )
    worlds = "".join(f"| `{_cell(world)}` | {split} |\n" for world, split in sorted(written.worlds.items()))
    one_sided = "" if written.rows["test"] else "There is but one world, so there is no test split. "
    return f"""---
license: {json.dumps(licence)}
tags:
- human-feedback
- text-adventure
configs:
- config_name: default
  data_files:
{files}---

# Human feedback on text-adventure turns

Format `{form}`: {_SHAPES[form]}.

| split | rows |
|---|---|
{"".join(f"| {split} | {count} |{chr(10)}" for split, count in sorted(written.rows.items(), reverse=True))}
No world is on both sides of the split (drawn with seed {seed}). {one_sided}\
Prompts are the texts that the model read when it decided; {written.rebuilt} rows had none stored, and theirs were
built from the agent's card.

## Worlds

| world | split |
|---|---|
{worlds}
## Annotators

Pseudonyms, with the number of rows.

{_counts(written.annotators)}
## Models

The language models, with their adapters, that the judged agents used.

{_counts(written.models)}
## Saves

{"".join(f"- {_cell(name)}{chr(10)}" for name in saves)}
## Licence

{licence}. The worlds' texts belong to the authors of the worlds: check their licences before you pass this on.
"""


def _counts(counts: Mapping[str, int]) -> str:
    return "".join(f"- {_cell(name)}: {count}\n" for name, count in sorted(counts.items()))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'")
