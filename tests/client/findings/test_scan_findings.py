"""Findings of phantoms whose lesions are known, and of scans in which nothing can be told."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import jsonschema
import nibabel as nib
import numpy as np
import pytest
from hunet_client.findings import Examination, Findings, find

SCHEMA = Path(__file__).parents[3] / "docs" / "findings.schema.json"
KINDS = {"deep": "deep_white_matter"}


def find_in(examination: Examination, **options) -> Findings:
    return find(examination.flair, examination.mask, examination.affine, examination.report, **options)


@pytest.fixture(scope="module")
def findings(phantom):
    return find_in(phantom.examination)


def drawn_kinds(made, findings) -> list[tuple[str, str]]:
    """For each lesion that can be told from the others, how it was drawn and where it was found."""
    pairs = []
    for located, reported in zip(findings.lesions, made.examination.report.lesions, strict=True):
        offsets = [
            np.linalg.norm(one.axes @ (np.array(reported.centroid_mm) - one.centre_mm) / one.semi_axes_mm)
            for one in made.placed
        ]
        if min(offsets) < 1.0:
            kind = made.placed[int(np.argmin(offsets))].kind
            pairs.append((KINDS.get(kind, kind), located.location))
    return pairs


def test_the_schema_in_the_documentation_is_the_one_that_is_used(findings):
    assert json.loads(SCHEMA.read_text()) == Findings.model_json_schema()
    jsonschema.validate(json.loads(findings.to_json()), json.loads(SCHEMA.read_text()))
    assert Findings.model_validate_json(findings.to_json()) == findings


@pytest.mark.parametrize("made", ["phantom", "extracted"])
def test_most_lesions_are_found_where_they_were_drawn(made, request):
    made = request.getfixturevalue(made)
    findings = find_in(made.examination)

    assert findings.localisation.problem is None
    pairs = drawn_kinds(made, findings)
    told = [(drawn, found) for drawn, found in pairs if found != "undetermined"]
    assert len(told) >= 0.7 * len(pairs) >= 8
    # A lesion that was drawn deep may reach the cortex, one on the ventricles may be cut off them by a slice.
    assert sum(drawn == found for drawn, found in told) >= 0.7 * len(told)
    hindbrain = [found for drawn, found in pairs if drawn == "infratentorial"]
    assert all(found == "infratentorial" for found in hindbrain)
    # Below the splenium a lesion above the tentorium lies against the vermis.
    assert sum(found == "infratentorial" for _, found in pairs) <= len(hindbrain) + 1


def test_probabilities_are_probabilities_and_the_location_is_the_most_probable(findings):
    for lesion in findings.lesions:
        shares = lesion.probabilities.model_dump()
        assert sum(shares.values()) == pytest.approx(1.0, abs=2e-3)
        assert lesion.probability == max(shares.values())
        expected = max(shares, key=shares.get) if lesion.probability >= 0.6 else "undetermined"
        assert lesion.location == expected


def test_label_sums_and_sizes_are_those_of_the_report(phantom, findings):
    report = phantom.examination.report
    assert (findings.label, findings.lesion_count) == ("Lesions found", report.lesion_count)
    assert findings.confidence == max(lesion.confidence for lesion in report.lesions)
    assert findings.quality_score == 0.8
    counts = Counter(lesion.location for lesion in findings.lesions)
    assert {one.location: one.count for one in findings.locations if one.count} == dict(counts)
    for parts in (findings.locations, findings.sizes.bands):
        assert sum(part.count for part in parts) == report.lesion_count
        assert sum(part.volume_ml for part in parts) == pytest.approx(report.total_volume_ml, abs=1e-4)
    assert findings.sizes.largest_ml == report.lesions[0].volume_ml
    assert findings.sizes.bands[0].count == sum(lesion.volume_ml < 0.05 for lesion in report.lesions)


def test_the_same_scan_gives_the_same_bytes(phantom, findings):
    assert find_in(phantom.examination).to_json() == findings.to_json()


def test_the_place_does_not_depend_on_the_order_of_the_files_axes(phantom, findings, report_of):
    scan = phantom.examination
    turn = nib.orientations.axcodes2ornt("ASL", (("L", "R"), ("P", "A"), ("I", "S")))
    turn = nib.orientations.ornt_transform(nib.io_orientation(scan.affine), turn)
    flair, mask = (nib.Nifti1Image(volume, scan.affine).as_reoriented(turn) for volume in (scan.flair, scan.mask))
    lesion = np.asarray(mask.dataobj).astype(np.float32)
    spacing_mm = tuple(float(mm) for mm in mask.header.get_zooms())
    report, found = report_of(lesion, mask.affine, spacing_mm, scan.report.provenance.preprocessing.center)
    again = find(np.asarray(flair.dataobj), found.mask, mask.affine, report)

    def places(findings):
        return Counter((lesion.volume_ml, lesion.location) for lesion in findings.lesions)

    assert flair.shape != scan.flair.shape
    assert sum((places(findings) & places(again)).values()) >= len(findings.lesions) - 1


def test_without_lesions_the_network_says_how_sure_it_is(lesion_free):
    scan = lesion_free.examination
    assert find_in(scan).confidence is None

    nothing = np.zeros(scan.mask.shape, np.float32)
    sure = find_in(scan, probability=nothing)
    hint = nothing.copy()
    hint[60:64, 60:64, 20:22] = 0.4
    unsure = find_in(scan, probability=hint)

    assert (sure.label, sure.confidence) == ("No lesion found", 1.0)
    assert unsure.confidence == pytest.approx(0.6)
    assert sure.lesions == ()
    assert [statement.id for statement in sure.statements] == ["none-found"]


def test_a_scan_that_shows_a_part_of_the_brain_has_undetermined_lesions(examine, settings):
    findings = find_in(examine(settings, slices=slice(30, None)).examination)

    assert {lesion.location for lesion in findings.lesions} == {"undetermined"}
    assert "% of the brain" in findings.localisation.problem
    assert findings.localisation.problem in findings.method
    # What is not known is not claimed: nothing is said that asks for a region.
    said = {statement.id for statement in findings.statements}
    assert "read-the-scan" in said
    assert not {"space-2017", "space-2024", "one-region", "deep-only", "spinal-cord"} & said


@pytest.mark.parametrize("what", ["noise", "constant", "empty", "not finite"])
def test_a_scan_that_is_no_head_gives_findings_that_say_so(phantom, what):
    scan = phantom.examination
    flair = {
        "noise": np.random.default_rng(1).normal(300, 60, scan.flair.shape).astype(np.float32),
        "constant": np.full(scan.flair.shape, 300.0, np.float32),
        "empty": np.zeros(scan.flair.shape, np.float32),
        "not finite": np.full(scan.flair.shape, np.nan, np.float32),
    }[what]
    findings = find_in(replace(scan, flair=flair))

    assert findings.localisation.problem is not None
    assert all(lesion.location == "undetermined" and lesion.probability is None for lesion in findings.lesions)
    assert findings.lesion_count == scan.report.lesion_count


def test_a_head_that_is_turned_upside_down_in_its_file_is_noticed(phantom):
    affine = np.diag([1.0, -1.0, -1.0, 1.0]) @ phantom.examination.affine
    findings = find_in(replace(phantom.examination, affine=affine))

    assert findings.localisation.problem is not None


def test_arrays_that_do_not_belong_together_are_refused(phantom):
    scan = phantom.examination
    with pytest.raises(ValueError, match="not on one grid"):
        find_in(replace(scan, flair=scan.flair[1:]))
    with pytest.raises(ValueError, match="not those of the report"):
        find_in(replace(scan, mask=np.zeros_like(scan.mask)))
