"""Products of a few rows are the usual products."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sandbox.llm.few_rows import FewRowsLinear, use_few_rows


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 6), (2, 6), (3, 6), (4, 6), (5, 6), (1, 3, 6), (3, 1, 6), (0, 6)])
def test_a_few_rows_give_what_a_linear_layer_gives(shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(0)
    plain = nn.Linear(6, 9, bias=bias)
    given = torch.randn(shape)
    expected = plain(given)
    use_few_rows(plain)
    assert type(plain) is FewRowsLinear
    with torch.inference_mode():
        found = plain(given)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-6)


def test_weights_stay_and_learn() -> None:
    network = nn.Sequential(nn.Linear(6, 9), nn.Linear(9, 2))
    weights = [layer.weight for layer in network]
    use_few_rows(network)
    assert all(layer.weight is weight for layer, weight in zip(network, weights, strict=True))
    network(torch.randn(3, 6)).sum().backward()
    assert all(weight.grad is not None for weight in weights)


def test_layers_of_other_kinds_are_left_alone() -> None:
    class Own(nn.Linear):
        pass

    network = nn.Sequential(Own(6, 9), nn.ReLU())
    use_few_rows(network)
    assert type(network[0]) is Own
