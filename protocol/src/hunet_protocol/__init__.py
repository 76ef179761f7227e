"""Protocol buffers and gRPC stubs of the Mamba-HUNet serving system."""
