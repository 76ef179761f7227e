"""The loss is low where the prediction is right, and defined where nothing is marked."""

import torch
from mamba_hunet.losses import brain_loss, dice_cross_entropy, multi_scale_loss, soft_dice_loss, training_loss
from mamba_hunet.networks.base import TrainingLogits


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


def test_pixels_of_which_nobody_knows_whether_they_are_brain_count_nothing():
    target = torch.tensor([1.0, 0.0, -1.0, -1.0]).reshape(1, 1, 2, 2)
    right = torch.tensor([30.0, -30.0, 0.0, 0.0]).reshape(1, 1, 2, 2)
    wrong = -right
    assert brain_loss(right, target) < 1e-6
    assert brain_loss(wrong, target) > 20
    assert brain_loss(wrong, torch.full_like(target, -1.0)) == 0


def test_the_brain_is_part_of_the_loss_where_the_network_says_what_is_brain():
    targets = torch.zeros(1, 2, 4, 4)
    lesion = (torch.full((1, 1, 4, 4), -20.0),)
    alone = training_loss(TrainingLogits(lesion), targets)
    assert training_loss(TrainingLogits(lesion, torch.full((1, 1, 4, 4), -20.0)), targets) == alone
    assert training_loss(TrainingLogits(lesion, torch.full((1, 1, 4, 4), 2.0)), targets) > alone + 0.3
