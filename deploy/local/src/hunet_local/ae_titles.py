"""What the DICOM nodes of a local stack call themselves, and a visitor who may send to it."""

ARCHIVE_AE_TITLE = "ORTHANC"
GATEWAY_AE_TITLE = "HUNET"
# What DCMTK's storescu calls itself.
VISITOR_AE_TITLE = "STORESCU"
