"""The atlas that the client carries is the phantom's average head."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
from mamba_hunet.phantom.atlas import make_atlas


def test_the_clients_atlas_is_the_one_that_the_phantom_makes():
    with files("hunet_client.findings").joinpath("atlas.npz").open("rb") as file, np.load(file) as stored:
        made = make_atlas()
        assert sorted(stored.files) == sorted(made)
        for name, array in made.items():
            difference = np.abs(stored[name].astype(float) - array.astype(float))
            # Another build of numpy may round a value the other way.
            assert difference.max() <= 1.0, name
            assert (difference > 0).mean() < 1e-3, name


def test_distances_are_negative_inside_and_the_ventricles_lie_within_the_brain():
    atlas = make_atlas()
    assert (atlas["brain_mm"][atlas["ventricle_mm"] < 0] < 0).all()
    assert (atlas["hindbrain_mm"] < 0).any()
    assert atlas["signal"][atlas["brain_mm"] > 10].max() < 50
