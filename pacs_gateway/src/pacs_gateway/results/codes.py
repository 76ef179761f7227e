"""The coded concepts that results carry, from PS3.16, and the context groups that they are taken from.

What is marked is coded as a lesion, not as the disease: that it is multiple sclerosis is for a reader to say, and the
segment's label says what the network was trained to find.
"""

from __future__ import annotations

from typing import Final

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

SEGMENT_LABEL: Final = "Multiple sclerosis lesion"

# CID 7150 "Segmentation Property Categories" and CID 7159 "Lesion Segmentation Types".
PROPERTY_CATEGORY: Final[Code] = codes.cid7150.MorphologicallyAbnormalStructure
PROPERTY_TYPE: Final[Code] = codes.cid7159.Lesion
# CID 7153 "Central Nervous System Segmentation Types": lesions lie in cerebrum, cerebellum and brain stem.
ANATOMY: Final[Code] = codes.cid7153.Brain
# CID 7162 "Surface Processing Algorithm Families", the baseline of Algorithm Family (PS3.3, 10.16).
ALGORITHM_FAMILY: Final[Code] = codes.cid7162.ArtificialIntelligence

# CID 7021 "Measurement Report Document Titles" and CID 100 "Quantitative Diagnostic Imaging Procedures".
REPORT_TITLE: Final[Code] = codes.cid7021.ImagingMeasurementReport
PROCEDURE_REPORTED: Final[Code] = codes.cid100.MRIUnspecifiedBodyRegion
# CID 270 "Observer Types".
OBSERVER_TYPE: Final[Code] = codes.cid270.Device
COMMENT: Final[Code] = codes.DCM.Comment

NUMBER_OF_LESIONS: Final = Code("246206008", "SCT", "Number of lesions")
# CID 7469 "Generic Intensity and Size Measurements".
VOLUME: Final[Code] = codes.cid7469.Volume
# How sure a device is of one finding, 0 to 100 % (PS3.16 Annex D; so used in TID 4104).
CERTAINTY: Final[Code] = codes.DCM.CertaintyOfFinding
# 0 is the worst quality, 100 the best (PS3.16 Annex D).
IMAGE_QUALITY: Final[Code] = codes.DCM.ImageQualityRating
# CID 219 "Geometry Graphical Representations": what the point that stands for a lesion means.
CENTER_OF_MASS: Final[Code] = codes.cid219.CenterOfMass

# Units of the Unified Code for Units of Measure (CID 82).
MILLILITRE: Final = Code("ml", "UCUM", "milliliter")
PERCENT: Final[Code] = codes.UCUM.Percent
NO_UNITS: Final[Code] = codes.UCUM.NoUnits
