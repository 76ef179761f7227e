"""DICOM over HTTP: STOW-RS in, health and metrics."""
