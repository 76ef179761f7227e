"""The picture a person looks at first: slices of the scan with the lesions outlined and numbered."""

from __future__ import annotations

import io
from dataclasses import dataclass

from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from hunet_client.display import Hanging, hang
from hunet_client.lesions import LesionSet
from hunet_client.notice import RESEARCH_USE_ONLY
from hunet_client.segmentation import Segmentation
from hunet_client.slice_choice import choose_slices
from hunet_client.slice_picture import (
    BACKGROUND,
    NUMBERED_LESIONS,
    OUTLINE,
    QUIET_TEXT,
    TEXT,
    crop_to_head,
    display_window,
    shows_head,
    slice_picture,
    words_width_px,
    write_words,
)

MAX_SLICES = 12
TILES_ACROSS = 4
TILE_SIDE_PX = 380
MARGIN_PX = 14
HEADER_PX = 92
FOOTER_PX = 44
# Of a longer name at least so many letters are shown.
_SHORTEST_NAME = 12


@dataclass(frozen=True)
class Caption:
    """The words on a picture. ``source`` says what made the outlines."""

    file_name: str
    source: str


def segmentation_overlay(volume: NDArray, segmentation: Segmentation) -> bytes:
    """The overlay of a segmented scan as a PNG. volume: (i, j, k), the scan itself, on the mask's grid."""
    model = segmentation.model
    threshold = segmentation.lesions.threshold
    return overlay_png(
        volume,
        segmentation.lesions,
        affine=segmentation.affine,
        spacing_mm=segmentation.spacing_mm,
        slice_axis=segmentation.manifest.geometry.slice_axis,
        window=display_window(segmentation),
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
    head = shows_head(volume, window)
    numbers = choose_slices(found.labels, head, slice_axis, MAX_SLICES)
    if not hanging.ascending:
        numbers = numbers[::-1]
    crop = crop_to_head(head, found.labels, hanging, TILE_SIDE_PX)
    tiles = [slice_picture(volume, found, hanging, number, crop, window) for number in numbers]
    picture = _mosaic(tiles, hanging, found, caption)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


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
    write_words(draw, (edge, 16), headline(found), 30, TEXT, "la")
    write_words(draw, (width - edge, 22), RESEARCH_USE_ONLY, 17, OUTLINE, "ra")
    plane = f"{hanging.plane} slices"
    write_words(draw, (width - edge, 58), plane, 17, QUIET_TEXT, "ra")
    room_px = width - 4 * edge - words_width_px(plane, 17)
    write_words(draw, (edge, 58), _fitting(caption, room_px), 17, QUIET_TEXT, "la")
    line = height - FOOTER_PX / 2
    if found.lesions:
        shown = min(NUMBERED_LESIONS, len(found.lesions))
        draw.line([(edge, line), (edge + 22, line)], fill=OUTLINE, width=3)
        words = f"lesion outline, 1 to {shown} in the report's order" if shown > 1 else "lesion outline"
    else:
        words = "An even choice of slices. Nothing reached the threshold and the smallest size."
    write_words(draw, (edge + (32 if found.lesions else 0), line), words, 15, QUIET_TEXT, "lm")


def headline(found: LesionSet) -> str:
    """The result in one line: "12 lesions, 8.41 ml"."""
    count = len(found.lesions)
    if count == 0:
        return "No lesion found"
    return f"{count} lesion{'s' if count > 1 else ''}, {found.total_volume_ml:.2f} ml"


def _fitting(caption: Caption, room_px: float) -> str:
    """File name and source, the name shortened in its middle as far as there is room for."""
    longest = 60
    while True:
        words = f"{_shortened(caption.file_name, longest)}  ·  {caption.source}"
        if longest <= _SHORTEST_NAME or words_width_px(words, 17) <= room_px:
            return words
        longest -= 1


def _shortened(name: str, longest: int) -> str:
    end = longest // 3
    return name if len(name) <= longest else f"{name[: longest - end - 1]}…{name[-end:]}"
