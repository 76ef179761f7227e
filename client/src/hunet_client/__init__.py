"""Client of the Mamba-HUNet serving system: one FLAIR scan in, one lesion mask out. Research use only.

    from hunet_client import SegmentationClient

    with SegmentationClient() as client:
        segmentation = client.segment("scan.nii.gz")
        print(len(segmentation.lesions.lesions), segmentation.lesions.total_volume_ml)

Names are imported when they are first used, so that `import hunet_client.lesions` or `hunet --help` does not
load gRPC.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hunet_client.async_client import AsyncSegmentationClient as AsyncSegmentationClient
    from hunet_client.segmentation import Segmentation as Segmentation
    from hunet_client.settings import ClientSettings as ClientSettings
    from hunet_client.settings import RetryPolicy as RetryPolicy
    from hunet_client.settings import Timeouts as Timeouts
    from hunet_client.sync_client import SegmentationClient as SegmentationClient

_HOME = {
    "AsyncSegmentationClient": "async_client",
    "ClientSettings": "settings",
    "RetryPolicy": "settings",
    "Segmentation": "segmentation",
    "SegmentationClient": "sync_client",
    "Timeouts": "settings",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
