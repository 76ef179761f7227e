import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hunet_client.lesions import find_lesions
from hunet_client.report import Report, build_report
from hunet_client.segmentation import Segmentation
from hunet_client.transport import Model
from hunet_protocol.v1 import preprocess_pb2 as pb
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

SCHEMA = Path(__file__).parents[2] / "docs" / "report.schema.json"
SHAPE = (8, 9, 10)
SPACING_MM = (1.0, 2.0, 3.0)
AFFINE = np.diag([-1.0, 2.0, 3.0, 1.0]) + np.array([[0, 0, 0, 50.0], [0, 0, 0, -20.0], [0, 0, 0, 5.0], [0, 0, 0, 0]])


def manifest(**changes):
    fields = {
        "manifest_version": 1,
        "input_sha256": "0a" * 32,
        "input_bytes": 1234,
        "shape": SHAPE,
        "spacing_mm": SPACING_MM,
        "affine": AFFINE.ravel().tolist(),
        "geometry": pb.SliceGeometry(slice_axis=2, row_axis=1, column_axis=0, slice_count=10),
        "intensity": pb.Intensity(
            clip_high=900.0, center=300.0, scale=40.0, sharpening_amount=0.3, sharpening_sigma_mm=1
        ),
        "in_plane_mode": pb.IN_PLANE_MODE_RESAMPLE_1MM,
        "software": {"hunet-preprocess-service": "0.1.0", "scipy": "1.17"},
    }
    return pb.Manifest(**(fields | changes))


def segmentation(probability=None, *, weights_sha256="ff" * 32, **manifest_changes):
    if probability is None:
        probability = np.zeros(SHAPE, np.float32)
        probability[2:5, 3:6, 4:6] = 0.8
        probability[3, 4, 4] = 0.95
        probability[7, 8, 9] = 0.6
    return Segmentation(
        file_name="scan.nii.gz",
        probability=probability,
        lesions=find_lesions(probability, AFFINE, SPACING_MM, min_lesion_ml=0.006),
        manifest=manifest(**manifest_changes),
        planes=("axial",),
        model=Model("mamba_hunet", "3", weights_sha256),
        elapsed_s=1.5,
    )


def test_lists_the_lesions_largest_first():
    report = build_report(segmentation())
    assert report.lesion_count == 2
    assert report.total_volume_ml == pytest.approx(19 * 6 / 1000)
    large, small = report.lesions
    assert (large.index, large.voxels, large.volume_ml) == (1, 18, 0.108)
    assert large.centroid_mm == pytest.approx(tuple((AFFINE @ [3, 4, 4.5, 1])[:3]))
    assert large.extent_mm == (3.0, 6.0, 6.0)
    assert (large.box_start, large.box_stop) == ((2, 3, 4), (5, 6, 6))
    assert large.max_probability == pytest.approx(0.95, abs=1e-6)
    assert (small.voxels, small.box_start) == (1, (7, 8, 9))
    # 27 mm3 are four and a half of these voxels.
    assert large.confidence == pytest.approx((0.95 + 3.5 * 0.8) / 4.5, abs=1e-6)
    assert small.confidence == pytest.approx(0.6 / 4.5, abs=1e-6)


def test_says_what_made_it():
    provenance = build_report(segmentation()).provenance
    assert provenance.model.model_dump() == {
        "name": "mamba_hunet",
        "version": "3",
        "weights_sha256": "ff" * 32,
    }
    assert provenance.postprocessing.model_dump() == {
        "threshold": 0.5,
        "min_lesion_ml": 0.006,
        "connectivity": 26,
    }
    assert provenance.preprocessing.center == 300.0
    assert provenance.preprocessing.in_plane_mode == "resample_1mm"
    assert provenance.software["hunet-preprocess-service"] == "0.1.0"
    assert provenance.software["hunet-client"]


def test_says_that_it_is_for_research_only():
    assert "research use only" in build_report(segmentation()).to_json().lower()


def test_no_lesion_is_a_full_report():
    report = build_report(segmentation(np.zeros(SHAPE, np.float32)))
    assert (report.lesion_count, report.total_volume_ml, report.lesions) == (0, 0.0, ())
    assert report.provenance.model.name == "mamba_hunet"


def test_passes_quality_flags_on():
    flags = [
        pb.QualityFlag(code="field_of_view_cropped", message="The head is cut", severity=pb.SEVERITY_WARNING),
        pb.QualityFlag(code="thick_slices", message="Slices are thick", severity=pb.SEVERITY_INFO),
        # Whoever does not say how severe a flag is gets the reader's attention.
        pb.QualityFlag(code="odd", message="Odd"),
    ]
    report = build_report(segmentation(quality_flags=flags))
    assert [(flag.code, flag.severity) for flag in report.quality_flags] == [
        ("field_of_view_cropped", "warning"),
        ("thick_slices", "info"),
        ("odd", "warning"),
    ]


def quality(**scores):
    """What a service measured: one figure a component, None where there was none."""
    return pb.Quality(
        score=min((score for score in scores.values() if score is not None), default=None),
        components=[
            pb.QualityComponent(
                name=name,
                score=score,
                measurements=[]
                if score is None
                else [pb.QualityMeasurement(name=f"{name} figure", value=3.25, unit="mm", score=score)],
            )
            for name, score in scores.items()
        ],
    )


def test_passes_the_scans_quality_on():
    report = build_report(segmentation(quality=quality(contrast=1.0, motion=None, noise=0.25)))
    assert report.quality.score == 0.25
    assert report.quality.weakest == "noise"
    assert [(component.name, component.score) for component in report.quality.components] == [
        ("contrast", 1.0),
        ("motion", None),
        ("noise", 0.25),
    ]
    assert report.quality.components[2].measurements[0].model_dump() == {
        "name": "noise figure",
        "value": 3.25,
        "unit": "mm",
        "score": 0.25,
    }


def test_a_service_that_measures_no_quality_gives_none():
    report = build_report(segmentation())
    assert (report.quality.score, report.quality.components, report.quality.weakest) == (None, (), None)
    assert json.loads(report.to_json())["quality"] == {"score": None, "components": []}


def test_equal_results_give_equal_files():
    assert build_report(segmentation()).to_json() == build_report(segmentation()).to_json()


def test_the_schema_in_the_documentation_is_the_one_that_is_used():
    assert json.loads(SCHEMA.read_text()) == Report.model_json_schema()


@given(seed=st.integers(0, 1000), rarity=st.integers(1, 12))
@settings(max_examples=40)
def test_every_report_is_valid_by_the_schema_and_comes_back_unchanged(seed, rarity):
    probability = np.random.default_rng(seed).random(SHAPE, np.float32) ** rarity
    report = build_report(segmentation(probability, quality=quality(contrast=1.0, motion=None, noise=0.25)))
    jsonschema.validate(json.loads(report.to_json()), json.loads(SCHEMA.read_text()))
    assert Report.model_validate_json(report.to_json()) == report
    assert report.lesion_count == len(report.lesions)
    assert report.total_volume_ml == pytest.approx(sum(lesion.volume_ml for lesion in report.lesions), abs=1e-5)


@pytest.mark.parametrize(
    "changes",
    [{"weights_sha256": "unknown"}, {"input_sha256": ""}, {"shape": (8, 9)}],
    ids=["weights", "input", "shape"],
)
def test_a_result_without_provenance_is_no_report(changes):
    with pytest.raises((ValidationError, ValueError)):
        build_report(segmentation(**changes))
