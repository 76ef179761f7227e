"""Three networks of different families, served side by side: each scan gets the mask of the network it names."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hunet_client.home import MODEL_REPOSITORY, WEIGHTS, find_home
from mamba_hunet.checkpoint import Checkpoint, load_checkpoint
from mamba_hunet.inference import segment_scan
from mamba_hunet.phantom import PhantomSettings, make_phantom
from torch import nn

NETWORKS = ("unet", "hunet_lite", "mamba_hunet")
# Nearer to the threshold than this, the last bits of a sum may decide.
UNDECIDED = 1e-3


@pytest.fixture(scope="module")
def home(tmp_path_factory, save_small_network) -> Path:
    """A home with fresh weights of the three, nothing exported, and the checkout's Triton."""
    folder = tmp_path_factory.mktemp("home")
    (folder / MODEL_REPOSITORY).mkdir()
    (folder / ".triton").symlink_to(find_home() / ".triton")
    for name in NETWORKS:
        save_small_network(folder / WEIGHTS, name)
    return folder


@pytest.fixture(scope="module")
def stack(start_stack, home):
    return start_stack(NETWORKS, home)


@pytest.fixture(scope="module")
def scan(tmp_path_factory) -> Path:
    """Four slices of the default phantom."""
    phantom = make_phantom(PhantomSettings(), slices=range(27, 31))
    path = tmp_path_factory.mktemp("scan") / "flair.nii.gz"
    nib.save(nib.Nifti1Image(phantom.flair, phantom.affine), path)
    return path


@pytest.fixture(scope="module")
def checkpoints(home) -> dict[str, Checkpoint]:
    return {name: load_checkpoint(home / WEIGHTS / f"{name}.safetensors") for name in NETWORKS}


def median_probability(model: nn.Module, scan: Path) -> float:
    """Fresh weights know no lesions: the threshold that marks half of the scan shows the most of them."""
    return float(np.median(segment_scan(model, scan, threshold=0.5).probability))


@pytest.mark.parametrize("name", NETWORKS)
def test_served_and_eager_masks_are_the_same(stack, scan, checkpoints, tmp_path, name):
    checkpoint = checkpoints[name]
    threshold = median_probability(checkpoint.model, scan)
    eager = segment_scan(checkpoint.model, scan, threshold=threshold, min_lesion_ml=0.0)

    options = ["--model", name, "--threshold", str(threshold), "--min-lesion-ml", "0", "--probability"]
    run = stack.hunet("segment", str(scan), "-o", str(tmp_path), *options)

    assert run.returncode == 0, run.stderr
    mask, probability = (
        np.asarray(nib.load(next(tmp_path.rglob(f"{file}.nii.gz"))).dataobj) for file in ("mask", "probability")
    )
    decided = np.abs(eager.probability - threshold) > UNDECIDED
    assert decided.mean() > 0.9
    np.testing.assert_array_equal(mask[decided], eager.lesions.mask[decided])
    np.testing.assert_allclose(probability, eager.probability, rtol=0, atol=1e-4)
    used = json.loads(next(tmp_path.rglob("report.json")).read_text())["provenance"]["model"]
    assert (used["name"], used["weights_sha256"]) == (name, checkpoint.sha256)


def test_status_tells_of_each_model(stack, checkpoints):
    status = json.loads(stack.hunet("status", "--json").stdout)
    assert status["models"] == {
        name: {"answers": True, "problem": None, "weights_sha256": checkpoint.sha256}
        for name, checkpoint in checkpoints.items()
    }


def test_a_model_that_is_not_served_is_refused_with_those_that_are(stack, scan, tmp_path):
    run = stack.hunet("segment", str(scan), "-o", str(tmp_path), "--model", "vm_unet")
    assert run.returncode == 2
    assert "vm_unet: Triton at " in run.stderr
    assert "(hunet_lite, mamba_hunet, unet)" in run.stderr
