"""Which instances a STOW-RS answer names, and where (PS3.18 table I.1-1)."""

from __future__ import annotations

import pytest
from mr_series import as_bytes, make_series
from pacs_gateway.dicomweb.store_response import store_response
from pacs_gateway.storage.intake import Intake
from pacs_gateway.storage.refusals import InstanceRefusedError


@pytest.fixture
def intake(open_ledgers, tmp_path):
    ledgers = open_ledgers(tmp_path)
    yield Intake(tmp_path / "storage", ledgers.instances, ledgers.deliveries, max_instance_mb=1)
    ledgers.engine.dispose()


@pytest.fixture
def refusal_of(intake):
    """`refusal_of(content, study_uid=None)`: the error."""

    def refuse(content, study_uid=None):
        with pytest.raises(InstanceRefusedError) as raised:
            intake.accept(content, "PACS", "127.0.0.1", study_uid=study_uid)
        return raised.value

    return refuse


def of_another_study(dataset, refusal_of):
    return refusal_of(as_bytes(dataset), study_uid="1.2.3")


def without_series(dataset, refusal_of):
    del dataset.SeriesInstanceUID
    return refusal_of(as_bytes(dataset))


def with_other_pixels(dataset, refusal_of, intake):
    intake.accept(as_bytes(dataset), "PACS", "127.0.0.1")
    dataset.PixelData = bytes(len(dataset.PixelData))
    return refusal_of(as_bytes(dataset))


def on_a_full_disk(dataset, refusal_of, monkeypatch):
    def no_room(*arguments, **keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pacs_gateway.storage.intake.write_durably", no_room)
    return refusal_of(as_bytes(dataset))


@pytest.mark.parametrize("refused", [of_another_study, without_series, with_other_pixels, on_a_full_disk])
def test_a_refused_instance_is_named_with_its_reason(refusal_of, intake, monkeypatch, refused):
    [dataset] = make_series(slices=1)
    more = {with_other_pixels: [intake], on_a_full_disk: [monkeypatch]}.get(refused, [])
    error = refused(dataset, refusal_of, *more)

    answer = store_response([], [error])

    [failed] = answer.FailedSOPSequence
    assert failed.ReferencedSOPClassUID == dataset.SOPClassUID
    assert failed.ReferencedSOPInstanceUID == dataset.SOPInstanceUID
    assert failed.FailureReason == error.status
    assert "OtherFailuresSequence" not in answer
    assert "ReferencedSOPSequence" not in answer


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "SOPClassUID", None], ids=str)
def test_what_names_no_instance_is_another_failure(refusal_of, keyword):
    [dataset] = make_series(slices=1)
    if keyword is not None:
        setattr(dataset, keyword, "no UID")
    error = refusal_of(as_bytes(dataset) if keyword else b"no DICOM at all")

    answer = store_response([], [error])

    [failure] = answer.OtherFailuresSequence
    assert failure.FailureReason == error.status
    assert "FailedSOPSequence" not in answer


def test_retrieve_urls_are_empty_where_nothing_can_be_retrieved(intake):
    receipts = [intake.accept(as_bytes(dataset), "PACS", "127.0.0.1") for dataset in make_series(slices=2)]

    told = store_response(receipts, []).to_json_dict()

    assert told["00081190"] == {"vr": "UR"}
    assert [item["00081190"] for item in told["00081199"]["Value"]] == [{"vr": "UR"}] * 2
    assert "00081198" not in told
    assert "0008119A" not in told
