"""The gateway as a part of the stack: the web page and its API; and, where wanted, the DICOM node."""

from __future__ import annotations

import sys
from pathlib import Path

from hunet_client.atomic_write import write_atomically

from hunet_local.addresses import Addresses
from hunet_local.ae_titles import ARCHIVE_AE_TITLE, GATEWAY_AE_TITLE, VISITOR_AE_TITLE
from hunet_local.parts import Part
from hunet_local.probes import HttpProbe

_CONFIGURATION = """\
# Written by `hunet up` at every start. Research use only.
[storage]
root = "{root}"

[dicomweb]
host = "{http.host}"
port = {http.port}

[processing]
model = "{model}"
preprocess_address = "{preprocess}"
triton_address = "{triton}"
"""

_TLS = """
[processing.tls]
ca = "{certificates}/ca.pem"
certificate = "{certificates}/client.pem"
key = "{certificates}/client-key.pem"
"""

# Studies from this machine alone, which arrive in one go: nobody waits long for more of them.
_DICOM_NODE = """
[node]
ae_title = "{ae_title}"
host = "{dicom.host}"
port = {dicom.port}

[jobs]
quiet_s = 3.0

[[senders]]
ae_title = "{archive_ae_title}"
addresses = ["127.0.0.1"]

[[senders]]
ae_title = "{visitor_ae_title}"
addresses = ["127.0.0.1"]
"""

_TO_ARCHIVE = """
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


def gateway_part(
    addresses: Addresses,
    model: str,
    folder: Path,
    certificates: Path | None,
    log_file: Path,
    *,
    dicom: bool,
    archive: bool,
) -> Part:
    """Writes the gateway's configuration into `folder`, where its storage lies too and outlasts the stack.

    Args:
        certificates: their folder, where the services ask for them.
        dicom: with the DICOM node.
        archive: results go to the local archive; without it they are on the web page alone.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    template = _CONFIGURATION + _TLS * (certificates is not None) + _DICOM_NODE * dicom + _TO_ARCHIVE * archive
    text = template.format(
        root=folder / "storage",
        ae_title=GATEWAY_AE_TITLE,
        dicom=addresses.gateway_dicom,
        http=addresses.gateway_http,
        model=model,
        preprocess=addresses.preprocess.reachable,
        triton=addresses.triton_grpc.reachable,
        archive_ae_title=ARCHIVE_AE_TITLE,
        visitor_ae_title=VISITOR_AE_TITLE,
        archive_port=addresses.archive_dicom.port,
        certificates=certificates,
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
