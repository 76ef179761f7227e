"""The gateway's configuration as values. Every key is explained in docs/gateway.md; unknown keys are errors."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FilePath,
    IPvAnyNetwork,
    PositiveFloat,
    StringConstraints,
    model_validator,
)

Priority = Literal["urgent", "routine"]
OutputKind = Literal["SEG", "SR", "SC", "PDF"]
ALL_OUTPUTS: tuple[OutputKind, ...] = ("SEG", "SR", "SC", "PDF")


def _is_ae_title(text: str) -> str:
    """PS3.5 6.2, AE: spaces at the ends carry no meaning."""
    if not re.fullmatch(r"[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?", text):
        raise ValueError(
            f"{text!r} is not an AE title. Allowed: 1 to 16 printable ASCII characters, no backslash, no outer spaces"
        )
    return text


def _is_name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", text):
        raise ValueError(f"{text!r} is not a name. Allowed: up to 32 of a-z, 0-9, _ and -, a letter or digit first")
    return text


AeTitle = Annotated[str, AfterValidator(_is_ae_title)]
Name = Annotated[str, AfterValidator(_is_name)]
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = PositiveFloat


def _is_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from error
    return text


Pattern = Annotated[str, AfterValidator(_is_pattern)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerTls(Section):
    """`ca`: where it is given, a peer must show a certificate that it signed."""

    certificate: FilePath
    key: FilePath
    ca: FilePath | None = None


class ClientTls(Section):
    """`ca` signed the peer's certificate; `certificate` and `key` are ours, where the peer asks for them."""

    ca: FilePath
    certificate: FilePath | None = None
    key: FilePath | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> ClientTls:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together: give both or neither")
        return self


class Node(Section):
    ae_title: AeTitle = "HUNET"
    host: str = "127.0.0.1"
    port: Port = 11112
    tls: ServerTls | None = None
    max_associations: int = Field(default=10, ge=1, le=1000)
    # Open sockets, with an association or not yet.
    max_connections: int = Field(default=64, ge=1, le=4096)
    max_instance_mb: int = Field(default=256, ge=1, le=4096)
    # From the connection to the association request, and between any two messages after that.
    association_request_s: Seconds = 10.0
    silence_s: Seconds = 60.0


class DicomWeb(Section):
    host: str = "127.0.0.1"
    port: Port = 8042
    tls: ServerTls | None = None


class Api(Section):
    """The web page and its HTTP API, on the address of `dicomweb`."""

    # File with the token that requests carry; without one only this machine's are answered.
    bearer_token_file: Path | None = None
    max_upload_mb: int = Field(default=512, ge=1, le=8192)
    # Uploads waiting or under way; the next one is refused for now.
    max_waiting: int = Field(default=64, ge=1, le=10_000)


class Grpc(Section):
    """SegmentationService, for callers that do not speak DICOM."""

    host: str = "127.0.0.1"
    port: Port = 50061
    tls: ServerTls | None = None
    # Scans at once; the next call waits for none of them and gets RESOURCE_EXHAUSTED.
    max_calls: int = Field(default=8, ge=1, le=1000)
    max_scan_mb: int = Field(default=512, ge=1, le=8192)


class Storage(Section):
    root: Path


class Jobs(Section):
    # A study is complete when nothing has come for this long.
    quiet_s: Seconds = 30.0
    concurrency: int = Field(default=1, ge=1, le=64)
    # Two SQLite files under the storage root, unless this names a PostgreSQL database, of this gateway alone.
    database_url: Annotated[str, StringConstraints(pattern=r"^postgresql(\+psycopg)?://")] | None = None
    # Names this gateway among those that share a database: after a restart each resumes its own work.
    gateway: Name = "gateway"
    first_retry_s: Seconds = 5.0
    max_attempts: int = Field(default=30, ge=1, le=1000)


class Processing(Section):
    model: str = "mamba_hunet"
    threshold: float = Field(default=0.5, gt=0.0, le=1.0)
    min_lesion_ml: float = Field(default=0.01, ge=0.0)
    preprocess_address: str | None = None
    triton_address: str | None = None
    # For both; they ask for certificates, so all three files are needed.
    tls: ClientTls | None = None


class Sender(Section):
    """A peer that may send: its calling AE title, and the addresses that it sends from."""

    ae_title: AeTitle
    addresses: tuple[IPvAnyNetwork, ...] = Field(min_length=1)
    priority: Priority = "routine"
    # File with the token that its STOW-RS requests carry; without one it may not use STOW-RS.
    bearer_token_file: Path | None = None

    def sends_from(self, address: str) -> bool:
        # A socket for both families writes IPv4 peers as ::ffff:a.b.c.d; a link-local one ends in %interface.
        peer = ip_address(address.partition("%")[0])
        peer = getattr(peer, "ipv4_mapped", None) or peer
        return any(peer in network for network in self.addresses)


class CountedSeries(Section):
    """Which series may be segmented at all; the selector chooses among those that are left."""

    modalities: tuple[str, ...] = Field(default=("MR",), min_length=1)
    min_instances: int = Field(default=1, ge=1)
    exclude_descriptions: tuple[Pattern, ...] = ()


class _Destination(Section):
    name: Name
    outputs: tuple[OutputKind, ...] = Field(default=ALL_OUTPUTS, min_length=1)
    # Only results of studies that these senders (AE titles) sent; without it, of all.
    senders: tuple[AeTitle, ...] | None = None
    tls: ClientTls | None = None
    timeout_s: Seconds = 30.0


class DimseDestination(_Destination):
    protocol: Literal["dimse"]
    ae_title: AeTitle
    host: str
    port: Annotated[int, Field(ge=1, le=65535)]
    # Asks for storage commitment where the peer offers it, and waits this long for its report.
    commitment: bool = True
    commitment_timeout_s: Seconds = 600.0


class DicomWebDestination(_Destination):
    protocol: Literal["dicomweb"]
    url: Annotated[str, StringConstraints(pattern=r"^https?://")]
    bearer_token_file: Path | None = None


Destination = Annotated[DimseDestination | DicomWebDestination, Field(discriminator="protocol")]


Images = Literal["delete", "deidentify", "keep"]


class Retention(Section):
    """What stays on disk of a study's images once its results are delivered (`after_done_h` later)."""

    images: Images = "delete"
    after_done_h: float = Field(default=24.0, ge=0.0)
    after_failed_h: float = Field(default=168.0, ge=0.0)
    # What the web page shows of a scan, however it came, and its corrections: from its end, or the last correction.
    # The last correction's copy for training, under `accepted`, stays until it is deleted there.
    views_days: float = Field(default=30.0, ge=0.0)
    deidentified_days: float = Field(default=365.0, ge=0.0)


class Audit(Section):
    # JSON lines; audit.jsonl under the storage root unless given.
    path: Path | None = None


class Configuration(Section):
    storage: Storage
    node: Node = Node()
    dicomweb: DicomWeb = DicomWeb()
    api: Api = Api()
    grpc: Grpc | None = None
    jobs: Jobs = Jobs()
    processing: Processing = Processing()
    series: CountedSeries = CountedSeries()
    retention: Retention = Retention()
    audit: Audit = Audit()
    # Without senders there is no DICOM node; without destinations results are there for the page and its API alone.
    senders: tuple[Sender, ...] = ()
    destinations: tuple[Destination, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Configuration:
        names = [destination.name for destination in self.destinations]
        if len(set(names)) != len(names):
            raise ValueError(f"destinations: two have one name. Names given: {', '.join(sorted(names))}")
        titles = {sender.ae_title for sender in self.senders}
        for destination in self.destinations:
            unknown = set(destination.senders or ()) - titles
            if unknown:
                raise ValueError(
                    f"destinations.{destination.name}.senders: {', '.join(sorted(unknown))} may not send. "
                    f"Allowed: {', '.join(sorted(titles))}"
                )
        return self

    @property
    def has_dicom_node(self) -> bool:
        return bool(self.senders)

    @property
    def audit_path(self) -> Path:
        return self.audit.path or self.storage.root / "audit.jsonl"
