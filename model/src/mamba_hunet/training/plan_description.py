"""What was found in the data, in words: for the head of a plan and for the terminal."""

from mamba_hunet.data.fingerprint import Fingerprint
from mamba_hunet.data.fingerprint_summary import Summary, summarise


def describe(fingerprint: Fingerprint) -> list[str]:
    """A line on all cases together, then one on each source."""
    overall = summarise(fingerprint.cases)
    names = ", ".join(fingerprint.sources)
    lines = [f"{overall.cases} cases of {_count(overall.patients, 'patient')}, {overall.slices} slices, from {names}."]
    lines += [f"{source}: {_describe(summarise(fingerprint.of_source(source)))}" for source in fingerprint.sources]
    return lines


def _describe(found: Summary) -> str:
    parts = [_count(found.patients, "patient")]
    pictures = found.cases - found.volumes
    if found.volumes:
        planes = " and ".join(sorted(found.planes))
        parts.append(f"{_count(found.volumes, 'volume')}, {planes} slices {found.slice_spacing_mm} mm apart")
        parts.append(f"{found.lesions} lesions and {found.load_ml} ml a volume")
    if pictures:
        parts.append(f"{_count(pictures, 'single slice')} without spacing")
    parts.append(_extraction(found))
    parts.append(f"lesions {found.contrast_z} z above the tissue round them")
    return "; ".join(parts) + "."


def _extraction(found: Summary) -> str:
    if found.brain_extracted == 0:
        return "whole heads"
    return "brains alone" if found.brain_extracted == found.cases else f"brain alone in {found.brain_extracted}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
