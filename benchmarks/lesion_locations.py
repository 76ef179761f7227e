"""Where lesions are, by the findings and by the phantom's geometry: how often they agree, and how sure they are.

    python benchmarks/lesion_locations.py [PHANTOMS]

Truth is the geometry of each lesion's voxels: in the hindbrain; else within 2 mm of the ventricles; else within the
cortex's thickness of the folded surface; else deep. The phantoms are drawn as widely as training draws them.
"""

import sys
from dataclasses import replace

import numpy as np
from hunet_client.findings.alignment import align
from hunet_client.findings.anatomy import estimate_anatomy
from hunet_client.findings.lesion_points import points_of_each
from hunet_client.findings.location import Place, locate
from hunet_client.findings.physical_image import image_of
from hunet_client.lesions import find_lesions
from mamba_hunet.phantom import PhantomSettings, make_phantom, random_settings
from mamba_hunet.phantom.anatomy import Anatomy

SEED = 2026
NAMES = ("periventricular", "juxtacortical", "infratentorial", "deep_white_matter", "undetermined")


def true_location(points_mm: np.ndarray, anatomy: Anatomy, cortex_mm: float) -> str:
    x, y, z = anatomy.place(*points_mm.astype(np.float32).T)
    hulls = anatomy.hulls(x, y, z)
    if np.minimum(hulls.cerebellum, hulls.stem).mean() < 0.0:
        return "infratentorial"
    tissue = anatomy.tissue(x, y, z, hulls)
    if tissue.ventricle_mm.min() < 2.0:
        return "periventricular"
    return "juxtacortical" if tissue.pial_mm.min() < cortex_mm else "deep_white_matter"


def one_phantom(settings: PhantomSettings) -> list[tuple[str, Place]]:
    """Truth and estimate of each lesion; nothing where the average head could not be laid over the scan."""
    phantom = make_phantom(settings)
    found = find_lesions(phantom.lesions.astype(np.float32), phantom.affine, phantom.spacing_mm)
    scan, level = image_of(phantom.flair, phantom.affine), settings.scan.white_matter_level
    alignment = align(scan, level)
    if alignment.problem is not None:
        print("no place told:", alignment.problem)
        return []
    estimated = estimate_anatomy(scan, level, alignment)
    truth = Anatomy(settings.shape, np.random.default_rng(settings.seed).spawn(4)[0])
    return [
        (true_location(points, truth, settings.shape.cortex_mm), locate(points, estimated, max(phantom.spacing_mm)))
        for points in points_of_each(found, phantom.affine)
    ]


def main() -> None:
    rng = np.random.default_rng(SEED)
    results = []
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 6):
        settings = random_settings(rng)
        lesions = replace(settings.lesions, count=18, infratentorial_share=0.2)
        results += one_phantom(replace(settings, lesions=lesions))
    print(f"{len(results)} lesions\n{'true':>18} | " + " ".join(f"{name:>17}" for name in NAMES))
    for true in NAMES[:-1]:
        told: list[str] = [place.location for kind, place in results if kind == true]
        print(f"{true:>18} | " + " ".join(f"{told.count(name):>17}" for name in NAMES))
    determined = [
        (kind, *place.probabilities.most_probable())
        for kind, place in results
        if place.probabilities is not None and place.location != "undetermined"
    ]
    right = sum(kind == location for kind, location, _ in determined)
    print(f"told: {len(determined) / len(results):.2f} of all; of those right: {right / len(determined):.2f}")
    for low, high in ((0.6, 0.75), (0.75, 0.9), (0.9, 1.01)):
        band = [(kind, location) for kind, location, probability in determined if low <= probability < high]
        if band:
            share = sum(kind == location for kind, location in band) / len(band)
            print(f"probability {low:.2f} to {min(high, 1.0):.2f}: {len(band)} lesions, right in {share:.2f}")


if __name__ == "__main__":
    main()
