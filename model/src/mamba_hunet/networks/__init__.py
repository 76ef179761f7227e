"""The networks, by name."""

from mamba_hunet.networks.base import SegmentationNetwork
from mamba_hunet.networks.hunet import HUNet, HUNetLite
from mamba_hunet.networks.mamba_hunet import MambaHUNet
from mamba_hunet.networks.mamba_unet import MambaUNet
from mamba_hunet.networks.swin_unet import SwinUNet
from mamba_hunet.networks.unet import UNet
from mamba_hunet.networks.vm_unet import VMUNet

_NETWORKS: dict[str, type[SegmentationNetwork]] = {
    "mamba_hunet": MambaHUNet,
    "hunet": HUNet,
    "hunet_lite": HUNetLite,
    "unet": UNet,
    "swin_unet": SwinUNet,
    "mamba_unet": MambaUNet,
    "vm_unet": VMUNet,
}


def list_models() -> tuple[str, ...]:
    """Names that `create_model` takes."""
    return tuple(_NETWORKS)


def create_model(name: str = "mamba_hunet", **overrides: object) -> SegmentationNetwork:
    """Builds a network with fresh weights.

    Args:
        name: one of `list_models()`.
        overrides: constructor arguments of that network, such as ``embed_dim=32``.

    Returns:
        A module that maps normalised slices (batch, 1, height, width) float32 to lesion logits of the same shape.

    Raises:
        ValueError: the name is not known.
    """
    if name not in _NETWORKS:
        raise ValueError(f"unknown network {name!r}; choose one of {', '.join(_NETWORKS)}")
    return _NETWORKS[name](**overrides)
