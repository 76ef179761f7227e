"""The PACS gateway: studies arrive by DICOM, their segmentation and report go back. Research use only.

`node` and `dicomweb` take instances in, `storage` keeps them, `jobs` turns studies into results, `results` builds the
objects, `sending` brings them to where `routing` (the configuration) says. `serve` puts all of it into one process.
"""
