"""The operator is a good citizen of torch: opcheck, export with a dynamic batch, and clear errors."""

import pytest
import torch
from mamba_hunet.selective_scan import selective_scan
from torch import Tensor, nn


@pytest.mark.parametrize("softplus", [True, False])
@pytest.mark.parametrize("optional", [True, False])
def test_opcheck_finds_nothing(make_inputs, softplus, optional):
    inputs = make_inputs(softplus=softplus)
    if not optional:
        inputs[5:] = [None, None]
    for tensor in inputs:
        if tensor is not None:
            tensor.requires_grad_()
    torch.library.opcheck(torch.ops.mamba_hunet.selective_scan.default, (*inputs, softplus))


def test_opcheck_finds_nothing_in_the_backward_operator(make_inputs):
    inputs = make_inputs()
    operator = torch.ops.mamba_hunet.selective_scan_backward.default
    torch.library.opcheck(operator, (torch.ones_like(inputs[0]), *inputs, True))


class OneScan(nn.Module):
    """A scan whose B, C and delta depend on its input."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Conv1d(8, 8 + 2 * 4, kernel_size=1)
        self.A = nn.Parameter(-torch.rand(8, 4))
        self.D = nn.Parameter(torch.ones(8))

    def forward(self, u: Tensor) -> Tensor:
        delta, B, C = self.project(u).split((8, 4, 4), dim=1)
        return selective_scan(u, delta, self.A, B[:, None], C[:, None], self.D, None, True)


def test_exports_with_a_dynamic_batch():
    module = OneScan().eval()
    batch = torch.export.Dim("batch", min=1, max=16)
    program = torch.export.export(module, (torch.randn(2, 8, 30),), dynamic_shapes=({0: batch},))
    assert any(node.target == torch.ops.mamba_hunet.selective_scan.default for node in program.graph.nodes)
    for size in (1, 5):
        u = torch.randn(size, 8, 30)
        torch.testing.assert_close(program.module()(u), module(u))


def wrong(inputs: list[Tensor], name: str, tensor: Tensor) -> list[Tensor]:
    position = ("u", "delta", "A", "B", "C", "D", "delta_bias").index(name)
    return [*inputs[:position], tensor, *inputs[position + 1 :]]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("u", (2, 6)),
        ("delta", (2, 6, 19)),
        ("A", (5, 4)),
        ("A", (6,)),
        ("A", (6, 65)),
        ("A", (6, 0)),
        ("B", (2, 4, 20)),
        ("B", (2, 4, 4, 20)),
        ("B", (2, 2, 4, 21)),
        ("C", (1, 2, 4, 20)),
        ("D", (5,)),
        ("delta_bias", (6, 1)),
    ],
)
def test_a_wrong_shape_is_refused_by_name(make_inputs, name, shape):
    with pytest.raises(ValueError, match=rf"selective_scan: {name} has shape \[{', '.join(map(str, shape))}\]"):
        selective_scan(*wrong(make_inputs(), name, torch.zeros(shape)), True)


@pytest.mark.parametrize(
    ("name", "dtype"), [("A", torch.bfloat16), ("u", torch.int32), ("B", torch.float64), ("D", torch.float16)]
)
def test_a_wrong_dtype_is_refused_by_name(make_inputs, name, dtype):
    inputs = make_inputs()
    position = ("u", "delta", "A", "B", "C", "D", "delta_bias").index(name)
    with pytest.raises(TypeError, match=f"selective_scan: {name} is "):
        selective_scan(*wrong(inputs, name, inputs[position].to(dtype)), True)


@pytest.mark.parametrize("name", ["sse9", "avx512"])
def test_an_instruction_set_that_is_not_there_is_refused(make_inputs, monkeypatch, name):
    available = torch.ops.mamba_hunet.selective_scan_isas()
    if name in available:
        pytest.skip(f"this CPU has {name}")
    monkeypatch.setenv("MAMBA_HUNET_ISA", name)
    with pytest.raises(RuntimeError, match=f"MAMBA_HUNET_ISA={name} .*Use one of: {', '.join(available)}"):
        selective_scan(*make_inputs(), True)
