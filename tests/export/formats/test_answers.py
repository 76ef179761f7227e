"""The child of the parity gate: it looks at every output, not at probabilities alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hunet_export.formats.answers import WrongAnswerError, named_outputs
from hunet_export.manifest import Manifest

SLICES = np.zeros((2, 1, 256, 256), np.float32)
PROBABILITY = np.linspace(0, 1, SLICES.size, dtype=np.float32).reshape(SLICES.shape)
MASK = (PROBABILITY >= 0.5).astype(np.uint8)
DIGEST = np.full((2, 32), 0xAB, np.uint8)


@pytest.fixture
def manifest(torchscript_repository) -> Manifest:
    return replace(Manifest.read(torchscript_repository / "mamba_hunet" / "1"), weights_sha256="ab" * 32)


def test_right_outputs_come_back_by_name(manifest):
    outputs = named_outputs(lambda slices: [PROBABILITY, MASK, DIGEST], SLICES, manifest)
    assert list(outputs) == ["LESION_PROBABILITY", "LESION_MASK", "WEIGHTS_SHA256"]


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ([PROBABILITY, 1 - MASK, DIGEST], "LESION_MASK is not where LESION_PROBABILITY is 0.5 or more"),
        (
            [np.where(PROBABILITY < 0.1, np.nan, PROBABILITY), MASK, DIGEST],
            "LESION_PROBABILITY holds values that are no numbers",
        ),
        ([PROBABILITY, MASK, DIGEST + 1], "WEIGHTS_SHA256 is not the digest of small.safetensors"),
        ([PROBABILITY[:1], MASK, DIGEST], r"LESION_PROBABILITY has the shape \(1, 1, 256, 256\) for 2 slices"),
    ],
    ids=["mask", "no number", "digest", "shape"],
)
def test_an_output_that_contradicts_the_description_is_refused(manifest, outputs, words):
    with pytest.raises(WrongAnswerError, match=words):
        named_outputs(lambda slices: outputs, SLICES, manifest)
