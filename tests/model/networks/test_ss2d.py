"""The four reading directions, and that each pixel can reach every other one."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mamba_hunet.networks.ss2d import SS2D, merge_directions, unfold_directions


def test_the_four_sequences_run_along_rows_columns_and_back():
    image = torch.arange(6.0).view(1, 1, 2, 3)
    sequences = unfold_directions(image)[0, :, 0].tolist()
    assert sequences == [[0, 1, 2, 3, 4, 5], [0, 3, 1, 4, 2, 5], [5, 4, 3, 2, 1, 0], [5, 2, 4, 1, 3, 0]]


@given(height=st.integers(1, 9), width=st.integers(1, 9), seed=st.integers(0, 99))
def test_merging_is_the_adjoint_of_unfolding(height: int, width: int, seed: int):
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(2, 3, height, width, generator=generator, dtype=torch.float64)
    sequences = torch.randn(2, 4, 3, height * width, generator=generator, dtype=torch.float64)
    left = (unfold_directions(image) * sequences).sum()
    right = (image * merge_directions(sequences, height, width)).sum()
    torch.testing.assert_close(left, right)


@pytest.mark.parametrize("size", [(5, 7), (1, 4), (8, 8)])
def test_every_pixel_depends_on_every_other(size: tuple[int, int]):
    torch.manual_seed(0)
    scan = SS2D(d_inner=8, d_state=4)
    image = torch.randn(1, *size, 8, requires_grad=True)
    for row, column in ((0, 0), (size[0] - 1, size[1] - 1), (size[0] // 2, size[1] // 2)):
        (gradient,) = torch.autograd.grad(scan(image)[0, row, column].sum(), image)
        assert (gradient.abs().sum(dim=-1) > 0).all()
