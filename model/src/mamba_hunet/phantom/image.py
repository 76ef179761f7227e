"""From anatomy to a scan: signal averaged over slices, the coil's shading, the scanner's noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from mamba_hunet.phantom.anatomy import EDGE_MM, Anatomy, BrainTissue
from mamba_hunet.phantom.head import Head
from mamba_hunet.phantom.lesions import PlacedLesion, place_lesions
from mamba_hunet.phantom.noise import band_noise
from mamba_hunet.phantom.settings import PhantomSettings
from mamba_hunet.phantom.shapes import inside

Array = NDArray[np.floating]

# For each axis code, the patient's axis (R-L, A-P, S-I) and whether the code is its positive end.
AXES = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}

# Field of view about the head, mm: low and high end of the patient's R-L, A-P and S-I axes.
WHOLE_HEAD_MM = ((-88.0, 88.0), (-122.0, 100.0), (-70.0, 96.0))
BRAIN_MM = ((-78.0, 78.0), (-114.0, 82.0), (-68.0, 88.0))
# At most this far apart lie the samples that are averaged over a slice's thickness.
SAMPLE_MM = 1.1
# Below this height brain extraction cuts the spinal cord.
EXTRACTION_END_MM = -66.0


@dataclass(frozen=True, eq=False)
class Grid:
    """A scan's grid: ``shape`` (i, j, k) and ``affine`` (4, 4) to world mm (RAS+)."""

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]


def scan_grid(settings: PhantomSettings) -> Grid:
    """The grid that holds the head, with the axes, tilt and spacing of the settings."""
    scan = settings.scan
    field = np.array(BRAIN_MM if scan.brain_extracted else WHOLE_HEAD_MM)
    field = field * np.array(settings.shape.scale)[:, None]
    axes = np.zeros((3, 3))
    extent_mm = np.zeros(3)
    for column, code in enumerate(scan.orientation):
        patient_axis, sign = AXES[code]
        axes[patient_axis, column] = sign
        extent_mm[column] = field[patient_axis, 1] - field[patient_axis, 0]
    spacing = np.array(scan.spacing_mm)
    shape = np.ceil(extent_mm / spacing).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = _rotation(scan.tilt_deg) @ axes * spacing
    affine[:3, 3] = field.mean(axis=1) - affine[:3, :3] @ ((shape - 1) / 2)
    i, j, k = shape.tolist()
    return Grid((i, j, k), affine)


class Renderer:
    """Paints slices of one phantom. Slices are independent, so a few of them cost only their share."""

    def __init__(self, settings: PhantomSettings) -> None:
        self._settings = settings
        anatomy_rng, head_rng, lesion_rng, image_rng = np.random.default_rng(settings.seed).spawn(4)
        self.grid = scan_grid(settings)
        self._anatomy = Anatomy(settings.shape, anatomy_rng)
        self._head = Head(settings.shape, settings.contrast, head_rng)
        self.lesions = place_lesions(self._anatomy, settings.lesions, lesion_rng)
        self._roughness = band_noise(lesion_rng, 7.0, octaves=0.6)
        self._texture = band_noise(image_rng, 16.0, octaves=0.9, spacing_mm=3.0, size=64)
        self._shading = band_noise(image_rng, 180.0, octaves=0.5, spacing_mm=10.0, size=40)
        self._noise_seeds = image_rng.integers(2**63, size=self.grid.shape[2])

    def slice(self, k: int) -> tuple[Array, NDArray[np.uint8]]:
        """Slice k as the scanner would store it, (i, j) float32, and its lesions, (i, j) uint8."""
        scan = self._settings.scan
        points = self._points(k)
        signal, lesion_share = (part.mean(axis=2) for part in self._signal(points))
        signal = gaussian_filter(signal, [scan.blur_mm / spacing for spacing in scan.spacing_mm[:2]])
        middle = points[:, :, points.shape[2] // 2]
        shading = self._shading(middle[..., 0], middle[..., 1], middle[..., 2])
        signal = signal * np.exp(scan.bias * shading)
        signal = _rician(signal, scan.noise, np.random.default_rng(self._noise_seeds[k]))
        if scan.brain_extracted:
            signal = signal * self._brain_mask(middle)
        level = scan.white_matter_level / self._settings.contrast.white_matter
        return signal * np.float32(level), (lesion_share >= 0.5).astype(np.uint8)

    def brain(self, k: int) -> Array:
        """Where slice k shows brain and the fluid just around it, (i, j) float32, 0 or 1."""
        points = self._points(k)
        return self._brain_mask(points[:, :, points.shape[2] // 2])

    def _points(self, k: int) -> Array:
        """(i, j, samples, 3) world mm: each pixel of slice k, sampled evenly over the slice's thickness."""
        rows, columns, _ = self.grid.shape
        samples = max(1, int(np.ceil(self._settings.scan.spacing_mm[2] / SAMPLE_MM)))
        depths = k + (np.arange(samples) + 0.5) / samples - 0.5
        voxels = np.meshgrid(np.arange(float(rows)), np.arange(float(columns)), depths, indexing="ij")
        points = np.stack(voxels, axis=-1) @ self.grid.affine[:3, :3].T + self.grid.affine[:3, 3]
        return points.astype(np.float32)

    def _signal(self, points: Array) -> tuple[Array, Array]:
        """Signal at points (i, j, samples, 3), relative to grey matter, and the share of lesion there."""
        shape, points = points.shape[:-1], points.reshape(-1, 3)
        x, y, z = self._anatomy.place(*points.T)
        signal = np.zeros(len(points), np.float32)
        lesion_share = np.zeros(len(points), np.float32)
        hulls = self._anatomy.hulls(x, y, z)
        if self._settings.scan.brain_extracted:
            signal[:] = self._settings.contrast.csf
        else:
            surface_mm = self._head.surface_mm(x, y, z, hulls)
            # Deep in the brain nothing of the head would be left to see.
            head = np.flatnonzero((surface_mm < 2.0) & (hulls.brain > -2.0))
            signal[head] = self._head.signal(x[head], y[head], z[head], hulls.at(head), surface_mm[head])

        brain = np.flatnonzero(hulls.brain < 1.0)
        if len(brain) > 0:
            tissue = self._anatomy.tissue(x[brain], y[brain], z[brain], hulls.at(brain))
            painted, share = self._brain_signal(points[brain], tissue)
            parenchyma = inside(hulls.brain[brain], EDGE_MM)
            signal[brain] += parenchyma * (painted - signal[brain])
            lesion_share[brain] = share * parenchyma
        return signal.reshape(shape), lesion_share.reshape(shape)

    def _brain_signal(self, points: Array, tissue: BrainTissue) -> tuple[Array, Array]:
        c = self._settings.contrast
        texture = self._texture(*points.T)
        signal = np.full(len(points), c.white_matter, np.float32)
        rim = np.clip(1.0 - np.abs(tissue.ventricle_mm - 0.8) / 1.8, 0.0, 1.0)
        signal *= 1.0 + c.periventricular_rim * rim
        signal += tissue.hindbrain * 0.4 * (c.cerebellum - signal)
        for share, value in (
            (tissue.deep_grey, c.deep_grey),
            (tissue.pallidum, 0.9 * c.white_matter),
            (tissue.cortex, 1.0),
            (tissue.cerebellum_grey, c.cerebellum),
        ):
            signal += share * (value - signal)
        signal *= 1.0 + c.texture * texture
        lesion_share = np.zeros(len(points), np.float32)
        low, high = points.min(axis=0), points.max(axis=0)
        for lesion in self.lesions:
            if np.all((lesion.centre_mm > low - lesion.reach_mm) & (lesion.centre_mm < high + lesion.reach_mm)):
                self._paint_lesion(lesion, points, signal, lesion_share)
        signal += tissue.fluid * (c.csf - signal)
        signal += tissue.choroid * tissue.fluid * (0.85 * c.white_matter - signal)
        return signal, lesion_share * (1.0 - tissue.fluid)

    def _paint_lesion(self, lesion: PlacedLesion, points: Array, signal: Array, share: Array) -> None:
        """Brighten ``signal`` and raise ``share``, both (n,), in place where the lesion lies."""
        dx, dy, dz = (points - lesion.centre_mm).T
        near = np.flatnonzero(dx * dx + dy * dy + dz * dz < lesion.reach_mm**2)
        distance = lesion.distance_mm(points[near], self._roughness)
        part = inside(distance, self._settings.lesions.edge_mm)
        bright = lesion.contrast * self._settings.contrast.white_matter
        # The middle is brighter than the border.
        bright = bright * (1.0 + 0.06 * np.clip(-distance / 4.0, 0.0, 1.0))
        signal[near] += part * np.maximum(bright - signal[near], 0.0)
        share[near] = np.maximum(share[near], part)

    def _brain_mask(self, points: Array) -> Array:
        """1 in the brain and the fluid just around it, as brain extraction leaves it; points (i, j, 3)."""
        x, y, z = self._anatomy.place(points[..., 0], points[..., 1], points[..., 2])
        kept = (self._anatomy.hulls(x, y, z).brain < 1.0) & (z > EXTRACTION_END_MM)
        return kept.astype(np.float32)


def _rician(signal: Array, sigma: float, rng: np.random.Generator) -> Array:
    real = signal + sigma * rng.standard_normal(signal.shape, dtype=np.float32)
    imaginary = sigma * rng.standard_normal(signal.shape, dtype=np.float32)
    return np.sqrt(real * real + imaginary * imaginary)


def _rotation(angles_deg: tuple[float, float, float]) -> NDArray[np.float64]:
    """Rotation about x, then y, then z; (3, 3)."""
    x, y, z = np.deg2rad(angles_deg)
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x
