"""Published checkpoints fit, and the networks answer as the published code does."""

import pytest
import torch
from mamba_hunet import create_model
from mamba_hunet.networks.published import PublishedNetwork

PUBLISHED = ["unet", "swin_unet", "mamba_unet", "vm_unet"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_names_shapes_and_answers_are_the_published_ones(name, published_facts, published_input, fill_by_rule):
    network = create_model(name).eval()
    fill_by_rule(network)
    facts = published_facts[name]
    assert {key: list(tensor.shape) for key, tensor in network.state_dict().items()} == facts["state_dict"]
    assert sum(parameter.numel() for parameter in network.parameters()) == facts["params"]

    with torch.inference_mode():
        published = network.published_output(published_input)
    assert list(published.shape) == facts["output_shape"]
    samples = torch.tensor(facts["samples"], dtype=torch.float64)
    answers = published[tuple(samples[:, :4].long().T)]
    torch.testing.assert_close(answers.double(), samples[:, 4], atol=1e-5, rtol=0)
    assert published.mean().item() == pytest.approx(facts["mean"], abs=1e-5)
    assert published.std().item() == pytest.approx(facts["std"], abs=1e-5)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_lesion_logit_gives_the_published_probability(name, small_options):
    network = create_model(name, **small_options[name]).eval()
    assert isinstance(network, PublishedNetwork)
    slices = torch.randn(2, 1, 32, 32)
    with torch.inference_mode():
        published, probability = network.published_output(slices), torch.sigmoid(network(slices))
    expected = published.softmax(dim=1)[:, 1:] if published.shape[1] == 2 else published
    torch.testing.assert_close(probability, expected)
