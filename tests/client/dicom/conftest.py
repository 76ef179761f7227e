"""Studies of several series, as headers and as files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mamba_hunet.phantom.dicom_series import mr_datasets
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

# What a FLAIR of the phantom says; others are made of it by other values.
KINDS: dict[str, dict[str, Any]] = {
    "flair": {"SeriesDescription": "ax T2 FLAIR"},
    "t1": {"RepetitionTime": "500", "EchoTime": "10", "InversionTime": None, "ScanningSequence": "SE"},
    "t2": {"RepetitionTime": "6000", "EchoTime": "100", "InversionTime": None, "ScanningSequence": "SE"},
    "stir": {"RepetitionTime": "5000", "EchoTime": "60", "InversionTime": "160"},
    "mprage": {"RepetitionTime": "2300", "EchoTime": "3", "InversionTime": "900", "ScanningSequence": ["GR", "IR"]},
    "double inversion": {
        "RepetitionTime": "7500",
        "EchoTime": "320",
        "InversionTime": "3400",
        "MRAcquisitionType": "3D",
    },
    "t1 flair": {"RepetitionTime": "2000", "EchoTime": "9", "InversionTime": "860", "SeriesDescription": "T1 FLAIR"},
    "reformat": {"ImageType": ["DERIVED", "SECONDARY", "MPR"], "SeriesDescription": "FLAIR cor MPR"},
    "projection": {"ImageType": ["DERIVED", "PRIMARY", "MIP"]},
    "derived": {"ImageType": ["DERIVED", "SECONDARY"]},
    "after contrast": {"ContrastBolusAgent": "Gadovist"},
    "named after contrast": {"SeriesDescription": "FLAIR +C"},
    "localizer": {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
    "diffusion": {"DiffusionBValue": 1000.0},
    "ct": {"Modality": "CT"},
}


@pytest.fixture(scope="session")
def make_series() -> Callable[..., list[Dataset]]:
    """One series of 14 slices 6 mm apart; `kind` of KINDS, further attributes by keyword, None removes one."""

    def make(kind: str = "flair", number: int = 1, slices: int = 14, **attributes: Any) -> list[Dataset]:
        voxels = np.random.default_rng(number).integers(0, 900, (16, 18, slices))
        affine = np.diag([-1.0, -1.0, 6.0, 1.0])
        made = list(mr_datasets(voxels, affine))
        for dataset in made:
            dataset.StudyInstanceUID = generate_uid(entropy_srcs=["the study"])
            dataset.SeriesNumber = number
            dataset.SeriesDescription = ""
            for keyword, value in ({"SeriesInstanceUID": dataset.SeriesInstanceUID} | KINDS[kind] | attributes).items():
                if value is None:
                    delattr(dataset, keyword)
                else:
                    setattr(dataset, keyword, value)
        return made

    return make


@pytest.fixture(scope="session")
def other_kinds() -> list[str]:
    return [kind for kind in KINDS if kind != "flair"]


@pytest.fixture
def write_study(tmp_path: Path) -> Callable[..., Path]:
    """Writes series mixed and nested into a folder, names saying nothing; beside them what archives leave there."""

    def write(*series: list[Dataset], seed: int = 0) -> Path:
        folder = tmp_path / "study"
        datasets = [dataset for one in series for dataset in one]
        for place, index in enumerate(np.random.default_rng(seed).permutation(len(datasets))):
            file = folder / f"DIR{place % 3}" / ("deeper" if place % 2 else "") / f"IM{place:05d}"
            file.parent.mkdir(parents=True, exist_ok=True)
            datasets[index].save_as(file, enforce_file_format=True)
        (folder / "README.TXT").write_text("viewer")
        (folder / "empty").touch()
        return folder

    return write


@pytest.fixture
def zip_folder() -> Callable[[Path], bytes]:
    def pack(folder: Path) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.rglob("*")):
                archive.write(file, file.relative_to(folder))
        return packed.getvalue()

    return pack
