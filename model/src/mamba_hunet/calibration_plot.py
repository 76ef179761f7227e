"""Reliability of held-out patients as a picture: what was said against what was true."""

import io
from collections.abc import Mapping, Sequence
from statistics import fmean

from hunet_client.notice import RESEARCH_USE_ONLY
from matplotlib.figure import Figure as Canvas

from mamba_hunet.calibration_csv import CaseReliability
from mamba_hunet.metrics.calibration import EDGES, ReliabilityBin

# A share of fewer voxels than this says little.
FEWEST_VOXELS = 30
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999933")


def by_patient(cases: Sequence[CaseReliability]) -> dict[str, list[ReliabilityBin]]:
    """Bins of each patient, the voxels of all their scans together."""
    scans: dict[str, list[list[ReliabilityBin]]] = {}
    for case in cases:
        scans.setdefault(case.patient, []).append(case.bins)
    return {patient: [_together(bins) for bins in zip(*of, strict=True)] for patient, of in scans.items()}


def _together(bins: Sequence[ReliabilityBin]) -> ReliabilityBin:
    voxels = sum(each.voxels for each in bins)
    said = sum(each.voxels * each.mean_probability for each in bins) / max(voxels, 1)
    share = sum(each.voxels * each.lesion_share for each in bins) / max(voxels, 1)
    return ReliabilityBin(bins[0].low, bins[0].high, voxels, said, share)


def calibration_plot(patients: Mapping[str, Sequence[ReliabilityBin]], title: str) -> bytes:
    """A PNG: a thin line for each patient, a thick one for their mean, and the diagonal of a probability that holds."""
    canvas = Canvas((6.6, 6.4), dpi=130, facecolor="white")
    panel = canvas.subplots()
    panel.plot([0, 1], [0, 1], "--", color="#a4a9b0", linewidth=1, label="probability as it should be")
    for number, (patient, bins) in enumerate(sorted(patients.items())):
        shown = [each for each in bins if each.voxels >= FEWEST_VOXELS]
        said, share = [each.mean_probability for each in shown], [each.lesion_share for each in shown]
        panel.plot(said, share, "o-", color=_COLOURS[number % 7], linewidth=1, markersize=3, alpha=0.8, label=patient)
    said, share = _mean_line(patients)
    panel.plot(said, share, "o-", color="#202428", linewidth=2.4, markersize=5, label="mean of the patients")
    panel.set_title(title, fontsize=11, loc="left")
    panel.set(xlabel="lesion probability given by the network", ylabel="share of the voxels that are lesion")
    panel.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    panel.grid(color="#e4e6ea", linewidth=0.8)
    panel.legend(frameon=False, fontsize=8, loc="upper left")
    words = f"Voxels from probability {EDGES[0]:g} upwards, bins of at least {FEWEST_VOXELS}. {RESEARCH_USE_ONLY}"
    canvas.text(0.01, 0.01, words, fontsize=6.5, color="#5a6068")
    canvas.tight_layout(rect=(0, 0.02, 1, 1))
    file = io.BytesIO()
    canvas.savefig(file, format="png", metadata={"Description": RESEARCH_USE_ONLY})
    return file.getvalue()


def _mean_line(patients: Mapping[str, Sequence[ReliabilityBin]]) -> tuple[list[float], list[float]]:
    """Mean over the patients who have enough voxels in a bin, each counting once."""
    said, share = [], []
    for bins in zip(*patients.values(), strict=True):
        enough = [each for each in bins if each.voxels >= FEWEST_VOXELS]
        if enough:
            said.append(fmean(each.mean_probability for each in enough))
            share.append(fmean(each.lesion_share for each in enough))
    return said, share
