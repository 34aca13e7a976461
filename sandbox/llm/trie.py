"""Many continuations of one prompt as one tree of tokens, so that what they share is computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Trie:
    """The inner nodes of a tree of continuations, in an order in which parents come before their children.

    The root is the last token of the prompt. The log-probability of a token is read at its parent, so the last
    token of a continuation needs no node of its own, unless a longer continuation goes through it.

    Rows: 0 is the root, `i + 1` is node i.
    """

    options: tuple[Tokens, ...]
    tokens: tuple[int, ...]
    """The token of each node."""
    parents: tuple[int, ...]
    """The row that each node hangs from."""
    depths: tuple[int, ...]
    """1 for the children of the root."""
    rows: tuple[tuple[int, ...], ...]
    """For each option and each of its tokens: the row at which the token's probability is read."""

    @classmethod
    def build(cls, options: Sequence[Tokens]) -> Trie:
        """The trie of these continuations. Duplicates, prefixes of each other and empty ones are all fine."""
        children: dict[tuple[int, int], int] = {}
        tokens: list[int] = []
        parents: list[int] = []
        depths: list[int] = []
        rows: list[tuple[int, ...]] = []
        for option in options:
            path = [0] if option else []
            for depth, token in enumerate(option[:-1], start=1):
                parent = path[-1]
                row = children.setdefault((parent, token), len(tokens) + 1)
                if row > len(tokens):
                    tokens.append(token)
                    parents.append(parent)
                    depths.append(depth)
                path.append(row)
            rows.append(tuple(path))
        return cls(tuple(options), tuple(tokens), tuple(parents), tuple(depths), tuple(rows))

    def __len__(self) -> int:
        return len(self.tokens)

    def ancestry(self) -> npt.NDArray[np.bool_]:
        """[nodes, nodes]: whether the node of the column lies on the path from the root to that of the row."""
        seen = np.eye(len(self), dtype=np.bool_)
        for node, parent in enumerate(self.parents):
            if parent > 0:
                seen[node] |= seen[parent - 1]
        return seen


def tries(options: Sequence[Tokens], max_nodes: int) -> Iterator[Trie]:
    """Tries that hold the distinct options between them, of about `max_nodes` nodes at most each.

    Sorted, so that options that share their beginning share a trie. One option longer than the limit still gets a
    trie to itself.
    """
    group: list[Tokens] = []
    nodes = 0
    previous: Tokens = ()
    for option in sorted(set(options)):
        new = max(len(option) - 1, 0) - common_length(previous, option[:-1])
        if group and nodes + new > max_nodes:
            yield Trie.build(group)
            group, nodes, new = [], 0, max(len(option) - 1, 0)
        group.append(option)
        nodes += new
        previous = option
    if group:
        yield Trie.build(group)


def common_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two sequences have in common at their beginning."""
    length = min(len(one), len(other))
    return next((i for i in range(length) if one[i] != other[i]), length)
