"""What a voxel's edge may be, in any format."""

MIN_SPACING_MM = 0.1
MAX_SPACING_MM = 20.0
