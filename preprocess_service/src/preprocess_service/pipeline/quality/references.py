"""What is ordinary, and where warnings begin.

"Real" are the 15 clean FLAIR volumes of the development data: 3 of ISBI 2015 (3 people, 2.2 and 4.4 mm slices), 4 of
MSLesSeg (2 people, 1 mm, brain-extracted), 2 of open_ms_data (1 mm, brain-extracted) and 6 of its longitudinal part
(4 people, 3 to 4 mm slices). "Phantoms" are 26 draws of the project's own, with contrasts wider than scanners'. "T1"
are the Colin 27 head, its extracted brain and the ICBM 152 average; T2 and proton density are phantoms of that
contrast. "Moved" are the real volumes with a third to a half of their k-space lines shifted by some millimetres.
"""

from __future__ import annotations

from types import MappingProxyType

from preprocess_service.pipeline.geometry import CANVAS_PIXELS
from preprocess_service.pipeline.quality.scale import Scale

_CONTRAST = (
    # Real 0.023 to 0.139, phantoms 0.078 to 0.135; T2 and proton density below 0.001.
    Scale(
        "dark_fluid_share",
        "",
        ordinary=0.02,
        limit=0.012,
        useless=0.0,
        flag_code="not_flair",
        flag_message="Only {value:.1%} of the inner head is dark, where fluid is in a FLAIR; this looks like another "
        "contrast.",
    ),
    # Real 0.82 to 1, phantoms 0.98 to 1; T2 below -0.99.
    Scale(
        "fluid_darkness",
        "",
        ordinary=0.75,
        limit=0.25,
        useless=-0.25,
        flag_code="not_flair",
        flag_message="Fluid is bright, as in a T2-weighted scan; the networks know FLAIR only.",
    ),
    # Real 0.17 to 0.28, phantoms 0.11 to 0.14; real with tissue inverted 0.37 to 0.44, with noise of 0.15 to 0.34.
    Scale(
        "tissue_spread",
        "",
        ordinary=0.3,
        limit=0.36,
        useless=0.5,
        flag_code="not_flair",
        flag_message="The middle half of the brain's grey values spans {value:.0%} of their median, more than in a "
        "FLAIR.",
    ),
    # Real -0.02 to 0.17, phantoms -0.05 to 0.38; T1 -0.43 to -0.30, phantoms of T1 contrast -0.27 to -0.24.
    Scale(
        "tissue_skewness",
        "",
        ordinary=-0.06,
        limit=-0.16,
        useless=-0.35,
        flag_code="not_flair",
        flag_message="Grey matter seems darker than white matter, as in a T1-weighted scan; the networks know FLAIR "
        "only.",
    ),
    # Real 0.00 to 0.69, phantoms up to 0.34; T1 0.45 to 1.1. Lesions lie 2 to 4 above tissue.
    Scale(
        "tissue_offset",
        "z",
        ordinary=0.8,
        limit=1.5,
        useless=3.0,
        flag_code="tissue_peak_off",
        flag_message="Brain tissue lies {value:.1f} units off the zero that the normalisation found; lesions can be "
        "missed or made up.",
    ),
)
_MOTION = (
    # Real 0.006 to 0.026, phantoms below 0.001; moved 0.12 to 0.32.
    Scale(
        "ghosting",
        "",
        ordinary=0.035,
        limit=0.07,
        useless=0.2,
        flag_code="ghosting",
        flag_message="Ghosts with {value:.0%} of the head's signal lie in the air along one axis; the head may have "
        "moved.",
    ),
    # Real 0.20 to 1.08, phantoms 0.89 to 1.0; moved 1.05 to 1.37 with thick slices, 2.2 to 4.3 with 1 mm.
    Scale(
        "slice_disagreement",
        "",
        ordinary=1.15,
        limit=1.35,
        useless=2.0,
        flag_code="slices_disagree",
        flag_message="Neighbouring slices differ {value:.1f} times as much as places that far apart within a slice; "
        "the head may have moved between them, or their brightness varies.",
    ),
)
_NOISE = (
    # Real 0.006 to 0.051, phantoms up to 0.062; training draws up to 0.07.
    Scale(
        "noise_level",
        "tissue",
        ordinary=0.08,
        limit=0.12,
        useless=0.2,
        flag_code="noisy",
        flag_message="Noise is {value:.0%} of tissue's signal; small lesions can be missed or made up.",
    ),
)
_COVERAGE = (
    # Real 115 mm and more.
    Scale(
        "covered_mm",
        "mm",
        ordinary=110.0,
        limit=100.0,
        useless=20.0,
        flag_code="partial_coverage",
        flag_message="The slices cover {value:.0f} mm of the head; lesions outside them are not counted.",
    ),
    # Real up to 0.43, where the top of the head is missing down to the skull.
    Scale(
        "cut_share",
        "",
        ordinary=0.45,
        limit=0.55,
        useless=0.95,
        flag_code="head_cut_off",
        flag_message="The head leaves the volume with {value:.0%} of its largest cross-section; lesions beyond are not "
        "counted.",
    ),
    # Skin and skull may lie beyond.
    Scale(
        "beyond_canvas_mm",
        "mm",
        ordinary=0.0,
        limit=5.0,
        useless=40.0,
        flag_code="field_of_view_cropped",
        flag_message=f"The head is larger than {CANVAS_PIXELS} mm in a slice; lesions beyond that are not seen.",
    ),
)
_RESOLUTION = (
    # Real 1 to 4.4 mm, phantoms in training up to 5 mm.
    Scale(
        "slice_mm",
        "mm",
        ordinary=4.4,
        limit=5.0,
        useless=8.0,
        flag_code="thick_slices",
        flag_message="Slices lie {value:.1f} mm apart; small lesions can be missed and volumes are coarse.",
    ),
    # Real 0.57 to 1 mm, phantoms in training up to 1.2 mm.
    Scale(
        "pixel_mm",
        "mm",
        ordinary=1.2,
        limit=1.5,
        useless=3.0,
        flag_code="coarse_pixels",
        flag_message="Pixels are {value:.1f} mm wide within a slice; small lesions can be missed.",
    ),
)

# Each component's scales, by its name.
COMPONENTS = MappingProxyType(
    {
        "contrast": _CONTRAST,
        "motion": _MOTION,
        "noise": _NOISE,
        "coverage": _COVERAGE,
        "resolution": _RESOLUTION,
    }
)
