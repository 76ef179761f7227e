"""Nothing is a lesion in fat, nor right beside it; and a lesion may have its bright specks."""

import pytest
import torch
from mamba_hunet.networks.fat import FAT_Z, LEAST_FAT_PIXELS, without_fat
from mamba_hunet.networks.inference_form import InferenceForm
from torch import Tensor, nn


class EverythingIsLesion(nn.Module):
    def forward(self, slices: Tensor) -> Tensor:
        return torch.full_like(slices, 3.0)


def slice_with(z: float, rows: slice, columns: slice) -> Tensor:
    slices = torch.zeros(1, 1, 64, 64)
    slices[..., rows, columns] = z
    return slices


def taken(slices: Tensor) -> Tensor:
    return without_fat(torch.full_like(slices, 3.0), slices)[0, 0] < 0


def test_what_is_brighter_than_lesions_takes_3_mm_around_it_along():
    found = taken(slice_with(FAT_Z + 0.1, slice(20, 30), slice(20, 30)))
    assert found[17:33, 17:33].all()
    assert found.sum() == 16 * 16


def test_a_thin_strip_of_fat_is_fat():
    found = taken(slice_with(8.0, slice(30, 32), slice(0, 64)))
    assert found[27:35].all()
    assert found.sum() == 8 * 64


def test_a_bright_lesion_stays():
    assert not taken(slice_with(FAT_Z - 0.1, slice(10, 40), slice(10, 40))).any()


@pytest.mark.parametrize(("pixels", "is_fat"), [(LEAST_FAT_PIXELS - 1, False), (LEAST_FAT_PIXELS, True)])
def test_specks_in_a_lesion_are_not_fat(pixels, is_fat):
    slices = slice_with(4.0, slice(20, 40), slice(20, 40))
    for n in range(pixels):
        slices[0, 0, 25 + n // 5, 25 + n % 5] = 8.0
    assert taken(slices).any() == is_fat


def test_whatever_network_answers_fat_is_no_lesion():
    answer = InferenceForm(EverythingIsLesion())(slice_with(8.0, slice(20, 30), slice(20, 30)))
    assert answer[0, 0, 25, 25] < -10
    assert answer[0, 0, 0, 0] == 3.0
