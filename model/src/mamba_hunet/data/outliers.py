"""Cases that would teach a network wrong things, told by their numbers."""

import numpy as np

from mamba_hunet.data.fingerprint import CaseFingerprint

# On the development scans that are fit, tissue round lesions lies between -1.2 and 0.4, and the median lesion at 0.9 or
# more, 1.2 to 5.1 above that tissue.
LARGEST_TISSUE_SHIFT_Z = 3.0
LEAST_LESION_Z = 0.5
LARGEST_SHARE_IN_AIR = 0.3


def fault_of(case: CaseFingerprint) -> str | None:
    """Why a case is better left out of training, in a sentence; nothing when it is fit."""
    if len(case.lesion_ml) == 0:
        return "the mask is empty; delete this entry if the patient has no lesion indeed"
    if case.lesions_in_air > LARGEST_SHARE_IN_AIR:
        return f"{case.lesions_in_air:.0%} of the lesions lie in air: the mask is not in its place"
    if not np.isfinite(case.surrounding_z):
        return None
    if abs(case.surrounding_z) > LARGEST_TISSUE_SHIFT_Z:
        return (
            f"tissue round the lesions is at z {case.surrounding_z:.1f} after normalisation, not near 0: "
            "the grey scale was fitted to something else than brain"
        )
    lesion_z = case.lesion_z.percentile(50)
    if min(lesion_z, lesion_z - case.surrounding_z) < LEAST_LESION_Z:
        return (
            f"lesions are not brighter than tissue after normalisation: their median is at z {lesion_z:.1f}, "
            f"tissue round them at {case.surrounding_z:.1f} and tissue on the whole at 0"
        )
    return None
