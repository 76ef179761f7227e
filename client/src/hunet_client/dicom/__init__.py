"""DICOM on the client's side: which series of a study is the FLAIR, and its files as one stream."""
