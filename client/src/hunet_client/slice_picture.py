"""One slice of a scan as a radiologist hangs it, with the lesions outlined and numbered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from hunet_client.display import Hanging
from hunet_client.lesions import LesionSet
from hunet_client.segmentation import Segmentation

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


def display_window(segmentation: Segmentation) -> tuple[float, float]:
    """The scan's values that become black and white: from no signal to where lesions are bright.

    Fat may be brighter still and is cut.
    """
    intensity = segmentation.manifest.intensity
    return 0.0, intensity.center + 5.0 * intensity.scale


def shows_head(volume: NDArray, window: tuple[float, float]) -> NDArray[np.bool_]:
    """(i, j, k): where there is something to see."""
    return volume > window[0] + 0.15 * (window[1] - window[0])


@dataclass(frozen=True)
class Crop:
    """Rows and columns of the hung slices that are shown, and the size in pixels they are shown at."""

    rows: slice
    columns: slice
    size_px: tuple[int, int]


def crop_to_head(head: NDArray[np.bool_], labels: NDArray[np.uint32], hanging: Hanging, side_px: int) -> Crop:
    """What is shown of every slice, its longer side `side_px` long. head, labels: (i, j, k)."""
    shown = np.any(head | (labels > 0), axis=hanging.slice_axis, keepdims=True)
    shown = hanging.slice(shown if shown.any() else ~shown, 0)
    rows, columns = (_range_with_margin(np.logical_or.reduce(shown, axis=1 - axis)) for axis in range(2))
    height_mm = (rows.stop - rows.start) * hanging.pixel_mm[0]
    width_mm = (columns.stop - columns.start) * hanging.pixel_mm[1]
    scale = side_px / max(height_mm, width_mm)
    return Crop(rows, columns, (max(1, round(width_mm * scale)), max(1, round(height_mm * scale))))


def _range_with_margin(shown: NDArray[np.bool_]) -> slice:
    indices = np.flatnonzero(shown)
    margin = max(1, round(0.035 * len(shown)))
    return slice(max(0, int(indices[0]) - margin), min(len(shown), int(indices[-1]) + 1 + margin))


def slice_picture(
    volume: NDArray, found: LesionSet, hanging: Hanging, number: int, crop: Crop, window: tuple[float, float]
) -> Image.Image:
    """One slice with outlines and numbers, ``crop.size_px`` large."""
    tile, size = grey_slice(volume, hanging, number, crop, window)
    labels = hanging.slice(found.labels, number)[crop.rows, crop.columns]
    tile.paste(OUTLINE, mask=outline_of(labels > 0, size))
    tile = tile.resize(crop.size_px, Image.Resampling.BOX)

    draw = ImageDraw.Draw(tile)
    _number_lesions(draw, labels, crop.size_px)
    axis_name = "ijk"[hanging.slice_axis]
    write_words(draw, (6, 4), f"{axis_name} = {number}", 15, TEXT, "la")
    width, height = crop.size_px
    for end, place, anchor in (
        (hanging.left, (6, height / 2), "lm"),
        (hanging.right, (width - 6, height / 2), "rm"),
        (hanging.top, (width / 2, 4), "ma"),
        (hanging.bottom, (width / 2, height - 4), "md"),
    ):
        write_words(draw, place, end, 14, QUIET_TEXT, anchor)
    return tile


def grey_slice(
    volume: NDArray, hanging: Hanging, number: int, crop: Crop, window: tuple[float, float]
) -> tuple[Image.Image, tuple[int, int]]:
    """One slice without marks, supersampled, and its size in pixels."""
    black, white = window
    grey = hanging.slice(volume, number)[crop.rows, crop.columns].astype(np.float32)
    grey = np.clip((grey - black) / max(white - black, 1e-6), 0.0, 1.0) * 255.0
    size = (crop.size_px[0] * SUPERSAMPLING, crop.size_px[1] * SUPERSAMPLING)
    return Image.fromarray(grey.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC).convert("RGB"), size


def outline_of(shown: NDArray[np.bool_], size_px: tuple[int, int]) -> Image.Image:
    """A mask of the line around what is shown, for a supersampled slice. shown: (rows, columns)."""
    lesion = Image.fromarray(shown.astype(np.uint8)).resize(size_px, Image.Resampling.NEAREST)
    return Image.fromarray(_outline(np.asarray(lesion) > 0, width_px=OUTLINE_PX).astype(np.uint8) * 255)


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
        write_words(draw, (x, y), str(index), 14, NUMBER, "lm")


def _right_edge(lesion: NDArray[np.bool_]) -> tuple[int, int]:
    """Row and column just right of the lesion, level with its middle. lesion: (rows, columns), not empty."""
    pixels = np.argwhere(lesion)
    row, column = pixels[((pixels - pixels.mean(axis=0)) ** 2).sum(axis=1).argmin()].tolist()
    while column < lesion.shape[1] and lesion[row, column]:
        column += 1
    return row, column


def write_words(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    words: str,
    size_px: int,
    colour: tuple[int, int, int],
    anchor: str,
) -> None:
    """Writes on a picture, in letters that keep a dark edge. anchor: as Pillow names it, such as "la"."""
    font = ImageFont.load_default(size_px)
    draw.text(place, words, fill=colour, font=font, anchor=anchor, stroke_width=1, stroke_fill=BACKGROUND)


def words_width_px(words: str, size_px: int) -> float:
    """How wide `write_words` writes them."""
    return ImageFont.load_default(size_px).getlength(words)
