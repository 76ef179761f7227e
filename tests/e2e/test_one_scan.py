"""One scan through the served system, held against the same network in this process."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hunet_client import SegmentationClient
from hunet_client.settings import ClientSettings
from mamba_hunet.inference import EagerSegmentation, segment_scan
from mamba_hunet.phantom import PhantomSettings, make_phantom

THRESHOLD = 0.5
# Nearer to the threshold than this, the last bits of a sum may decide.
UNDECIDED = 1e-3


@pytest.fixture(scope="module")
def scan(tmp_path_factory) -> Path:
    """A slab of the default phantom."""
    phantom = make_phantom(PhantomSettings(), slices=range(24, 34))
    path = tmp_path_factory.mktemp("scan") / "flair.nii.gz"
    nib.save(nib.Nifti1Image(phantom.flair, phantom.affine), path)
    return path


@pytest.fixture(scope="module")
def eager(scan, checkpoint) -> EagerSegmentation:
    return segment_scan(checkpoint.model, scan, threshold=THRESHOLD, min_lesion_ml=0.0)


def test_served_and_eager_give_the_same_mask(running_stack, scan, eager):
    state = running_stack.state
    settings = ClientSettings(preprocess_address=state.preprocess_address, triton_address=state.triton_grpc_address)
    with SegmentationClient(settings) as client:
        served = client.segment(scan, threshold=THRESHOLD, min_lesion_ml=0.0)
    decided = np.abs(eager.probability - THRESHOLD) > UNDECIDED
    assert eager.lesions.mask.any()
    np.testing.assert_array_equal(served.mask[decided], eager.lesions.mask[decided])
    np.testing.assert_allclose(served.probability, eager.probability, rtol=0, atol=1e-4)


def test_the_command_leaves_a_mask_on_the_scans_grid_and_a_report(running_stack, scan, checkpoint, tmp_path):
    run = running_stack.hunet("segment", str(scan), "-o", str(tmp_path / "out"))
    assert run.returncode == 0, run.stderr
    mask_path, report_path = (next((tmp_path / "out").rglob(name)) for name in ("mask.nii.gz", "report.json"))
    mask, source = nib.load(mask_path), nib.load(scan)
    assert mask.shape == source.shape
    assert mask.affine.tobytes() == source.affine.tobytes()
    report = json.loads(report_path.read_text())
    assert report["lesion_count"] > 0
    assert report["provenance"]["model"]["weights_sha256"] == checkpoint.sha256
