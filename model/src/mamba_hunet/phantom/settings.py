"""What a phantom is made of: one frozen value, with the ranges that training draws from."""

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True, slots=True)
class LesionSettings:
    """How many lesions, of which size and brightness.

    ``count``: lesions to place (fewer when they find no room). Shares say where they lie and need not sum to
    one. ``diameter_mm``: range of the mean diameter. ``contrast``: range of lesion intensity over white
    matter. ``gap_mm``: room kept free between lesions; below zero they may grow together. ``edge_mm``: width
    of their border.
    """

    count: int = 18
    periventricular_share: float = 0.5
    juxtacortical_share: float = 0.2
    deep_share: float = 0.25
    infratentorial_share: float = 0.1
    diameter_mm: tuple[float, float] = (5.0, 15.0)
    contrast: tuple[float, float] = (1.42, 1.65)
    gap_mm: float = 4.0
    edge_mm: float = 1.6


@dataclass(frozen=True, slots=True)
class ContrastSettings:
    """Signal of each tissue, relative to cortical grey matter = 1."""

    white_matter: float = 0.84
    deep_grey: float = 0.93
    cerebellum: float = 0.96
    csf: float = 0.17
    fat: float = 1.55
    muscle: float = 0.42
    bone: float = 0.10
    marrow: float = 0.45
    periventricular_rim: float = 0.10
    texture: float = 0.025


@dataclass(frozen=True, slots=True)
class ShapeSettings:
    """The head: scale of each axis, and the size of its fluid spaces."""

    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    ventricle_radius: float = 1.0
    sulcus_width_mm: float = 1.5
    sulcus_depth_mm: float = 18.0
    fold_wavelength_mm: float = 30.0
    cortex_mm: float = 3.2
    scalp_mm: float = 4.5
    warp_mm: float = 2.5


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """The scanner: grid, resolution, coil and noise.

    ``orientation``: where i, j and k run to, as in nibabel's axis codes ("RAS", "LPS", "PSR"); slices are
    along k. ``tilt_deg``: rotation of the grid about the patient's x, y and z. ``spacing_mm`` along i, j, k.
    ``blur_mm``: in-plane point spread (sigma). ``bias``: strength of the coil's shading (0.2: about +-20 %).
    ``noise``: sigma of the Rician noise, relative to grey matter. ``white_matter_level``: stored value of
    white matter.
    """

    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 3.0)
    orientation: str = "RAS"
    tilt_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    blur_mm: float = 0.45
    bias: float = 0.08
    noise: float = 0.03
    brain_extracted: bool = False
    white_matter_level: float = 300.0


@dataclass(frozen=True, slots=True)
class PhantomSettings:
    """Everything a phantom depends on; equal settings give equal phantoms."""

    seed: int = 0
    lesions: LesionSettings = field(default_factory=LesionSettings)
    contrast: ContrastSettings = field(default_factory=ContrastSettings)
    shape: ShapeSettings = field(default_factory=ShapeSettings)
    scan: ScanSettings = field(default_factory=ScanSettings)

    def __post_init__(self) -> None:
        if self.lesions.count < 0:
            raise ValueError(f"lesions.count must be 0 or more, not {self.lesions.count}")
        if not all(0.3 <= spacing <= 10.0 for spacing in self.scan.spacing_mm):
            raise ValueError(f"scan.spacing_mm must lie between 0.3 and 10 mm, not {self.scan.spacing_mm}")
        axes = {"R": 0, "L": 0, "A": 1, "P": 1, "S": 2, "I": 2}
        orientation = self.scan.orientation
        if sorted(axes.get(code, -1) for code in orientation) != [0, 1, 2]:
            raise ValueError(f"scan.orientation must name three axes as in 'RAS', not {orientation!r}")

    def without_lesions(self) -> "PhantomSettings":
        return replace(self, lesions=replace(self.lesions, count=0))


def random_settings(rng: np.random.Generator) -> PhantomSettings:
    """Settings drawn as widely as scanners and patients differ, and somewhat wider, for training."""

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    smallest = between(2.5, 5.0)
    lesions = LesionSettings(
        count=0 if rng.random() < 0.08 else int(2.0 ** between(0.0, 5.5)),
        periventricular_share=between(0.2, 0.7),
        juxtacortical_share=between(0.05, 0.35),
        deep_share=between(0.1, 0.4),
        infratentorial_share=between(0.0, 0.2),
        diameter_mm=(smallest, between(smallest + 2.0, 18.0)),
        contrast=(between(1.2, 1.4), between(1.45, 1.8)),
        gap_mm=between(-6.0, 4.0),
        edge_mm=between(1.0, 3.5),
    )
    # With fat suppression scalp and marrow are dark; without it they are the brightest things in the picture.
    fat = between(1.1, 2.8) if rng.random() < 0.6 else between(0.25, 0.6)
    contrast = ContrastSettings(
        white_matter=between(0.78, 0.95),
        deep_grey=between(0.82, 1.02),
        cerebellum=between(0.85, 1.05),
        csf=between(0.05, 0.35),
        fat=fat,
        muscle=between(0.25, 0.6),
        bone=between(0.03, 0.18),
        marrow=fat * between(0.2, 0.45),
        periventricular_rim=between(0.0, 0.22),
        texture=between(0.01, 0.045),
    )
    size = between(0.92, 1.06)
    shape = ShapeSettings(
        scale=(size * between(0.96, 1.04), size * between(0.96, 1.04), size * between(0.96, 1.04)),
        ventricle_radius=between(0.6, 1.8),
        sulcus_width_mm=between(0.8, 2.6),
        sulcus_depth_mm=between(12.0, 22.0),
        fold_wavelength_mm=between(25.0, 36.0),
        cortex_mm=between(2.5, 3.8),
        scalp_mm=between(3.0, 9.0),
        warp_mm=between(1.0, 4.0),
    )
    in_plane = between(0.7, 1.2)
    thickness = between(1.5, 5.0) if rng.random() < 0.7 else in_plane
    scan = ScanSettings(
        spacing_mm=(in_plane, in_plane, thickness),
        tilt_deg=(between(-20.0, 15.0), between(-6.0, 6.0), between(-8.0, 8.0)),
        blur_mm=between(0.3, 0.9),
        bias=between(0.0, 0.18),
        noise=between(0.01, 0.07),
        brain_extracted=bool(rng.random() < 0.4),
        white_matter_level=between(80.0, 1200.0),
    )
    return PhantomSettings(seed=int(rng.integers(2**31)), lesions=lesions, contrast=contrast, shape=shape, scan=scan)
