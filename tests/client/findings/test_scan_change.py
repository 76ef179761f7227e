"""Change between phantoms that were moved, and whose lesions were added, enlarged, shrunk and removed."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hunet_client.errors import InputError
from hunet_client.findings import ChangeReport, compare, find, findings_page
from hunet_client.findings.change_picture import change_picture
from hunet_client.findings.facts import gather_facts
from mamba_hunet.phantom.image import _rotation
from PIL import Image

SCHEMA = Path(__file__).parents[3] / "docs" / "change.schema.json"
NEW, GROWN, SHRUNK, GONE = (16, 17), (1, 4), (6,), (0, 3)


def rigid(turn_deg, shift_mm):
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = _rotation(turn_deg), shift_mm
    return matrix


MOVED = rigid((6.0, -4.0, 9.0), (12.0, -20.0, 30.0))


def scaled(lesion, factor):
    return replace(lesion, semi_axes_mm=lesion.semi_axes_mm * factor)


def earlier_lesions(lesions):
    return tuple(lesion for number, lesion in enumerate(lesions) if number not in NEW)


def later_lesions(lesions):
    changed = [scaled(one, 1.4 if n in GROWN else 0.6 if n in SHRUNK else 1.0) for n, one in enumerate(lesions)]
    return tuple(lesion for number, lesion in enumerate(changed) if number not in GONE)


@pytest.fixture(scope="module")
def prior(examine, settings):
    return examine(settings, earlier_lesions, name="earlier.nii.gz")


@pytest.fixture(scope="module")
def current(examine, settings):
    """The later scan has other axes and voxels, and the head lies elsewhere in the scanner."""
    scan = replace(settings.scan, spacing_mm=(1.0, 1.0, 3.5), orientation="LPS", tilt_deg=(8.0, 3.0, -4.0))
    return examine(replace(settings, scan=scan), later_lesions, MOVED, name="now.nii.gz")


@pytest.fixture(scope="module")
def change(current, prior) -> ChangeReport:
    return compare(current.examination, prior.examination)


def test_the_schema_in_the_documentation_is_the_one_that_is_used(change):
    assert json.loads(SCHEMA.read_text()) == ChangeReport.model_json_schema()
    jsonschema.validate(json.loads(change.to_json()), json.loads(SCHEMA.read_text()))
    assert ChangeReport.model_validate_json(change.to_json()) == change


def test_the_head_is_laid_where_it_was(change):
    found, true = np.array(change.current_to_prior_mm), np.linalg.inv(MOVED)
    head = np.random.default_rng(0).uniform(-70, 70, (500, 3)) @ MOVED[:3, :3].T + MOVED[:3, 3]
    error_mm = np.linalg.norm(head @ (found - true)[:3, :3].T + (found - true)[:3, 3], axis=1)

    assert error_mm.max() < 1.0
    assert np.allclose(found[:3, :3] @ found[:3, :3].T, np.eye(3), atol=1e-5)
    turn_deg = np.degrees(np.arccos((np.trace(true[:3, :3]) - 1.0) / 2.0))
    assert change.registration.rotation_deg == pytest.approx(turn_deg, abs=0.3)
    assert change.registration.disagreement_mm < 1.5


def drawn_at(placed, centroid_mm, moved=None):
    """Which drawn lesion a point is nearest to, measured in its own half axes; None where in none."""
    point = np.linalg.inv(np.eye(4) if moved is None else moved) @ [*centroid_mm, 1.0]
    offsets = [np.linalg.norm(one.axes @ (point[:3] - one.centre_mm) / one.semi_axes_mm) for one in placed]
    return int(np.argmin(offsets)) if min(offsets) < 1.2 else None


def test_every_lesion_changed_as_it_was_drawn(current, change):
    rows = {row.index: row for row in change.lesions if row.index is not None}
    kept = [number for number in range(18) if number not in GONE]
    wrong = []
    for lesion in current.examination.report.lesions:
        place = drawn_at(current.placed, lesion.centroid_mm, MOVED)
        if place is None:
            continue
        number = kept[place]
        expected = "new" if number in NEW else "grown" if number in GROWN else "shrunk" if number in SHRUNK else None
        if rows[lesion.index].change != (expected or "unchanged"):
            wrong.append((lesion.volume_ml, expected, rows[lesion.index].change))
    # The smallest may fall between other slices.
    assert all(volume_ml < 0.03 for volume_ml, _, _ in wrong), wrong
    counts = {one.change: one.count for one in change.counts}
    assert (counts["new"] >= 2, counts["grown"], counts["shrunk"]) == (True, 2, 1)


def test_what_was_removed_is_gone(prior, change):
    gone = {row.prior_index for row in change.lesions if row.change == "gone"}
    large = {
        lesion.index
        for lesion in prior.examination.report.lesions
        if drawn_at(prior.placed, lesion.centroid_mm) in GONE
    }
    assert large
    assert large <= gone
    assert all(row.index is None and row.volume_ml is None for row in change.lesions if row.change == "gone")


def test_every_lesion_of_both_scans_is_accounted_for(current, prior, change):
    assert [row.index for row in change.lesions if row.index is not None] == [
        lesion.index for lesion in current.examination.report.lesions
    ]
    seen = {index for row in change.lesions for index in row.prior_indices}
    assert seen == {lesion.index for lesion in prior.examination.report.lesions}
    assert Counter(row.change for row in change.lesions) == Counter(
        {one.change: one.count for one in change.counts if one.count}
    )


def test_a_scan_against_itself_has_not_changed(prior):
    change = compare(prior.examination, prior.examination)

    assert {row.change for row in change.lesions} == {"unchanged"}
    assert np.allclose(change.current_to_prior_mm, np.eye(4), atol=0.1)
    assert change.same_model
    assert change.same_settings


@pytest.mark.parametrize(
    ("part", "field", "value", "says"),
    [("model", "weights_sha256", "ee" * 32, "same_model"), ("postprocessing", "threshold", 0.3, "same_settings")],
)
def test_what_other_weights_or_thresholds_may_have_done_is_no_fact(current, prior, part, field, value, says):
    provenance = current.examination.report.provenance
    other = provenance.model_copy(update={part: getattr(provenance, part).model_copy(update={field: value})})
    report = current.examination.report.model_copy(update={"provenance": other})
    scan = replace(current.examination, report=report)
    change = compare(scan, prior.examination)

    assert not getattr(change, says)
    assert change.count("new") > 0
    facts = gather_facts([], None, change)
    assert (facts.new_count, facts.new_or_grown_count) == (None, None)
    page = findings_page(find(scan.flair, scan.mask, scan.affine, report, change=change))
    assert "a difference may be theirs" in page


def test_what_the_other_scan_does_not_show_is_not_called_new(prior, examine, settings):
    upper = examine(settings, earlier_lesions, slices=slice(22, None), name="upper.nii.gz")
    change = compare(prior.examination, upper.examination)

    below = [row for row in change.lesions if row.change == "not_comparable"]
    assert below
    assert change.count("new") == 0
    assert len(below) + change.count("unchanged") + change.count("grown") == len(change.lesions)


def test_another_patient_is_refused(prior, examine, settings):
    other = examine(replace(settings, seed=77), name="other.nii.gz")
    with pytest.raises(InputError, match=r"now.nii.gz|earlier.nii.gz") as refusal:
        compare(prior.examination, other.examination)
    assert "cannot be compared with other.nii.gz" in str(refusal.value)
    assert refusal.value.fix


def test_halves_that_do_not_overlap_are_refused(examine, settings):
    lower = examine(settings, slices=slice(0, 20), name="lower.nii.gz")
    upper = examine(settings, slices=slice(36, None), name="upper.nii.gz")
    with pytest.raises(InputError, match="cannot be compared"):
        compare(lower.examination, upper.examination)


def test_a_scan_without_a_head_is_refused(prior):
    scan = prior.examination
    with pytest.raises(InputError, match="shows no head"):
        compare(replace(scan, flair=np.zeros_like(scan.flair)), scan)


def test_the_findings_carry_the_change(current, change):
    scan = current.examination
    findings = find(scan.flair, scan.mask, scan.affine, scan.report, change=change)

    assert {"time-2017", "activity", "confirm-change"} <= {statement.id for statement in findings.statements}
    assert "compare" not in {statement.id for statement in findings.statements}
    page = findings_page(findings)
    assert "Since the earlier scan" in page
    assert "earlier.nii.gz" in page


def test_the_picture_shows_both_scans(current, prior, change):
    picture = Image.open(io.BytesIO(change_picture(current.examination, prior.examination, change)))
    pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3).astype(int)

    assert picture.width >= 1000
    for colour in ((240, 80, 30), (255, 190, 40), (0, 190, 140)):  # new, grown, gone
        assert (np.abs(pixels - colour).max(axis=1) < 40).sum() > 20
