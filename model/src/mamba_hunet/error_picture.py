"""The picture to judge a network by: slices with true and marked lesions outlined, hits and errors told apart."""

import io
from dataclasses import dataclass

import numpy as np
from hunet_client.display import Hanging, hang
from hunet_client.notice import RESEARCH_USE_ONLY
from hunet_client.slice_choice import choose_slices
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from mamba_hunet.evaluation import Evaluation
from mamba_hunet.metrics import dice, split_by_contact

MAX_SLICES = 9
PANELS_ACROSS = 3
_PANEL_INCHES = 4.2
_DOTS_PER_INCH = 110
_BACKGROUND = "#0e1014"
_TEXT = "#eceef1"
_QUIET_TEXT = "#969ca6"


@dataclass(frozen=True, eq=False)
class _Kind:
    """One kind of outline: colour and line width in points; mask (i, j, k)."""

    name: str
    colour: str
    width: float
    mask: NDArray[np.bool_]


def error_picture(evaluation: Evaluation, caption: str) -> bytes:
    """A PNG of up to nine slices: those with most lesion and those with most error.

    Args:
        evaluation: of one case.
        caption: what made the marks, such as network and checkpoint.
    """
    scan, manifest = evaluation.segmentation.scan, evaluation.segmentation.manifest
    mask, truth = evaluation.segmentation.lesions.mask > 0, evaluation.truth
    axis = manifest.geometry.slice_axis
    white = manifest.intensity.center + 5.0 * manifest.intensity.scale
    head = scan.data > 0.15 * white
    hanging = hang(scan.affine, scan.spacing_mm, axis)
    numbers = _telling_slices(mask, truth, head, axis)
    rows, columns = _shown(head | mask | truth, hanging)
    kinds = _kinds(mask, truth)

    down = -(-len(numbers) // PANELS_ACROSS)
    height = down * _PANEL_INCHES + 1.3
    figure = Figure((PANELS_ACROSS * _PANEL_INCHES, height), dpi=_DOTS_PER_INCH, facecolor=_BACKGROUND)
    panels = figure.subplots(down, PANELS_ACROSS, squeeze=False).ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, number in zip(panels, numbers if hanging.ascending else numbers[::-1], strict=False):
        grey = hanging.slice(scan.data, number)[rows, columns]
        aspect = hanging.pixel_mm[0] / hanging.pixel_mm[1]
        panel.imshow(grey, cmap="gray", vmin=0.0, vmax=white, aspect=aspect, interpolation="bilinear")
        for kind in kinds:
            _outline(panel, hanging.slice(kind.mask, number)[rows, columns], kind)
        agreement = dice(hanging.slice(mask, number), hanging.slice(truth, number))
        panel.set_title(f"{'ijk'[axis]} = {number}, Dice {agreement:.2f}", color=_QUIET_TEXT, fontsize=9, pad=3)
    _write_words(figure, evaluation, caption, kinds, hanging, height)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Description": RESEARCH_USE_ONLY})
    return file.getvalue()


def _telling_slices(mask: NDArray[np.bool_], truth: NDArray[np.bool_], head: NDArray[np.bool_], axis: int) -> list[int]:
    """Ascending slice numbers: in turn the one with most lesion and the one with most error, neighbours left out."""
    other_axes = tuple(other for other in range(3) if other != axis)
    areas = [np.count_nonzero(shown, axis=other_axes) for shown in (truth, mask ^ truth)]
    gap = max(1, round(0.02 * mask.shape[axis]))
    chosen: list[int] = []
    while len(chosen) < MAX_SLICES and any(area.any() for area in areas):
        best = int(areas[len(chosen) % 2].argmax())
        if areas[len(chosen) % 2][best] == 0:
            best = int(areas[1 - len(chosen) % 2].argmax())
        chosen.append(best)
        for area in areas:
            area[max(0, best - gap) : best + gap + 1] = 0
    return sorted(chosen) or choose_slices(np.zeros(mask.shape, np.uint32), head, axis, MAX_SLICES)


def _shown(content: NDArray[np.bool_], hanging: Hanging) -> tuple[slice, slice]:
    """Rows and columns of the hung slices that hold anything in any slice, with a margin of two pixels."""
    any_slice = hanging.slice(np.logical_or.reduce(content, axis=hanging.slice_axis, keepdims=True), 0)
    spans = []
    for axis in (1, 0):
        filled = np.flatnonzero(any_slice.any(axis=axis))
        spans.append(slice(max(0, int(filled[0]) - 2), int(filled[-1]) + 3) if len(filled) else slice(None))
    return spans[0], spans[1]


def _kinds(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> list[_Kind]:
    found, missed = split_by_contact(truth, mask)
    correct, false = split_by_contact(mask, truth)
    # Okabe-Ito colours, lightened for a dark ground. Whole errors are drawn thicker than the two outlines of a hit.
    return [
        _Kind("true lesion, found", "#3fd6a5", 1.1, found),
        _Kind("mark on a lesion", "#f0e442", 1.1, correct),
        _Kind("true lesion, missed", "#56b4e9", 1.9, missed),
        _Kind("false mark", "#ff6a3d", 1.9, false),
    ]


def _outline(panel: Axes, pixels: NDArray[np.bool_], kind: _Kind) -> None:
    if pixels.any():
        # A pixel of nothing all round closes outlines at the border of the slice.
        rows, columns = (np.arange(-1, length + 1) for length in pixels.shape)
        panel.contour(columns, rows, np.pad(pixels, 1), levels=[0.5], colors=kind.colour, linewidths=kind.width)


def _write_words(
    figure: Figure, evaluation: Evaluation, caption: str, kinds: list[_Kind], hanging: Hanging, height: float
) -> None:
    result, figures = evaluation.result, evaluation.result.agreement
    lesions = figures.lesions
    figure.subplots_adjust(0.005, 0.45 / height, 0.995, 1 - 0.9 / height, wspace=0.02, hspace=0.1)
    left, top = 0.01, 1 - 0.12 / height
    headline = (
        f"{result.source}/{result.case}: Dice {figures.volume.dice:.2f}, HD95 {figures.volume.hd95_mm:.1f} mm, "
        f"{lesions.found_lesions} of {lesions.true_lesions} lesions found, "
        f"{lesions.predicted_lesions - lesions.correct_lesions} of {lesions.predicted_lesions} marks false, "
        f"{figures.volume_ml:.1f} ml marked, {figures.truth_ml:.1f} ml true"
    )
    figure.text(left, top, headline, color=_TEXT, fontsize=11, va="top")
    seen = f"{hanging.plane} slices, {_side(hanging.left)} on the left"
    figure.text(left, 1 - 0.38 / height, f"{caption}  ·  {seen}", color=_QUIET_TEXT, fontsize=9, va="top")
    figure.text(0.99, 0.12 / height, RESEARCH_USE_ONLY, color=_QUIET_TEXT, fontsize=9, ha="right")
    lines = [Line2D([], [], color=kind.colour, linewidth=2 * kind.width, label=kind.name) for kind in kinds]
    legend = figure.legend(handles=lines, loc="lower left", ncols=len(lines), frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set_color(_TEXT)


def _side(end: str) -> str:
    return {"R": "patient's right", "L": "patient's left", "A": "front", "P": "back"}.get(end, end)
