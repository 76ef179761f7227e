"""Whatever its axes, the page marks the right voxels of a scan, and gives back a mask on its grid."""

from __future__ import annotations

import base64
import gzip

import nibabel
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, inv_ornt_aff

SHAPE = (9, 12, 7)
# The affine of right, anterior, superior axes: uneven edges, somewhere off the origin.
STRAIGHT = np.array([[0.9, 0, 0, -11], [0, 1.1, 0, -30], [0, 0, 3.0, 5], [0, 0, 0, 1]])
ANGLE = np.deg2rad(17)
TURN = np.array(
    [[1, 0, 0, 0], [0, np.cos(ANGLE), -np.sin(ANGLE), 4], [0, np.sin(ANGLE), np.cos(ANGLE), -3], [0, 0, 0, 1]]
)
PAGE = """async ([scan, mask]) => {
  const { Viewer } = await import("/assets/study/viewer.js");
  const { lesionsAt } = await import("/assets/study/connected_lesions.js");
  const { MarkedVoxels } = await import("/assets/study/marked_voxels.js");
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const room = document.body.appendChild(document.createElement("div"));
  room.style.setProperty("width", "200px");
  room.style.setProperty("height", "200px");
  const canvas = room.appendChild(document.createElement("canvas"));
  const viewer = await Viewer.open(canvas);
  await viewer.showScan(bytes(scan), new AbortController().signal);
  const found = lesionsAt(new MarkedVoxels(await Viewer.valuesOf(bytes(mask)), viewer.dims), 1, 1);
  viewer.mark(found, 0);
  const file = await viewer.maskFile();
  const places = found.lesions.map(({ place, center }) => {
    viewer.goTo(place);
    return { crosshair_mm: viewer.crosshair_mm, center_mm: viewer.millimetres(center) };
  });
  viewer.close();
  room.remove();
  return { places, voxel_ml: viewer.voxel_ml, file: btoa(String.fromCharCode(...file)) };
}"""


@pytest.mark.parametrize("turn", [np.eye(4), TURN], ids=["straight", "oblique"])
@pytest.mark.parametrize("axes", ["RAS", "LPS", "LAS", "PIR", "SAL"])
def test_marks_come_back_as_they_went_in(modules, axes, turn):
    to_straight = axcodes2ornt(tuple(axes))
    shape = tuple(SHAPE[int(axis)] for axis in to_straight[:, 0])
    affine = turn @ STRAIGHT @ np.linalg.inv(inv_ornt_aff(to_straight, shape))
    assert "".join(nibabel.aff2axcodes(affine)) == axes
    generator = np.random.default_rng(5)
    scan = generator.integers(0, 900, shape).astype(np.int16)
    marked = (generator.random(shape) < 0.02).astype(np.uint8)

    page = modules.evaluate(PAGE, [packed(scan, affine), packed(marked, affine)])

    back = nibabel.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(page["file"])))
    np.testing.assert_array_equal(np.asarray(back.dataobj), marked)
    np.testing.assert_allclose(back.affine, affine, atol=1e-5)
    assert page["voxel_ml"] == pytest.approx(0.9 * 1.1 * 3.0 / 1000, rel=1e-5)
    for place in page["places"]:
        voxel = nibabel.affines.apply_affine(np.linalg.inv(affine), place["crosshair_mm"])
        np.testing.assert_allclose(voxel, np.rint(voxel), atol=1e-3)
        assert marked[tuple(np.rint(voxel).astype(int))]


def packed(values, affine):
    return base64.b64encode(gzip.compress(nibabel.Nifti1Image(values, affine).to_bytes())).decode()
