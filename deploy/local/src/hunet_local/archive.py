"""A local archive as a part of the stack: Debian's Orthanc, which forwards MR series to the gateway."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from hunet_client.atomic_write import write_atomically

from hunet_local.addresses import Addresses
from hunet_local.ae_titles import ARCHIVE_AE_TITLE, GATEWAY_AE_TITLE
from hunet_local.parts import Part
from hunet_local.probes import HttpProbe

_DICOMWEB_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_GATEWAY = "hunet"

# Results are of other modalities, and so never go round; the gateway would drop them too.
_FORWARDING = f"""\
function OnStableSeries(seriesId, tags, metadata)
  if tags['Modality'] == 'MR' then
    local wanted = {{ Resources = {{ seriesId }}, Synchronous = false }}
    RestApiPost('/modalities/{_GATEWAY}/store', DumpJson(wanted), true)
  end
end
"""


def find_orthanc() -> Path | None:
    """Orthanc's program with its DICOMweb plug-in, as Debian installs them; None where it is not there."""
    found = shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    return Path(found) if found is not None and _DICOMWEB_PLUGIN.is_file() else None


def archive_part(orthanc: Path, addresses: Addresses, folder: Path, log_file: Path) -> Part:
    """Writes Orthanc's configuration into `folder`, where its storage lies too and outlasts the stack."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    forwarding = folder / "forwarding.lua"
    forwarding.write_text(_FORWARDING, encoding="utf-8")
    gateway = addresses.gateway_dicom.reachable.rpartition(":")
    settings = {
        "Name": "Mamba-HUNet, research use only",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "DicomAet": ARCHIVE_AE_TITLE,
        "DicomPort": addresses.archive_dicom.port,
        "HttpPort": addresses.archive_http.port,
        # Without users, only this machine is let in.
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        # DICOM is heard on every interface; whoever is not listed, or calls from elsewhere, is refused.
        "DicomAlwaysAllowStore": False,
        "DicomCheckModalityHost": True,
        "DicomCheckCalledAet": True,
        "OverwriteInstances": True,
        "StableAge": 2,
        "DicomModalities": {
            _GATEWAY: [GATEWAY_AE_TITLE, gateway[0], int(gateway[2])],
            # DCMTK's commands on this machine; nothing is sent to them.
            "storescu": ["STORESCU", "127.0.0.1", 104],
        },
        "LuaScripts": [str(forwarding)],
        "Plugins": [str(_DICOMWEB_PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    configuration = folder / "orthanc.json"
    write_atomically(configuration, json.dumps(settings, indent=2).encode())
    return Part(
        name="archive",
        command=(str(orthanc), str(configuration)),
        probe=HttpProbe(f"http://{addresses.archive_http.reachable}/system"),
        log_file=log_file,
        start_timeout_s=60.0,
        stop_timeout_s=15.0,
    )
