"""The geometry gate: a marker lies in the SEG, by the SEG's own frames, where it truly lies in the patient."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pydicom
import pytest
from pacs_gateway.results import SourceSeries, WantedResults, build_results

SHAPE = (11, 9, 5)
SPACING_MM = (0.7, 1.3, 2.9)
TOLERANCE_MM = 0.01


def signed_axes() -> list[np.ndarray]:
    """All 48 ways in which i, j, k can lie along the patient's axes."""
    return [
        np.eye(3)[:, list(order)] * signs
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1.0, -1.0), repeat=3)
    ]


def oblique(seed: int) -> np.ndarray:
    """A rotation drawn at random, half of them with a mirrored third axis."""
    axes, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return axes


def affine_of(axes: np.ndarray, spacing_mm, origin_mm) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes * np.array(spacing_mm), origin_mm
    return affine


def centroid_by_frames(seg: pydicom.Dataset) -> np.ndarray:
    """LPS millimetres, from positions, orientation and spacing in the object alone (PS3.3, C.7.6.2.1.1)."""
    shared = seg.SharedFunctionalGroupsSequence[0]
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    row_mm, column_mm = (float(value) for value in shared.PixelMeasuresSequence[0].PixelSpacing)
    places = []
    for frame, pixels in zip(seg.PerFrameFunctionalGroupsSequence, seg.pixel_array, strict=True):
        position = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
        rows, columns = np.nonzero(pixels)
        places.append(position + columns[:, None] * column_mm * cosines[:3] + rows[:, None] * row_mm * cosines[3:])
    return np.concatenate(places).mean(axis=0)


def centroid_in_report(report: pydicom.Dataset) -> np.ndarray:
    """The one point in space that the report holds."""
    nodes, points = [report], []
    while nodes:
        node = nodes.pop()
        nodes += node.get("ContentSequence", [])
        if node.get("ValueType") == "SCOORD3D":
            points.append(node.GraphicData)
    (point,) = points
    return np.array(point, float)


@pytest.fixture
def distances_mm(write_series, make_segmentation, made_at):
    """How far the marker is from its place: in the SEG, and in the report."""
    marker = np.zeros(SHAPE, np.float32)
    marker[7:10, 1:3, 2:4] = 1.0
    marker[7, 1, 1] = 1.0
    middle = np.append(np.argwhere(marker).mean(axis=0), 1.0)
    volume = (marker * 100 + 20).astype(np.uint16)

    def measure(affine: np.ndarray) -> tuple[float, float]:
        series = SourceSeries(tuple(write_series(volume, affine, "gate").single_frames()))
        segmentation = make_segmentation(marker, affine, min_lesion_ml=0.0)
        made = build_results(series, segmentation, WantedResults(outlines=False), made_at=made_at)
        read = []
        for item in made:
            file = io.BytesIO()
            item.save_as(file, enforce_file_format=True)
            file.seek(0)
            read.append(pydicom.dcmread(file))
        true = (affine @ middle)[:3]
        found = centroid_by_frames(read[0]), centroid_in_report(read[1])
        return float(np.linalg.norm(found[0] - true)), float(np.linalg.norm(found[1] - true))

    return measure


def test_every_order_and_direction_of_the_axes(distances_mm):
    far = [max(distances_mm(affine_of(axes, SPACING_MM, (-60.5, 40.25, 113.0)))) for axes in signed_axes()]

    assert len(far) == 48
    assert max(far) < TOLERANCE_MM


def test_a_hundred_oblique_anisotropic_grids(distances_mm):
    far = []
    for seed in range(100):
        random = np.random.default_rng(1000 + seed)
        affine = affine_of(oblique(seed), random.uniform(0.4, 6.0, 3), random.uniform(-150, 150, 3))
        far.append(max(distances_mm(affine)))

    assert max(far) < TOLERANCE_MM
