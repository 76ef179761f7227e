"""A small MR series as a scanner would send it."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu import P_DATA_TF

PATIENT_NAME = "Plantagenet^Eleanor"


def make_series(study="study", slices=5, description="AX T2 FLAIR", size=32, patient_id="4711-P", first=1):
    """`slices` MR instances; the same arguments give the same UIDs and pixels. `first`: the first slice's number."""
    return [_slice(study, number, description, size, patient_id) for number in range(first, first + slices)]


def as_bytes(dataset):
    content = BytesIO()
    dcmwrite(content, dataset, enforce_file_format=True)
    return content.getvalue()


def store_pdus(content):
    """The PDUs of one C-STORE of a file's content, in the association's first presentation context."""
    request = C_STORE()
    request.MessageID, request.Priority = 1, 0
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = MRImageStorage, "1.2.3"
    request.DataSet = BytesIO(content[144 + int.from_bytes(content[140:144], "little") :])
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    for primitive in message.encode_msg(1, 1024):
        pdu = P_DATA_TF()
        pdu.from_primitive(primitive)
        yield pdu.encode()


def _slice(study, number, description, size, patient_id):
    mr = Dataset()
    mr.file_meta = FileMetaDataset()
    mr.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    mr.SOPClassUID, mr.Modality = MRImageStorage, "MR"
    mr.StudyInstanceUID = generate_uid(entropy_srcs=[study])
    mr.SeriesInstanceUID = generate_uid(entropy_srcs=[study, description])
    mr.SOPInstanceUID = generate_uid(entropy_srcs=[study, description, str(number)])
    mr.FrameOfReferenceUID = generate_uid(entropy_srcs=[study, "frame"])
    mr.PatientName, mr.PatientID, mr.PatientBirthDate, mr.PatientSex = PATIENT_NAME, patient_id, "19450612", "F"
    mr.StudyDate, mr.StudyTime, mr.StudyID, mr.AccessionNumber = "20240101", "120000", "1", "A1"
    mr.ReferringPhysicianName, mr.InstitutionName = PATIENT_NAME, "Plantagenet Hospital"
    mr.SeriesDescription, mr.SeriesNumber, mr.InstanceNumber = description, 1, number
    mr.ImageType = ["ORIGINAL", "PRIMARY", "M", "IR"]
    mr.ScanningSequence, mr.SequenceVariant = "IR", "SK"
    mr.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    mr.ImagePositionPatient = [0, 0, 3.0 * number]
    mr.PixelSpacing, mr.SliceThickness = [1.0, 1.0], 3.0
    mr.Rows = mr.Columns = size
    mr.SamplesPerPixel, mr.PhotometricInterpretation = 1, "MONOCHROME2"
    mr.BitsAllocated = mr.BitsStored = 16
    mr.HighBit, mr.PixelRepresentation = 15, 0
    noise = np.random.default_rng(number).integers(0, 1200, (size, size), dtype=np.uint16)
    mr.PixelData = noise.tobytes()
    return mr
