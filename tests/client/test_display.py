import numpy as np
import pytest
from hunet_client.display import hang
from hypothesis import given
from hypothesis import strategies as st

CODES = [
    (a, b, c)
    for a in "RLAPSI"
    for b in "RLAPSI"
    for c in "RLAPSI"
    if len({"RLAPSI".index(code) // 2 for code in (a, b, c)}) == 3
]


def affine_of(codes, spacing=(1.0, 1.0, 1.0)):
    affine = np.zeros((4, 4))
    for column, code in enumerate(codes):
        axis, negative = divmod("RLAPSI".index(code), 2)
        affine[axis, column] = -spacing[column] if negative else spacing[column]
    affine[3, 3] = 1.0
    return affine


def named_volume(codes, size=5):
    """A volume whose values tell the place in the patient: 100 R + 10 A + S, each from 0 to 4."""
    volume = np.zeros((size, size, size))
    for axis, code in enumerate(codes):
        world, negative = divmod("RLAPSI".index(code), 2)
        steps = np.arange(size)[:: -1 if negative else 1] * 10 ** (2 - world)
        volume += steps.reshape([-1 if a == axis else 1 for a in range(3)])
    return volume


@pytest.mark.parametrize("codes", CODES, ids="".join)
def test_every_orientation_is_hung_alike(codes):
    volume, affine = named_volume(codes), affine_of(codes)
    for slice_axis, code in enumerate(codes):
        hanging = hang(affine, (1.0, 1.0, 1.0), slice_axis)
        top_left, bottom_right = hanging.slice(volume, 2)[0, 0], hanging.slice(volume, 2)[-1, -1]
        # Right is 400, anterior 40, superior 4; the slice itself is the middle one.
        expected = {
            "sagittal": (200 + 40 + 4, 200 + 0 + 0),
            "coronal": (400 + 20 + 4, 0 + 20 + 0),
            "axial": (400 + 40 + 2, 0 + 0 + 2),
        }[hanging.plane]
        assert (top_left, bottom_right) == expected
        assert hanging.plane == {"R": "sagittal", "L": "sagittal", "A": "coronal", "P": "coronal"}.get(code, "axial")
        assert hanging.ascending == (code in "RAS")


@pytest.mark.parametrize("codes", CODES, ids="".join)
def test_the_named_ends_are_where_they_are_said_to_be(codes):
    volume, affine = named_volume(codes), affine_of(codes)
    place = {"R": (100, 4), "L": (100, 0), "A": (10, 4), "P": (10, 0), "S": (1, 4), "I": (1, 0)}
    for slice_axis in range(3):
        hanging = hang(affine, (1.0, 1.0, 1.0), slice_axis)
        picture = hanging.slice(volume, 2)
        for end, values in (
            (hanging.top, picture[0]),
            (hanging.bottom, picture[-1]),
            (hanging.left, picture[:, 0]),
            (hanging.right, picture[:, -1]),
        ):
            unit, value = place[end]
            assert (values // unit % 10 == value).all()


@given(
    codes=st.sampled_from(CODES),
    tilt=st.floats(-0.6, 0.6),
    spacing=st.tuples(*[st.floats(0.5, 5)] * 3),
    slice_axis=st.integers(0, 2),
)
def test_an_oblique_grid_is_hung_like_the_nearest_straight_one(codes, tilt, spacing, slice_axis):
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]
    straight = affine_of(codes, spacing)
    assert hang(turn @ straight, spacing, slice_axis) == hang(straight, spacing, slice_axis)


def test_pixel_size_follows_the_axes():
    hanging = hang(affine_of("PSR"), (0.5, 0.7, 3.0), 2)
    assert (hanging.plane, hanging.pixel_mm) == ("sagittal", (0.7, 0.5))
