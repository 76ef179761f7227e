"""The picture of change: slices of the current scan, each beside the same place in the earlier one."""

from __future__ import annotations

import io

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from hunet_client.display import Hanging, hang
from hunet_client.findings.change_document import Change, ChangeReport
from hunet_client.findings.lesion_points import lesions_of
from hunet_client.findings.physical_image import image_of
from hunet_client.findings.scan_change import Examination
from hunet_client.notice import RESEARCH_USE_ONLY
from hunet_client.slice_choice import choose_slices
from hunet_client.slice_picture import (
    BACKGROUND,
    OUTLINE,
    QUIET_TEXT,
    TEXT,
    Crop,
    crop_to_head,
    grey_slice,
    outline_of,
    shows_head,
    write_words,
)

MAX_SLICES = 6
PAIRS_ACROSS = 2
TILE_SIDE_PX = 300
MARGIN_PX = 14
HEADER_PX = 92
FOOTER_PX = 44
# Of the Okabe-Ito palette, told apart by every kind of colour vision.
COLOURS: dict[Change, tuple[int, int, int]] = {
    "new": (240, 80, 30),
    "grown": (255, 190, 40),
    "shrunk": (96, 190, 245),
    "gone": (0, 190, 140),
    "unchanged": (170, 150, 255),
    "not_comparable": (204, 121, 167),
}


def change_picture(current: Examination, prior: Examination, change: ChangeReport) -> bytes:
    """A PNG of up to six slices of the current scan, each with the earlier scan on its grid to the right.

    Outlines have the colour of what became of the lesion; slices that show changes come first. change: what `compare`
    made of these two.
    """
    affine = np.asarray(current.affine, dtype=np.float64)
    slice_axis = current.report.provenance.preprocessing.slice_axis
    hanging = hang(affine, current.report.input.spacing_mm, slice_axis)
    sides = [_side(examination, current, change) for examination in (current, prior)]
    kinds = [_kinds(labels, rows) for (_, labels, _), rows in zip(sides, _rows_of(change), strict=True)]
    head = shows_head(sides[0][0], sides[0][2])
    changed = np.isin(kinds[0], _CHANGED) | np.isin(kinds[1], _CHANGED)
    numbers = choose_slices(_connected(changed), head, slice_axis, MAX_SLICES)
    if not hanging.ascending:
        numbers = numbers[::-1]
    crop = crop_to_head(head, sides[0][1], hanging, TILE_SIDE_PX)
    pairs = [
        [_tile(side[0], kind, hanging, number, crop, side[2]) for side, kind in zip(sides, kinds, strict=True)]
        for number in numbers
    ]
    file = io.BytesIO()
    _mosaic(pairs, numbers, hanging, change).save(file, "PNG")
    return file.getvalue()


_KINDS: tuple[Change, ...] = tuple(COLOURS)
_CHANGED = [number for number, kind in enumerate(_KINDS, start=1) if kind in ("new", "grown", "shrunk", "gone")]


def _side(
    shown: Examination, current: Examination, change: ChangeReport
) -> tuple[NDArray[np.float32], NDArray[np.uint32], tuple[float, float]]:
    """A scan and its numbered lesions on the current scan's grid, (i, j, k), and its grey window."""
    affine = np.asarray(shown.affine, dtype=np.float64)
    intensity = shown.report.provenance.preprocessing
    window = 0.0, intensity.center + 5.0 * intensity.scale
    labels = lesions_of(shown.mask, affine, shown.report).labels
    if shown is current:
        return shown.flair.astype(np.float32), labels, window
    # In the current scan's grid with the earlier scan moved under it.
    moved = np.linalg.inv(np.array(change.current_to_prior_mm)) @ affine
    grid = image_of(np.zeros(current.flair.shape, np.float32), current.affine)
    volume = sitk.Resample(image_of(shown.flair, moved), grid, sitk.Transform(), sitk.sitkLinear, 0.0)
    moved_labels = sitk.Resample(image_of(labels, moved), grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0.0)
    return _array(volume), _array(moved_labels).astype(np.uint32), window


def _array(image: sitk.Image) -> NDArray[np.float32]:
    return sitk.GetArrayFromImage(image).transpose(2, 1, 0)


def _rows_of(change: ChangeReport) -> tuple[dict[int, Change], dict[int, Change]]:
    """What became of each current lesion, and of each earlier one, by index."""
    current = {row.index: row.change for row in change.lesions if row.index is not None}
    prior = {index: row.change for row in change.lesions for index in row.prior_indices}
    return current, prior


def _kinds(labels: NDArray[np.uint32], changes: dict[int, Change]) -> NDArray[np.uint8]:
    """At each voxel the number of what became of its lesion; 0 outside."""
    number = np.zeros(int(labels.max(initial=0)) + 1, np.uint8)
    for index, change in changes.items():
        if index < len(number):
            number[index] = _KINDS.index(change) + 1
    return number[labels]


def _connected(changed: NDArray[np.bool_]) -> NDArray[np.uint32]:
    parts = sitk.ConnectedComponent(sitk.GetImageFromArray(changed.astype(np.uint8)), True)
    return sitk.GetArrayFromImage(parts).astype(np.uint32)


def _tile(
    volume: NDArray, kinds: NDArray[np.uint8], hanging: Hanging, number: int, crop: Crop, window: tuple[float, float]
) -> Image.Image:
    tile, size = grey_slice(volume, hanging, number, crop, window)
    shown = hanging.slice(kinds, number)[crop.rows, crop.columns]
    for kind, name in enumerate(_KINDS, start=1):
        if (shown == kind).any():
            tile.paste(COLOURS[name], mask=outline_of(shown == kind, size))
    return tile.resize(crop.size_px, Image.Resampling.BOX)


def _mosaic(pairs: list[list[Image.Image]], numbers: list[int], hanging: Hanging, change: ChangeReport) -> Image.Image:
    width, height = pairs[0][0].size
    pair_px = 2 * width + 4 + 2 * MARGIN_PX
    across = min(PAIRS_ACROSS, len(pairs))
    down = -(-len(pairs) // across)
    size = max(across * pair_px + MARGIN_PX, 1000), HEADER_PX + down * (height + MARGIN_PX) + FOOTER_PX
    picture = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(picture)
    left = (size[0] - across * pair_px + MARGIN_PX) // 2
    for place, (number, pair) in enumerate(zip(numbers, pairs, strict=True)):
        x, y = left + place % across * pair_px, HEADER_PX + place // across * (height + MARGIN_PX)
        for column, (tile, words) in enumerate(zip(pair, ("now", "earlier"), strict=True)):
            corner = x + column * (width + 4)
            picture.paste(tile, (corner, y))
            write_words(draw, (corner + 6, y + 4), f"{words}, {'ijk'[hanging.slice_axis]} = {number}", 14, TEXT, "la")
            write_words(draw, (corner + 6, y + height / 2), hanging.left, 14, QUIET_TEXT, "lm")
    _write_words(draw, size, change)
    return picture


def _write_words(draw: ImageDraw.ImageDraw, size: tuple[int, int], change: ChangeReport) -> None:
    edge = MARGIN_PX + 4
    counts = [one for one in change.counts if one.count]
    headline = ", ".join(f"{one.count} {one.change.replace('_', ' ')}" for one in counts) or "No lesion on either scan"
    write_words(draw, (edge, 16), headline, 26, TEXT, "la")
    write_words(draw, (edge, 58), "now on the left, earlier on the right", 17, QUIET_TEXT, "la")
    write_words(draw, (size[0] - edge, 58), RESEARCH_USE_ONLY, 15, OUTLINE, "ra")
    x, line = float(edge), size[1] - FOOTER_PX / 2
    for one in counts:
        draw.line([(x, line), (x + 22, line)], fill=COLOURS[one.change], width=3)
        write_words(draw, (x + 30, line), one.change.replace("_", " "), 15, QUIET_TEXT, "lm")
        x += 150.0
