"""A FLAIR-like brain phantom with multiple-sclerosis lesions of known place. Synthetic; research use only.

``make_phantom(PhantomSettings(seed=7))`` gives the scan and its truth; ``random_settings(rng)`` draws
settings as widely as scanners and patients differ. Needs numpy and scipy only.
"""

from mamba_hunet.phantom.settings import (
    ContrastSettings,
    LesionSettings,
    PhantomSettings,
    ScanSettings,
    ShapeSettings,
    random_settings,
)
from mamba_hunet.phantom.synthesis import Phantom, brain_of, make_phantom

__all__ = [
    "ContrastSettings",
    "LesionSettings",
    "Phantom",
    "PhantomSettings",
    "ScanSettings",
    "ShapeSettings",
    "brain_of",
    "make_phantom",
    "random_settings",
]
