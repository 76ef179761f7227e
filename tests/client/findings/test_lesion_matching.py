"""Which lesions are one focus, on small grids that are drawn by hand."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from hunet_client.findings.lesion_matching import match_lesions
from hunet_client.lesions import find_lesions

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def lesions(*boxes, shape=(40, 40, 20)):
    mask = np.zeros(shape, np.float32)
    for box in boxes:
        mask[tuple(slice(start, stop) for start, stop in box)] = 1.0
    return find_lesions(mask, AFFINE, (1.0, 1.0, 2.0)), AFFINE


LARGE = ((5, 15), (5, 15), (5, 10))
SMALL = ((20, 24), (20, 24), (5, 8))
SAME = sitk.Euler3DTransform()


def sides(foci):
    return sorted((focus.current, focus.prior) for focus in foci)


def test_equal_lesions_are_one_focus_each():
    assert sides(match_lesions(lesions(LARGE, SMALL), lesions(LARGE, SMALL), SAME)) == [((1,), (1,)), ((2,), (2,))]


def test_what_one_scan_alone_has_stands_alone():
    assert sides(match_lesions(lesions(LARGE, SMALL), lesions(LARGE), SAME)) == [((1,), (1,)), ((2,), ())]
    assert sides(match_lesions(lesions(LARGE), lesions(LARGE, SMALL), SAME)) == [((), (2,)), ((1,), (1,))]
    assert match_lesions(lesions(), lesions(), SAME) == ()


def test_lesions_that_have_merged_are_one_focus():
    apart = lesions(((5, 9), (5, 15), (5, 10)), ((11, 15), (5, 15), (5, 10)))
    assert sides(match_lesions(lesions(LARGE), apart, SAME)) == [((1,), (1, 2))]
    assert sides(match_lesions(apart, lesions(LARGE), SAME)) == [((1, 2), (1,))]


def test_a_lesion_displaced_by_less_than_two_millimetres_is_the_same():
    beside = ((24, 28), (20, 24), (5, 8))
    far = ((28, 32), (20, 24), (5, 8))
    assert sides(match_lesions(lesions(beside), lesions(SMALL), SAME)) == [((1,), (1,))]
    assert sides(match_lesions(lesions(far), lesions(SMALL), SAME)) == [((), (1,)), ((1,), ())]


def test_the_transform_moves_the_earlier_scan():
    moved = sitk.Euler3DTransform()
    moved.SetTranslation((-10.0, 0.0, 0.0))  # LPS: ten millimetres to the right
    there = ((30, 34), (20, 24), (5, 8))
    assert sides(match_lesions(lesions(SMALL), lesions(there), SAME)) == [((), (1,)), ((1,), ())]
    assert sides(match_lesions(lesions(SMALL), lesions(there), moved)) == [((1,), (1,))]


def test_a_place_that_the_other_scan_does_not_show_is_not_seen():
    cropped = lesions(LARGE, shape=(40, 16, 20))
    (alone,) = [focus for focus in match_lesions(lesions(LARGE, SMALL), cropped, SAME) if not focus.prior]
    assert (alone.current, alone.seen) == ((2,), False)
