"""A certificate authority of one's own, with a certificate for servers and one for clients.

For one machine and for tests. A hospital has an authority of its own, whose certificates go to the same places.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hunet_client.errors import UsageError
from hunet_client.tls import Tls

CA, SERVER, CLIENT = "ca", "server", "client"
_SERVER_USE, _CLIENT_USE = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


def make_certificates(folder: Path, days: int, names: Sequence[str]) -> None:
    """Writes `NAME.pem` and `NAME-key.pem` for ca, server and client; keys can be read by their owner alone.

    names: by which servers are called.

    Raises UsageError where the folder holds an authority already.
    """
    if (folder / f"{CA}.pem").exists():
        raise UsageError(str(folder), "holds an authority already", "Choose another folder, or delete this one")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    until = datetime.now(UTC) + timedelta(days=days)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    authority = _builder("Mamba-HUNet local authority", ca_key, until)
    authority = authority.issuer_name(_name("Mamba-HUNet local authority"))
    authority = authority.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    ca = authority.sign(ca_key, hashes.SHA256())
    _write(folder, CA, ca, ca_key)
    # Servers call each other: the gateway the services, so theirs is for both uses.
    for name, uses in ((SERVER, [_SERVER_USE, _CLIENT_USE]), (CLIENT, [_CLIENT_USE])):
        key = ec.generate_private_key(ec.SECP256R1())
        request = _builder(f"Mamba-HUNet {name}", key, until).issuer_name(ca.subject)
        request = request.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        if name == SERVER:
            request = request.add_extension(x509.SubjectAlternativeName(list(map(_san, names))), critical=False)
        _write(folder, name, request.sign(ca_key, hashes.SHA256()), key)


def client_tls(folder: Path | None) -> Tls | None:
    """The client's side of a folder, None without one."""
    return None if folder is None else Tls.in_folder(folder)


def _builder(name: str, key: ec.EllipticCurvePrivateKey, until: datetime) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(_name(name)).public_key(key.public_key())
    # Clocks differ a little.
    since = min(datetime.now(UTC), until) - timedelta(hours=1)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(since).not_valid_after(until)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    descriptor = os.open(folder / f"{name}-key.pem", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
