"""SS2D: each pixel can reach every other one, in one operator, in the precision that autocast asks for."""

import pytest
import torch
from mamba_hunet.networks.ss2d import SS2D
from torch.profiler import ProfilerActivity, profile


@pytest.mark.parametrize("size", [(5, 7), (1, 4), (8, 8)])
def test_every_pixel_depends_on_every_other(size: tuple[int, int]):
    torch.manual_seed(0)
    scan = SS2D(d_inner=8, d_state=4)
    image = torch.randn(1, *size, 8, requires_grad=True)
    for row, column in ((0, 0), (size[0] - 1, size[1] - 1), (size[0] // 2, size[1] // 2)):
        (gradient,) = torch.autograd.grad(scan(image)[0, row, column].sum(), image)
        assert (gradient.abs().sum(dim=-1) > 0).all()


def test_the_feature_map_is_never_copied():
    scan = SS2D(d_inner=8, d_state=4)
    image = torch.randn(2, 5, 7, 8, requires_grad=True)
    with profile(activities=[ProfilerActivity.CPU]) as run:
        y = scan(image)
        y.backward(torch.ones(y.shape))
    names = {event.name for event in run.events()}
    assert "mamba_hunet::selective_scan_2d_backward" in names
    assert not names & {f"aten::{name}" for name in ("cat", "stack", "flip", "copy_", "clone", "contiguous")}


def test_under_autocast_maps_are_bfloat16_and_gradients_those_of_the_parameters():
    torch.manual_seed(0)
    scan = SS2D(d_inner=16, d_state=8)
    image = torch.randn(2, 6, 6, 16)
    exact = scan(image)
    with torch.autocast("cpu", torch.bfloat16):
        y = scan(image.bfloat16())
    y.float().sum().backward()
    assert y.dtype == torch.bfloat16
    assert all(parameter.grad.dtype == torch.float32 for parameter in scan.parameters())
    torch.testing.assert_close(y.float(), exact, rtol=0, atol=0.02 * exact.abs().max().item())
