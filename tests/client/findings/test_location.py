"""Probabilities of the four regions, from distances that are given."""

from __future__ import annotations

import numpy as np
import pytest
from hunet_client.findings.anatomy import Anatomy
from hunet_client.findings.location import locate
from hunet_client.findings.physical_image import image_of, to_lps, upright_grid, values_at
from hypothesis import given
from hypothesis import strategies as st

GRID = upright_grid(np.zeros(3), np.full(3, 10.0), 1.0)
SHAPE = tuple(reversed(GRID.GetSize()))
POINTS = np.array([[-5.0, -5.0, 5.0], [-6.0, -5.0, 5.0]])
DISTANCE_MM = st.floats(-20, 60)


def anatomy(ventricle_mm, surface_mm, hindbrain_mm):
    maps = [None if mm is None else np.full(SHAPE, mm, np.float32) for mm in (ventricle_mm, surface_mm, hindbrain_mm)]
    return Anatomy(GRID, *maps, ventricle_ml=20.0)


@pytest.mark.parametrize(
    ("ventricle_mm", "surface_mm", "hindbrain_mm", "location"),
    [
        (1.5, 20.0, 30.0, "periventricular"),
        (1.5, 1.0, 30.0, "periventricular"),
        (20.0, 1.0, 30.0, "juxtacortical"),
        (20.0, 15.0, 30.0, "deep_white_matter"),
        (20.0, 3.0, -10.0, "infratentorial"),
        (1.5, 3.0, -10.0, "infratentorial"),
        (3.6, 15.0, 30.0, "undetermined"),
        (20.0, 4.2, 30.0, "undetermined"),
        (20.0, 15.0, 0.0, "undetermined"),
        (None, None, 30.0, "undetermined"),
        (None, 1.0, 30.0, "undetermined"),
        (None, None, -10.0, "infratentorial"),
    ],
)
def test_a_lesion_lies_where_its_distances_say(ventricle_mm, surface_mm, hindbrain_mm, location):
    assert locate(POINTS, anatomy(ventricle_mm, surface_mm, hindbrain_mm), 1.0).location == location


@given(DISTANCE_MM, DISTANCE_MM, DISTANCE_MM, st.floats(0.4, 6.0))
def test_probabilities_sum_to_one(ventricle_mm, surface_mm, hindbrain_mm, longest_edge_mm):
    told = locate(POINTS, anatomy(ventricle_mm, surface_mm, hindbrain_mm), longest_edge_mm).probabilities
    assert sum(told.model_dump().values()) == pytest.approx(1.0, abs=3e-3)


@given(st.floats(0, 30), st.floats(0, 30), DISTANCE_MM)
def test_nearer_to_the_ventricles_is_never_less_periventricular(near_mm, further_mm, hindbrain_mm):
    near_mm, further_mm = sorted((near_mm, further_mm))
    near, further = (locate(POINTS, anatomy(mm, 10.0, hindbrain_mm), 1.0).probabilities for mm in (near_mm, further_mm))
    assert near.periventricular >= further.periventricular


def test_thicker_slices_are_less_sure():
    thin, thick = (locate(POINTS, anatomy(1.5, 20.0, 30.0), edge_mm).probabilities for edge_mm in (1.0, 6.0))
    assert thick.periventricular < thin.periventricular


@given(st.tuples(*[st.floats(-8.9, 8.9)] * 3), st.tuples(*[st.floats(-3, 3)] * 3), st.floats(-5, 5))
def test_values_between_voxels_are_interpolated(point, slope, offset):
    grid = upright_grid(np.full(3, -9.0), np.full(3, 9.0), 1.5)
    k, j, i = np.meshgrid(*[np.arange(n) for n in reversed(grid.GetSize())], indexing="ij")
    places = np.stack([i, j, k], axis=-1) * 1.5 - 9.0
    values = places @ np.array(slope) + offset
    assert values_at(np.array([point]), values, grid)[0] == pytest.approx(np.dot(point, slope) + offset, abs=1e-6)


@given(st.permutations(range(3)), st.tuples(*[st.sampled_from([-1, 1])] * 3), st.tuples(*[st.floats(0.4, 5)] * 3))
def test_an_image_lies_where_the_affine_says(order, signs, spacing_mm):
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, order] * np.array(signs) * np.array(spacing_mm)
    affine[:3, 3] = (12.0, -30.0, 7.0)
    volume = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    image = image_of(volume, affine)
    index = (3, 1, 4)
    place = to_lps((affine @ [*index, 1.0])[None, :3])[0]

    assert image.TransformPhysicalPointToIndex(place.tolist()) == index
    assert image.GetPixel(index) == pytest.approx(float(volume[index]))
