"""The preprocessing service as a part of the stack."""

from __future__ import annotations

import sys
from pathlib import Path

from hunet_local.addresses import Addresses
from hunet_local.certificates import client_tls
from hunet_local.parts import Part
from hunet_local.probes import PreprocessProbe

_STOP_GRACE_S = 20.0


def preprocess_part(addresses: Addresses, certificates: Path | None, log_file: Path) -> Part:
    """The gRPC service; ready when its health service says that it serves. certificates: their folder, with TLS."""
    tls = (
        ()
        if certificates is None
        else (
            f"--tls-certificate={certificates / 'server.pem'}",
            f"--tls-key={certificates / 'server-key.pem'}",
            f"--tls-ca={certificates / 'ca.pem'}",
        )
    )
    return Part(
        name="preprocess",
        command=(
            sys.executable,
            "-m",
            "preprocess_service",
            "serve",
            f"--address={addresses.preprocess}",
            f"--metrics-address={addresses.preprocess_metrics}",
            f"--stop-grace-s={_STOP_GRACE_S}",
            *tls,
        ),
        probe=PreprocessProbe(addresses.preprocess.reachable, client_tls(certificates)),
        log_file=log_file,
        start_timeout_s=60.0,
        stop_timeout_s=_STOP_GRACE_S + 5.0,
    )
