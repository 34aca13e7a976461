from hypothesis import given
from hypothesis import strategies as st

from sandbox.llm.trie import Trie, common_length, tries

OPTIONS = st.lists(st.lists(st.integers(0, 3), max_size=5).map(tuple), max_size=12)


def path(trie: Trie, row: int) -> tuple[int, ...]:
    """The tokens from the root to a row."""
    return () if row == 0 else (*path(trie, trie.parents[row - 1]), trie.tokens[row - 1])


@given(OPTIONS)
def test_each_token_is_read_where_all_before_it_are_seen(options):
    trie = Trie.build(options)
    for option, rows in zip(options, trie.rows, strict=True):
        assert [path(trie, row) for row in rows] == [option[:i] for i in range(len(option))]


@given(OPTIONS)
def test_no_node_is_wasted(options):
    trie = Trie.build(options)
    nodes = [path(trie, row) for row in range(1, len(trie) + 1)]
    assert len(set(nodes)) == len(nodes)
    assert set(nodes) == {option[:i] for option in options for i in range(1, len(option))}


@given(OPTIONS)
def test_a_node_sees_itself_and_its_ancestors_alone(options):
    trie = Trie.build(options)
    seen = trie.ancestry()
    for node in range(len(trie)):
        own = path(trie, node + 1)
        assert trie.depths[node] == len(own) == seen[node].sum()
        for other in range(len(trie)):
            above = path(trie, other + 1)
            assert seen[node, other] == (own[: len(above)] == above)


@given(OPTIONS, st.integers(1, 6))
def test_chunks_hold_every_distinct_option_once(options, limit):
    chunks = list(tries(options, limit))
    assert sorted(option for trie in chunks for option in trie.options) == sorted(set(options))
    longest = max(map(len, options), default=0)
    assert all(len(trie) <= limit + longest for trie in chunks)


def test_chunks_share_beginnings():
    options = [(1, 2, 3, i) for i in range(50)] + [(4, 5, 6, i) for i in range(50)]
    assert [len(trie) for trie in tries(options, 6)] == [6]


@given(st.lists(st.integers(0, 2)), st.lists(st.integers(0, 2)))
def test_common_length(one, other):
    length = common_length(one, other)
    assert one[:length] == other[:length]
    assert length == min(len(one), len(other)) or one[length] != other[length]
