"""From a fingerprint to a plan: one rule a field, each saying in a line why it chose what it chose.

The defaults of `TrainingSettings` and `BatchSettings` are the base: they were found on seven patients with volumes. The
rules say how other data, another network or another machine change them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Generic, TypeVar

from hunet_client.lesions import DEFAULT_MIN_LESION_ML

from mamba_hunet.data.fingerprint import CaseFingerprint, Fingerprint
from mamba_hunet.data.fingerprint_summary import summarise
from mamba_hunet.training.machine import Machine
from mamba_hunet.training.plan import CROP_MULTIPLE, BatchPlan, ExcludedCase, OptimiserPlan, Plan, ScanPlan
from mamba_hunet.training.settings import TrainingSettings

BASE = TrainingSettings()
# The base holds up to this many patients.
_FEW_PATIENTS = 8
_SLICES_OF_A_VOLUME = 20
_SOURCES_OF_BASE = 4
_LESION_SLICE_SHARE_OF_BASE = 0.55
_LONGEST_RUN = 4
_INITIAL_SHARE = 0.5
_LARGEST_BATCH = 32
# Measured: a step of Mamba-HUNet takes 4 to 5 KB for each pixel of the batch.
_BYTES_PER_PIXEL = 5 * 1024
_STEP_SHARE_OF_MEMORY = 1 / 8
# A prepared slice and its target, 256 x 256 float16 each.
_BYTES_PER_SLICE = 2 * 2 * 256 * 256
_SLICES_SHARE_OF_MEMORY = 1 / 2
# Three voxels of 1 mm, and a ball of 3 mm: what criteria for MS ask of a lesion (Filippi et al., Brain 2019).
_SMALLEST_LESION_ML = (0.003, 0.014)

T = TypeVar("T")


@dataclass(frozen=True)
class Choice(Generic[T]):
    """A value, and in a line why it is that."""

    value: T
    reason: str


@dataclass(frozen=True)
class Circumstances:
    """What a plan depends on beside the data.

    Attributes:
        machine: that trains.
        slice_size: the one side in pixels that the network takes, or None.
        learning_rate: the network's, for fresh weights and the base's batch.
        has_template: whether the anatomy that template scans are drawn on is at hand.
        pretrained: whether the training goes on from trained weights.
    """

    machine: Machine
    slice_size: int | None = None
    learning_rate: float = BASE.learning_rate
    has_template: bool = True
    pretrained: bool = False


@dataclass(frozen=True)
class ReasonedPlan:
    """A plan, and for each of its fields, named like ``batch.crop``, the reason."""

    plan: Plan
    reasons: dict[str, str]


def make_plan(fingerprint: Fingerprint, circumstances: Circumstances) -> ReasonedPlan:
    """Applies every rule."""
    plenty = _Plenty.of(fingerprint.cases)
    machine = circumstances.machine
    crop = choose_crop(fingerprint, circumstances)
    batch_size = choose_batch_size(crop.value, machine)
    sections: dict[str, dict[str, Choice]] = {
        "training": {
            "steps": choose_steps(plenty, circumstances.pretrained),
            "learning_rate": choose_learning_rate(batch_size.value, circumstances),
            "bfloat16": choose_bfloat16(machine),
            "initial_share": choose_initial_share(plenty, circumstances.pretrained),
        },
        "batch": {
            "batch_size": batch_size,
            "crop": crop,
            "axial_share": Choice(
                BASE.batch.axial_share,
                "the planes of a near-isotropic scan count the same for its answer",
            ),
            "lesion_share": choose_lesion_share(fingerprint),
            "paste_share": choose_paste_share(plenty),
            "shell_share": choose_shell_share(fingerprint),
            "thick_share": choose_thick_share(fingerprint),
        },
        "scans": {
            "planes": choose_planes(fingerprint, machine),
            "phantoms": Choice(round(BASE.phantoms * plenty.need), plenty.reason(BASE.phantoms, "less")),
            "templates": choose_templates(fingerprint, plenty, circumstances),
        },
        "source_weights": choose_source_weights(fingerprint, plenty),
    }
    smallest = choose_smallest_lesion(fingerprint)
    values = {name: {key: choice.value for key, choice in choices.items()} for name, choices in sections.items()}
    plan = Plan(
        patients=list(fingerprint.patients),
        smallest_lesion_ml=smallest.value,
        training=OptimiserPlan(**values["training"]),
        batch=BatchPlan(**values["batch"]),
        scans=ScanPlan(**values["scans"]),
        source_weights=values["source_weights"],
        excluded=[ExcludedCase(case=entry.case, reason=entry.reason) for entry in fingerprint.excluded],
    )
    reasons = {f"{name}.{key}": choice.reason for name, choices in sections.items() for key, choice in choices.items()}
    whose = "from whose scans this plan was made; none of them may be held out of a training by it"
    return ReasonedPlan(plan, reasons | {"smallest_lesion_ml": smallest.reason, "patients": whose})


@dataclass(frozen=True)
class _Plenty:
    """How many patients there are; one known from single slices alone counts as a part of one."""

    patients: float

    @classmethod
    def of(cls, cases: Sequence[CaseFingerprint]) -> "_Plenty":
        slices: dict[str, int] = {}
        for case in cases:
            slices[case.patient] = slices.get(case.patient, 0) + case.head_slices
        return cls(sum(min(1.0, count / _SLICES_OF_A_VOLUME) for count in slices.values()))

    @property
    def need(self) -> float:
        """How much synthetic data are needed: 1 for few patients, half for four times as many."""
        return min(1.0, sqrt(_FEW_PATIENTS / self.patients))

    def reason(self, base: float, change: str) -> str:
        """`change` is "more" or "less": what many patients do to the base."""
        return (
            f"{base:g} up to {_FEW_PATIENTS} patients with volumes, then with the root of their number {change}"
            f"; here {self.patients:.1f}"
        )


def choose_crop(fingerprint: Fingerprint, circumstances: Circumstances) -> Choice[int]:
    """Covers the head, as far as the base's number of slices still fits in a step."""
    if circumstances.slice_size is not None:
        return Choice(circumstances.slice_size, "the only side this network takes")
    head_mm = summarise(fingerprint.cases).head_mm
    cover = _up_to_multiple(head_mm)
    affordable = int(sqrt(_step_pixels(circumstances.machine) / BASE.batch.batch_size))
    side = max(CROP_MULTIPLE, affordable // CROP_MULTIPLE * CROP_MULTIPLE)
    if cover <= side:
        return Choice(cover, f"covers the head, {head_mm:.0f} mm long in a slice (99th percentile), in pixels of 1 mm")
    return Choice(
        side, f"what a step has room for with {BASE.batch.batch_size} slices; the head is {head_mm:.0f} mm long"
    )


def choose_batch_size(crop: int, machine: Machine) -> Choice[int]:
    """Fills a step."""
    pixels = _step_pixels(machine)
    size = max(1, min(_LARGEST_BATCH, pixels // crop**2))
    side = BASE.batch.crop
    if pixels < BASE.batch.batch_size * side**2:
        return Choice(size, "what an eighth of the memory has room for")
    return Choice(size, f"as many pixels a step as {BASE.batch.batch_size} slices of {side} x {side}")


def choose_steps(plenty: _Plenty, pretrained: bool) -> Choice[int]:
    """More patients are learnt by heart later, and what was learnt before need not be learnt again."""
    base = BASE.steps // 2 if pretrained else BASE.steps
    steps = round(base * min(_LONGEST_RUN, 1 / plenty.need), -2)
    return Choice(int(steps), plenty.reason(base, "more") + (", half of a fresh network's" if pretrained else ""))


def choose_learning_rate(batch_size: int, circumstances: Circumstances) -> Choice[float]:
    """Grows with the square root of the batch (Malladi et al., "On the SDEs and scaling rules", NeurIPS 2022)."""
    base, base_size = circumstances.learning_rate, BASE.batch.batch_size
    if circumstances.pretrained:
        base /= 2
    rate = float(f"{base * sqrt(batch_size / base_size):.2g}")
    reason = f"{base:g}, the network's own, for {base_size} slices a step, and with the root of their number more"
    return Choice(rate, reason + (", half of a fresh network's" if circumstances.pretrained else ""))


def choose_bfloat16(machine: Machine) -> Choice[bool]:
    """Training runs on the processor, so the processor decides."""
    multiplies = "multiplies" if machine.native_bfloat16 else "does not multiply"
    return Choice(machine.native_bfloat16, f"this processor {multiplies} bfloat16 natively")


def choose_initial_share(plenty: _Plenty, pretrained: bool) -> Choice[float]:
    """Few patients teach their scanners and their raters; what was known before of others is worth as much.

    Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.
    """
    if not pretrained:
        return Choice(0.0, "fresh weights know nothing")
    share = round(_INITIAL_SHARE * plenty.need, 2)
    return Choice(share, "of the weights before in those delivered: " + plenty.reason(_INITIAL_SHARE, "less"))


def choose_lesion_share(fingerprint: Fingerprint) -> Choice[float]:
    """So many slices drawn for their lesions that lesions are on as many slices of a batch as with the base."""
    base = BASE.batch.lesion_share
    if not _has_volumes(fingerprint):
        return Choice(base, "as for few patients; no volume tells on how many slices lesions are")
    wanted = base + (1 - base) * _LESION_SLICE_SHARE_OF_BASE
    found = summarise(fingerprint.cases).lesion_slice_share
    share = (wanted - found) / (1 - found) if found < wanted else 0.0
    rounded = round(min(0.6, max(0.3, share)) * 20) / 20
    return Choice(
        rounded, f"{found:.0%} of slices show a lesion: so that about {wanted:.0%} of drawn ones do; kept in 0.3 to 0.6"
    )


def choose_paste_share(plenty: _Plenty) -> Choice[float]:
    """Pasted lesions make up for patients."""
    return Choice(round(BASE.batch.paste_share * plenty.need, 2), plenty.reason(BASE.batch.paste_share, "less"))


def choose_shell_share(fingerprint: Fingerprint) -> Choice[float]:
    """Whole heads are always served, so a network trained on extracted brains has to be shown heads."""
    if not _has_volumes(fingerprint):
        return Choice(BASE.batch.shell_share, "drawn scans show the brain alone in part; some get a head drawn on")
    extracted = sum(case.brain_extracted for case in fingerprint.cases)
    share = BASE.batch.shell_share if extracted else 0.0
    return Choice(
        share, f"{extracted} of {len(fingerprint.cases)} scans show the brain alone; some get a head drawn on"
    )


def choose_thick_share(fingerprint: Fingerprint) -> Choice[float]:
    """Thin slices are averaged to thick ones, as most hospitals' scans are."""
    if not _has_volumes(fingerprint):
        return Choice(BASE.batch.thick_share, "drawn scans have thin slices in part; some are averaged to thicker ones")
    thin = sum(case.is_thin for case in fingerprint.cases)
    share = BASE.batch.thick_share if thin else 0.0
    return Choice(
        share, f"{thin} of {len(fingerprint.cases)} scans have thin slices; some are averaged to thicker ones"
    )


def choose_planes(fingerprint: Fingerprint, machine: Machine) -> Choice[bool]:
    """Near-isotropic volumes show three planes, if there is memory for their slices."""
    thin = [case for case in fingerprint.cases if case.is_thin]
    if not thin:
        return Choice(False, "no volume is fine enough along every axis to be sliced in other planes too")
    slices = sum(sum(case.shape) if case.is_thin else case.slices for case in fingerprint.cases)
    needed_gib, memory_gib = slices * _BYTES_PER_SLICE / 2**30, machine.memory_bytes / 2**30
    fits = needed_gib <= memory_gib * _SLICES_SHARE_OF_MEMORY
    room = "fit in" if fits else "are too many for"
    return Choice(
        fits, f"{len(thin)} near-isotropic volumes; slices of all planes, {needed_gib:.1f} GiB, {room} half the memory"
    )


def choose_templates(fingerprint: Fingerprint, plenty: _Plenty, circumstances: Circumstances) -> Choice[int]:
    """None where the anatomy they are drawn on is missing; three times as many where they stand in for all volumes."""
    if not circumstances.has_template:
        return Choice(0, f"{BASE.templates} would help, but Debian's mricron-data is not installed")
    if not _has_volumes(fingerprint):
        return Choice(3 * BASE.templates, f"three times {BASE.templates}: there are no volumes but these")
    return Choice(round(BASE.templates * plenty.need), plenty.reason(BASE.templates, "less"))


def choose_source_weights(fingerprint: Fingerprint, plenty: _Plenty) -> dict[str, Choice[float]]:
    """Sources count almost the same: 16 times the patients count twice. Synthetic ones count beside all real ones."""
    if not _has_volumes(fingerprint):
        few = Choice(
            round(1 / _SOURCES_OF_BASE / len(fingerprint.sources), 2), "single slices only, soon known by heart"
        )
        drawn = {source: Choice(weight, "all volumes are drawn") for source, weight in BASE.source_weights.items()}
        return dict.fromkeys(fingerprint.sources, few) | drawn
    worth = {source: _Plenty.of(fingerprint.of_source(source)).patients for source in fingerprint.sources}
    mean = sum(value**0.25 for value in worth.values()) / len(worth)
    weights = {
        source: Choice(
            round(value**0.25 / mean, 2),
            f"fourth root of {value:.1f} patients with a volume, over the mean of the sources",
        )
        for source, value in worth.items()
    }
    among = len(worth) / _SOURCES_OF_BASE
    for source, weight in BASE.source_weights.items():
        reason = f"for {_SOURCES_OF_BASE} sources, here {len(worth)}: {plenty.reason(weight, 'less')}"
        weights[source] = Choice(round(weight * among * plenty.need, 2), reason)
    return weights


def choose_smallest_lesion(fingerprint: Fingerprint) -> Choice[float]:
    """The smallest lesions that raters mark are as often noise as lesion."""
    percentiles = summarise(fingerprint.cases).lesion_ml
    if not percentiles:
        return Choice(DEFAULT_MIN_LESION_ML, "ml; no volume tells how small lesions are here")
    low, high = _SMALLEST_LESION_ML
    tenth = percentiles["p10"]
    return Choice(
        round(min(high, max(low, tenth)), 3),
        f"ml; a tenth of the true lesions are smaller than {tenth:.3f}; kept between {low} and {high}, a ball of 3 mm",
    )


def _has_volumes(fingerprint: Fingerprint) -> bool:
    return any(case.is_volume for case in fingerprint.cases)


def _step_pixels(machine: Machine) -> int:
    room = int(machine.memory_bytes * _STEP_SHARE_OF_MEMORY / _BYTES_PER_PIXEL)
    return min(BASE.batch.batch_size * BASE.batch.crop**2, room)


def _up_to_multiple(length: float) -> int:
    return min(256, ceil(length / CROP_MULTIPLE) * CROP_MULTIPLE)
