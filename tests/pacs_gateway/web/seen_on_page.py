"""What a test sees of the page: figures and pixels."""

from __future__ import annotations

import io
import re

import numpy as np
from PIL import Image


def figures(page):
    """(lesions, volume) as the panel shows them."""
    count, volume, _ = page.locator(".stat strong").all_inner_texts()
    return int(count), float(volume)


def crosshair_mm(page):
    """To the patient's right, front and head, as the line below the viewer says."""
    text = page.inner_text(".readout >> nth=0")
    signs = {"R": 1, "L": -1, "A": 1, "P": -1, "S": 1, "I": -1}
    found = re.findall(r"\b([RLAPSI]) (\d+\.\d)", text)
    assert len(found) == 3, text
    return [signs[letter] * float(number) for letter, number in found]


def pixels(page, which=0):
    """(height, width, 3) int: what a viewer shows."""
    shot = page.locator("canvas").nth(which).screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)


def marked_pixels(page, which=0):
    """How many are of the colour that outlines lesions; grey ones are not, nor is the blue crosshair."""
    red, green, blue = np.moveaxis(pixels(page, which), -1, 0)
    return int(np.count_nonzero((red - blue > 70) & (red >= green)))


def axial_point(page, right_part, front_part):
    """A place in the axial slice, as parts of the viewer's axial tile from its left and top."""
    box = page.locator("canvas").first.bounding_box()
    return box["x"] + 0.66 * box["width"] * right_part, box["y"] + box["height"] * front_part


def crosshair_on_screen(page, which=0):
    """Where the two blue lines of a single slice meet, in the page."""
    red, green, blue = np.moveaxis(pixels(page, which), -1, 0)
    is_line = (blue - red > 60) & (green - red > 40)
    box = page.locator("canvas").nth(which).bounding_box()
    return box["x"] + int(np.argmax(is_line.sum(axis=0))), box["y"] + int(np.argmax(is_line.sum(axis=1)))
