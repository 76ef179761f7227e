"""Mamba-HUNet for multiple-sclerosis lesions on FLAIR MRI: networks, selective scan, training, evaluation.

Importing the package is cheap: torch is loaded on the first use of a network or of the operator.
Research use only; not a medical device.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mamba_hunet.checkpoint import load_checkpoint, save_checkpoint
    from mamba_hunet.networks import create_model, list_models

__version__ = "0.1.0"
__all__ = ["create_model", "list_models", "load_checkpoint", "save_checkpoint"]

_HOME_OF = {
    "create_model": "mamba_hunet.networks",
    "list_models": "mamba_hunet.networks",
    "load_checkpoint": "mamba_hunet.checkpoint",
    "save_checkpoint": "mamba_hunet.checkpoint",
}


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
