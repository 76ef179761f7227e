"""Training batches. Batch n is a function of the seed and n alone, so a killed run resumes on the very next one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from mamba_hunet.data.augment import BLACK_TO_TISSUE, Image, vary_geometry, vary_intensity
from mamba_hunet.data.head_shell import draw_head_shell
from mamba_hunet.data.lesion_paste import LesionPatch, cut_lesions, draw_blob, paste_lesion
from mamba_hunet.data.library import SliceStack, TrainingSlice

# A brain target where it is not known what is brain.
UNKNOWN = -1.0


@dataclass(frozen=True)
class BatchSettings:
    """How a batch is drawn.

    Attributes:
        batch_size: slices.
        crop: side of a slice in pixels; a multiple of 32.
        axial_share: share of axial slices, for patients whose scans were sliced in all three planes.
        lesion_share: share of slices drawn among those that show a lesion.
        paste_share: share of slices that get pasted lesions, among those of which it is known where the brain is.
        shell_share: share of brain-extracted slices that get a skull and scalp drawn round them.
        thick_share: share of slices of thin-sliced volumes that are averaged with their neighbours.
    """

    batch_size: int = 8
    crop: int = 160
    axial_share: float = 0.34
    lesion_share: float = 0.45
    paste_share: float = 0.35
    shell_share: float = 0.35
    thick_share: float = 0.5


class TrainingBatches(Dataset[tuple[Tensor, Tensor]]):
    """Batch by number: slices (batch, 1, crop, crop) and targets (batch, 2, crop, crop), float32.

    Targets are the share of lesion, and of brain, in each pixel; the latter `UNKNOWN` where nobody has said.

    Sources are drawn with their weights, then patients of a source, then their stacks, so that a patient with many
    scans counts no more than one with a single scan.
    """

    def __init__(
        self, stacks: Sequence[SliceStack], source_weights: dict[str, float], settings: BatchSettings, seed: int
    ) -> None:
        self._settings = settings
        self._seed = seed
        self._by_source: dict[str, dict[str, list[SliceStack]]] = {}
        for stack in stacks:
            self._by_source.setdefault(stack.source, {}).setdefault(stack.patient, []).append(stack)
        self._sources = sorted(self._by_source)
        weights = np.array([source_weights.get(source, 1.0) for source in self._sources])
        self._source_share = weights / weights.sum()
        self._patches = _patches_by_patient(stacks, seed)

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self._seed, step))
        samples = [self._sample(rng) for _ in range(self._settings.batch_size)]
        slices, targets = (np.stack(parts) for parts in zip(*samples, strict=True))
        return torch.from_numpy(slices)[:, None], torch.from_numpy(targets)

    def _sample(self, rng: Generator) -> tuple[Image, NDArray[np.float32]]:
        """An image (crop, crop), and its targets (2, crop, crop)."""
        stack = self._draw_stack(rng)
        drawn = self._draw_slice(rng, stack)
        image, target = drawn.image, drawn.lesion
        # Where it is not known what is brain, a lesion might come to lie in a muscle.
        if drawn.brain is not None and rng.random() < self._settings.paste_share:
            image, target = self._paste(rng, image, target, drawn.brain > 0.5)
        if stack.brain_extracted and rng.random() < self._settings.shell_share:
            image = draw_head_shell(rng, image)
        shares = [target] if drawn.brain is None else [target, drawn.brain]
        image, shares = vary_geometry(
            rng, image, shares, self._settings.crop, _crop_centre(rng, image, target), sides_alike=not stack.sagittal
        )
        brain = shares[1] if drawn.brain is not None else np.full_like(image, UNKNOWN)
        return vary_intensity(rng, image), np.stack([shares[0], brain])

    def _draw_stack(self, rng: Generator) -> SliceStack:
        patients = self._by_source[self._sources[rng.choice(len(self._sources), p=self._source_share)]]
        names = sorted(patients)
        stacks = patients[names[rng.integers(len(names))]]
        axial = rng.random() < self._settings.axial_share
        among = [stack for stack in stacks if stack.axial == axial] or stacks
        return among[rng.integers(len(among))]

    def _draw_slice(self, rng: Generator, stack: SliceStack) -> TrainingSlice:
        with_lesions = rng.random() < self._settings.lesion_share and len(stack.lesion_slices) > 0
        among = stack.lesion_slices if with_lesions else stack.head_slices
        number = int(among[rng.integers(len(among))])
        if stack.slice_spacing_mm < 2.0 and rng.random() < self._settings.thick_share:
            return stack.thick_slice(number, thickness=int(rng.integers(2, 6)))
        return stack.thick_slice(number)

    def _paste(self, rng: Generator, image: Image, target: Image, brain: NDArray[np.bool_]) -> tuple[Image, Image]:
        for _ in range(int(rng.integers(1, 5))):
            taken = self._patches and rng.random() < 0.6
            image, target = paste_lesion(rng, image, target, brain, self._draw_patch(rng) if taken else draw_blob(rng))
        return image, target

    def _draw_patch(self, rng: Generator) -> LesionPatch:
        """Patients alike, however many lesions they have."""
        of_patient = self._patches[rng.integers(len(self._patches))]
        return of_patient[rng.integers(len(of_patient))]


def _patches_by_patient(stacks: Sequence[SliceStack], seed: int, most_per_stack: int = 150) -> list[list[LesionPatch]]:
    rng = np.random.default_rng(seed)
    patches: dict[str, list[LesionPatch]] = {}
    for stack in stacks:
        step = max(1, len(stack.lesion_slices) // 40)
        of_stack = [
            patch
            for number in stack.lesion_slices[::step]
            for patch in cut_lesions(stack.images[number].astype(np.float32), stack.targets[number].astype(np.float32))
            if patch.share.size < 96 * 96
        ]
        kept = rng.permutation(len(of_stack))[:most_per_stack]
        patches.setdefault(stack.patient, []).extend(of_stack[number] for number in kept)
    return [of_patient for of_patient in patches.values() if of_patient]


def _crop_centre(rng: Generator, image: Image, target: Image) -> tuple[float, float]:
    """Near the middle of the slice; drawn towards a lesion half the time, and now and then anywhere on the head.

    A crop about the middle leaves out the scalp and the neck, where nothing is a lesion.
    """
    middle = np.array([(side - 1) / 2 for side in target.shape])
    if rng.random() < 0.2:
        head = np.argwhere(image > -0.5 * BLACK_TO_TISSUE)
        row, column = head[rng.integers(len(head))] if len(head) else middle
        return float(row), float(column)
    marked = np.argwhere(target > 0.5)
    if len(marked) and rng.random() < 0.5:
        middle = middle + rng.uniform(0, 0.6) * (marked[rng.integers(len(marked))] - middle)
    row, column = middle + rng.normal(0, 10, size=2)
    return float(row), float(column)
