"""Settings of the service: options, else the environment (HUNET_PREPROCESS_...), else these defaults."""

from __future__ import annotations

import os

from pydantic import Field, FilePath, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from preprocess_service.pipeline.scan import Limits

_LIMITS = Limits()


class ServiceSettings(BaseSettings):
    """Everything about a service that can be set.

    A Restore is open until the last prediction has come, long after its Preprocess is done. Twice as many scans as are
    preprocessed at once may be on that way; then further ones wait, before any work on them.
    """

    model_config = SettingsConfigDict(env_prefix="HUNET_PREPROCESS_", frozen=True)

    address: str = "127.0.0.1:50051"
    metrics_address: str = "127.0.0.1:50052"
    # PEM files, for both listeners. With `tls_ca`, callers must show a certificate that it signed.
    tls_certificate: FilePath | None = None
    tls_key: FilePath | None = None
    tls_ca: FilePath | None = None
    max_scans: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    max_waiting_scans: int = Field(default=16, ge=0)
    retry_after_s: float = Field(default=2.0, gt=0)
    # Longest time in which a call neither brings nor takes a message before it is given up.
    idle_timeout_s: float = Field(default=300.0, gt=0)
    stop_grace_s: float = Field(default=30.0, ge=0)
    max_scan_bytes: int = Field(default=_LIMITS.max_scan_bytes, gt=0)
    max_decompressed_bytes: int = Field(default=_LIMITS.max_decompressed_bytes, gt=0)
    max_voxels: int = Field(default=_LIMITS.max_voxels, gt=0)
    max_dimension: int = Field(default=_LIMITS.max_dimension, gt=0)

    @model_validator(mode="after")
    def _whole_tls(self) -> ServiceSettings:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together: give both or neither")
        if self.tls_ca is not None and self.tls_certificate is None:
            raise ValueError("tls_ca asks callers for certificates: give tls_certificate and tls_key too")
        return self

    @property
    def max_restores(self) -> int:
        """Open Restores with which no further scan is let in."""
        return 2 * self.max_scans

    @property
    def restore_places(self) -> int:
        """Those, and one for each scan that was let in before."""
        return self.max_restores + self.max_scans

    @property
    def limits(self) -> Limits:
        """Largest scan that is accepted."""
        return Limits(
            max_scan_bytes=self.max_scan_bytes,
            max_decompressed_bytes=self.max_decompressed_bytes,
            max_voxels=self.max_voxels,
            max_dimension=self.max_dimension,
        )
