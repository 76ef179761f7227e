"""Between two states of a network, tensor by tensor."""

import pytest
import torch
from mamba_hunet.training.blend import blend
from torch import nn


def network(value: float) -> nn.Module:
    layers = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    for tensor in layers.state_dict().values():
        tensor.fill_(value)
    return layers


@pytest.mark.parametrize(("share", "expected"), [(0.0, 4.0), (0.25, 3.0), (1.0, 0.0)])
def test_the_share_is_that_of_the_initial_weights_statistics_too(share, expected):
    trained, initial = network(4), network(0)
    blend(trained, initial, share)
    for tensor in trained.state_dict().values():
        # The count of batches is no weight.
        assert (tensor == (expected if tensor.is_floating_point() else 4)).all()
    assert all((tensor == 0).all() for tensor in initial.state_dict().values())


def test_stored_half_precision_is_blended_in_full():
    trained, initial = network(4), network(1).half()
    blend(trained, initial, 0.5)
    assert trained.state_dict()["0.weight"].dtype == torch.float32
    assert (trained.state_dict()["0.weight"] == 2.5).all()
