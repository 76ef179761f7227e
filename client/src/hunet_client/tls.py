"""Encryption of the client's gRPC channels, with certificates on both sides."""

from __future__ import annotations

from pathlib import Path

import grpc
from pydantic import BaseModel, ConfigDict, FilePath

from hunet_client.errors import InputError


class Tls(BaseModel):
    """PEM files: `ca` signed the servers' certificates; `certificate` and `key` are the client's own."""

    model_config = ConfigDict(frozen=True)

    ca: FilePath
    certificate: FilePath
    key: FilePath

    @classmethod
    def in_folder(cls, folder: Path) -> Tls:
        """The client's files of a folder that `hunet certificates` made. Raises pydantic.ValidationError."""
        return cls(ca=folder / "ca.pem", certificate=folder / "client.pem", key=folder / "client-key.pem")


def channel_credentials(tls: Tls) -> grpc.ChannelCredentials:
    """Checks the server's certificate and its name, and shows the client's. Raises InputError."""
    try:
        files = [path.read_bytes() for path in (tls.ca, tls.key, tls.certificate)]
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise InputError(
            str(error.filename), what, "Check its permissions, and HUNET_TLS__CA, __CERTIFICATE, __KEY"
        ) from error
    return grpc.ssl_channel_credentials(*files)


def channel(address: str, tls: Tls | None, options: tuple[tuple[str, object], ...] = ()) -> grpc.aio.Channel:
    """To a service: encrypted with `tls`, else not. Raises InputError."""
    if tls is None:
        return grpc.aio.insecure_channel(address, options=options)
    return grpc.aio.secure_channel(address, channel_credentials(tls), options=options)
