"""The scans of an archive, and where the results of each go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hunet_client.errors import InputError, UsageError
from hunet_client.report import Report
from pydantic import ValidationError

_SUFFIXES = (".nii.gz", ".nii", ".zip")


@dataclass(frozen=True)
class ArchivedScan:
    """``scan``: a NIfTI file, a zip of DICOM, or a folder that holds `.dcm` files. ``results``: the folder for it."""

    scan: Path
    results: Path

    def report_by(self, model: str) -> Report | None:
        """That of results which are newer than the scan, and by this model; the report is written last."""
        file = self.results / "report.json"
        if not file.is_file() or file.stat().st_mtime < _changed_at(self.scan):
            return None
        try:
            report = Report.model_validate_json(file.read_bytes())
        except (OSError, ValidationError):
            return None
        return report if report.provenance.model.name == model else None


def find_scans(archive: Path, output: Path) -> list[ArchivedScan]:
    """Every scan below a folder, in the order of their paths; results are laid out as the archive is.

    Raises InputError where there is none, or where two would have one folder of results; UsageError where results would
    lie among the scans.
    """
    output = output.resolve()
    if output == archive.resolve():
        raise UsageError(str(output), "is the archive itself", "Choose another folder with -o")
    is_inside = archive.resolve() in output.parents
    found = [
        ArchivedScan(scan, output / _stem(scan.relative_to(archive)))
        for scan in sorted({*_files(archive), *_folders(archive)})
        if not (is_inside and output in scan.resolve().parents)
    ]
    if not found:
        what = f"holds no scan: {', '.join(_SUFFIXES)}, or a folder of .dcm files"
        raise InputError(str(archive), what, "Name the archive's folder")
    for folder, count in Counter(one.results for one in found).items():
        if count > 1:
            what = f"is where {count} scans' results would go: their names differ in their endings alone"
            raise InputError(str(folder), what, "Rename one of them, or take it away")
    return found


def _files(archive: Path) -> Iterator[Path]:
    return (path for path in archive.rglob("*") if path.is_file() and path.name.endswith(_SUFFIXES))


def _folders(archive: Path) -> Iterator[Path]:
    """Those of DICOM files, each a study or a series; a scan's folder holds no further ones."""
    return (path.parent for path in archive.rglob("*.dcm") if path.is_file())


def _stem(scan: Path) -> Path:
    suffix = next((suffix for suffix in _SUFFIXES if scan.name.endswith(suffix)), "")
    return scan.with_name(scan.name.removesuffix(suffix)) if suffix else scan


def _changed_at(scan: Path) -> float:
    """Seconds since 1970; of a folder its newest file's."""
    if scan.is_file():
        return scan.stat().st_mtime
    return max(path.stat().st_mtime for path in scan.glob("*.dcm"))
