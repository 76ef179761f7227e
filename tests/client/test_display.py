import gzip

import nibabel as nib
import numpy as np
import pytest
from hunet_client.display import hang, read_volume
from hunet_client.errors import InputError
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


@pytest.fixture
def image():
    voxels = np.random.default_rng(0).integers(0, 500, (4, 5, 6)).astype(np.int16)
    image = nib.Nifti1Image(voxels, np.diag([1, 2, 3, 1]))
    image.header.set_slope_inter(2.0, 7.0)
    return image


def test_reads_a_file_its_bytes_and_its_compressed_bytes_alike(image, tmp_path):
    expected = image.get_fdata() * 2 + 7
    nib.save(image, tmp_path / "scan.nii.gz")
    content = image.to_bytes()
    for scan in (tmp_path / "scan.nii.gz", str(tmp_path / "scan.nii.gz"), content, gzip.compress(content)):
        volume = read_volume(scan)
        assert volume.dtype == np.float32
        assert volume.shape == (4, 5, 6)
    np.testing.assert_allclose(read_volume(content), expected)


def test_reads_nifti_2(image):
    second = nib.Nifti2Image(np.asarray(image.dataobj), image.affine)
    np.testing.assert_array_equal(read_volume(second.to_bytes()), image.get_fdata())


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("image_class", [nib.Nifti1Image, nib.Nifti2Image])
def test_voxels_begin_after_the_header_where_it_does_not_say_so(image_class, byte_order):
    voxels = np.random.default_rng(0).integers(0, 500, (4, 5, 6)).astype(f"{byte_order}i2")
    header = image_class.header_class(endianness=byte_order)
    image = image_class(voxels, np.eye(4), header)
    content = bytearray(image.to_bytes())
    where, kind = (108, "f4") if image_class is nib.Nifti1Image else (168, "i8")
    size = int(kind[1])
    assert np.frombuffer(content[where : where + size], byte_order + kind)[0] == header.single_vox_offset
    content[where : where + size] = bytes(size)
    np.testing.assert_array_equal(read_volume(bytes(content)), voxels)


def test_axes_of_length_one_are_dropped():
    content = nib.Nifti1Image(np.zeros((4, 5, 6, 1), np.float32), np.eye(4)).to_bytes()
    assert read_volume(content).shape == (4, 5, 6)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a nifti file", b"\x1f\x8b broken", gzip.compress(b"short"), bytes(2000)],
    ids=["empty", "text", "broken gzip", "short", "zeros"],
)
def test_what_is_no_nifti_is_refused(content):
    with pytest.raises(InputError, match="cannot be shown"):
        read_volume(content)


def test_a_series_of_volumes_is_refused():
    content = nib.Nifti1Image(np.zeros((4, 5, 6, 3), np.float32), np.eye(4)).to_bytes()
    with pytest.raises(InputError, match="single volume"):
        read_volume(content)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="absent"):
        read_volume(tmp_path / "absent.nii")
