"""The loss is low where the prediction is right, and defined where nothing is marked."""

import torch
from mamba_hunet.losses import dice_cross_entropy, multi_scale_loss, soft_dice_loss


def test_a_perfect_prediction_costs_almost_nothing():
    target = (torch.rand(2, 1, 16, 16) > 0.7).float()
    assert dice_cross_entropy((target - 0.5) * 100, target) < 1e-3


def test_the_opposite_prediction_costs_most():
    target = (torch.rand(2, 1, 16, 16) > 0.5).float()
    assert soft_dice_loss((0.5 - target) * 100, target) > 0.99


def test_nothing_marked_and_nothing_there_is_no_loss():
    empty = torch.zeros(1, 1, 8, 8)
    assert soft_dice_loss(empty - 100, empty) == 0


def test_coarse_scales_see_the_share_of_a_small_lesion():
    target = torch.zeros(1, 1, 8, 8)
    target[..., 3, 3] = 1.0
    share = torch.full((1, 1, 2, 2), 1e-6)
    share[..., 0, 0] = 1 / 16
    quiet = [torch.full((1, 1, 8, 8), -20.0), torch.full((1, 1, 2, 2), -20.0)]
    aware = [quiet[0], torch.logit(share)]
    assert multi_scale_loss(aware, target) < multi_scale_loss(quiet, target)
