"""The four orders in which an image is read."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from mamba_hunet.selective_scan.reference_2d import merge_directions, unfold_directions


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
