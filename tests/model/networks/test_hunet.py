"""HUNet: two pathways that look differently far, and a lighter variant."""

import torch
from mamba_hunet import create_model
from mamba_hunet.networks.conv import ConvBlock, SeparableConvBlock
from mamba_hunet.networks.hunet import Pathway


def reach(pathway: Pathway, side: int) -> int:
    """How far from a pixel of the finest map the pathway still looks, in pixels."""
    image = torch.randn(1, 1, side, side, requires_grad=True)
    middle = side // 2
    (gradient,) = torch.autograd.grad(pathway.eval()(image)[0][0, :, middle, middle].sum(), image)
    seen = gradient[0, 0].abs().sum(dim=0).nonzero()
    return int((seen - middle).abs().max())


def test_the_context_pathway_looks_further_than_the_local_one():
    torch.manual_seed(0)
    for name in ("hunet", "hunet_lite"):
        network = create_model(name)
        assert reach(network.context_pathway, 32) >= 2 * reach(network.local_pathway, 32)


def test_both_pathways_reach_every_scale():
    network = create_model("hunet")
    pathways = network.local_pathway, network.context_pathway
    sides = [[features.shape[-1] for features in pathway(torch.zeros(1, 1, 64, 64))] for pathway in pathways]
    assert sides == [[64, 32, 16, 8, 4]] * 2


def test_three_scales_are_supervised():
    supervised = create_model("hunet").training_logits(torch.zeros(1, 1, 64, 64)).lesion
    assert [logits.shape[-1] for logits in supervised] == [64, 32, 16]


def test_a_separable_block_costs_a_fraction():
    def parameters(block: torch.nn.Module) -> int:
        return sum(parameter.numel() for parameter in block.parameters())

    assert 7 * parameters(SeparableConvBlock(64, 64)) < parameters(ConvBlock(64, 64))
