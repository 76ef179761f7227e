"""bfloat16 is taken only where it changes nothing that counts."""

from __future__ import annotations

import pytest
import torch
from hunet_export.accuracy import LARGEST_DICE_CHANGE, choose_precision
from mamba_hunet.precision import Precision
from torch import Tensor, nn


class BrightIsLesion(nn.Module):
    """Logits from a 1x1 convolution: lesion where z is over `level`, with a slope so steep that rounding decides."""

    def __init__(self, level: float, gain: float) -> None:
        super().__init__()
        self.scale = nn.Conv2d(1, 1, kernel_size=1)
        nn.init.constant_(self.scale.weight, gain)
        nn.init.constant_(self.scale.bias, -gain * level)  # type: ignore[arg-type]

    def forward(self, slices: Tensor) -> Tensor:
        return self.scale(slices)


class RoundingDecides(BrightIsLesion):
    """Takes the same for lesion, but only where its sums are exact."""

    def forward(self, slices: Tensor) -> Tensor:
        logits = super().forward(slices)
        return logits if logits.dtype == torch.float32 else -logits


class FindsNothingRight(BrightIsLesion):
    """A corner of air, and another in bfloat16: Dice 0 either way."""

    def forward(self, slices: Tensor) -> Tensor:
        logits = torch.full_like(super().forward(slices), -10.0)
        side = slice(0, 9) if logits.dtype == torch.float32 else slice(-9, None)
        logits[..., :9, side] = 10.0
        return logits


def test_masks_that_are_equally_wrong_are_not_the_same():
    choice = choose_precision(FindsNothingRight(2.0, 1.0), Precision.BFLOAT16, 0.5)
    assert choice.precision is Precision.FLOAT32
    assert choice.dice == {"bfloat16": 0.0, "float32": 0.0, "agreement": 0.0}


def test_float32_is_never_in_question():
    choice = choose_precision(BrightIsLesion(2.0, 1.0), Precision.FLOAT32, 0.5)
    assert (choice.precision, choice.dice) == (Precision.FLOAT32, {})


def test_bfloat16_is_taken_where_the_same_is_found():
    choice = choose_precision(BrightIsLesion(2.0, 1.0), Precision.BFLOAT16, 0.5)
    assert choice.precision is Precision.BFLOAT16
    assert choice.dice["bfloat16"] == pytest.approx(choice.dice["float32"], abs=LARGEST_DICE_CHANGE)
    assert choice.dice["float32"] > 0.01


def test_a_network_that_bfloat16_changes_stays_in_float32():
    choice = choose_precision(RoundingDecides(2.0, 1.0), Precision.BFLOAT16, 0.5)
    assert choice.precision is Precision.FLOAT32
    assert abs(choice.dice["bfloat16"] - choice.dice["float32"]) > LARGEST_DICE_CHANGE
