"""DICOM over its own protocol: the C-STORE and C-ECHO provider."""
