"""DICOM in, DICOM SEG and SR out: the gateway between a PACS and the serving system. Research use only."""
