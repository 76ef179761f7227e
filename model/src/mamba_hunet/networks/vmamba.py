"""VMamba's visual state-space block under the parameter names of its published code.

Mamba-UNet and VM-UNet are built of it. Channels come last: (batch, height, width, channels).
Source: Liu et al., "VMamba", 2024, figure 3. What it computes is `vss.VSSBlock`.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from mamba_hunet.networks.ss2d import SS2D, scan_image
from mamba_hunet.networks.vss import DropPath


class GatedScan(nn.Module):
    """A gated 2D selective scan on depth-wise convolved features. (batch, height, width, dim) -> same."""

    def __init__(self, dim: int, d_state: int = 16, expand: int = 2) -> None:
        super().__init__()
        d_inner = expand * dim
        scan = SS2D(d_inner, d_state)
        self.x_proj_weight = scan.x_proj_weight
        self.dt_projs_weight = scan.dt_weight
        self.dt_projs_bias = scan.dt_bias
        self.A_logs = scan.A_log
        self.Ds = scan.D
        self.in_proj = nn.Linear(dim, 2 * d_inner, bias=False)
        self.conv2d = nn.Conv2d(d_inner, d_inner, kernel_size=3, padding=1, groups=d_inner)
        self.out_norm = nn.LayerNorm(d_inner)
        self.out_proj = nn.Linear(d_inner, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.in_proj(x).chunk(2, dim=-1)
        value = F.silu(self.conv2d(value.permute(0, 3, 1, 2))).permute(0, 2, 3, 1)
        scanned = scan_image(value, self.x_proj_weight, self.dt_projs_weight, self.dt_projs_bias, self.A_logs, self.Ds)
        return self.out_proj(self.out_norm(scanned) * F.silu(gate))


class VMambaBlock(nn.Module):
    """Layer norm, then the gated scan, added to its input. (batch, height, width, dim) -> same."""

    def __init__(self, dim: int, d_state: int = 16, drop_path: float = 0.0) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(dim)
        self.self_attention = GatedScan(dim, d_state)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop_path(self.self_attention(self.ln_1(x)))
