"""Encryption in transit, as BCP 195 asks for it: TLS 1.2 or newer, certificates checked."""

from __future__ import annotations

import ssl

from pacs_gateway.routing.configuration import ClientTls, ServerTls


def server_context(tls: ServerTls) -> ssl.SSLContext:
    """With `ca`, peers without a certificate that it signed are refused. Raises OSError, ssl.SSLError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.certificate, tls.key)
    if tls.ca is not None:
        context.load_verify_locations(tls.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(tls: ClientTls) -> ssl.SSLContext:
    """Checks the peer's certificate and its name. Raises OSError, ssl.SSLError."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(tls.ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.certificate is not None:
        context.load_cert_chain(tls.certificate, tls.key)
    return context
