"""Windows: how they are cut, who may look at whom, and what a shift adds."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mamba_hunet import create_model
from mamba_hunet.networks.swin import (
    FORBIDDEN,
    SwinBlock,
    join_windows,
    relative_position_index,
    shifted_window_mask,
    split_windows,
)


@given(window=st.integers(1, 4), rows=st.integers(1, 3), columns=st.integers(1, 3))
def test_joining_undoes_splitting(window: int, rows: int, columns: int):
    x = torch.randn(2, window * rows, window * columns, 3)
    windows = split_windows(x, window)
    assert windows.shape == (2 * rows * columns, window * window, 3)
    assert torch.equal(join_windows(windows, window, *x.shape[1:3]), x)


def test_pairs_of_tokens_share_a_bias_when_they_lie_alike():
    index = relative_position_index(3)
    positions = [(i // 3, i % 3) for i in range(9)]
    offsets = [[(a[0] - b[0], a[1] - b[1]) for b in positions] for a in positions]
    pairs = {(offset, int(index[i, j])) for i, row in enumerate(offsets) for j, offset in enumerate(row)}
    assert len(pairs) == len({offset for offset, _ in pairs}) == len({entry for _, entry in pairs}) == 25


def test_tokens_that_the_roll_brought_together_do_not_see_each_other():
    side, window, shift = 8, 4, 2
    mask = shifted_window_mask(side, window, shift)
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    # Where each token of the rolled image came from; neighbours there lie at most a window apart.
    origin = torch.roll(torch.stack((rows, columns), dim=-1), (-shift, -shift), dims=(0, 1))
    windows = split_windows(origin[None].float(), window)
    distance = (windows[:, :, None] - windows[:, None]).abs().amax(dim=-1)
    assert torch.equal(mask == FORBIDDEN, distance >= window)
    assert set(mask.unique().tolist()) == {FORBIDDEN, 0.0}


@pytest.mark.parametrize("shifted", [False, True])
def test_a_token_reaches_its_window_and_no_further(shifted: bool):
    torch.manual_seed(0)
    block = SwinBlock(dim=8, side=8, heads=2, window=4, shifted=shifted, drop_path=0.0)
    x = torch.randn(1, 8, 8, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(block(x)[0, 3, 3].sum(), x)
    seen = gradient[0].abs().sum(dim=-1) > 0
    expected = torch.zeros(8, 8, dtype=torch.bool)
    expected[2:6, 2:6] = shifted
    expected[:4, :4] |= not shifted
    assert torch.equal(seen, expected)


def test_sizes_that_do_not_divide_into_windows_are_refused():
    with pytest.raises(ValueError, match="not whole windows of 8"):
        create_model("swin_unet", slice_size=160)
