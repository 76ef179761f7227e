"""Where the results of each scan go."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hunet_client.errors import UsageError


def result_folders(scans: tuple[Path, ...], output: Path) -> tuple[Path, ...]:
    """One folder a scan, in the same order: `output` itself for one scan, else `output/<name>`.

    The name is the folder's, or the file's without `.nii`, `.nii.gz`, `.zip` or `.dcm`; scans of one name in
    different folders (`p1/flair.nii.gz`, `p2/flair.nii.gz`) get their folder's name before it. Raises UsageError
    where that does not tell them apart.
    """
    if len(scans) == 1:
        return (output,)
    stems = [_stem(scan) for scan in scans]
    shared = {stem for stem, count in Counter(stems).items() if count > 1}
    names = [
        f"{scan.resolve().parent.name}_{stem}" if stem in shared else stem
        for scan, stem in zip(scans, stems, strict=True)
    ]
    for name, count in Counter(names).items():
        if count > 1:
            same = ", ".join(str(scan) for scan, own in zip(scans, names, strict=True) if own == name)
            raise UsageError(
                same,
                f"would all be written to {output / name}",
                "Segment them one by one, each with its own -o",
            )
    return tuple(output / name for name in names)


def _stem(scan: Path) -> str:
    name = scan.resolve().name if scan.is_dir() else scan.name
    for suffix in (".gz", ".nii", ".zip", ".dcm"):
        name = name.removesuffix(suffix)
    return name
