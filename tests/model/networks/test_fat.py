"""Nothing is a lesion in fat, nor right beside it."""

import torch
from mamba_hunet.networks.fat import FAT_Z, without_fat
from mamba_hunet.networks.inference_form import InferenceForm
from torch import Tensor, nn


class EverythingIsLesion(nn.Module):
    def forward(self, slices: Tensor) -> Tensor:
        return torch.full_like(slices, 3.0)


def slice_with_a_spot(z: float) -> Tensor:
    slices = torch.zeros(1, 1, 32, 32)
    slices[..., 16, 16] = z
    return slices


def test_what_is_brighter_than_any_lesion_takes_3_mm_around_it_along():
    logits = without_fat(torch.full((1, 1, 32, 32), 3.0), slice_with_a_spot(FAT_Z + 0.1))
    taken = logits[0, 0] < 0
    assert taken[13:20, 13:20].all()
    assert taken.sum() == 7 * 7


def test_a_bright_lesion_stays():
    logits = torch.full((1, 1, 32, 32), 3.0)
    torch.testing.assert_close(without_fat(logits, slice_with_a_spot(FAT_Z - 0.1)), logits)


def test_whatever_network_answers_fat_is_no_lesion():
    answer = InferenceForm(EverythingIsLesion())(slice_with_a_spot(8.0))
    assert answer[0, 0, 16, 16] < -10
    assert answer[0, 0, 0, 0] == 3.0
