"""The PACS gateway as a part of the stack: studies come from the archive beside it, and results go back there."""

from __future__ import annotations

import sys
from pathlib import Path

from hunet_client.atomic_write import write_atomically

from hunet_local.addresses import Addresses
from hunet_local.archive import AE_TITLE as ARCHIVE_AE_TITLE
from hunet_local.parts import Part
from hunet_local.probes import HttpProbe

AE_TITLE = "HUNET"

# A local archive sends a study in one go: nobody waits long for more of it.
_CONFIGURATION = """\
# Written by `hunet up --pacs` at every start. Research use only.
[storage]
root = "{root}"

[node]
ae_title = "{ae_title}"
host = "{dicom.host}"
port = {dicom.port}

[dicomweb]
host = "{http.host}"
port = {http.port}

[jobs]
quiet_s = 3.0

[processing]
model = "{model}"
preprocess_address = "{preprocess}"
triton_address = "{triton}"

[[senders]]
ae_title = "{archive_ae_title}"
addresses = ["127.0.0.1"]

[[destinations]]
name = "archive"
protocol = "dimse"
ae_title = "{archive_ae_title}"
host = "127.0.0.1"
port = {archive_port}
"""


def configuration_file(folder: Path) -> Path:
    """Where the gateway's configuration lies in its folder; `hunet pacs jobs --config` takes it."""
    return folder / "gateway.toml"


def gateway_part(addresses: Addresses, model: str, folder: Path, log_file: Path) -> Part:
    """Writes the gateway's configuration into `folder`, where its storage lies too and outlasts the stack."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = _CONFIGURATION.format(
        root=folder / "storage",
        ae_title=AE_TITLE,
        dicom=addresses.gateway_dicom,
        http=addresses.gateway_http,
        model=model,
        preprocess=addresses.preprocess.reachable,
        triton=addresses.triton_grpc.reachable,
        archive_ae_title=ARCHIVE_AE_TITLE,
        archive_port=addresses.archive_dicom.port,
    )
    write_atomically(configuration_file(folder), text.encode())
    return Part(
        name="gateway",
        command=(
            sys.executable,
            "-m",
            "hunet_client",
            "pacs",
            "serve",
            f"--config={configuration_file(folder)}",
        ),
        probe=HttpProbe(f"http://{addresses.gateway_http.reachable}/health/ready"),
        log_file=log_file,
        start_timeout_s=60.0,
        stop_timeout_s=25.0,
    )
