"""A clean phantom has nothing to be warned of; what is done to it is found by the component that it concerns."""

from __future__ import annotations

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from mamba_hunet.phantom import PhantomSettings, make_phantom
from mamba_hunet.phantom.settings import ContrastSettings, ScanSettings
from preprocess_service.pipeline import scan_from_array

SPACING_MM = (1.2, 1.2, 4.0)
CONTRASTS = {
    "T1": ContrastSettings(white_matter=1.4, deep_grey=1.15, csf=0.3, fat=2.0),
    "T2": ContrastSettings(white_matter=0.75, deep_grey=0.9, csf=2.6, fat=1.6),
    "proton density": ContrastSettings(white_matter=0.85, csf=1.05, fat=1.2),
}


def phantom(contrast: ContrastSettings | None = None, *, brain_extracted: bool = False):
    settings = PhantomSettings(scan=ScanSettings(spacing_mm=SPACING_MM, brain_extracted=brain_extracted))
    made = make_phantom(replace(settings, contrast=contrast or settings.contrast))
    return scan_from_array(made.flair, made.affine, file_name="phantom.nii")


@pytest.fixture(scope="module", params=[False, True], ids=["whole head", "brain extracted"])
def clean(request):
    return phantom(brain_extracted=request.param)


@pytest.fixture(scope="module")
def clean_scores(clean, scores):
    return scores(clean)


def test_a_clean_flair_scores_high_and_has_no_flags(clean, clean_scores, flag_codes):
    assert min(clean_scores.values()) > 0.9
    assert flag_codes(clean) == set()


def test_a_fault_is_found_by_its_component(clean, clean_scores, fault, scores, flag_codes):
    damage, component = fault
    damaged = damage(clean)
    found = scores(damaged)
    assert found[component] < 0.5 < clean_scores[component]
    assert found["all"] <= found[component]
    assert flag_codes(damaged)


@pytest.mark.parametrize("weighting", CONTRASTS)
def test_another_weighting_is_not_taken_for_a_flair(weighting, scores, flag_codes):
    scan = phantom(CONTRASTS[weighting], brain_extracted=True)
    assert scores(scan)["contrast"] < 0.3
    assert "not_flair" in flag_codes(scan)


def test_resolution_says_which_limit_was_passed(clean, scores, flag_codes):
    coarse = np.asarray(clean.data[::2, ::2])
    affine = clean.affine.copy()
    affine[:3, :2] *= 2
    scan = scan_from_array(coarse, affine, file_name="coarse.nii")
    assert scores(scan)["resolution"] < 0.5
    assert "coarse_pixels" in flag_codes(scan)


@pytest.mark.parametrize("codes", ["LPS", "PSR", "SAL"])
def test_the_order_in_which_voxels_are_stored_hardly_matters(codes, clean, clean_scores, scores):
    image = nib.Nifti1Image(clean.data, clean.affine)
    turn = nib.orientations.ornt_transform(
        nib.io_orientation(clean.affine), nib.orientations.axcodes2ornt(tuple(codes))
    )
    turned = image.as_reoriented(turn)
    found = scores(scan_from_array(np.asarray(turned.dataobj), turned.affine, file_name="turned.nii"))
    assert found == pytest.approx(clean_scores, abs=0.05)
