"""What a reader gets and gives back, with the real stack behind the gateway."""

from __future__ import annotations

import gzip
import zipfile
from io import BytesIO

import nibabel
import numpy as np
import pytest
import requests
from gateway_api import GatewayApi, processing
from mamba_hunet.data.cases import find_cases
from mamba_hunet.phantom import PhantomSettings, make_phantom
from mamba_hunet.phantom.dicom_series import write_mr_series
from pacs_gateway.storage.study_folder import VIEWS
from pydicom import dcmread

# Enough of the head to be taken for a FLAIR, and to be laid over another.
SLICES = range(10, 46)


@pytest.fixture(scope="module")
def gateway(running_stack, make_module_gateway):
    return make_module_gateway(real_steps=True, quiet_s=2, extra=processing(running_stack.state))


@pytest.fixture(scope="module")
def real_api(gateway):
    return GatewayApi(gateway.http_port)


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(PhantomSettings(), slices=SLICES)


@pytest.fixture(scope="module")
def earlier(real_api, phantom):
    """The phantom as NIfTI."""
    image = nibabel.Nifti1Image(phantom.flair, phantom.affine)
    return real_api.wait_until_ended(real_api.send(gzip.compress(image.to_bytes()), "earlier.nii.gz")["id"])


@pytest.fixture(scope="module")
def current(real_api, phantom, earlier, tmp_path_factory):
    """The same head as a zip of DICOM, with the scan before it named."""
    folder = tmp_path_factory.mktemp("series")
    write_mr_series(folder, phantom.flair, phantom.affine)
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    sent = real_api.send(content.getvalue(), "current.zip", prior=earlier["id"])
    return real_api.wait_until_ended(sent["id"])


def send_mask(real_api, study, mask, affine, **query):
    image = nibabel.Nifti1Image(mask, affine)
    return requests.post(
        f"{real_api.url}/api/v1/studies/{study['id']}/corrections",
        data=gzip.compress(image.to_bytes()),
        params={"author": "Reader One"} | query,
        timeout=30,
    )


def test_a_nifti_scan_has_every_view_but_dicom_objects(earlier):
    assert earlier["state"] == "done", earlier
    assert set(VIEWS) - set(earlier["links"]) == {"segmentation.dcm", "report.dcm"}


def test_a_zip_of_dicom_has_its_objects_too(current, real_api):
    assert current["state"] == "done", current
    assert {"segmentation.dcm", "report.dcm"} <= set(current["links"])
    segmentation = dcmread(BytesIO(real_api.get(f"studies/{current['id']}/segmentation.dcm").content))
    mask = np.asarray(real_api.volume(f"studies/{current['id']}/mask.nii.gz").dataobj)
    assert np.count_nonzero(segmentation.pixel_array) == np.count_nonzero(mask)


def test_the_probability_is_the_masks_at_the_reports_threshold(current, real_api):
    probability = np.asarray(real_api.volume(f"studies/{current['id']}/probability.nii.gz").dataobj)
    mask = np.asarray(real_api.volume(f"studies/{current['id']}/mask.nii.gz").dataobj)
    # One step of 1/255 is lost.
    assert (probability[mask > 0] >= 0.5 - 1 / 255).all()


def test_nothing_has_changed_between_two_scans_of_one_head(current, earlier, real_api):
    change = real_api.get(f"studies/{current['id']}/change?prior={earlier['id']}").json()
    assert {lesion["change"] for lesion in change["lesions"]} == {"unchanged"}
    np.testing.assert_allclose(change["current_to_prior_mm"], np.eye(4), atol=0.5)
    findings = real_api.get(f"studies/{current['id']}/findings.json").json()
    assert findings["change"]["lesions"] == change["lesions"]


def test_the_change_against_a_study_without_result_has_a_reason(current, real_api):
    empty = nibabel.Nifti1Image(np.zeros((4, 4, 4)), np.eye(4))
    failed = real_api.send(gzip.compress(empty.to_bytes()), "empty.nii.gz")
    assert real_api.wait_until_ended(failed["id"])["state"] == "failed"
    answer = requests.get(f"{real_api.url}/api/v1/studies/{current['id']}/change?prior={failed['id']}", timeout=30)
    assert answer.status_code == 404
    assert "has no result" in answer.json()["detail"]


def test_an_accepted_mask_is_kept_beside_the_models_and_for_training(current, real_api, gateway):
    path = f"studies/{current['id']}"
    model = real_api.volume(f"{path}/mask.nii.gz")
    mask = np.asarray(model.dataobj).copy()
    mask[:, : mask.shape[1] // 2] = 0

    accepted = send_mask(real_api, current, mask, model.affine, comment="left half only")

    assert accepted.status_code == 201, accepted.text
    kept = accepted.json()
    assert kept in real_api.get(f"{path}/corrections").json()
    file = f"{path}/corrections/{kept['revision']}"
    np.testing.assert_array_equal(np.asarray(real_api.volume(f"{file}/mask.nii.gz").dataobj), mask)
    segmentation = dcmread(BytesIO(real_api.get(f"{file}/segmentation.dcm").content))
    assert np.count_nonzero(segmentation.pixel_array) == np.count_nonzero(mask)
    assert np.array_equal(np.asarray(real_api.volume(f"{path}/mask.nii.gz").dataobj), np.asarray(model.dataobj))
    (case,) = [case for case in find_cases(gateway.root / "accepted") if case.name == current["id"]]
    np.testing.assert_array_equal(np.asarray(nibabel.load(case.truth).dataobj), mask)


def test_an_accepted_mask_may_be_empty(earlier, real_api):
    model = real_api.volume(f"studies/{earlier['id']}/mask.nii.gz")
    accepted = send_mask(real_api, earlier, np.zeros(model.shape, np.uint8), model.affine)
    assert accepted.status_code == 201
    assert accepted.json()["volume_ml"] == 0


@pytest.mark.parametrize("fault", ["shape", "place", "values", "bytes"])
def test_what_is_no_mask_of_the_study_is_refused(current, real_api, fault):
    model = real_api.volume(f"studies/{current['id']}/mask.nii.gz")
    mask, affine = np.zeros(model.shape, np.uint8), model.affine.copy()
    if fault == "shape":
        mask = mask[1:]
    if fault == "place":
        affine[:3, 3] += 1
    if fault == "values":
        mask[0, 0, 0] = 7
    if fault == "bytes":
        url = f"{real_api.url}/api/v1/studies/{current['id']}/corrections?author=x"
        answer = requests.post(url, data=gzip.compress(bytes(400_000_000)), timeout=60)
    else:
        answer = send_mask(real_api, current, mask, affine)
    assert answer.status_code == 422, answer.text
    assert answer.json()["fix"]
