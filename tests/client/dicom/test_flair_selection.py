"""Which series is taken for the FLAIR, from headers alone."""

from __future__ import annotations

import itertools

import pytest
from hunet_client.dicom.selection import choose_flair


def uid(series):
    return series[0].SeriesInstanceUID


def test_the_flair_of_a_whole_study_is_found(make_series, other_kinds):
    flair = make_series("flair", number=7)
    others = [make_series(kind, number) for number, kind in enumerate(other_kinds, start=20)]

    choice = choose_flair(itertools.chain(flair, *others))

    assert choice.chosen.candidate.series_instance_uid == uid(flair)
    assert len(choice.assessed) == 1 + len(others)
    assert choice.explanation().startswith("* series 7 (")
    assert "TI 2500 ms: fluid is dark (+3)" in choice.explanation()


def test_no_other_kind_is_taken_for_one(make_series, other_kinds):
    for kind in other_kinds:
        assert choose_flair(make_series(kind)).chosen is None, kind


@pytest.mark.parametrize(
    ("field_t", "attributes"),
    [
        ("0.55", {"RepetitionTime": "7000", "InversionTime": "2000", "EchoTime": "100"}),
        ("1.5", {"RepetitionTime": "9000", "InversionTime": "2500", "EchoTime": "110"}),
        ("1.5", {"RepetitionTime": "6000", "InversionTime": "2000", "EchoTime": "335", "MRAcquisitionType": "3D"}),
        ("3", {"RepetitionTime": "5000", "InversionTime": "1650", "EchoTime": "390", "MRAcquisitionType": "3D"}),
        ("3", {"RepetitionTime": "11000", "InversionTime": "2800", "EchoTime": "125"}),
        ("7", {"RepetitionTime": "8000", "InversionTime": "2250", "EchoTime": "270", "MRAcquisitionType": "3D"}),
    ],
)
def test_protocols_of_each_field_strength_need_no_name(field_t, attributes, make_series):
    assert choose_flair(make_series(MagneticFieldStrength=field_t, SeriesDescription="", **attributes)).chosen


def test_ranges_depend_on_the_field(make_series):
    at = {field: choose_flair(make_series(MagneticFieldStrength=field, InversionTime="2900")) for field in ("1.5", "3")}
    assert at["1.5"].assessed[0].points < at["3"].assessed[0].points


def test_a_name_alone_is_not_enough(make_series):
    bare = make_series(ScanningSequence=None, InversionTime=None, EchoTime=None, RepetitionTime=None)
    assert choose_flair(bare).chosen is None


def test_a_name_and_weighting_make_up_for_an_absent_inversion_time(make_series):
    assert choose_flair(make_series(InversionTime=None)).chosen is not None


@pytest.mark.parametrize(("slices", "reason"), [(8, "only 8 slices"), (12, "covers only 66 mm")])
def test_too_little_of_a_head_is_no_scan(slices, reason, make_series):
    choice = choose_flair(make_series(slices=slices))
    assert choice.chosen is None
    assert reason in choice.explanation()


def test_two_that_are_alike_leave_it_in_doubt(make_series):
    first, second = make_series(number=3), make_series(number=4)
    choice = choose_flair([*first, *second])
    assert choice.chosen is None
    assert [one.points for one in choice.assessed[:2]] == [8, 8]
    assert choose_flair([*first, *second], uid(second)).chosen.candidate.series_instance_uid == uid(second)


def test_a_named_series_is_taken_whatever_speaks_against_it(make_series):
    flair, t2 = make_series(number=1), make_series("t2", number=2)
    assert choose_flair([*flair, *t2], uid(t2)).chosen.candidate.series_instance_uid == uid(t2)
    assert choose_flair([*flair, *t2], "1.2.3").chosen is None


def test_echoes_in_one_series_are_told_apart(make_series):
    flair = make_series()
    early = make_series(number=2, EchoTime="12")
    for dataset in early:
        dataset.SeriesInstanceUID, dataset.SeriesNumber = uid(flair), 1
    choice = choose_flair([*flair, *early])
    assert len(choice.assessed) == 2
    chosen = choice.chosen.candidate
    assert {header.SOPInstanceUID for header in chosen.headers} == {dataset.SOPInstanceUID for dataset in flair}
    assert chosen.part == "2 of 2 by EchoTime" or chosen.part == "1 of 2 by EchoTime"


def test_an_instance_that_comes_twice_counts_once(make_series):
    flair = make_series()
    assert len(choose_flair(flair * 2).chosen.candidate.headers) == len(flair)


def test_explanations_hold_no_free_text(make_series):
    series = make_series(SeriesDescription="Doe FLAIR", ProtocolName="Doe", PatientName="Doe^Jane")
    assert "Doe" not in choose_flair(series).explanation()


def test_headers_of_an_enhanced_image(make_series):
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence
    from pydicom.uid import EnhancedMRImageStorage

    def group(**items):
        dataset = Dataset()
        for keyword, value in items.items():
            setattr(dataset, keyword, value)
        return Sequence([dataset])

    single = make_series()
    whole = single[0]
    for keyword in ("EchoTime", "InversionTime", "RepetitionTime", "ScanningSequence"):
        delattr(whole, keyword)
    whole.SOPClassUID, whole.NumberOfFrames = EnhancedMRImageStorage, len(single)
    whole.SharedFunctionalGroupsSequence = group(
        MREchoSequence=group(EffectiveEchoTime=120.0),
        MRModifierSequence=group(InversionTimes=[2500.0], InversionRecovery="YES"),
        MRTimingAndRelatedParametersSequence=group(RepetitionTime=9000.0),
    )
    whole.PerFrameFunctionalGroupsSequence = [
        group(PlanePositionSequence=group(ImagePositionPatient=one.ImagePositionPatient))[0] for one in single
    ]
    choice = choose_flair([whole])
    assert choice.chosen.points == 8
