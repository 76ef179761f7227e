"""The scans of an archive, and where the results of each go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hunet_client.errors import InputError

_SUFFIXES = (".nii.gz", ".nii", ".zip")


@dataclass(frozen=True)
class ArchivedScan:
    """``scan``: a NIfTI file, a zip of DICOM, or a folder that holds `.dcm` files. ``results``: the folder for it."""

    scan: Path
    results: Path

    @property
    def is_done(self) -> bool:
        """Whether results are there that are newer than the scan; the report is written last."""
        report = self.results / "report.json"
        return report.is_file() and report.stat().st_mtime >= _changed_at(self.scan)


def find_scans(archive: Path, output: Path) -> list[ArchivedScan]:
    """Every scan below a folder, in the order of their paths; results are laid out as the archive is.

    Raises InputError where there is none, or where two would have one folder of results.
    """
    output = output.resolve()
    found = [
        ArchivedScan(scan, output / _stem(scan.relative_to(archive)))
        for scan in sorted({*_files(archive), *_folders(archive)})
        if output not in scan.resolve().parents
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
