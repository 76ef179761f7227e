import io

import numpy as np
import pytest
from hunet_client.lesions import find_lesions
from hunet_client.overlay import FOOTER_PX, HEADER_PX, MAX_SLICES, Caption, headline, overlay_png
from hunet_client.slice_choice import choose_slices
from hunet_client.slice_picture import OUTLINE
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

AFFINE = np.eye(4)
MM = (1.0, 1.0, 1.0)
SHAPE = (60, 70, 30)
ONE_SLICE = (60, 70, 1)
CAPTION = Caption("scan.nii.gz", "mamba_hunet 1, threshold 0.5")


def head(shape=SHAPE):
    """An ellipsoid of grey, 100, in air; through its middle when there is one slice."""
    axes = np.meshgrid(*[np.linspace(-1, 1, n) if n > 1 else [0.0] for n in shape], indexing="ij")
    return np.where(sum(axis**2 for axis in axes) < 0.8, 100.0, 0.0).astype(np.float32)


def lesions(*boxes, shape=SHAPE, affine=AFFINE, spacing_mm=MM):
    probability = np.zeros(shape, np.float32)
    for start, stop in boxes:
        probability[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = 0.9
    return find_lesions(probability, affine, spacing_mm)


def picture(volume, found, *, affine=AFFINE, spacing_mm=MM, slice_axis=2, caption=CAPTION):
    png = overlay_png(
        volume,
        found,
        affine=affine,
        spacing_mm=spacing_mm,
        slice_axis=slice_axis,
        window=(0, 200),
        caption=caption,
    )
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGB")).astype(int)


def is_outline(pixels):
    """Pixels of the outline's colour, between the header and the footer that hold it too."""
    near = np.abs(pixels - np.array(OUTLINE)).sum(axis=-1) < 60
    near[:HEADER_PX] = False
    near[-FOOTER_PX:] = False
    return near


def extent(shown):
    """First and last row, first and last column of what is shown."""
    rows, columns = np.nonzero(shown)
    return rows.min(), rows.max(), columns.min(), columns.max()


def test_the_outline_runs_around_the_lesion_and_leaves_it_free():
    found, volume = lesions(((25, 30, 0), (35, 44, 1)), shape=ONE_SLICE), head(ONE_SLICE)
    volume[found.mask > 0] = 200
    pixels = picture(volume, found)
    top, bottom, left, right = extent(is_outline(pixels))
    # 10 mm across and 14 mm high, as large as the tile shows them.
    assert (bottom - top) / (right - left) == pytest.approx(14 / 10, rel=0.1)
    lesion = pixels[top + 4 : bottom - 3, left + 4 : right - 3]
    assert np.mean(lesion.min(axis=-1) > 225) > 0.95
    assert is_outline(pixels)[top + 4 : bottom - 3].any(axis=1).all()


def test_lesions_lie_where_radiologists_expect_them():
    """With the identity affine i grows to the patient's right and j to the front."""
    places = {
        "front left": ((12, 45, 0), (20, 53, 1)),
        "front right": ((40, 45, 0), (48, 53, 1)),
        "back left": ((12, 15, 0), (20, 23, 1)),
    }
    rows, columns = {}, {}
    for name, box in places.items():
        top, bottom, left, right = extent(is_outline(picture(head(ONE_SLICE), lesions(box, shape=ONE_SLICE))))
        rows[name], columns[name] = (top + bottom) / 2, (left + right) / 2
    assert columns["front left"] > columns["front right"]
    assert columns["front left"] == columns["back left"]
    assert rows["front left"] == rows["front right"]
    assert rows["front left"] < rows["back left"]


def test_storage_order_does_not_change_the_picture():
    box = ((10, 30, 14), (18, 40, 17))
    found, volume = lesions(box), head() + np.linspace(0, 60, SHAPE[0])[:, None, None] * (head() > 0)
    straight = picture(volume, found)
    mirrored_affine = np.diag([-1.0, 1.0, 1.0, 1.0])
    mirrored_affine[0, 3] = SHAPE[0] - 1
    mirrored = find_lesions(found.mask[::-1].astype(np.float32), mirrored_affine, MM)
    np.testing.assert_array_equal(picture(volume[::-1], mirrored, affine=mirrored_affine), straight)
    swapped_affine = AFFINE[:, [1, 0, 2, 3]]
    swapped = find_lesions(found.mask.swapaxes(0, 1).astype(np.float32), swapped_affine, MM)
    np.testing.assert_array_equal(picture(volume.swapaxes(0, 1), swapped, affine=swapped_affine), straight)


def test_voxels_are_shown_in_their_true_proportions():
    flat = head((60, 35, 30))
    found = find_lesions(np.zeros_like(flat), AFFINE, (1.0, 2.0, 1.0))
    stretched = picture(flat, found, spacing_mm=(1.0, 2.0, 1.0))
    square = picture(flat, find_lesions(np.zeros_like(flat), AFFINE, MM))
    # 60 mm by 70 mm fills a tile that is taller than 60 mm by 35 mm does.
    assert stretched.shape[0] > square.shape[0]


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
def test_every_slice_axis_can_be_shown(slice_axis):
    found = lesions(((25, 30, 12), (35, 40, 18)))
    assert is_outline(picture(head(), found, slice_axis=slice_axis)).sum() > 100


def test_no_lesion_is_a_picture_too():
    pixels = picture(head(), lesions())
    assert not is_outline(pixels).any()
    grey = (np.ptp(pixels, axis=-1) < 12) & (pixels[..., 0] > 90)
    assert grey.mean() > 0.1


@pytest.mark.parametrize(
    "volume", [np.zeros(SHAPE, np.float32), np.full(SHAPE, -5.0, np.float32)], ids=["air", "below"]
)
def test_a_volume_without_signal_is_still_shown(volume):
    pixels = picture(volume, lesions())
    assert not is_outline(pixels).any()
    assert is_written(pixels[:HEADER_PX]).any()


def test_a_single_slice_can_be_shown():
    pixels = picture(head(ONE_SLICE), lesions(((25, 30, 0), (35, 40, 1)), shape=ONE_SLICE))
    assert is_outline(pixels).sum() > 30


def is_written(pixels):
    """Where something stands out from the background, by pixel."""
    return np.abs(pixels - pixels[0, 0]).sum(axis=-1) > 60


NARROW = (12, 70, 30)


@pytest.mark.parametrize("shape", [SHAPE, NARROW])
@pytest.mark.parametrize("name", ["scan", "Müller_" + "x" * 300, "W" * 300, "脳" * 300], ids=lambda name: name[:8])
def test_names_of_any_length_leave_room_for_the_plane(name, shape):
    caption = Caption(f"{name}.nii.gz", "mamba_hunet 0.1.0, threshold 0.5")
    pixels = picture(head(shape), lesions(shape=shape), caption=caption)
    ink = np.flatnonzero(is_written(pixels[56:84]).any(axis=0))
    assert ink.max() < pixels.shape[1] - 4, "nothing runs out of the picture"
    assert np.diff(ink).max() >= 20, "between the name and the plane"


def test_grids_must_agree():
    with pytest.raises(ValueError, match="grid"):
        picture(head()[:-1], lesions())


def test_the_headline_counts():
    box = ((0, 0, 0), (5, 5, 4))
    assert headline(lesions()) == "No lesion found"
    assert headline(lesions(box)) == "1 lesion, 0.10 ml"
    assert headline(lesions(box, ((20, 20, 20), (25, 25, 24)))) == "2 lesions, 0.20 ml"


def test_the_slice_with_most_lesion_is_shown():
    found = lesions(((25, 30, 7), (35, 40, 8)), ((25, 30, 20), (30, 35, 21)))
    assert {7, 20} <= set(choose_slices(found.labels, head() > 50, 2, MAX_SLICES))
    assert choose_slices(found.labels, head() > 50, 2, 1) == [7]


boxes = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 60), st.integers(0, 27), st.integers(2, 8)), max_size=10)


@given(boxes=boxes, slice_axis=st.integers(0, 2))
@settings(max_examples=30)
def test_as_many_lesions_as_possible_are_seen(boxes, slice_axis):
    found = lesions(*[((i, j, k), (i + size, j + size, k + 3)) for i, j, k, size in boxes])
    numbers = choose_slices(found.labels, head() > 50, slice_axis, MAX_SLICES)
    assert numbers == sorted(set(numbers))
    assert len(numbers) <= MAX_SLICES
    assert all(0 <= number < SHAPE[slice_axis] for number in numbers)
    shown = np.unique(np.take(found.labels, numbers, axis=slice_axis))
    # Twelve slices are enough for ten lesions.
    assert set(shown) - {0} == {lesion.index for lesion in found.lesions}
