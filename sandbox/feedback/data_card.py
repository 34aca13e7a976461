"""The card of a data set: what a reader asks before training on it, as Markdown that data-set hubs understand."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.feedback.agreement import Statistics, statistics
from sandbox.feedback.dataset import Material
from sandbox.feedback.votes import Settled, Votes

SHAPES: Mapping[str, str] = {
    "sft": "prompt-completion: `prompt`, `completion`, for `SFTTrainer`",
    "dpo": "preference with explicit prompt: `prompt`, `chosen`, `rejected`, for `DPOTrainer`",
    "kto": "unpaired preference: `prompt`, `completion`, `label`, for `KTOTrainer`",
    "prm": "stepwise supervision: `prompt`, `completions`, `labels`; prompt and completions joined are the "
    "transcript. TRL describes this type; its version 1.16 has no trainer for it",
    "raw": "raw records, for `sandbox feedback import`",
    "csv": "a table with a row for each record of feedback",
    "parquet": "a table with a row for each record of feedback",
}
_VOTES: Mapping[Votes, str] = {
    "all": "Each vote is a row of its own, so rows may contradict each other.",
    "majority": "Where several people judged the same, a row says what most said.",
    "weighted": "Where several people judged the same, a row says what a Bradley-Terry model of all votes in that "
    "state finds likelier; `weight` is its probability.",
    "soft": "Where several people judged the same, a row says what most said; `weight` is their share.",
}
_COLUMNS = """| column | |
|---|---|
| `raters` | who said so; an empty name stands for a command that a person gave in an agent's place |
| `votes`, `against` | how many said so, and how many said otherwise or that it is a tie |
| `weight` | what the row should weigh; 1 unless votes were weighed |
| `created` | when it was last said, Unix time in seconds |
"""


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


def card(
    form: str,
    written: Written,
    files: Mapping[str, str],
    saves: Sequence[Material],
    *,
    seed: int,
    licence: str,
    voted: bool,
) -> str:
    """Markdown with the front matter that hubs and `datasets.load_dataset` read.

    Args:
        form: what the rows look like.
        written: what was written.
        files: split -> path of its file in the folder, as a pattern.
        saves: what was read.
        seed: of the split.
        licence: as the person named it.
        voted: whether rows tell of the votes behind them.
    """
    found = statistics(saves)
    listed = "".join(
        f"  - split: {split}\n    path: {path}\n" for split, path in files.items() if written.rows[split]
    )
    fingerprints = {material.world: material.run.fingerprint for material in saves}
    worlds = "".join(
        f"| `{_cell(world)}` | {split} | `{fingerprints.get(world, '')[:12]}` |\n"
        for world, split in sorted(written.worlds.items())
    )
    one_sided = "" if written.rows["test"] else "There is but one world, so there is no test split. "
    total = sum(written.rows.values())
    size = "n<1K" if total < 1000 else "1K<n<10K" if total < 10_000 else "10K<n<100K"
    return f"""---
license: {json.dumps(licence)}
size_categories:
- {size}
tags:
- human-feedback
- text-adventure
- trl
configs:
- config_name: default
  data_files:
{listed}---

# Human feedback on text-adventure turns

Format `{form}`: {SHAPES[form]}.

| split | rows |
|---|---|
{"".join(f"| {split} | {count} |{chr(10)}" for split, count in sorted(written.rows.items(), reverse=True))}
No world is on both sides of the split (drawn with seed {seed}). {one_sided}\
Prompts are the texts that the model read when it decided; {written.rebuilt} rows had none stored, and theirs were
built from the agent's card.

## How it was collected

People judged what agents did, or wanted to do, in text worlds: while playing, or as a queue of recorded decisions
whose candidates stand in a drawn order, without what the agent chose. {_span(saves)}
{_guidelines(saves)}
{_votes(written) if voted else ""}
## How far people agree

{_agreement(found)}
## Worlds

| world | split | version |
|---|---|---|
{worlds}
## Annotators

Pseudonyms, with the number of rows.

{_counts(written.annotators)}
## Models

The language models, with their adapters, that the judged agents used.

{_counts(written.models)}
## Saves

{"".join(f"- {_cell(name)}{chr(10)}" for name in sorted({material.name for material in saves}))}
## What to know before training on it

- Only deeds are examples: what the world refused, what changed nothing, and other words for the same deed are not.
- A few people judged; what they prefer need not be what others would.
- Feedback given in play saw the agent's choice and its numbers; that of the queue did not.

## Licence

{licence}. The worlds' texts belong to the authors of the worlds: check their licences before you pass this on.
"""


def _span(saves: Sequence[Material]) -> str:
    times = [record.created for material in saves for record in material.feedback]
    if not times:
        return ""
    first, last = (time.strftime("%Y-%m-%d", time.gmtime(each)) for each in (min(times), max(times)))
    return f"All of it was said on {first}." if first == last else f"It was said between {first} and {last}."


def _guidelines(saves: Sequence[Material]) -> str:
    """Each version that somebody rated by, with how many did."""
    by_version: dict[str, tuple[str, set[str]]] = {}
    for material in saves:
        for record in material.book.standing():
            if record.kind == "guidelines":
                version, words = str(record.data["version"]), str(record.data["words"])
                by_version.setdefault(version, (words, set()))[1].add(record.annotator)
    return "".join(
        f"\nGuidelines `{_cell(version)}`, read by {len(readers)}:\n\n"
        + "".join(f"> {_cell(line)}\n" for line in words.strip().splitlines())
        for version, (words, readers) in by_version.items()
    )


def _votes(written: Written) -> str:
    return f"""
{_VOTES[written.votes]} {written.ties} ties made no row; about {len(written.disputed)} things not all agreed.

{_COLUMNS}"""


def _agreement(found: Statistics) -> str:
    lines = [
        f"- ratings of turns: {_alpha(found.alpha_ratings)}, {found.shared_turns} rated by two or more",
        f"- questions: {_alpha(found.alpha_preferences)}, {found.shared_pairs} answered by two or more",
    ]
    for rater in found.raters if len(found.raters) > 1 else ():
        share = rater.agreement
        others = (
            ""
            if math.isnan(share.value)
            else (f", as the others in {share.value:.0%} [{share.low:.0%}, {share.high:.0%}]")
        )
        lines.append(f"- {_cell(rater.name)}: {rater.answers} answers{others}")
    return "Krippendorff's alpha, over questions with chance over each question's own options.\n\n" + "".join(
        f"{line}\n" for line in lines
    )


def _alpha(value: float) -> str:
    return "not known" if math.isnan(value) else f"alpha {value:.2f}"


def _counts(counts: Mapping[str, int]) -> str:
    return "".join(f"- {_cell(name)}: {count}\n" for name, count in sorted(counts.items()))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'")
