"""Training data: cases with their patients, prepared slices, augmentation, and batches by step number."""
