"""A study through the whole system: selected, segmented by the real Triton, answered with SEG, SR and pictures."""

from __future__ import annotations

import io

import numpy as np
from gateway_api import processing
from mamba_hunet.phantom import PhantomSettings, make_phantom
from mamba_hunet.phantom.dicom_series import write_mr_series
from pydicom import dcmread

# Enough of the head to be taken for a FLAIR.
SLICES = range(12, 40)


def test_a_study_is_answered_with_its_lesions(running_stack, orthanc, make_gateway, dcmtk, tmp_path):
    phantom = make_phantom(PhantomSettings(), slices=SLICES)
    write_mr_series(tmp_path / "study", phantom.flair, phantom.affine)
    files = sorted((tmp_path / "study").iterdir())
    gateway = make_gateway(orthanc, real_steps=True, quiet_s=2, extra=processing(running_stack.state))

    stored = dcmtk("storescu", "-aet", "PACS", "-aec", "HUNET", "127.0.0.1", gateway.port, *files)

    assert stored.returncode == 0, stored.stderr
    [job] = gateway.wait_for_settled_jobs()
    assert job["state"] == "done", gateway.log()
    received = [dcmread(io.BytesIO(orthanc.raw(f"/instances/{one}/file"))) for one in orthanc.get("/instances")]
    by_modality = {modality: [one for one in received if one.Modality == modality] for modality in ("SEG", "SR", "OT")}
    assert len(by_modality["SEG"]) == len(by_modality["SR"]) == 1
    assert by_modality["OT"], "outlines"
    source = dcmread(files[0], stop_before_pixels=True)
    assert {one.StudyInstanceUID for one in received} == {source.StudyInstanceUID}
    assert dice_with_truth(by_modality["SEG"][0], phantom, files) > 0.5


def dice_with_truth(segmentation, phantom, files):
    """Frames are put at the slices that they say they come from."""
    order = {dcmread(file, stop_before_pixels=True).SOPInstanceUID: file for file in files}
    number = {
        uid: int(np.argmin(np.abs(places(phantom) - dcmread(file, stop_before_pixels=True).ImagePositionPatient[2])))
        for uid, file in order.items()
    }
    marked = np.zeros(phantom.lesions.shape, bool)
    for frame, pixels in zip(segmentation.PerFrameFunctionalGroupsSequence, segmentation.pixel_array, strict=True):
        uid = frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        marked[:, :, number[uid]] = pixels.T > 0
    truth = phantom.lesions > 0.5
    return 2 * np.count_nonzero(marked & truth) / (np.count_nonzero(marked) + np.count_nonzero(truth))


def places(phantom):
    """World z of each slice: the phantom's affine is straight."""
    return phantom.affine[2, 2] * np.arange(phantom.lesions.shape[2]) + phantom.affine[2, 3]
