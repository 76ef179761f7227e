"""Small but real stand-ins for selection, segmentation and results: they read the pixels and write valid DICOM."""

from __future__ import annotations

import hashlib
import json

import numpy as np
from hunet_client.errors import InputError
from pacs_gateway.jobs.own_results import MANUFACTURER
from pacs_gateway.jobs.steps import Chosen, ProcessingSteps, Undecided
from pacs_gateway.jobs.upload_steps import UploadResult
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ComprehensiveSRStorage,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    generate_uid,
)


def select(series):
    flairs = [one for one in series if "FLAIR" in one.headers[0].get("SeriesDescription", "")]
    if len(flairs) == 1:
        # Scouts of the same series are no part of its volume.
        volume = [one for one in flairs[0].headers if "LOCALIZER" not in one.ImageType]
        uids = tuple(str(one.SOPInstanceUID) for one in volume)
        return Chosen(flairs[0].series_uid, uids, "the only series called FLAIR")
    return Undecided(tuple(f"{one.series_uid} is called FLAIR" for one in flairs) or ("no series is called FLAIR",))


def segment(files, priority):
    """The number of bright voxels; and what identifies the input, whatever the order of its files."""
    datasets = sorted((dcmread(file) for file in files), key=lambda dataset: dataset.SOPInstanceUID)
    if any(dataset.PatientID == "UNUSABLE" for dataset in datasets):
        raise InputError("the series", "cannot be segmented", "Send another")
    if any(dataset.PatientID == "QUOTING" for dataset in datasets):
        raise ValueError(f"unexpected value {datasets[0].PatientName!r}")
    digest = hashlib.sha256(b"".join(dataset.SOPInstanceUID.encode() + dataset.PixelData for dataset in datasets))
    return {
        "bright_voxels": int(sum((dataset.pixel_array > 1000).sum() for dataset in datasets)),
        "slices": len(datasets),
        "digest": digest.hexdigest(),
    }


def build(files, segmentation, made_at):
    source = dcmread(files[0], stop_before_pixels=True)
    return [_report(source, segmentation), _picture(source, segmentation)]


def show(files, segmentation, results, made_at):
    return {"report.json": _report_json(segmentation["bright_voxels"])}


def segment_upload(folder, upload, made_at):
    """Bright bytes are its lesions."""
    content = folder.scan.read_bytes()
    if b"UNUSABLE" in content:
        raise InputError(upload.name, "cannot be segmented", "Send another")
    folder.write("report.json", _report_json(len(content)))
    return UploadResult(len(content), 1.5, 0.9)


def _report_json(lesion_count):
    return json.dumps({"lesion_count": lesion_count, "total_volume_ml": 1.5, "quality": {"score": 0.9}}).encode()


STEPS = ProcessingSteps(select, segment, build, show, segment_upload)


def _object(source, segmentation, sop_class_uid, modality):
    result = Dataset()
    result.file_meta = FileMetaDataset()
    result.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate"):
        setattr(result, keyword, source.get(keyword))
    result.StudyTime, result.StudyID, result.AccessionNumber, result.ReferringPhysicianName = "120000", "1", "", ""
    result.SOPClassUID, result.Modality = sop_class_uid, modality
    result.SeriesInstanceUID = generate_uid(entropy_srcs=[segmentation["digest"], modality, "series"])
    result.SOPInstanceUID = generate_uid(entropy_srcs=[segmentation["digest"], modality, "instance"])
    result.Manufacturer, result.ManufacturerModelName = MANUFACTURER, "stand-in"
    result.SeriesNumber = result.InstanceNumber = 1
    return result


def _report(source, segmentation):
    report = _object(source, segmentation, ComprehensiveSRStorage, "SR")
    report.CompletionFlag, report.VerificationFlag = "COMPLETE", "UNVERIFIED"
    report.ContentDate, report.ContentTime = "20240101", "120000"
    report.ValueType, report.ContinuityOfContent = "CONTAINER", "SEPARATE"
    report.ConceptNameCodeSequence = [_code("126000", "DCM", "Imaging Measurement Report")]
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "NUM"
    item.ConceptNameCodeSequence = [_code("bright", "99TEST", "Bright voxels")]
    value = Dataset()
    value.NumericValue = str(segmentation["bright_voxels"])
    value.MeasurementUnitsCodeSequence = [_code("{voxels}", "UCUM", "voxels")]
    item.MeasuredValueSequence = [value]
    report.ContentSequence = [item]
    return report


def _picture(source, segmentation):
    picture = _object(source, segmentation, SecondaryCaptureImageStorage, "OT")
    picture.ConversionType = "WSD"
    picture.Rows = picture.Columns = 8
    picture.SamplesPerPixel, picture.PhotometricInterpretation = 1, "MONOCHROME2"
    picture.BitsAllocated = picture.BitsStored = 8
    picture.HighBit, picture.PixelRepresentation = 7, 0
    picture.PixelData = np.full((8, 8), segmentation["slices"] % 256, dtype=np.uint8).tobytes()
    return picture


def _code(value, scheme, meaning):
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code
