"""Every object passes dciodvfy, an independent check against the standard's definitions."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pacs_gateway.results import SourceSeries, WantedResults, build_results
from pydicom import dcmread


@pytest.fixture
def errors(run_tool, tmp_path):
    """The lines in which dciodvfy reports an error on an object."""

    def find(dataset) -> list[str]:
        path = tmp_path / "object.dcm"
        dataset.save_as(path, enforce_file_format=True)
        said = run_tool("dciodvfy", path).stderr.splitlines()
        assert said, "dciodvfy names the kind of object"
        return [line for line in said if line.startswith("Error")]

    return find


def test_the_series_that_tests_start_from_conforms(written, errors):
    assert errors(written.single_frames()[0]) == []


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "Secondary Capture Image", "Encapsulated PDF"])
def test_objects_about_lesions_conform(results, errors, kind):
    assert [errors(item) for item in results[kind]] == [[]] * len(results[kind])


@pytest.mark.parametrize("kind", ["FRACTIONAL", "Secondary Capture Image", "Encapsulated PDF", "Comprehensive 3D SR"])
def test_objects_about_no_lesion_conform(results_without, errors, kind):
    assert [errors(item) for item in results_without[kind]] == [[]]


def test_the_report_conforms(results, errors):
    assert errors(results["Comprehensive 3D SR"][0]) == []


def test_objects_about_a_multi_frame_image_conform(written, with_lesions, errors, made_at):
    order = [3, 1, 0, 2, 4, 5, 6, 8, 7]
    series = SourceSeries((written.multi_frame(order),), tuple(order.index(k) + 1 for k in range(9)))

    made = build_results(series, with_lesions, WantedResults(pdf=True), made_at=made_at)

    assert [item.Modality for item in made] == ["SEG", "OT", "OT", "OT", "DOC", "SR"]
    assert [errors(item) for item in made] == [[]] * len(made)


def test_objects_about_no_lesion_in_a_multi_frame_image_conform(written, without_lesions, errors, made_at):
    series = SourceSeries((written.multi_frame(list(range(9))),), tuple(range(1, 10)))

    made = build_results(series, without_lesions, WantedResults(probability=True, pdf=True), made_at=made_at)

    assert [item.Modality for item in made] == ["SEG", "OT", "DOC", "SR"]
    assert [errors(item) for item in made] == [[]] * len(made)


def test_compressed_probability_conforms(series, with_lesions, errors, made_at):
    wanted = WantedResults(segmentation=False, probability=True, compress_probability=True, outlines=False)

    probability, _ = build_results(series, with_lesions, wanted, made_at=made_at)

    assert probability.file_meta.TransferSyntaxUID.name == "JPEG-LS Lossless Image Compression"
    assert errors(probability) == []


def test_a_source_with_little_in_its_header_gives_objects_that_conform(written, with_lesions, errors, made_at):
    datasets = written.single_frames()
    for dataset in datasets:
        for keyword in (
            "PatientBirthDate",
            "AccessionNumber",
            "StudyID",
            "StudyTime",
            "SliceThickness",
            "SeriesNumber",
        ):
            del dataset[keyword]
        dataset.PatientSex = "U"

    made = build_results(SourceSeries(tuple(datasets)), with_lesions, WantedResults(pdf=True), made_at=made_at)

    assert [errors(item) for item in made] == [[]] * len(made)
    assert all(item.AccessionNumber == "" and not item.PatientSex for item in made)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("StudyTime", "10:15:00"),
        ("StudyDate", "2026.05.03"),
        ("PatientBirthDate", "1970"),
        ("PatientAge", "56"),
        ("TimezoneOffsetFromUTC", "GMT"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_a_value_of_the_wrong_form_is_not_passed_on(written, without_lesions, errors, made_at, keyword, value):
    datasets = written.single_frames()
    setattr(datasets[0], keyword, value)

    made = build_results(SourceSeries(tuple(datasets)), without_lesions, WantedResults(), made_at=made_at)

    assert [errors(item) for item in made] == [[]] * len(made)
    assert not any(item.get(keyword) for item in made)


@pytest.mark.filterwarnings("ignore:In.*value for")
@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"),
        ("ISO_IR 192", "Zażółć^Gęślą"),
        ("ISO-IR 100", "Müller^Jörg"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
    ],
)
def test_names_in_every_script_are_kept(written, without_lesions, errors, made_at, character_set, name):
    datasets = written.single_frames()
    for dataset in datasets:
        dataset.SpecificCharacterSet, dataset.PatientName = character_set, name

    made = build_results(SourceSeries(tuple(datasets)), without_lesions, WantedResults(), made_at=made_at)

    assert [errors(item) for item in made] == [[]] * len(made)
    for item in made:
        file = io.BytesIO()
        item.save_as(file, enforce_file_format=True)
        file.seek(0)
        assert dcmread(file).PatientName == name


def test_a_broken_object_is_noticed(results, errors):
    """The check itself works."""
    broken = type(results["BINARY"][0]).from_dataset(results["BINARY"][0])
    del broken.SegmentSequence
    assert errors(broken)


def test_the_page_on_conformance_names_every_class(results):
    page = (Path(__file__).parents[3] / "docs" / "dicom_conformance.md").read_text()
    assert {item.SOPClassUID for items in results.values() for item in items if item.SOPClassUID not in page} == set()
