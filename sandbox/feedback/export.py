"""Data sets on the disk: a file a split, and a data card that says what is in them and where it comes from."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from sandbox.errors import SaveError
from sandbox.feedback import dataset, records
from sandbox.feedback.data_card import Written, card
from sandbox.feedback.dataset import Example, Gathered, Material
from sandbox.feedback.votes import Votes

Format = Literal["sft", "dpo", "kto", "prm", "raw", "csv", "parquet"]

_TABLE = (
    *("id", "turn", "kind", "value", "reasons", "comment", "annotator", "created", "latency"),
    *("save", "world", "seat", "command", "chooser", "wanted", "agent", "model", "data", "prompt", "proposals"),
)


def write(
    folder: Path,
    form: Format,
    saves: Sequence[Material],
    *,
    share: float = 0.1,
    seed: int = 0,
    licence: str = "unknown",
    votes: Votes = "majority",
    push: bool = False,
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
        push: lay the folder out as data-set hubs do, with Parquet files under `data/`.

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
        suffix, writer = ("parquet", _push_parquet(form)) if push else _WRITERS.get(form, ("jsonl", _write_lines))
        pattern = "data/{}-00000-of-00001.parquet" if push else "{}." + suffix
        files = {split: pattern.format(split) for split in ("train", "test")}
        for split, rows in splits.items():
            file = folder / files[split]
            file.parent.mkdir(exist_ok=True)
            writer(file, rows)
        voted = form in get_args(dataset.Format)
        text = card(form, written, files, saves, seed=seed, licence=licence, voted=voted)
        (folder / "README.md").write_text(text, encoding="utf-8")
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


def _push_parquet(form: Format) -> Callable[[Path, Sequence[Mapping[str, Any]]], None]:
    """Writes rows of examples as they are, and records as the flat table."""
    if form not in get_args(dataset.Format):
        return _write_parquet

    def write(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist([dict(row) for row in rows]), file)

    return write


_WRITERS: Mapping[str, tuple[str, Callable[[Path, Sequence[Mapping[str, Any]]], None]]] = {
    "csv": ("csv", _write_csv),
    "parquet": ("parquet", _write_parquet),
}
