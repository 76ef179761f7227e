"""Ways in which a scan goes wrong, on any scan: pure numpy, each gives a new scan on the same grid or a cut of it."""

from __future__ import annotations

from collections.abc import Callable

import nibabel as nib
import numpy as np
import pytest
from preprocess_service.pipeline import Scan, fit_intensity, oriented, plan_slices, prepare_scan, scan_from_array

Fault = Callable[[Scan], Scan]


def _with_data(scan: Scan, data: np.ndarray, affine: np.ndarray | None = None) -> Scan:
    return scan_from_array(data, scan.affine if affine is None else affine, file_name=scan.file_name)


def _as_extracted(scan: Scan, data: np.ndarray) -> np.ndarray:
    """Air stays empty where it was, as after brain extraction."""
    return np.where(scan.data <= 0, 0, data) if np.mean(scan.data <= 0) > 0.7 else data


def _move(phase_axis: int) -> Fault:
    """Every slice's k-space lines come in six interleaved shots; in half of them the head lies millimetres away."""

    def fault(scan: Scan) -> Scan:
        rng = np.random.default_rng(1)
        geometry = plan_slices(scan.data.shape, scan.affine)
        moved = np.zeros_like(scan.data)
        target = oriented(moved, geometry)
        pixel_mm = (scan.spacing_mm[geometry.row_axis], scan.spacing_mm[geometry.column_axis])
        for number, image in enumerate(oriented(scan.data, geometry)):
            shift_mm = rng.normal(0, 4, (6, 2)) * (rng.random((6, 1)) < 0.5)
            lines = np.arange(image.shape[phase_axis]) % 6
            rows, columns = (np.fft.fftfreq(size, mm) for size, mm in zip(image.shape, pixel_mm, strict=True))
            shift_of_line = np.moveaxis(shift_mm[lines][:, None], 0, phase_axis)
            turns = rows[:, None] * shift_of_line[..., 0] + columns[None, :] * shift_of_line[..., 1]
            target[number] = np.abs(np.fft.ifft2(np.fft.fft2(image) * np.exp(-2j * np.pi * turns)))
        return _with_data(scan, _as_extracted(scan, moved))

    return fault


def _alternate(scan: Scan) -> Scan:
    """Every second slice is a fifth brighter."""
    data = scan.data.copy()
    np.moveaxis(data, plan_slices(data.shape, scan.affine).slice_axis, 0)[1::2] *= 1.2
    return _with_data(scan, data)


def _add_noise(scan: Scan) -> Scan:
    sigma = 0.15 * fit_intensity(scan.data).center
    real, imaginary = np.random.default_rng(2).normal(0, sigma, (2, *scan.data.shape)).astype(np.float32)
    return _with_data(scan, _as_extracted(scan, np.hypot(scan.data + real, imaginary)))


def _recolour(values: list[float], colours: list[float]) -> Fault:
    """Another contrast on the same anatomy, by a map of grey values relative to tissue; air stays as it is."""

    def fault(scan: Scan) -> Scan:
        relative = scan.data / np.float32(fit_intensity(scan.data).center)
        coloured = np.interp(relative, values, colours) * fit_intensity(scan.data).center
        return _with_data(scan, np.where(relative > 0.02, coloured, scan.data))

    return fault


def _invert(scan: Scan) -> Scan:
    head = scan.data > 0.05 * fit_intensity(scan.data).center
    top = np.percentile(scan.data[head], 99.5)
    return _with_data(scan, np.where(head, np.maximum(top - scan.data, 0), scan.data))


def _cut(code: str, share: float) -> Fault:
    """Without the `share` of the volume that lies furthest towards an anatomical direction."""

    def fault(scan: Scan) -> Scan:
        codes = nib.aff2axcodes(scan.affine)
        opposite = dict(zip("RLAPSI", "LRPAIS", strict=True))
        axis = next(axis for axis, letter in enumerate(codes) if letter in (code, opposite[code]))
        size = scan.data.shape[axis]
        first, stop = (0, round((1 - share) * size)) if codes[axis] == code else (round(share * size), size)
        affine = scan.affine.copy()
        affine[:3, 3] += affine[:3, axis] * first
        return _with_data(scan, np.moveaxis(np.moveaxis(scan.data, axis, 0)[first:stop], 0, axis), affine)

    return fault


# Each fault and the component that has to notice it.
FAULTS = {
    "moved along rows": (_move(0), "motion"),
    "moved along columns": (_move(1), "motion"),
    "alternating slices": (_alternate, "motion"),
    "heavy noise": (_add_noise, "noise"),
    "like T2": (_recolour([0, 0.25, 0.6, 0.8, 1, 1.2, 2, 4], [0, 3, 2, 1.3, 1, 1.1, 1.4, 2]), "contrast"),
    "like proton density": (_recolour([0, 0.1, 0.5, 1, 1.5, 4], [0, 0.9, 0.95, 1, 1.1, 1.3]), "contrast"),
    "like T1": (_recolour([0, 0.3, 0.6, 0.85, 1, 1.15, 1.4, 2, 4], [0, 0.3, 0.5, 1.1, 1, 0.75, 0.6, 2, 3]), "contrast"),
    "inverted": (_invert, "contrast"),
    "top of the head cut off": (_cut("S", 0.4), "coverage"),
    "half of the head": (_cut("L", 0.5), "coverage"),
}


@pytest.fixture(params=FAULTS)
def fault(request) -> tuple[Fault, str]:
    """What happens to a scan, and the component of quality that has to notice."""
    return FAULTS[request.param]


@pytest.fixture(scope="session")
def scores() -> Callable[[Scan], dict[str, float | None]]:
    """Score of every component, and `all`."""

    def of(scan: Scan) -> dict[str, float | None]:
        quality = prepare_scan(scan).manifest.quality
        return {component.name: component.score for component in quality.components} | {"all": quality.score}

    return of


@pytest.fixture(scope="session")
def flag_codes() -> Callable[[Scan], set[str]]:
    return lambda scan: {flag.code for flag in prepare_scan(scan).manifest.quality_flags}
