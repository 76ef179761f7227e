"""The operator over images is a good citizen of torch: opcheck, export, and clear errors."""

import pytest
import torch
from mamba_hunet.networks.ss2d import SS2D
from mamba_hunet.selective_scan import selective_scan_2d
from torch import Tensor

NAMES = ("x", "projected", "dt_weight", "dt_bias", "A", "D")


@pytest.mark.parametrize("keep_states", [True, False])
def test_opcheck_finds_nothing(make_image_inputs, keep_states):
    inputs = [tensor.requires_grad_() for tensor in make_image_inputs(channels=20)]
    torch.library.opcheck(torch.ops.mamba_hunet.selective_scan_2d.default, (*inputs, keep_states))


@pytest.fixture
def new_memory_is_nan():
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("channels", [3, 16, 20])
def test_states_are_numbers_in_every_lane(make_image_inputs, channels, new_memory_is_nan):
    _, states = torch.ops.mamba_hunet.selective_scan_2d(*make_image_inputs(channels=channels), True)
    assert states.isfinite().all()


def test_opcheck_finds_nothing_in_the_backward_operator(make_image_inputs):
    inputs = make_image_inputs()
    _, states = torch.ops.mamba_hunet.selective_scan_2d(*inputs, True)
    operator = torch.ops.mamba_hunet.selective_scan_2d_backward.default
    torch.library.opcheck(operator, (torch.ones_like(inputs[0]), states, *inputs))


def test_exports_with_a_dynamic_batch():
    module = SS2D(d_inner=8, d_state=4).eval()
    batch = torch.export.Dim("batch", min=1, max=16)
    with torch.no_grad():
        program = torch.export.export(module, (torch.randn(2, 6, 5, 8),), dynamic_shapes=({0: batch},))
        (node,) = (n for n in program.graph.nodes if n.target == torch.ops.mamba_hunet.selective_scan_2d.default)
        assert node.args[-1] is False  # no states are kept for a backward pass that never comes
        for size in (1, 5):
            x = torch.randn(size, 6, 5, 8)
            torch.testing.assert_close(program.module()(x), module(x))


def wrong(inputs: list[Tensor], name: str, tensor: Tensor) -> list[Tensor]:
    position = NAMES.index(name)
    return [*inputs[:position], tensor, *inputs[position + 1 :]]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("x", (2, 5, 7)),
        ("x", (2, 7, 5, 6)),
        ("projected", (2, 5, 7, 40)),
        ("projected", (2, 5, 7, 4, 9)),
        ("dt_weight", (24, 2)),
        ("dt_weight", (4, 2, 6)),
        ("dt_bias", (24,)),
        ("A", (24,)),
        ("A", (6, 4)),
        ("A", (24, 0)),
        ("A", (24, 65)),
        ("D", (6,)),
    ],
)
def test_a_wrong_shape_is_refused_by_name(make_image_inputs, name, shape):
    # Where sizes disagree, the one that is looked at later is named.
    named = {(2, 7, 5, 6): "projected", (4, 2, 6): "projected"}.get(shape, name)
    with pytest.raises(ValueError, match=rf"selective_scan_2d: {named} has shape \[.*\]; expected \("):
        selective_scan_2d(*wrong(make_image_inputs(), name, torch.zeros(shape)))


@pytest.mark.parametrize(
    ("name", "dtype"), [("A", torch.bfloat16), ("x", torch.int32), ("projected", torch.float64), ("D", torch.float16)]
)
def test_a_wrong_dtype_is_refused_by_name(make_image_inputs, name, dtype):
    inputs = make_image_inputs()
    with pytest.raises(TypeError, match=f"selective_scan_2d: {name} is "):
        selective_scan_2d(*wrong(inputs, name, inputs[NAMES.index(name)].to(dtype)))


def test_states_of_another_shape_are_refused(make_image_inputs):
    inputs = make_image_inputs()
    with pytest.raises(ValueError, match="selective_scan_2d: states has shape"):
        torch.ops.mamba_hunet.selective_scan_2d_backward(inputs[0], torch.zeros(1, 1, 4, 3, 4, 16), *inputs)
