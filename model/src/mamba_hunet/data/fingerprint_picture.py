"""The fingerprint as a picture: a row for each source."""

from io import BytesIO

import numpy as np
from hunet_client.notice import RESEARCH_USE_ONLY
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mamba_hunet.data.fingerprint import CaseFingerprint, Fingerprint
from mamba_hunet.data.fingerprint_summary import summarise
from mamba_hunet.data.z_histogram import Z_EDGES, ZHistogram

_ROW_INCHES, _WIDTH_INCHES, _HEAD_INCHES = 2.7, 11.0, 0.8
_LESION, _TISSUE = "#d1495b", "#5b6c8f"
_SIZE_EDGES_ML = np.geomspace(1e-3, 1e2, 31)


def fingerprint_png(fingerprint: Fingerprint) -> bytes:
    """For each source: a slice with its lesions outlined, lesion volumes, and intensity of tissue and lesions."""
    sources = fingerprint.sources
    height = _HEAD_INCHES + _ROW_INCHES * len(sources)
    figure = Figure(figsize=(_WIDTH_INCHES, height), dpi=110, layout="constrained")
    figure.suptitle(RESEARCH_USE_ONLY, fontsize=8, color="dimgray")
    axes = figure.subplots(len(sources), 3, squeeze=False, width_ratios=(1, 1.6, 1.6))
    for (slice_axes, size_axes, z_axes), source in zip(axes, sources, strict=True):
        cases = fingerprint.of_source(source)
        _draw_slice(slice_axes, source, cases)
        _draw_sizes(size_axes, cases)
        _draw_intensities(z_axes, cases)
    axes[0, 2].legend(frameon=False, fontsize=8)
    png = BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()


def _draw_slice(axes: Axes, source: str, cases: tuple[CaseFingerprint, ...]) -> None:
    """The slice with most lesion of the case whose lesion load is the median one."""
    by_load = sorted(cases, key=lambda case: float(case.lesion_ml.sum()))
    case = by_load[len(by_load) // 2]
    image, target = (array.astype(np.float32) for array in case.example)
    axes.imshow(image, cmap="gray", vmin=-6, vmax=6)
    if (target > 0.5).any():
        axes.contour(target, levels=[0.5], colors=_LESION, linewidths=0.8)
    axes.set_title(source, fontsize=10)
    axes.set_xlabel(case.name, fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_sizes(axes: Axes, cases: tuple[CaseFingerprint, ...]) -> None:
    sizes = [case.lesion_ml for case in cases if case.is_volume]
    if not sizes:
        axes.text(0.5, 0.5, "single slices: volumes are not known", ha="center", fontsize=8, transform=axes.transAxes)
        axes.set_axis_off()
        return
    axes.set_xscale("log")
    axes.set_xlim(_SIZE_EDGES_ML[0], _SIZE_EDGES_ML[-1])
    axes.tick_params(labelsize=8)
    within = np.concatenate(sizes).clip(_SIZE_EDGES_ML[0], _SIZE_EDGES_ML[-1])
    axes.hist(within, bins=_SIZE_EDGES_ML.tolist(), color=_LESION)
    axes.set_xlabel("volume of a lesion, ml", fontsize=8)
    found = summarise(cases)
    axes.set_title(f"{found.lesions} lesions and {found.load_ml} ml a volume", fontsize=8)


def _draw_intensities(axes: Axes, cases: tuple[CaseFingerprint, ...]) -> None:
    for name, colour, histograms in (
        ("tissue", _TISSUE, [case.tissue_z for case in cases]),
        ("lesions", _LESION, [case.lesion_z for case in cases]),
    ):
        # The last bins hold all that was clipped.
        counts = ZHistogram.mean(histograms).counts[1:-1].reshape(-1, 3).sum(axis=1)
        axes.stairs(counts / max(counts.max(), 1e-9), Z_EDGES[1:-1:3], fill=True, color=colour, alpha=0.6, label=name)
    axes.set_yticks([])
    axes.tick_params(labelsize=8)
    axes.set_xlabel("z after normalisation", fontsize=8)
    axes.set_title(f"lesions {summarise(cases).contrast_z} above the tissue round them", fontsize=8)
