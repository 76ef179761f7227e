"""The picture a person looks at first: slices of the scan with the lesions outlined and numbered."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from hunet_client.display import Hanging, hang
from hunet_client.lesions import LesionSet
from hunet_client.notice import RESEARCH_USE_ONLY
from hunet_client.segmentation import Segmentation
from hunet_client.slice_choice import choose_slices

MAX_SLICES = 12
TILES_ACROSS = 4
TILE_SIDE_PX = 380
MARGIN_PX = 14
HEADER_PX = 92
FOOTER_PX = 44
NUMBERED_LESIONS = 15
# Pixels of a tile that are drawn and then averaged into one, so that outlines and letters are smooth.
SUPERSAMPLING = 2
# Of those: one and a half pixels in the picture.
OUTLINE_PX = 3

BACKGROUND = (14, 16, 20)
TEXT = (236, 238, 241)
QUIET_TEXT = (150, 156, 166)
# Orange and sky blue of the Okabe-Ito palette: told apart, and from grey, by every kind of colour vision.
OUTLINE = (255, 159, 28)
NUMBER = (96, 190, 245)


@dataclass(frozen=True)
class Caption:
    """The words on a picture. ``source`` says what made the outlines."""

    file_name: str
    source: str


def segmentation_overlay(volume: NDArray, segmentation: Segmentation) -> bytes:
    """The overlay of a segmented scan as a PNG. volume: (i, j, k), the scan itself, on the mask's grid."""
    intensity = segmentation.manifest.intensity
    model = segmentation.model
    threshold = segmentation.lesions.threshold
    return overlay_png(
        volume,
        segmentation.lesions,
        affine=segmentation.affine,
        spacing_mm=segmentation.spacing_mm,
        slice_axis=segmentation.manifest.geometry.slice_axis,
        # From no signal to where lesions are bright; fat may be brighter still and is cut.
        window=(0.0, intensity.center + 5.0 * intensity.scale),
        caption=Caption(segmentation.file_name, f"{model.name} {model.version}, threshold {threshold:g}"),
    )


def overlay_png(
    volume: NDArray,
    found: LesionSet,
    *,
    affine: ArrayLike,
    spacing_mm: tuple[float, float, float],
    slice_axis: int,
    window: tuple[float, float],
    caption: Caption,
) -> bytes:
    """A mosaic of up to 12 slices as a PNG: those that show most lesions, or an even choice.

    volume: (i, j, k), the scan on the grid of ``found``; affine: (4, 4) to RAS+ mm; window: the values that
    become black and white. Outlines run around the lesions, so that nothing of them is covered. Raises
    ValueError when the volume is not on the lesions' grid.
    """
    if volume.shape != found.labels.shape:
        raise ValueError(f"volume {volume.shape} and lesions {found.labels.shape} are not on one grid")
    hanging = hang(affine, spacing_mm, slice_axis)
    head = volume > window[0] + 0.15 * (window[1] - window[0])
    numbers = choose_slices(found.labels, head, slice_axis, MAX_SLICES)
    if not hanging.ascending:
        numbers = numbers[::-1]
    crop = _crop(head, found.labels, hanging)
    tiles = [_tile(volume, found, hanging, number, crop, window) for number in numbers]
    picture = _mosaic(tiles, hanging, found, caption)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@dataclass(frozen=True)
class _Crop:
    """Rows and columns of the hung slices that are shown, and the size in pixels they are shown at."""

    rows: slice
    columns: slice
    size_px: tuple[int, int]


def _crop(head: NDArray[np.bool_], labels: NDArray[np.uint32], hanging: Hanging) -> _Crop:
    shown = np.any(head | (labels > 0), axis=hanging.slice_axis, keepdims=True)
    shown = hanging.slice(shown if shown.any() else ~shown, 0)
    rows, columns = (_range_with_margin(np.logical_or.reduce(shown, axis=1 - axis)) for axis in range(2))
    height_mm = (rows.stop - rows.start) * hanging.pixel_mm[0]
    width_mm = (columns.stop - columns.start) * hanging.pixel_mm[1]
    scale = TILE_SIDE_PX / max(height_mm, width_mm)
    return _Crop(rows, columns, (max(1, round(width_mm * scale)), max(1, round(height_mm * scale))))


def _range_with_margin(shown: NDArray[np.bool_]) -> slice:
    indices = np.flatnonzero(shown)
    margin = max(1, round(0.035 * len(shown)))
    return slice(max(0, int(indices[0]) - margin), min(len(shown), int(indices[-1]) + 1 + margin))


def _tile(
    volume: NDArray, found: LesionSet, hanging: Hanging, number: int, crop: _Crop, window: tuple[float, float]
) -> Image.Image:
    """One slice with outlines and numbers, ``crop.size_px`` large."""
    black, white = window
    grey = hanging.slice(volume, number)[crop.rows, crop.columns].astype(np.float32)
    grey = np.clip((grey - black) / max(white - black, 1e-6), 0.0, 1.0) * 255.0
    size = (crop.size_px[0] * SUPERSAMPLING, crop.size_px[1] * SUPERSAMPLING)
    tile = Image.fromarray(grey.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC).convert("RGB")

    labels = hanging.slice(found.labels, number)[crop.rows, crop.columns]
    lesion = Image.fromarray((labels > 0).astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
    outline = _outline(np.asarray(lesion) > 0, width_px=OUTLINE_PX)
    tile.paste(OUTLINE, mask=Image.fromarray(outline.astype(np.uint8) * 255))
    tile = tile.resize(crop.size_px, Image.Resampling.BOX)

    draw = ImageDraw.Draw(tile)
    _number_lesions(draw, labels, crop.size_px)
    axis_name = "ijk"[hanging.slice_axis]
    _write(draw, (6, 4), f"{axis_name} = {number}", 15, TEXT, "la")
    width, height = crop.size_px
    for end, place, anchor in (
        (hanging.left, (6, height / 2), "lm"),
        (hanging.right, (width - 6, height / 2), "rm"),
        (hanging.top, (width / 2, 4), "ma"),
        (hanging.bottom, (width / 2, height - 4), "md"),
    ):
        _write(draw, place, end, 14, QUIET_TEXT, anchor)
    return tile


def _outline(lesion: NDArray[np.bool_], width_px: int) -> NDArray[np.bool_]:
    """A line around the lesions, (rows, columns), outside them and ``width_px`` wide."""
    grown = np.pad(lesion, width_px)
    for _ in range(width_px):
        grown = grown | np.roll(grown, 1, 0) | np.roll(grown, -1, 0) | np.roll(grown, 1, 1) | np.roll(grown, -1, 1)
    return grown[width_px:-width_px, width_px:-width_px] & ~lesion


def _number_lesions(draw: ImageDraw.ImageDraw, labels: NDArray[np.uint32], size_px: tuple[int, int]) -> None:
    """Write the numbers of large lesions beside them. labels: (rows, columns) of the slice as it is shown."""
    scale_y, scale_x = size_px[1] / labels.shape[0], size_px[0] / labels.shape[1]
    written: list[tuple[float, float]] = []
    for index in np.unique(labels[(labels > 0) & (labels <= NUMBERED_LESIONS)]).tolist():
        row, column = _right_edge(labels == index)
        x, y = column * scale_x + 4, (row + 0.5) * scale_y
        while any(abs(x - other_x) < 20 and abs(y - other_y) < 13 for other_x, other_y in written):
            y += 13
        written.append((x, y))
        _write(draw, (x, y), str(index), 14, NUMBER, "lm")


def _right_edge(lesion: NDArray[np.bool_]) -> tuple[int, int]:
    """Row and column just right of the lesion, level with its middle. lesion: (rows, columns), not empty."""
    pixels = np.argwhere(lesion)
    row, column = pixels[((pixels - pixels.mean(axis=0)) ** 2).sum(axis=1).argmin()].tolist()
    while column < lesion.shape[1] and lesion[row, column]:
        column += 1
    return row, column


def _mosaic(tiles: list[Image.Image], hanging: Hanging, found: LesionSet, caption: Caption) -> Image.Image:
    across = min(TILES_ACROSS, len(tiles))
    down = -(-len(tiles) // across)
    width, height = tiles[0].size
    picture = Image.new(
        "RGB",
        (
            max(TILES_ACROSS * (width + MARGIN_PX) + MARGIN_PX, 900),
            HEADER_PX + down * (height + MARGIN_PX) + FOOTER_PX,
        ),
        BACKGROUND,
    )
    left = (picture.width - across * (width + MARGIN_PX) + MARGIN_PX) // 2
    for n, tile in enumerate(tiles):
        column, row = n % across, n // across
        picture.paste(tile, (left + column * (width + MARGIN_PX), HEADER_PX + row * (height + MARGIN_PX)))
    _write_words(ImageDraw.Draw(picture), picture.size, hanging, found, caption)
    return picture


def _write_words(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], hanging: Hanging, found: LesionSet, caption: Caption
) -> None:
    width, height = size
    edge = MARGIN_PX + 4
    _write(draw, (edge, 16), headline(found), 30, TEXT, "la")
    _write(draw, (edge, 58), f"{_shortened(caption.file_name)}  ·  {caption.source}", 17, QUIET_TEXT, "la")
    _write(draw, (width - edge, 22), RESEARCH_USE_ONLY, 17, OUTLINE, "ra")
    _write(draw, (width - edge, 58), f"{hanging.plane} slices", 17, QUIET_TEXT, "ra")
    line = height - FOOTER_PX / 2
    if found.lesions:
        shown = min(NUMBERED_LESIONS, len(found.lesions))
        draw.line([(edge, line), (edge + 22, line)], fill=OUTLINE, width=3)
        words = f"lesion outline, 1 to {shown} in the report's order" if shown > 1 else "lesion outline"
    else:
        words = "An even choice of slices. Nothing reached the threshold and the smallest size."
    _write(draw, (edge + (32 if found.lesions else 0), line), words, 15, QUIET_TEXT, "lm")


def headline(found: LesionSet) -> str:
    """The result in one line: "12 lesions, 8.41 ml"."""
    count = len(found.lesions)
    if count == 0:
        return "No lesion found"
    return f"{count} lesion{'s' if count > 1 else ''}, {found.total_volume_ml:.2f} ml"


def _shortened(name: str, longest: int = 60) -> str:
    return name if len(name) <= longest else f"{name[: longest - 20]}…{name[-19:]}"


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    words: str,
    size_px: int,
    colour: tuple[int, int, int],
    anchor: str,
) -> None:
    font = ImageFont.load_default(size_px)
    draw.text(place, words, fill=colour, font=font, anchor=anchor, stroke_width=1, stroke_fill=BACKGROUND)
