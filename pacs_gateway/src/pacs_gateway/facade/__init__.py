"""The one gRPC call for integrators who do not speak DICOM."""
